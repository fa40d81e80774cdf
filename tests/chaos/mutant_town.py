"""A small town whose `route` and `deliver` may be mutants, the faults that show what they do, and the verifier."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from services.city.load import load
from services.city.model import City
from services.cli.demo import reports
from services.cli.run import Name
from services.cli.town import Town, fetch, without_settings
from services.runtime.cluster import apply_all
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.supervisor import Program, Supervisor
from services.sandbox.broker import Broker
from services.sandbox.gateway import Gateway
from services.sandbox.open_transactions import lag
from services.sandbox.proxy import Proxy
from services.sandbox.tally import Follower, Verdict, judge, read_book

WORKERS = (Name.RECEIVE, Name.CLASSIFY, Name.ROUTE, Name.MATCH, Name.PRIORITIZE, Name.DECIDE, Name.DELIVER)
ROUTE, DELIVER = "route-0", "deliver-0"
REPORTS = 150
PATIENCE_S = 40.0
STILL_S = 7.0
"""Reports that make no progress for this long are given up: longer than any fault here holds them up, and than a group
waits for a member that has gone."""
ANSWERS_LOST_S = 4.0
PROGRAM = Path(__file__).with_name("mutants.py")


@dataclass(kw_only=True)
class MutantTown:
    """A town that reports are sent through, in which one process at a time is a mutant."""

    city: City
    town: Town
    supervisor: Supervisor
    proxy: Proxy
    clients: KafkaClients
    follower: Follower
    hold: Path
    held: Path
    now: dict[str, str] = field(default_factory=dict)
    """Which mutants there are, by process."""
    sent: set[str] = field(default_factory=set)
    _seeds: Iterator[int] = field(default_factory=lambda: count(1))
    _slots: Iterator[int] = field(default_factory=lambda: count(1))

    # Processes.

    def become(self, **mutants: str) -> None:
        """Let `route` and `deliver` be these mutants, `control` where none is named."""
        for worker, mutant in {"route": "control", "deliver": "control", **mutants}.items():
            name = f"{worker}-0"
            if self.now.get(name) == mutant:
                continue
            self.supervisor.remove(name)
            self.supervisor.add(mutated(self.town.another(Name(worker), 0), mutant, self.hold, self.held))
            self.until(lambda name=name: self.town.ready(name), f"{name} as {mutant}")  # type: ignore[misc]
            self.now[name] = mutant
            # What a mutant left undone, or to be done twice, is not the next one's.
            self.until(lambda: self.follower.read(0.2) and not any(self.behind().values()), f"{name} at the end")

    @contextmanager
    def one_more_route(self) -> Iterator[str]:
        """Run a second `route`, in a slot that was never used: of a static member the group would wait to hear."""
        program = self.town.another(Name.ROUTE, next(self._slots))
        self.supervisor.add(program)
        try:
            yield program.name
        finally:
            self.supervisor.remove(program.name)

    def until(self, true: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < deadline, f"{what} was not seen within {PATIENCE_S:g} s"
            self.follower.read(0.05)

    def crm(self, **faults: object) -> None:
        request = Request(f"{self.town.crm}/api/faults", json.dumps(faults).encode())  # noqa: S310 - ours
        with build_opener(ProxyHandler({})).open(request, timeout=5):
            pass

    # Reports.

    def send(self, number: int = REPORTS) -> None:
        """Post reports at once."""
        storm = reports(self.city, seed=next(self._seeds), count=number)
        sent = asyncio.run(Gateway(self.town.door).send(storm))
        assert len(sent.accepted) == number
        self.sent |= set(sent.accepted.values())

    def settle(self) -> None:
        """Return when every report has arrived and nobody is behind, or nothing moves any more."""
        moved, when = (-1, -1), time.monotonic()
        while time.monotonic() - when < STILL_S:
            at_end = self.follower.read(0.5)
            tally = self.follower.tally
            settled = len(tally.settled() & self.sent)
            if (settled, tally.events.total()) > moved:
                moved, when = (settled, tally.events.total()), time.monotonic()
            if at_end and settled == len(self.sent) and not any(self.behind().values()):
                return

    def behind(self) -> dict[str, int]:
        """Give the records that `route` and `deliver` have not committed yet."""
        cases = [f"cases.{department}.v1" for department in self.city.departments]
        return lag(self.clients, {"route": ["requests.classified.v1"], "deliver": cases}, self.follower.last)

    def all_held(self) -> bool:
        """Say whether the first `route` holds every partition."""
        held = self.town.metric(ROUTE, "stormdrain_assigned_partitions")
        return held == self.clients.partitions("requests.classified.v1")

    def aborted(self) -> float:
        """Give how many transactions `route` has given up since it started."""
        return self.town.metric(ROUTE, "stormdrain_transactions_total", result="aborted")

    def verdict(self) -> Verdict:
        """Judge the town by what is on its topics and in the system's book, as the chaos run does."""
        book = read_book(fetch(f"{self.town.crm}/api/book", timeout_s=30.0).decode())
        return judge(self.sent, self.follower.tally, book)

    def routed(self) -> int:
        return self.follower.tally.events["requests.routed.v1"]


