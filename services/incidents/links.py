"""Where reports stand: which report each is one with, how sure that is, and what people said of it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from msgspec import Struct, field

from services.parts import Relation

Band = Literal["none", "suggestion", "automatic"]
Point = tuple[float, float]


class Bands(Struct, frozen=True):
    """From which score a link is suggested, and from which it is made."""

    suggestion: float
    automatic: float


class Likeness(NamedTuple):
    """How like a report is to an earlier one; lengths in metres, times in seconds."""

    other: str
    score: float
    distance_m: float
    elapsed_s: float
    text: float | None
    uncertainty_m: float
    category_distance: float
    same_code: bool
    same_asset: bool | None
    same_address: bool | None
    same_reporter: bool
    reasons: tuple[tuple[str, float], ...]


class Lost(NamedTuple):
    """An earlier report that did not become the link."""

    other: str
    score: float


class Link(Struct, frozen=True, gc=False):
    """Where a report stands. `likeness` is None where none was near, or where an older link still holds."""

    incident: str
    duplicate_of: str | None = None
    band: Band = "none"
    relation: Relation | None = None
    recurs_of: str | None = None
    anchor: Point | None = None
    """Where the incident is measured from; None: from the report itself."""
    why: str = ""
    likeness: Likeness | None = None
    lost: tuple[Lost, ...] = ()

    def says_the_same(self, other: Link | None) -> bool:
        """Say whether two links differ in nothing that anybody acts on."""
        return other is not None and self.acted_on() == other.acted_on()

    def acted_on(self) -> tuple[object, ...]:
        """Give what anybody acts on."""
        return self.incident, self.duplicate_of, self.band, self.relation, self.recurs_of, self.anchor

    def kept(self) -> Link:
        """Give what is remembered of it."""
        return Link(self.incident, self.duplicate_of, self.band, self.relation, self.recurs_of, self.anchor)


class Said(Struct):
    """What people said of reports of any family: it stands above every score."""

    apart: dict[str, set[str]] = field(default_factory=dict)
    """By report: the reports and incidents that it is not one with."""
    kept_off: dict[str, set[str]] = field(default_factory=dict)
    """By report or incident: the reports that are not one with it."""
    together: dict[str, dict[str, float]] = field(default_factory=dict)
    """By report: those it was said to be one with, either way round, and when."""
    unlinked: dict[str, float] = field(default_factory=dict)
    """By report: when it was last set apart, seconds since 1970."""
    closed: dict[str, float] = field(default_factory=dict)
    """By report: when its incident was closed, seconds since 1970."""

    def __contains__(self, request_id: str) -> bool:
        return request_id in self.closed or request_id in self.apart or request_id in self.together

    def part(self, request_id: str, names: set[str], at: float) -> None:
        """Keep a report off others; what was said before, that it is one with any, no longer holds."""
        self.apart.setdefault(request_id, set()).update(names)
        for name in names:
            self.kept_off.setdefault(name, set()).add(request_id)
        self.unlinked[request_id] = max(at, self.unlinked.get(request_id, at))

    def join(self, one: str, other: str, at: float) -> None:
        """Make two one."""
        for each, with_it in ((one, other), (other, one)):
            names = self.together.setdefault(each, {})
            names[with_it] = max(at, names.get(with_it, at))

    def one_with(self, request_id: str) -> set[str]:
        """Give all that a report was said to be one with since it was last parted, by itself or by way of others."""
        if request_id not in self.together:
            return set()
        found, ahead = {request_id}, [request_id]
        never = float("-inf")
        while ahead:
            each = ahead.pop()
            for other, at in self.together.get(each, {}).items():
                if other not in found and at > max(self.unlinked.get(each, never), self.unlinked.get(other, never)):
                    found.add(other)
                    ahead.append(other)
        return found - {request_id}
