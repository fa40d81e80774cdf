"""A whole town on one machine: which processes, on which ports, with which environment."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from prometheus_client.parser import text_string_to_metric_families

from services.cli.run import EDGES, EXIT_SETTINGS, Name
from services.runtime.supervisor import OnExit, Program, Supervisor
from services.sandbox.plan import free_ports, is_free

READY_S = 60.0
HOPELESS = 3
"""A process that ended this often before it was ever ready will not be."""
TAIL_LINES = 8

SERVERS = frozenset({Name.RECEIVE, Name.REVIEW})
"""Workers with a port of their own for people and gateways, which answers the probes too."""
SINGLE = EDGES
"""Workers that run once in a town on one machine."""


class TownError(Exception):
    """A town cannot be run; says why, and what to do."""


def command(*words: str) -> list[str]:
    """Give the command line of `stormdrain run` or `stormdrain crm` in this very Python.

    Their own modules, and not the whole command line: ten processes start at once, and loading it would be half of
    what they do then.
    """
    return [sys.executable, "-m", f"services.cli.{words[0]}", *words[1:]]


def fetch(url: str, timeout_s: float = 2.0) -> bytes:
    """Give what a process of the town answers. Whatever proxy the environment names, it is on this machine.

    Raises:
        OSError: it does not answer, or not with success (HTTPError).

    """
    with build_opener(ProxyHandler({})).open(url, timeout=timeout_s) as answer:
        return bytes(answer.read())


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Give an environment in which no setting of Stormdrain is made, so that only what the caller sets counts."""
    prefixes = {"KAFKA", "STORMDRAIN", *(worker.upper() for worker in Name)}
    return {name: value for name, value in environment.items() if name.partition("_")[0] not in prefixes}


def must_have(who: str, city: Path, models: Path, model: str | None = None) -> None:
    """See that there is a town, and a model for it, before anything is started.

    Raises:
        TownError: names all that is missing, and what to do.

    """
    faults = []
    if not city.is_dir():
        faults.append(f"there is no town in {city.absolute()}")
        faults.append("  go to where Stormdrain's repository lies, or name a town with --city")
        faults.append("  (`stormdrain city new` makes one from a boundary file and past requests)")
    if not model and not (city / "model").is_dir() and not (models / "shipped").is_dir():
        faults.append(f"there is no model in {(city / 'model').absolute()}, nor in {(models / 'shipped').absolute()}")
        faults.append("  `stormdrain train` makes one for a town, or name the folder of the shipped one with --models")
    if faults:
        raise TownError("\n".join([f"{who} cannot start:", *(f"  {line}" for line in faults)]))


