"""A whole town on one machine: which processes, on which ports, with which environment."""

from __future__ import annotations

import os
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from services.cli.run import EDGES, Name
from services.runtime.supervisor import Program, Supervisor

READY_S = 60.0


class TownError(Exception):
    """A worker did not come up; says which, and where its log is."""


def free_port() -> int:
    """Give a port of the loopback address that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(*words: str) -> list[str]:
    """Give the command line of a stormdrain command in this very Python."""
    return [sys.executable, "-m", "services.cli.main", *words]


@dataclass(frozen=True, kw_only=True)
class Town:
    """Where everything of one town on this machine is."""

    state: Path
    city: Path
    models: Path
    bootstrap: str
    instances: dict[str, int] = field(default_factory=dict)
    """Processes by worker, where more than one."""
    settings: dict[str, str] = field(default_factory=dict)
    """Further environment of all workers."""
    sandbox: bool = True
    """Run the sandbox CRM too."""
    ports: dict[str, int] = field(default_factory=dict)

    @classmethod
    def lay_out(cls, *, receive: int = 0, review: int = 0, crm: int = 0, **rest: object) -> Town:
        """Give a town; ports that are 0 are chosen among the free ones."""
        town = cls(**rest)  # type: ignore[arg-type]
        town.ports.update(receive=receive or free_port(), review=review or free_port(), crm=crm or free_port())
        for worker in Name:
            for number in range(town.instances.get(worker, 1)):
                if worker not in {Name.RECEIVE, Name.REVIEW}:
                    town.ports[f"{worker}-{number}"] = free_port()
        return town

    @property
    def door(self) -> str:
        """Where reports are posted."""
        return f"http://127.0.0.1:{self.ports['receive']}"

    @property
    def desk(self) -> str:
        """Where drafts are reviewed."""
        return f"http://127.0.0.1:{self.ports['review']}"

    @property
    def crm(self) -> str:
        """The sandbox CRM."""
        return f"http://127.0.0.1:{self.ports['crm']}"

    def supervisor(self) -> Supervisor:
        """Give a supervisor of every process of the town."""
        programs = [self._program(worker, number) for worker in Name for number in range(self.instances.get(worker, 1))]
        if self.sandbox:
            journal = str(self.state / "crm.jsonl")
            words = command("crm", "--port", str(self.ports["crm"]), "--journal", journal)
            programs.insert(
                0, Program(name="crm", command=words, environment=self._environment(), log=self._log("crm"))
            )
        return Supervisor(programs)

    def names(self) -> list[str]:
        """Give the names of the worker processes, as the supervisor knows them."""
        return [f"{worker}-{number}" for worker in Name for number in range(self.instances.get(worker, 1))]

    def wait_until_ready(self, supervisor: Supervisor, limit_s: float = READY_S) -> None:
        """Return when every process says that it is ready.

        Raises:
            TownError: names the ones that are not after `limit_s`, and their logs.

        """
        waiting = {name: self._ready_url(name) for name in self.names()}
        if self.sandbox:
            waiting["crm"] = f"{self.crm}/api/faults"
        deadline = time.monotonic() + limit_s
        while waiting:
            waiting = {name: url for name, url in waiting.items() if not _answers(url)}
            if not waiting:
                return
            if time.monotonic() > deadline:
                down = supervisor.down()
                states = {name: f"ended with status {status}" for name, status in down.items()}
                lines = [f"  {name}: {states.get(name, 'not ready')}, see {self._log(name)}" for name in waiting]
                raise TownError("\n".join([f"not every worker came up within {limit_s:.0f} s", *lines]))
            time.sleep(0.1)

    def _ready_url(self, name: str) -> str:
        worker = name.rpartition("-")[0]
        port = self.ports[worker] if worker in self.ports else self.ports[name]
        return f"http://127.0.0.1:{port}/readyz"

    def _program(self, worker: Name, number: int) -> Program:
        name = f"{worker}-{number}"
        own = {"DELIVER_SANDBOX_URL": self.crm} if worker is Name.DELIVER else {}
        if worker in {Name.RECEIVE, Name.REVIEW}:
            own[f"{worker.upper()}_PORT"] = str(self.ports[worker])
        else:
            own[f"{worker.upper()}_METRICS_PORT"] = str(self.ports[name])
            if worker not in EDGES:
                own[f"{worker.upper()}_SLOT"] = str(number)
        return Program(
            name=name, command=command("run", worker), environment=self._environment() | own, log=self._log(name)
        )

    def _log(self, name: str) -> Path:
        return self.state / "logs" / f"{name}.log"

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")])),
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "STORMDRAIN_STATE_DIR": str(self.state.absolute()),
            "STORMDRAIN_CITY_DIR": str(self.city.absolute()),
            "STORMDRAIN_MODELS_DIR": str(self.models.absolute()),
            **self.settings,
        }


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310 - loopback, chosen by us
            return bool(answer.status == 200)  # noqa: PLR2004 - OK
    except (URLError, OSError):
        return False
