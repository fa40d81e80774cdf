"""Reports acknowledged of late, so that a repeat is answered without being sent again."""

from collections import OrderedDict
from enum import Enum


class Seen(Enum):
    """What is known of a report: nothing, that it is a repeat, or that another report came under its name."""

    NEW = "new"
    REPEAT = "repeat"
    CONFLICT = "conflict"


class Recent:
    """The last `most` reports of this process, by request id. What another process took is not known here."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._fingerprints: OrderedDict[str, bytes] = OrderedDict()

    def look(self, request_id: str, fingerprint: bytes) -> Seen:
        """Tell whether the report was acknowledged before, and whether it was the same."""
        known = self._fingerprints.get(request_id)
        if known is None:
            return Seen.NEW
        self._fingerprints.move_to_end(request_id)
        return Seen.REPEAT if known == fingerprint else Seen.CONFLICT

    def remember(self, request_id: str, fingerprint: bytes) -> None:
        """Note an acknowledged report; the one not asked for the longest is forgotten for it."""
        self._fingerprints[request_id] = fingerprint
        self._fingerprints.move_to_end(request_id)
        if len(self._fingerprints) > self._most:
            self._fingerprints.popitem(last=False)
