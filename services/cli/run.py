"""`stormdrain run WORKER`: one worker as a process."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import signal
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from setproctitle import setproctitle

from services.runtime import logs
from services.runtime.health import HealthServer, Heartbeat
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.loop import Loop
from services.runtime.loopsettings import LoopSettings, loop_settings
from services.runtime.metrics import Metrics
from services.runtime.settings import Settings, SettingsError, Shared, read_all
from services.runtime.slots import Slot, SlotTakenError, lease
from services.runtime.transaction import FencedError
from services.runtime.watchdog import Watchdog

if TYPE_CHECKING:
    from services.runtime.worker import Worker

log = logging.getLogger("services.cli.run")  # also where this module is the program


class Name(StrEnum):
    """The workers, in the order of the flow."""

    RECEIVE = "receive"
    CLASSIFY = "classify"
    ROUTE = "route"
    MATCH = "match"
    PRIORITIZE = "prioritize"
    DECIDE = "decide"
    DELIVER = "deliver"
    REVIEW = "review"
    WATCH = "watch"
    INDEX = "index"


EDGES = frozenset({Name.RECEIVE, Name.REVIEW, Name.WATCH})
"""Workers that serve on asyncio; the others run in the transactional loop."""

TELLERS = frozenset({Name.CLASSIFY, Name.ROUTE, Name.DELIVER})
"""Workers that have metrics of their own to tell."""

EXIT_SETTINGS = 2
EXIT_FENCED = 75
"""EX_TEMPFAIL of sysexits.h: another process holds the slot; a supervisor may try again later."""

LIVENESS_S = 90.0


def run(worker: Annotated[Name, typer.Argument(help="Which worker.")]) -> None:
    """Run one worker until it is told to stop (SIGTERM, Ctrl-C). Its settings: stormdrain settings WORKER."""
    setproctitle(f"stormdrain {worker}")
    try:
        code = _edge(worker) if worker in EDGES else _loop(worker)
    except (SettingsError, SlotTakenError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_SETTINGS) from None
    raise typer.Exit(code)


def own_settings(worker: str) -> type[Settings]:
    """Give the settings class of a worker's folder."""
    module = importlib.import_module(f"services.{worker}.settings")
    kind: type[Settings] = getattr(module, f"{worker.capitalize()}Settings")
    return kind


def _edge(name: Name) -> int:
    own, shared, kafka = read_all((own_settings(name), Shared, KafkaSettings), os.environ, name)
    logs.setup(name)
    serve = importlib.import_module(f"services.{name}.worker").serve

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve(own, shared, stop, kafka=kafka)

    try:
        asyncio.run(main())
    except Exception:
        log.exception("%s stops: trouble that is not data", name)
        return 1
    return 0


def _loop(name: Name) -> int:
    kinds = (own_settings(name), Shared, KafkaSettings, loop_settings(name))
    own, shared, kafka, how = read_all(kinds, os.environ, name)
    assert isinstance(shared, Shared)  # noqa: S101 - read_all gives them in the order of kinds
    assert isinstance(kafka, KafkaSettings)  # noqa: S101
    assert isinstance(how, LoopSettings)  # noqa: S101
    with lease(shared.state_dir / "slots", name, None if how.slot < 0 else how.slot) as slot:
        logs.setup(name, slot.name, how.log_level)
        setproctitle(f"stormdrain {slot.name}")
        metrics = Metrics(name)
        worker = _built(name, own, shared, metrics)
        metrics.info(slot=slot.name, versions=worker.versions)
        spare_what_stays()
        return _turn(worker, slot, KafkaClients(kafka), how, metrics)


def _built(name: Name, own: Any, shared: Shared, metrics: Metrics) -> Worker:  # noqa: ANN401 - each worker's own
    build = importlib.import_module(f"services.{name}.worker").build
    worker: Worker = build(own, shared, metrics) if name in TELLERS else build(own, shared)
    return worker


def spare_what_stays() -> None:
    """Keep the garbage collector from walking again and again through models and boundaries, which stay to the end.

    A batch makes tens of thousands of objects, none of them in a circle. Measured on a loop that decides nothing, two
    noisy runs each: 7 to 13 % less CPU, and 18 to 26 % where half a million objects had been loaded. With a threshold
    that no batch reaches, 100,000, another 8 and 9 %; to collect never was no better.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def _turn(worker: Worker, slot: Slot, clients: KafkaClients, how: LoopSettings, metrics: Metrics) -> int:
    heartbeat = Heartbeat(LIVENESS_S)
    loop = Loop(
        worker,
        clients,
        slot=slot.name,
        settings=how,
        metrics=metrics,
        heartbeat=heartbeat,
        watchdog=Watchdog(slot.name),
    )
    health = HealthServer(
        how.metrics_port,
        heartbeat.probe,
        loop.not_ready,
        metrics.registry,
        host=how.metrics_host,
        actions={"/resume": loop.resume},
    ).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.stop())
    log.info("%s starts; metrics on port %d", slot.name, health.port)
    try:
        loop.run()
    except FencedError as error:
        log.error("%s stops: %s", slot.name, error)  # noqa: TRY400 - the text says it all
        return EXIT_FENCED
    except Exception:
        log.exception("%s stops: trouble that is not data", slot.name)
        return 1
    finally:
        health.stop()
        sys.stderr.flush()
    log.info("%s has stopped", slot.name)
    return 0


if __name__ == "__main__":  # what a town starts ten times: without the rest of the command line
    _app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    _app.command()(run)
    _app()
