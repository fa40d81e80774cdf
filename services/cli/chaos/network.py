"""Faults between a worker and the cluster: single requests held, lost, or lost on their way back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from services.cli.chaos.kinds import Blow, Kind
from services.cli.chaos.stage import PROXIED, SESSION_S, SETTINGS, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

TRANSACTION_S = int(SETTINGS["KAFKA_TRANSACTION_TIMEOUT_MS"]) / 1000


def _client(stage: Stage, luck: Random, deck: str) -> str:
    return f"{stage.next_of(deck, PROXIED, luck)}-0"


def late_end(stage: Stage, luck: Random) -> Iterator[Blow]:
    """The worker's connection breaks, it asks again; the first EndTxn comes when another transaction may be open."""
    name = _client(stage, luck, "late end")
    with stage.proxy.hold("EndTxn", client=name, times=1, cut=True, seconds=3.0) as rule:
        rule.wait()
        at = time.time()
        rule.wait_answers()
        yield Blow(target=name, at=at, processes=(name,))


def end_answer_lost(stage: Stage, luck: Random) -> Iterator[Blow]:
    """The transaction ends, and the worker does not hear of it."""
    name = _client(stage, luck, "answer lost")
    with stage.proxy.drop_answer("EndTxn", client=name, times=1, cut=True) as rule:
        rule.wait()
        yield Blow(target=name, at=time.time(), processes=(name,))


def transaction_timeout(stage: Stage, luck: Random) -> Iterator[Blow]:
    """The end of a transaction does not come until the broker has given the transaction up."""
    name = _client(stage, luck, "time-out")
    with stage.proxy.hold("EndTxn", client=name, times=1, seconds=TRANSACTION_S + 3.0) as rule:
        rule.wait()
        at = time.time()
        rule.wait_answers()
        yield Blow(target=name, at=at, processes=(name,))


def offsets_held(stage: Stage, luck: Random) -> Iterator[Blow]:
    """The offsets of a batch do not reach the coordinator for longer than the worker waits."""
    name = _client(stage, luck, "offsets")
    with stage.proxy.hold("TxnOffsetCommit", client=name, times=1, seconds=TRANSACTION_S) as rule:
        rule.wait()
        yield Blow(target=name, at=time.time(), processes=(name,))


def cut(stage: Stage, luck: Random) -> Iterator[Blow]:
    """The connection breaks as records are written, three times."""
    name = _client(stage, luck, "cut")
    with stage.proxy.cut("Produce", client=name, times=3) as rule:
        rule.wait(3)
        yield Blow(target=name, at=time.time(), processes=(name,))


def no_heartbeat(stage: Stage, luck: Random) -> Iterator[Blow]:
    """The group expels the worker, which goes on working and knows nothing of it."""
    name = _client(stage, luck, "heartbeat")
    with stage.proxy.drop("Heartbeat", client=name) as rule:
        rule.wait()
        time.sleep(SESSION_S + 1.0)
    yield Blow(target=name, at=time.time(), processes=(name,))


def apart(stage: Stage, _luck: Random) -> Iterator[Blow]:
    """Nothing passes between two workers and the cluster for longer than their session, and nobody is told."""
    stage.proxy.partition()
    time.sleep(SESSION_S + 2.0)
    stage.proxy.heal()
    names = tuple(f"{worker}-0" for worker in PROXIED)
    yield Blow(target=" ".join(names), at=time.time(), processes=names)


KINDS = (
    Kind(
        name="late EndTxn",
        what="the end of a transaction reaches the broker 3 s late, its connection broken meanwhile",
        group="network",
        play=late_end,
    ),
    Kind(
        name="EndTxn unanswered",
        what="the transaction ends and the worker never hears of it",
        group="network",
        play=end_answer_lost,
    ),
    Kind(
        name="transaction time-out",
        what="the end of a transaction comes after the broker has given it up",
        group="network",
        play=transaction_timeout,
    ),
    Kind(
        name="offsets held",
        what="TxnOffsetCommit is held up for longer than the worker waits",
        group="network",
        play=offsets_held,
    ),
    Kind(name="connection cut", what="reset in the middle of writing, three times", group="network", play=cut),
    Kind(
        name="late group metadata",
        what="heartbeats are lost until the group has expelled a worker that goes on with the metadata it has",
        group="network",
        play=no_heartbeat,
    ),
    Kind(
        name="cut off",
        what="two workers hear nothing of the cluster for longer than their session",
        group="network",
        play=apart,
    ),
)
