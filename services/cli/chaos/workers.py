"""Faults of the workers' processes: killed, frozen, sent home, multiplied."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from services.cli.chaos.kinds import Blow, Kind, UnexpectedError
from services.cli.chaos.stage import LOOPS, PROXIED, SESSION_S, Stage
from services.cli.run import EXIT_FENCED, Name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

STATELESS = (Name.CLASSIFY, Name.ROUTE)
POLITE_S = 20.0
"""Within this a worker that is told to stop has handed over (SIGTERM)."""
MORE_THAN_A_SESSION_S = SESSION_S + 2.0


def kill_three(stage: Stage, luck: Random) -> Iterator[Blow]:
    """Three workers at once, wherever they are in their work."""
    names = list(dict.fromkeys(stage.next_of("kill", stage.town.names(), luck) for _ in range(3)))
    yield Blow(target=" ".join(names), at=stage.kill(*names), processes=tuple(names))


def kill_all(stage: Stage, _luck: Random) -> Iterator[Blow]:
    """All ten at once, as when a machine loses its memory."""
    names = stage.town.names()
    yield Blow(target="all", at=stage.kill(*names), processes=tuple(names))


def kill_in_transaction(stage: Stage, luck: Random) -> Iterator[Blow]:
    """The end of the transaction is under way when the worker dies, and reaches the broker after its heir is up."""
    name = f"{stage.next_of('in transaction', PROXIED, luck)}-0"
    with stage.proxy.hold("EndTxn", client=name, times=1) as rule:
        rule.wait()
        at = stage.kill(name)
        yield Blow(target=name, at=at, processes=(name,))


def kill_in_rebalance(stage: Stage, luck: Random) -> Iterator[Blow]:
    """Another process has just come, and the partitions are being dealt anew."""
    worker = Name(stage.next_of("in rebalance", LOOPS, luck))
    name = f"{worker}-0"
    before = stage.town.metric(name, "stormdrain_rebalances_total")
    with stage.one_more(worker, 1) as another:
        stage.until(lambda: stage.town.metric(name, "stormdrain_rebalances_total") > before, f"a rebalance of {worker}")
        yield Blow(target=name, at=stage.kill(name), processes=(name, another))


def kill_while_rebuilding(stage: Stage, _luck: Random) -> Iterator[Blow]:
    """A worker with state is killed, and again before it has read its state back."""
    name = f"{Name.MATCH}-0"
    stage.kill(name)
    rebuilt = stage.town.log(name).read_text("utf-8", "replace").count("assigned requests")
    stage.until(
        lambda: stage.town.log(name).read_text("utf-8", "replace").count("assigned requests") > rebuilt,
        f"{name} with its partitions again",
    )
    yield Blow(target=name, at=stage.kill(name), processes=(name,))


def freeze(stage: Stage, luck: Random) -> Iterator[Blow]:
    """Stopped for longer than the session, so that the group goes on without it; then it wakes up."""
    name = f"{stage.next_of('freeze', LOOPS, luck)}-0"
    stage.signal(name, signal.SIGSTOP)
    time.sleep(MORE_THAN_A_SESSION_S)
    yield Blow(target=name, at=stage.signal(name, signal.SIGCONT), processes=(name,))


def zombie(stage: Stage, luck: Random) -> Iterator[Blow]:
    """Stopped for longer than the session, replaced in its slot as on another machine; then it wakes up.

    One of the two must be fenced. Mostly it is the zombie; the other one, where the zombie had still heard that its
    group forgot it, and so comes back as a newcomer with nothing that it knew.
    """
    worker = Name(stage.next_of("zombie", LOOPS, luck))
    name = f"{worker}-0"
    stage.signal(name, signal.SIGSTOP)
    time.sleep(MORE_THAN_A_SESSION_S)
    with ExitStack() as stack:
        stack.callback(stage.signal, name, signal.SIGCONT)  # in any case
        heir = stack.enter_context(stage.elsewhere(worker))
        before = len(stage.supervisor.exits(name))
        at = stage.signal(name, signal.SIGCONT)
        try:
            stage.until(lambda: _ended(stage, name, before) or heir.poll() is not None, "the end of one")
        except TimeoutError:
            message = f"{name} woke up while another had its slot, and both went on"
            raise UnexpectedError(message) from None
        status = stage.supervisor.exits(name)[before] if _ended(stage, name, before) else heir.returncode
        if status != EXIT_FENCED:
            message = f"{name} woke up while another had its slot; one ended with {status}, not {EXIT_FENCED}"
            raise UnexpectedError(message)
    yield Blow(target=name, at=at, processes=(name,))


def rolling_restart(stage: Stage, luck: Random) -> Iterator[Blow]:
    """Two workers at a time are told to stop (SIGTERM), and the next two when they are back."""
    names = luck.sample(stage.town.names(), len(stage.town.names()))
    for at in range(0, len(names), 2):
        pair = tuple(names[at : at + 2])
        yield Blow(target=" ".join(pair), at=_sent_home(stage, pair), processes=pair)


def _sent_home(stage: Stage, names: tuple[str, ...]) -> float:
    before = {name: len(stage.supervisor.exits(name)) for name in names}
    at = time.time()
    for name in names:
        stage.signal(name, signal.SIGTERM)
    for name in names:
        stage.until(partial(_ended, stage, name, before[name]), f"the end of {name}", POLITE_S)
        if (status := stage.supervisor.exits(name)[before[name]]) != 0:
            message = f"{name}, told to stop, ended with status {status} after {time.time() - at:.1f} s"
            raise UnexpectedError(message)
    return at


def _ended(stage: Stage, name: str, before: int) -> bool:
    return len(stage.supervisor.exits(name)) > before


def scale(stage: Stage, luck: Random) -> Iterator[Blow]:
    """From one process to four, to two, and back to one."""
    worker = Name(stage.next_of("scale", STATELESS, luck))
    with stage.one_more(worker, 1) as second:
        with stage.one_more(worker, 2) as third, stage.one_more(worker, 3) as fourth:
            yield Blow(target=f"{worker} 1 to 4", at=time.time(), processes=(second, third, fourth))
            began = time.time()
        yield Blow(target=f"{worker} 4 to 2", at=began, processes=(second,))
        began = time.time()
    yield Blow(target=f"{worker} 2 to 1", at=began)


KINDS = (
    Kind(
        name="kill",
        what="SIGKILL of three of the ten workers at a random moment",
        group="worker",
        play=kill_three,
        times=4,
    ),
    Kind(name="kill all", what="SIGKILL of all ten workers at once", group="worker", play=kill_all),
    Kind(
        name="kill in a transaction",
        what="SIGKILL between the worker's EndTxn and the broker, which gets it when the heir is up",
        group="worker",
        play=kill_in_transaction,
        times=2,
    ),
    Kind(
        name="kill in a rebalance",
        what="SIGKILL while partitions go over to a second process",
        group="worker",
        play=kill_in_rebalance,
    ),
    Kind(
        name="kill while rebuilding",
        what="SIGKILL of `match` as it begins to read its state back",
        group="worker",
        play=kill_while_rebuilding,
    ),
    Kind(
        name="freeze",
        what="SIGSTOP for longer than the session time-out, then SIGCONT",
        group="worker",
        play=freeze,
    ),
    Kind(
        name="zombie",
        what="the same with another process in its slot meanwhile: it must end, fenced",
        group="worker",
        play=zombie,
    ),
    Kind(
        name="rolling restart",
        what="SIGTERM of each worker, two at a time: it must end with status 0 within 20 s",
        group="worker",
        play=rolling_restart,
    ),
    Kind(name="scale", what="from 1 to 4 to 2 to 1 processes of a worker", group="worker", play=scale),
)
