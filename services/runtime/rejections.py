"""When too many records are rejected, the fault is elsewhere: pause, rather than drain a topic into dead letters."""

from collections import deque


class Rejections:
    """The share of rejected records among the latest `window`."""

    def __init__(self, max_share: float, window: int) -> None:
        self._max_share = max_share
        self._window = window
        self._batches: deque[tuple[int, int]] = deque()
        self._records = 0
        self._rejected = 0
        self._allowed = False

    def acceptable(self, records: int, rejected: int) -> bool:
        """Whether a batch with so many rejected records may be committed."""
        seen, bad = self._records + records, self._rejected + rejected
        share = bad / seen if seen else 0.0
        if share <= self._max_share:
            self._allowed = False
            return True
        return self._allowed or rejected == 0 or seen < self._window

    def count(self, records: int, rejected: int) -> None:
        """Take a committed batch into the window."""
        self._batches.append((records, rejected))
        self._records += records
        self._rejected += rejected
        while self._batches and self._records - self._batches[0][0] >= self._window:
            gone, bad = self._batches.popleft()
            self._records -= gone
            self._rejected -= bad

    def allow(self) -> None:
        """Let everything pass until the share is acceptable again: somebody looked and said go on."""
        self._allowed = True

    def alarm(self, reasons: dict[str, int]) -> str:
        """Say what is wrong and what to do."""
        listed = ", ".join(f"{reason} {number}" for reason, number in sorted(reasons.items(), key=lambda kv: -kv[1]))
        return (
            f"more than {self._max_share:.0%} of the last {self._window} records were rejected ({listed}); "
            "look at what writes the topic, then POST /resume to send them to the dead letters"
        )
