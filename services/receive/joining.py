"""A citizen who was shown what is known, and says that the report is the same: `same_as`, the id of a request.

What such a report leaves out, that request has said already.
"""

from collections.abc import Mapping

from msgspec import Struct

from services.parts import LONGEST_ID, Place, may_be_id
from services.receive.fields import Fault, Fields


class Original(Struct, frozen=True, kw_only=True):
    """What is known of a request that others may be the same as."""

    service_code: str = ""
    place: Place | None = None
    address: str = ""


Originals = Mapping[str, Original] | None
"""By id, of all that the reports of a call name; None: nobody could be asked."""


class Joined(Struct, frozen=True, kw_only=True):
    """The request that a report is the same as: what goes on of it, and what the sender is told."""

    same_as: str = ""
    original: Original = Original()
    warning: Fault | None = None


def read_same_as(fields: Fields) -> str:
    """Give the id that a report names, empty where it names none; one that cannot be an id is a fault."""
    said = fields.string("same_as", LONGEST_ID)
    if not said or may_be_id(said):
        return said
    seen = f"is {said!r}: expected the id of a request, 1 to {LONGEST_ID} of A-Z, a-z, 0-9, _ and -"
    fields.fault("bad_id", "same_as", seen)
    return ""


def named(raw: object) -> str:
    """Give the id that a report names, as far as it may be one; nothing is said of what is wrong."""
    return read_same_as(Fields(raw, {}, loose=False)) if isinstance(raw, Mapping) else ""


def join(same_as: str, originals: Originals) -> Joined:
    """Decide what becomes of the named id: one that could not be looked up goes on, one that nobody knows does not."""
    if not same_as:
        return Joined()
    if originals is None:
        said = "same_as could not be looked up just now: it is taken as it is, and nothing is filled in from it"
        return Joined(same_as=same_as, warning=Fault(code="unchecked_same_as", field="same_as", description=said))
    if same_as not in originals:
        said = f"same_as {same_as!r} was not found, and is left out: see /requests/nearby"
        return Joined(warning=Fault(code="unknown_same_as", field="same_as", description=said))
    return Joined(same_as=same_as, original=originals[same_as])
