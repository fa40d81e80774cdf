"""Reports that keep coming while things break: a gateway on a thread of its own, until it is told that it is enough."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from services.sandbox.gateway import Gateway, Sent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Sending:
    """Posts reports at a rate from `start` until `finish`; what the door took is in `sent` all the while."""

    def __init__(self, door: str, reports: Iterable[dict[str, Any]], *, per_second: float, at_least: int) -> None:
        self.sent = Sent()
        self._gateway = Gateway(door, give_up_s=300.0)
        self._reports = reports
        self._per_second = per_second
        self._at_least = at_least
        self._enough = threading.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sending", daemon=True)

    @property
    def number(self) -> int:
        """Reports that the door has acknowledged."""
        return len(self.sent.accepted)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self) -> Sent:
        """Send what is missing to `at_least` and give what the door took.

        Raises:
            GatewayError: the door took nothing for five minutes.

        """
        self._enough.set()
        self._thread.join()
        self.check()
        return self.sent

    def check(self) -> None:
        """Raise what ended the sending early, if anything did."""
        if self._fault is not None:
            raise self._fault

    def _run(self) -> None:
        try:
            asyncio.run(self._gateway.send(self._still(), per_second=self._per_second, into=self.sent))
        except BaseException as error:  # noqa: BLE001 - raised again by `check`, on the caller's thread
            self._fault = error

    def _still(self) -> Iterator[dict[str, Any]]:
        for number, report in enumerate(self._reports):
            if self._enough.is_set() and number >= self._at_least:
                return
            yield report
