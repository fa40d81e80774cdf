"""`stormdrain up`: a town on one machine, kept running."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from services.city.findings import CityError, did_you_mean
from services.city.load import load
from services.cli.broker import progress
from services.cli.claim import claimed
from services.cli.interrupts import Interrupts, interruptible
from services.cli.passage import console
from services.cli.run import Name
from services.cli.town import SINGLE, Town, TownError, must_have
from services.runtime.cluster import ClusterError, apply_all
from services.runtime.kafka import KafkaSettings, connection
from services.runtime.settings import SettingsError, read
from services.runtime.topics import TopicsError
from services.sandbox.broker import Broker, BrokerError
from services.sandbox.plan import Plan, is_free

if TYPE_CHECKING:
    from services.city.model import City
    from services.runtime.supervisor import Supervisor

FIRST_METRICS_PORT = 9101
BROKER_PORT = 9092
MOST_INSTANCES = 16
STOP_S = 20.0
LOOK_S = 1.0
PROBE_EVERY = 5
"""Looks between two probes of the workers' health."""
SICK_AFTER = 3
"""A worker that says so this often in a row, of its loop, is started again."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the command line asked for."""

    city: Path
    state: Path
    models: Path
    instances: str
    bootstrap: str
    ports: dict[str, int]
    as_json: bool


def up(
    *,
    city: Annotated[Path, typer.Option(envvar="STORMDRAIN_CITY_DIR", help="The town's own files.")] = Path("city"),
    state: Annotated[
        Path,
        typer.Option("--state", "--state-dir", envvar="STORMDRAIN_STATE_DIR", help="Data and logs are kept here."),
    ] = Path(".stormdrain"),
    models: Annotated[Path, typer.Option(envvar="STORMDRAIN_MODELS_DIR", help="Where trained models lie.")] = Path(
        "models"
    ),
    instances: Annotated[str, typer.Option(help="Where more processes than one: classify=2,route=2.")] = "",
    bootstrap: Annotated[
        str, typer.Option(envvar="KAFKA_BOOTSTRAP", help="A Kafka cluster: host:port. Not set: one is started here.")
    ] = "",
    door_port: Annotated[int, typer.Option(envvar="RECEIVE_PORT", help="Where reports come in; 0: any.")] = 8311,
    desk_port: Annotated[int, typer.Option(envvar="REVIEW_PORT", help="Where drafts are reviewed; 0: any.")] = 8312,
    crm_port: Annotated[int, typer.Option(help="Where the sandbox CRM listens; 0: any.")] = 8400,
    as_json: Annotated[
        bool, typer.Option("--json", help="Once it is up, print where everything is, as one JSON object on a line.")
    ] = False,
) -> None:
    """Run a town until Ctrl-C: a broker, all ten workers, and a sandbox CRM if a department's system is one.

    What ends is started again. The data are there again at the next start. The settings of the workers are read from
    the environment (stormdrain settings). Stopping takes 40 seconds at most, a few as a rule.
    """
    ports = {"door": door_port, "desk": desk_port, "crm": crm_port}
    wishes = Wishes(
        city=city,
        state=state,
        models=models,
        instances=instances,
        bootstrap=bootstrap,
        ports=ports,
        as_json=as_json,
    )
    status = 0
    with interruptible() as interrupts:
        try:
            with ExitStack() as stack:
                _run(wishes, interrupts, stack)
        except KeyboardInterrupt:
            _say(wishes, "everything is stopped")
        except (BrokerError, ClusterError, TopicsError, TownError, CityError, SettingsError, OSError) as error:
            console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
            status = 1
    raise typer.Exit(status)


def counted(text: str) -> dict[str, int]:
    """Read `classify=2,route=3`.

    Raises:
        TownError: names all that is wrong with it.

    """
    found: dict[str, int] = {}
    faults = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        worker, sign, number = (each.strip() for each in part.partition("="))
        if worker not in set(Name):
            faults.append(f"{part}: there is no worker {worker!r}; {did_you_mean(worker, map(str, Name))}".rstrip("; "))
        elif not sign or not number.isdecimal() or not 1 <= int(number) <= MOST_INSTANCES:
            faults.append(f"{part}: expected {worker}=NUMBER, from 1 to {MOST_INSTANCES}")
        elif worker in SINGLE and int(number) > 1:
            faults.append(f"{part}: {worker} runs once in a town on one machine")
        else:
            found[worker] = int(number)
    if faults:
        raise TownError("\n".join(["--instances cannot be read:", *(f"  {fault}" for fault in faults)]))
    return found


