"""python mutants.py MUTANT run WORKER: one worker as a process, as `stormdrain run` makes it, less one of its rules.

Where MUTANT_HOLD names a file, a batch is not handled for as long as that file is there; MUTANT_HELD is written when
one waits. That is how a test makes the worker's own code slow, whatever the mutant.
"""

import asyncio
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import typer

from services.cli import run as cli
from services.deliver.adapters import SandboxConnector
from services.deliver.core import Answer, Ledger, Parcel, Unavailable, judge
from services.runtime import batch as batches
from services.runtime import kafka
from services.runtime.loop import Loop
from services.runtime.membership import Membership
from services.runtime.ports import Place
from services.runtime.transaction import Transactor


def control() -> None:
    """Nothing is taken out."""


def no_rewind() -> None:
    """What was not committed is not read again."""
    Membership.rewind = lambda self, places: None  # type: ignore[method-assign]  # noqa: ARG005


def position_in_memory() -> None:
    """After a failure it goes back to where the batch began, whatever was committed."""
    begins: dict[Place, int] = {}
    take, committed, commit = Membership.take, Membership.committed, Loop._commit

    def taking(self: Membership, at_most: int, idle_s: float, linger_s: float) -> list[Any]:
        messages = take(self, at_most, idle_s, linger_s)
        for message in reversed(messages):
            begins[message.topic(), message.partition()] = message.offset()
        return messages

    def remembered(self: Membership, places: Iterable[Place]) -> dict[Place, int]:
        places = list(places)
        return committed(self, places) | {place: begins[place] for place in places if place in begins}

    def committing(self: Loop, *batch: Any) -> bool:
        done = commit(self, *batch)
        begins.clear()
        return done

    Membership.take, Membership.committed = taking, remembered  # type: ignore[method-assign]
    Loop._commit = committing  # type: ignore[assignment, method-assign]


def late_metadata() -> None:
    """A batch is committed although partitions moved, under the group's metadata of when it is committed."""
    Membership.moved = property(lambda self: False, lambda self, moved: None)  # type: ignore[assignment]  # noqa: ARG005
    commit = Loop._commit

    def committing(self: Loop, result: Any, offsets: Any, metadata: Any, places: Any) -> bool:
        del metadata
        return commit(self, result, offsets, self._member._ours().consumer_group_metadata(), places)

    Loop._commit = committing  # type: ignore[method-assign]


def auto_commit() -> None:
    """The consumer commits its position from time to time; the transaction says nothing of offsets."""
    consumer, run = kafka.KafkaConsumer, Transactor.run  # type: ignore[attr-defined]

    def member(config: dict[str, Any]) -> Any:
        on = {"enable.auto.commit": True, "enable.auto.offset.store": True}
        return consumer(config | (on if "group.instance.id" in config else {}))

    def running(self: Transactor, outgoing: Any, offsets: Any, metadata: Any) -> None:
        del offsets
        run(self, outgoing, [], metadata)

    kafka.KafkaConsumer = member  # type: ignore[attr-defined]
    Transactor.run = running  # type: ignore[method-assign]


def keeps_a_suspect_producer() -> None:
    """A commit that was held up may end the next transaction: a lost connection does not cost the producer."""
    Transactor._heard = lambda self, why: None  # type: ignore[method-assign]  # noqa: ARG005


def no_crm_key() -> None:
    """A case is created, with neither a key nor a look at what was delivered."""

    async def sending(self: SandboxConnector, parcels: Sequence[Parcel]) -> Sequence[Answer]:
        return await asyncio.gather(*(create(self, load) for load in parcels))

    async def create(self: SandboxConnector, load: Parcel) -> Answer:
        try:
            status, asked, body = await self._call("POST", "/api/cases", {**load.case, "ref": load.ref}, {})
        except (TimeoutError, aiohttp.ClientError):
            return Unavailable("no answer")
        return judge(status, body if isinstance(body, dict) else None, asked)

    SandboxConnector.send = sending  # type: ignore[method-assign]
    Ledger.has = lambda self, partition, key, number: False  # type: ignore[method-assign]  # noqa: ARG005


def random_reference() -> None:
    """Each attempt has a reference of its own."""
    _send_changed(lambda load: replace(load, ref=f"{load.ref}-{uuid.uuid4().hex[:8]}"))


def reference_of_the_attempt() -> None:
    """The first attempt has the true reference, a repeat another one."""
    tried: set[str] = set()

    def changed(load: Parcel) -> Parcel:
        repeat = load.ref in tried
        tried.add(load.ref)
        return replace(load, ref=f"{load.ref}-again") if repeat else load

    _send_changed(changed)


def random_key() -> None:
    """Each attempt has an idempotency key of its own."""
    _send_changed(lambda load: replace(load, key=uuid.uuid4().hex * 2))


def _send_changed(change: Callable[[Parcel], Parcel]) -> None:
    send = SandboxConnector.send

    async def sending(self: SandboxConnector, parcels: Sequence[Parcel]) -> Sequence[Answer]:
        return await send(self, [change(load) for load in parcels])

    SandboxConnector.send = sending  # type: ignore[method-assign]


MUTANTS: dict[str, Callable[[], None]] = {
    mutant.__name__: mutant
    for mutant in (
        control,
        no_rewind,
        position_in_memory,
        late_metadata,
        auto_commit,
        keeps_a_suspect_producer,
        no_crm_key,
        random_reference,
        reference_of_the_attempt,
        random_key,
    )
}


def slow_on_request(hold: Path, held: Path) -> None:
    """Let the worker's own code take as long as `hold` is there."""
    handle = batches.handle

    def handling(worker: Any, batch: batches.Batch) -> Any:
        while hold.exists():
            held.touch()
            time.sleep(0.02)
        return handle(worker, batch)

    batches.handle = handling


def main(mutant: str, run: str, worker: str) -> None:
    assert run == "run"
    MUTANTS[mutant]()
    if "MUTANT_HOLD" in os.environ:
        slow_on_request(Path(os.environ["MUTANT_HOLD"]), Path(os.environ["MUTANT_HELD"]))
    try:
        cli.run(cli.Name(worker))
    except typer.Exit as ended:
        sys.exit(ended.exit_code)


if __name__ == "__main__":
    main(*sys.argv[1:])
