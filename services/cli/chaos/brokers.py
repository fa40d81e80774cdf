"""Faults of the cluster: nodes that die, stop, hang, or have no room left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from services.cli.chaos.kinds import Blow, Kind, UnexpectedError
from services.cli.chaos.stage import Stage
from services.cli.run import Name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

HANG_S = 7.0
TRANSACTION_STATE = "__transaction_state"


def _node(stage: Stage, luck: Random) -> int:
    stage.mended()  # one at a time: two of three gone is another fault
    return luck.choice([node.id for node in stage.broker.nodes])


def kill(stage: Stage, luck: Random) -> Iterator[Blow]:
    """One of three, with the leaders that it had."""
    yield from _kill(stage, _node(stage, luck))


def kill_coordinator(stage: Stage, luck: Random) -> Iterator[Blow]:
    """The one that knows of the transactions of `decide`."""
    stage.mended()
    slot = luck.choice([f"{Name.DECIDE}-0", f"{Name.MATCH}-0"])
    state = stage.clients.admin().list_topics(TRANSACTION_STATE, timeout=10).topics[TRANSACTION_STATE].partitions
    leader = state[java_hash(slot) % len(state)].leader
    yield from _kill(stage, leader if leader > 0 else _node(stage, luck))


def _kill(stage: Stage, node: int) -> Iterator[Blow]:
    at = time.time()
    stage.broker.kill(node)
    yield Blow(target=f"node {node}", at=at)
    stage.mend(node)


def restart(stage: Stage, luck: Random) -> Iterator[Blow]:
    """One is stopped politely and started again; the others go on meanwhile."""
    node, at = _node(stage, luck), time.time()
    stage.mend(node)
    yield Blow(target=f"node {node}", at=at)


def hang(stage: Stage, _luck: Random) -> Iterator[Blow]:
    """All nodes stop and keep their connections: no leader, no coordinator answers."""
    stage.mended()
    for node in stage.broker.nodes:
        stage.broker.suspend(node.id)
    time.sleep(HANG_S)
    for node in stage.broker.nodes:
        stage.broker.resume(node.id)
    yield Blow(target="all nodes", at=time.time())


def fill_disk(stage: Stage, luck: Random) -> Iterator[Blow]:
    """One node can write no more; Kafka ends it."""
    node, at = _node(stage, luck), time.time()
    stage.broker.fill_disk(node)
    try:
        stage.until(lambda: next(n for n in stage.broker.nodes if n.id == node).pid is None, "its end", 30.0)
    except TimeoutError:
        message = f"node {node} went on with a full disk"
        raise UnexpectedError(message) from None
    yield Blow(target=f"node {node}", at=at)
    stage.mend(node)


def java_hash(text: str) -> int:
    """Give what Kafka takes the partition of a transactional id from: Java's String.hashCode, without its sign."""
    found = 0
    for sign in text:
        found = (31 * found + ord(sign)) & 0xFFFFFFFF
    return found & 0x7FFFFFFF


KINDS = (
    Kind(name="broker killed", what="SIGKILL of one of three nodes; leaders move", group="broker", play=kill),
    Kind(
        name="coordinator killed",
        what="SIGKILL of the node that coordinates a worker's transactions",
        group="broker",
        play=kill_coordinator,
    ),
    Kind(name="broker restarted", what="one node is stopped politely and started again", group="broker", play=restart),
    Kind(name="cluster hangs", what="all nodes stopped (SIGSTOP) for 7 s", group="broker", play=hang),
    Kind(name="disk full", what="one node can write no more, until Kafka ends it", group="broker", play=fill_disk),
)
