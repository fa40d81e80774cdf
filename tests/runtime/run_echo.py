"""python run_echo.py BOOTSTRAP SLOT PREFIX [HANG [PROTOCOL]]: a worker as a process, which hangs in its HANGth commit.

It says on standard output when it hangs, and how many partitions it holds whenever that changes.
"""

import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

from services.events import Event
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.loop import Loop
from services.runtime.loopsettings import LoopSettings
from services.runtime.metrics import Metrics
from services.runtime.ports import Producer
from services.runtime.worker import Outcome, Rejected, Worker


class Numbered(Event, frozen=True, kw_only=True, omit_defaults=True):
    number: int

    @property
    def key(self) -> str:
        return str(self.number)

    @property
    def id(self) -> str:
        return str(self.number)


def kinds(prefix: str) -> tuple[type[Numbered], type[Numbered]]:
    class Told(Numbered, frozen=True, kw_only=True, omit_defaults=True):
        topic: ClassVar[str] = f"{prefix}.told.v1"

    class Heard(Numbered, frozen=True, kw_only=True, omit_defaults=True):
        topic: ClassVar[str] = f"{prefix}.heard.v1"

    return Told, Heard


class Echo:
    def __init__(self, heard: type[Numbered]) -> None:
        self._heard = heard

    def handle(self, batch: Sequence[Any]) -> Sequence[Outcome]:
        return [
            Rejected("bad_number") if event.number % 50 == 7 else self._heard(number=event.number) for event in batch
        ]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Telling(Loop):
    """Tells how many partitions it holds."""

    told = 0

    def turn(self) -> None:
        super().turn()
        if self.told != len(self._member.held):
            self.told = len(self._member.held)
            say(f"holds {self.told}")


class Hanging:
    """A producer that never gets as far as its commit."""

    def __init__(self, producer: Producer, commits: int) -> None:
        self._producer = producer
        self._left = commits

    def commit_transaction(self, timeout: float) -> None:
        self._left -= 1
        if self._left == 0:
            say("inside")
            signal.pause()
        self._producer.commit_transaction(timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)


class HangingClients(KafkaClients):
    commits = 0

    def producer(self, transactional_id: str, on_suspect: Callable[[str], None]) -> Producer:
        made = super().producer(transactional_id, on_suspect)
        return Hanging(made, self.commits) if self.commits else made


def main(bootstrap: str, slot: str, prefix: str, commits: str = "0", protocol: str = "classic") -> None:
    told, heard = kinds(prefix)
    worker = Worker(name=prefix, reads=(told,), writes=(heard,), handler=Echo(heard), batch_size=50)
    clients = HangingClients(
        KafkaSettings(bootstrap=bootstrap, session_timeout_ms=3000, group_protocol=cast("Any", protocol))
    )
    clients.commits = int(commits)
    settings = LoopSettings(max_rejected_share=1.0)
    loop = Telling(worker, clients, slot=f"{prefix}-{slot}", settings=settings, metrics=Metrics("echo"))
    signal.signal(signal.SIGTERM, lambda *_: loop.stop())
    loop.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