def kept_secret(path: Path) -> str:
    """Give the secret that is kept in a file, which is made the first time: its owner alone may read it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: half a secret would be kept for good.
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.touch(0o600)
        fresh.write_text(secrets.token_urlsafe(32))
        fresh.replace(path)
    return path.read_text()


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
    of_worker: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Further environment by worker, which goes before all else."""
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    """What the processes' own environment is added to."""
    sandbox: bool = True
    """Run the sandbox CRM too."""
    ports: dict[str, int] = field(default_factory=dict)

    @classmethod
    def lay_out(
        cls, *, receive: int = 0, review: int = 0, crm: int = 0, first_metrics: int = 0, **rest: object
    ) -> Town:
        """Give a town; ports that are 0 are chosen among the free ones.

        The workers' metrics ports count up from `first_metrics`; one of them that is taken gives way to a free one.
        """
        town = cls(**rest)  # type: ignore[arg-type]
        served = [name for name in town.names() if _worker(name) not in SERVERS]
        wanted = {"receive": receive, "review": review, "crm": crm}
        counted = {name: first_metrics + number if first_metrics else 0 for number, name in enumerate(served)}
        wanted |= {name: port if port and is_free(port) else 0 for name, port in counted.items()}
        spare = iter(free_ports(len(wanted), apart_from=set(wanted.values())))
        town.ports.update({name: port or next(spare) for name, port in wanted.items()})
        return town

    @property
    def door(self) -> str:
        """Where reports are posted."""
        return self._url("receive")

    @property
    def desk(self) -> str:
        """Where drafts are reviewed."""
        return self._url("review")

    @property
    def crm(self) -> str:
        """The sandbox CRM."""
        return self._url("crm")

    def addresses(self) -> dict[str, Any]:
        """Give where everything is, for machines."""
        return {
            "door": self.door,
            "desk": self.desk,
            "crm": self.crm if self.sandbox else None,
            "bootstrap": self.bootstrap,
            "metrics": {name: f"{self._probe(name)}/metrics" for name in self.names()},
            "city": str(self.city.absolute()),
            "state": str(self.state.absolute()),
        }

    def programs(self) -> list[Program]:
        """Give every process of the town, the sandbox CRM first."""
        programs = [self._program(worker, number) for worker in Name for number in range(self.instances.get(worker, 1))]
        if not self.sandbox:
            return programs
        words = command("crm", "--port", str(self.ports["crm"]), "--journal", str(self.state / "crm.jsonl"))
        environment = self._environment()
        if token := environment.get("DELIVER_SANDBOX_TOKEN"):
            environment["CRM_TOKEN"] = token
        return [Program(name="crm", command=words, environment=environment, log=self.log("crm")), *programs]

    def another(self, worker: Name, number: int) -> Program:
        """Give one more process of a worker, in a slot that no other holds, with a port of its own for its metrics."""
        name = f"{worker}-{number}"
        if name not in self.ports:
            self.ports[name] = free_ports(1, apart_from=set(self.ports.values()))[0]
        return self._program(worker, number)

    def supervisor(self, on_exit: OnExit | None = None) -> Supervisor:
        """Give a supervisor of every process of the town."""
        return Supervisor(self.programs(), on_exit=on_exit)

    def names(self) -> list[str]:
        """Give the names of the worker processes, as the supervisor knows them."""
        return [f"{worker}-{number}" for worker in Name for number in range(self.instances.get(worker, 1))]

    def log(self, name: str) -> Path:
        """Give the file that a process of the town writes its log to."""
        return self.state / "logs" / f"{name}.log"

    def wait_until_ready(self, supervisor: Supervisor, limit_s: float = READY_S) -> None:
        """Return when every process says that it is ready.

        Raises:
            TownError: names the ones that are not after `limit_s`, or end again and again, and the end of their logs.

        """
        waiting = {name: f"{self._probe(name)}/readyz" for name in self.names()}
        if self.sandbox:
            waiting["crm"] = f"{self.crm}/api/faults"
        deadline = time.monotonic() + limit_s
        while waiting := {name: url for name, url in waiting.items() if not _answers(url)}:
            hopeless = [name for name in waiting if _hopeless(supervisor.exits(name))]
            if hopeless:
                lines = [self._told(name, supervisor.exits(name)) for name in hopeless]
                raise TownError("\n".join(["not every worker came up", *lines]))
            if time.monotonic() > deadline:
                lines = [self._told(name, supervisor.exits(name)) for name in waiting]
                raise TownError("\n".join([f"not every worker came up within {limit_s:.0f} s", *lines]))
            time.sleep(0.1)

    def ready(self, name: str) -> bool:
        """Say whether a worker process says that it is ready."""
        return _answers(f"{self._probe(name)}/readyz")

    def sick(self, name: str) -> bool:
        """Say whether a worker answers that it should be started again. One that does not answer at all is not asked.

        A process that is just starting does not listen yet, and one that hangs with its server is told by its peers:
        the group expels it, and its partitions go on elsewhere.
        """
        try:
            fetch(f"{self._probe(name)}/healthz")
        except HTTPError as error:
            error.close()
            return error.code == HTTPStatus.SERVICE_UNAVAILABLE
        except (URLError, OSError):
            return False
        return False

    def metric(self, name: str, metric: str, **labels: str) -> float:
        """Give what a worker process measures, 0 where it does not tell: the sum over all samples with these labels.

        Raises:
            OSError: it does not answer.

        """
        text = fetch(f"{self._probe(name)}/metrics").decode()
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        return sum(each.value for each in samples if each.name == metric and labels.items() <= each.labels.items())

    def _url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def _probe(self, name: str) -> str:
        worker = _worker(name)
        return self._url(worker if worker in SERVERS else name)

    def _program(self, worker: Name, number: int) -> Program:
        name = f"{worker}-{number}"
        own = {"DELIVER_SANDBOX_URL": self.crm} if worker is Name.DELIVER and self.sandbox else {}
        if worker is Name.RECEIVE and not self._environment().get("RECEIVE_REPORTER_SECRET", "").strip():
            own["RECEIVE_REPORTER_SECRET"] = kept_secret(self.state / "reporter.secret")
        if worker in SERVERS:
            own[f"{worker.upper()}_PORT"] = str(self.ports[worker])
        else:
            own[f"{worker.upper()}_METRICS_PORT"] = str(self.ports[name])
            if worker not in EDGES:
                own[f"{worker.upper()}_SLOT"] = str(number)
        return Program(
            name=name,
            command=command("run", worker),
            environment={**self._environment(), **own, **self.of_worker.get(worker, {})},
            log=self.log(name),
        )

    def _environment(self) -> dict[str, str]:
        inherited = self.environment
        return {
            **inherited,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), inherited.get("PYTHONPATH")])),
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "STORMDRAIN_STATE_DIR": str(self.state.absolute()),
            "STORMDRAIN_CITY_DIR": str(self.city.absolute()),
            "STORMDRAIN_MODELS_DIR": str(self.models.absolute()),
            **self.settings,
        }

    def _told(self, name: str, exits: tuple[int, ...]) -> str:
        if not exits:
            return f"  {name} is not ready, see {self.log(name)}"
        often = f", {len(exits)} times" if len(exits) > 1 else ""
        try:
            tail = self.log(name).read_text("utf-8", "replace").splitlines()[-TAIL_LINES:]
        except FileNotFoundError:
            tail = []
        heading = f"  {name} ended with status {exits[-1]}{often}; the end of {self.log(name)}:"
        return "\n".join([heading, *(f"    {line}" for line in tail or ["(nothing)"])])


def _worker(name: str) -> Name:
    return Name(name.rpartition("-")[0])


def _hopeless(exits: tuple[int, ...]) -> bool:
    return len(exits) >= HOPELESS or EXIT_SETTINGS in exits


def _answers(url: str) -> bool:
    try:
        fetch(url)
    except HTTPError as error:
        error.close()
        return False
    except (URLError, OSError):
        return False
    return True
