from typing import Any

from receive_doubles import NOW, make_town

from services.receive.core import Accepted, Door, Refused, judge

TOWN = make_town()
WEB = Door(channel="web")


BAD_LINK = (
    "media_urls entry 1 is no address that can be fetched: expected http:// or https://, a host, no password, at most "
    "2048 characters"
)


def decide(raw: object, door: Door = WEB, **changes: Any) -> Accepted | Refused:
    given: dict[str, Any] = {"town": TOWN, "door": door, "received_at": NOW, "request_id": "r-1"}
    return judge(raw, **(given | changes))


def accept(raw: object, door: Door = WEB, **changes: Any) -> Accepted:
    found = decide(raw, door, **changes)
    assert isinstance(found, Accepted), found
    return found


def faults(raw: object, door: Door = WEB) -> list[tuple[str, str, str]]:
    found = decide(raw, door)
    assert isinstance(found, Refused), found
    return [(fault.code, fault.field, fault.description) for fault in found.faults]