@contextmanager
def mutant_town(state: Path, city: Path, models: Path) -> Iterator[MutantTown]:
    loaded = load(city)
    with ExitStack() as stack:
        broker = stack.enter_context(
            Broker.start(
                state,
                ephemeral=True,
                die_with_parent=True,
                ports=[0],
                heap_mb=384,
                overrides={"group.min.session.timeout.ms": "1000"},
                proxied=True,
            )
        )
        proxy = stack.enter_context(Proxy(broker.routes))
        apply_all(broker.bootstrap, list(loaded.departments))
        town = Town.lay_out(
            state=state,
            city=city,
            models=models,
            bootstrap=broker.bootstrap,
            environment=without_settings(os.environ),
            settings={"KAFKA_SESSION_TIMEOUT_MS": "3000", "KAFKA_TRANSACTION_TIMEOUT_MS": "10000"},
            of_worker={Name.ROUTE: {"KAFKA_BOOTSTRAP": proxy.bootstrap, "ROUTE_TRANSACTION_S": "2"}},
        )
        hold, held = state / "hold", state / "held"
        wanted = {f"{worker}-0" for worker in WORKERS} | {"crm"}
        programs = [
            mutated(each, "control", hold, held) if each.name in {ROUTE, DELIVER} else each
            for each in town.programs()
            if each.name in wanted
        ]
        supervisor = stack.enter_context(Supervisor(programs))
        clients = KafkaClients(KafkaSettings(bootstrap=broker.bootstrap))
        follower = Follower(clients, loaded.departments)
        stack.callback(follower.close)
        made = MutantTown(
            city=loaded,
            town=town,
            supervisor=supervisor,
            proxy=proxy,
            clients=clients,
            follower=follower,
            hold=hold,
            held=held,
            now={ROUTE: "control", DELIVER: "control"},
        )
        for name in sorted(wanted - {"crm"}):
            made.until(lambda name=name: town.ready(name), name)  # type: ignore[misc]
        yield made


def mutated(program: Program, mutant: str, hold: Path, held: Path) -> Program:
    """Give a program of the town as a mutant, whose own code waits for as long as there is a file `hold`."""
    command = [sys.executable, str(PROGRAM), mutant, "run", program.command[-1]]
    environment = {**program.environment, "MUTANT_HOLD": str(hold), "MUTANT_HELD": str(held)}
    return replace(program, command=command, environment=environment)


# The smallest fault that each mutant shows itself by.


def records_held(town: MutantTown) -> None:
    """What `route` writes does not reach the broker in time: the transaction is given up."""
    with town.proxy.hold("Produce", client=ROUTE, times=1, seconds=3.0) as rule:
        town.send()
        rule.wait()
        town.send()
        rule.wait_answers()


def end_unheard(town: MutantTown) -> None:
    """A transaction of `route` is committed, and `route` does not hear of it."""
    before = town.aborted()
    with town.proxy.drop_answer("EndTxn", client=ROUTE, times=1):
        town.send()
        town.until(lambda: town.aborted() > before, "a transaction that was given up")


def partitions_move(town: MutantTown) -> None:
    """While `route` works on a batch, half of its partitions go to another process, which works on them too."""
    town.held.unlink(missing_ok=True)
    town.hold.touch()
    town.send()
    town.until(town.held.exists, "a batch at hand")
    before = town.routed()
    with town.one_more_route():
        town.until(lambda: town.routed() > before, "records of partitions that moved")
        town.hold.unlink()
        town.settle()
    # The group waits for a static member that has gone.
    town.until(town.all_held, "route with every partition again")


def killed(town: MutantTown) -> None:
    """`route` is killed twice while records flow, the second time with a transaction open."""
    town.send()
    before = town.routed()
    town.until(lambda: town.routed() > before, "records that are routed")
    town.supervisor.kill(ROUTE, signal.SIGKILL)
    with town.proxy.hold("EndTxn", client=ROUTE, times=1) as rule:
        town.send()
        rule.wait()
        town.supervisor.kill(ROUTE, signal.SIGKILL)
        town.settle()


def late_end(town: MutantTown) -> None:
    """An EndTxn of `route` reaches the broker again when its next transaction is open."""
    with town.proxy.hold("EndTxn", client=ROUTE, times=1, cut=True) as end:
        town.send(20)
        end.wait()
        town.settle()
        with town.proxy.hold("TxnOffsetCommit", client=ROUTE, times=1) as offsets:
            town.send(20)
            offsets.wait()
            end.release()
            end.wait_answers()
        town.settle()


def answers_lost(town: MutantTown) -> None:
    """Every second call of the department's system is obeyed and not answered."""
    town.crm(seed=11, lose_answer_rate=0.5)
    began = time.monotonic()
    town.send()
    town.until(lambda: time.monotonic() - began > ANSWERS_LOST_S, "a spell of lost answers")
    town.crm()


FAULTS: tuple[Callable[[MutantTown], None], ...] = (
    records_held,
    end_unheard,
    killed,
    late_end,
    answers_lost,
    partitions_move,
)


def play(town: MutantTown, fault: Callable[[MutantTown], None]) -> Any:
    """Let a fault happen, and give what the verifier has to say that it had not said before: lost, doubled."""
    before = town.verdict()
    fault(town)
    town.settle()
    after = town.verdict()
    town.sent -= set(after.lost)  # nobody waits for these any more
    return sorted(set(after.lost) - set(before.lost)), sorted(set(after.doubled) - set(before.doubled))