def _run(wishes: Wishes, interrupts: Interrupts, stack: ExitStack) -> NoReturn:
    """Bring the town up and look after it until a signal comes. What is to be stopped is on the stack."""
    began = time.monotonic()
    instances = counted(wishes.instances)
    must_have("the town", wishes.city, wishes.models, os.environ.get("CLASSIFY_MODEL_DIR"))
    city = load(wishes.city)
    sandbox = _needs_sandbox(city)
    claim = stack.enter_context(claimed(wishes.state))
    _must_be_free({name: port for name, port in wishes.ports.items() if name != "crm" or sandbox})
    broker = None if wishes.bootstrap else _broker(wishes, stack)
    bootstrap = broker.bootstrap if broker else wishes.bootstrap
    own = {"KAFKA_BOOTSTRAP": bootstrap} | ({"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"} if broker else {})
    kafka = read(KafkaSettings, {**os.environ, **own}, "stormdrain up")
    apply_all(bootstrap, list(city.departments), config=connection(kafka))
    town = Town.lay_out(
        state=wishes.state,
        city=wishes.city,
        models=wishes.models,
        bootstrap=bootstrap,
        instances=instances,
        settings=own,
        sandbox=sandbox,
        receive=wishes.ports["door"],
        review=wishes.ports["desk"],
        crm=wishes.ports["crm"],
        first_metrics=FIRST_METRICS_PORT,
    )
    _say(wishes, f"starting {len(town.names())} workers{' and the sandbox CRM' if sandbox else ''}")
    supervisor = stack.enter_context(town.supervisor(lambda *exited: _tell(town, *exited)))
    stack.callback(_stop, wishes, interrupts, supervisor)
    town.wait_until_ready(supervisor)
    claim.note(town.addresses())
    if wishes.as_json:
        print(json.dumps({"pid": os.getpid(), **town.addresses()}), flush=True)
    else:
        console.print(_greeting(city, town, time.monotonic() - began), markup=False, highlight=False, soft_wrap=True)
    _look_after(town, supervisor, broker)


def _greeting(city: City, town: Town, seconds: float) -> str:
    rows = [
        ("door", town.door, "reports come in here"),
        ("desk", town.desk, "drafts wait here for a person"),
        *([("CRM", town.crm, "a sandbox; what reached the departments: /api/cases")] if town.sandbox else []),
        ("Kafka", town.bootstrap, ""),
    ]
    served = [name for name in town.names() if name in town.ports]
    metrics = ", ".join(f"{name} {town.ports[name]}" for name in served)
    return "\n".join(
        [
            f"{city.name} is up after {seconds:.1f} s (process {os.getpid()}); Ctrl-C stops it",
            *(f"  {name:8}{where:24}  {what}".rstrip() for name, where, what in rows),
            f"  metrics {metrics}; of door and desk on their own ports",
            f"  data and logs are kept in {town.state}",
            f"send it a past export: stormdrain send FILE.csv --city {town.city}",
        ]
    )


def _look_after(town: Town, supervisor: Supervisor, broker: Broker | None) -> NoReturn:
    sick: Counter[str] = Counter()
    look = 0
    while True:
        time.sleep(LOOK_S)
        look += 1
        for node in broker.nodes if broker else []:
            if node.pid is None and broker is not None:
                console.print(f"Kafka's node {node.id} has ended; starting it again", highlight=False)
                broker.restart(node.id)
        if look % PROBE_EVERY:
            continue
        for name in town.names():
            sick[name] = sick[name] + 1 if town.sick(name) else 0
            if sick[name] == SICK_AFTER:
                console.print(f"{name} says that it hangs; starting it again", highlight=False)
                supervisor.kill(name)
                sick[name] = 0


def _broker(wishes: Wishes, stack: ExitStack) -> Broker:
    """Give the broker of the state directory: the one that runs already, which is left running, or one of ours."""
    running = Broker.attach(wishes.state)
    if running is not None:
        for node in running.nodes:
            if node.pid is None:
                running.restart(node.id)
        return running
    last = Plan.read(wishes.state.absolute() / "broker")
    ports = None if last else [BROKER_PORT if is_free(BROKER_PORT) else 0]
    with progress(as_json=wishes.as_json) as report:
        broker = Broker.start(
            wishes.state,
            nodes=len(last.addresses) if last else 1,
            ports=ports,
            die_with_parent=True,
            on_progress=report,
        )
    return stack.enter_context(broker)


def _needs_sandbox(city: City) -> bool:
    """Whether a department's system is a sandbox that nobody else runs."""
    kinds = {city.systems[department.system].kind for department in city.departments.values()}
    return "sandbox" in kinds and not os.environ.get("DELIVER_SANDBOX_URL")


def _must_be_free(ports: dict[str, int]) -> None:
    taken = [f"  {port}, for the {name}: give --{name}-port another, or 0" for name, port in ports.items() if port]
    taken = [line for line, port in zip(taken, filter(None, ports.values()), strict=True) if not is_free(port)]
    if taken:
        number = "a port is" if len(taken) == 1 else f"{len(taken)} ports are"
        raise TownError("\n".join([f"the town cannot start: {number} taken by another program", *taken]))


def _stop(wishes: Wishes, interrupts: Interrupts, supervisor: Supervisor) -> None:
    interrupts.hold()
    _say(wishes, "stopping")
    late = supervisor.stop(STOP_S)
    if late:
        console.print(f"killed, as they did not end within {STOP_S:.0f} s: {', '.join(late)}", style="red")


def _tell(town: Town, name: str, status: int, wait_s: float) -> None:
    console.print(
        f"{name} ended with status {status}, see {town.log(name)}; it is started again in {wait_s:g} s",
        style="yellow",
        highlight=False,
        soft_wrap=True,
    )


def _say(wishes: Wishes, text: str) -> None:
    if not wishes.as_json:
        console.print(text, highlight=False, soft_wrap=True)
