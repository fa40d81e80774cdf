"""A past export of which it is known which reports were duplicates, as labelled reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from services.city.findings import listed
from services.city.history import slug
from services.cli.diffing.past import Past, Row, columns_of
from services.cli.export import ExportError
from services.cli.matching.labelled import Labelled
from services.incidents.seen import HERE, see

if TYPE_CHECKING:
    from services.city.model import City
    from services.runtime.worker import Rejected

YES: Final = frozenset({"1", "true", "yes", "y", "t", "x", "dup", "duplicate"})
NO: Final = frozenset({"0", "false", "no", "n", "f", "", "none", "null"})


class MarkedPast(Past):
    """The rows of an export, with what its columns say of duplicates, by request id."""

    def __init__(self, path: Path, columns: Mapping[str, Sequence[str]], *, zone: tzinfo, encoding: str) -> None:
        super().__init__(path, columns, zone=zone, encoding=encoding)
        self.said: dict[str, tuple[str, str, str]] = {}
        """By report: its own id, the id or name of what it is a duplicate of or with, and its mark."""

    def _row(self, line: int, cells: Mapping[str, str]) -> Row | Rejected:
        row = super()._row(line, cells)
        if isinstance(row, Row):
            own, incident, mark = (self._said(cells, name) for name in ("id", "incident", "mark"))
            self.said[row.report.request_id] = own, incident, mark
        return row


def read_marked(
    path: Path,
    city: City,
    zone: tzinfo,
    named: Mapping[str, Sequence[str]],
    *,
    encoding: str = "utf-8",
) -> tuple[list[Labelled], list[str]]:
    """Read an export; give its reports, and notes on what was left out.

    `named` names columns by what they hold; `mark` holds yes or no, `incident` what a report shares with its
    duplicates, or the id of the report that it is a duplicate of.

    Raises:
        ExportError: it cannot be read, or says nothing of duplicates.

    """
    columns = columns_of(path, encoding, named)
    past = MarkedPast(path, columns, zone=zone, encoding=encoding)
    rows = [row for row in past if row.report.place is not None]
    if not past.dated():
        message = f"{path} has no column of when a report was made; name it: --created COLUMN"
        raise ExportError(message)
    strange = Counter(mark for _, _, mark in past.said.values() if mark.casefold() not in YES | NO)
    if strange:
        shown = listed(repr(mark) for mark, _ in strange.most_common(3))
        expected = ", ".join(sorted((YES | NO) - {""}))
        message = f"{path}: marks are {shown}; expected one of {expected}, or nothing"
        raise ExportError(message)
    notes = [f"{_rows(number)} left out: {reason}" for reason, number in past.reasons().items()]
    if past.unplaced:
        notes.append(f"{_rows(past.unplaced)} without a place, so that nothing can be linked there")
    incidents = _incidents(past.said) if columns.get("incident") else None
    families = {each.name.casefold(): each for each in city.categories.values()} | {
        code.casefold(): each for code, each in city.categories.items()
    }
    found, unknown = [], Counter[str]()
    for row in rows:
        label = row.label.casefold()
        category = families.get(label)
        if category is None and label:
            unknown[row.label] += 1
        code, family = (category.service_code, category.family) if category else (slug(row.label) or "any",) * 2
        found.append(_labelled(row, code, family, past.said[row.report.request_id], incidents, city.languages[0]))
    if unknown:
        shown = listed(label for label, _ in unknown.most_common(5))
        notes.append(f"categories that are not the city's, each a family of its own: {len(unknown)}: {shown}")
    return found, notes


def _labelled(
    row: Row, code: str, family: str, said: tuple[str, str, str], incidents: Mapping[str, str] | None, language: str
) -> Labelled:
    report = row.report
    place: Any = report.place
    seen = see(
        report.request_id,
        report.requested_at.timestamp(),
        place.latitude,
        place.longitude,
        off_m=place.radius_m,
        families=(family, HERE),
        service_code=code,
        text=report.text,
        language=language,
        address=report.address,
    )
    incident = None if incidents is None else incidents[report.request_id]
    return Labelled(seen, incident, marked=said[2].casefold() in YES)


def _rows(number: int) -> str:
    return f"{number:,} {'row' if number == 1 else 'rows'}"


def _incidents(said: Mapping[str, tuple[str, str, str]]) -> dict[str, str]:
    """Give the incident of each report: one for all that share a name, or that name each other's id."""
    of_id = {own: request_id for request_id, (own, _, _) in said.items() if own}
    parent = {request_id: request_id for request_id in said}

    def root(request_id: str) -> str:
        while parent[request_id] != request_id:
            parent[request_id] = parent[parent[request_id]]
            request_id = parent[request_id]
        return request_id

    first: dict[str, str] = {}
    for request_id, (_, incident, _) in said.items():
        if incident:
            parent[root(request_id)] = root(of_id.get(incident) or first.setdefault(incident, request_id))
    return {request_id: root(request_id) for request_id in said}
