import time
from pathlib import Path

import pytest
from running_town import Running, running_town

from services.cli.demo import reports
from services.cli.passage import carry

ROOT = Path(__file__).parents[2]
REPORTS = 20_000
PER_SECOND = 300.0
"""So slow that all kills fall while reports flow: 20 kills in 60 of 67 seconds."""
BETWEEN_S = 3.0
TIMES = 2


class Killer:
    """Kills each process in turn, `TIMES` over, one every few seconds."""

    def __init__(self, running: Running) -> None:
        self._supervisor = running.supervisor
        self._left = [name for _ in range(TIMES) for name in running.town.names()]
        self._due = time.monotonic() + BETWEEN_S
        self.killed: list[str] = []

    def __call__(self) -> None:
        if self._left and time.monotonic() >= self._due and self._supervisor.pid(self._left[0]) is not None:
            name = self._left.pop(0)
            self._supervisor.kill(name)
            self.killed.append(name)
            self._due = time.monotonic() + BETWEEN_S


@pytest.mark.slow
def test_every_report_arrives_once_although_each_worker_is_killed_twice(tmp_path: Path) -> None:
    with running_town(tmp_path, ROOT / "city", ROOT / "models") as running:
        killer = Killer(running)
        passage = carry(
            running.town,
            running.clients,
            running.city.departments,
            reports(running.city, seed=7, count=REPORTS),
            count=REPORTS,
            per_second=PER_SECOND,
            meanwhile=killer,
        )
        restarts = {name: running.supervisor.restarts(name) for name in running.town.names()}
    assert killer.killed == [name for _ in range(TIMES) for name in running.town.names()]
    assert passage.sent.seconds > 20 * BETWEEN_S, "kills must fall while reports flow"
    assert len(passage.sent.accepted) == REPORTS
    assert passage.verdict.lost == ()
    assert passage.verdict.doubled == ()
    assert passage.tally.dead == {}
    assert restarts == dict.fromkeys(running.town.names(), TIMES)
