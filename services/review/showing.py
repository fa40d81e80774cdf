"""What a draft looks like to a person: names instead of codes, local times, and only what helps to decide.

Pure: the templates in pages/ add no thought of their own. Texts stay as they came; the templates escape them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import h3
from msgspec import Struct
from shapely import Point

from services.parts import Level
from services.review.core import SAID, may_approve
from services.review.linking import Links, links_of
from services.review.words import Said, When, category_name, department_name, percent, points, span, when

if TYPE_CHECKING:
    from services.city.model import City
    from services.events import DraftHeld
    from services.parts import Place
    from services.readmodel.rows import ReviewRow, SurgeRow
    from services.review.desk import Lying

LEVEL_NAMES: dict[Level, str] = {
    "life_safety": "Danger to life",
    "urgent": "Urgent",
    "elevated": "Elevated",
    "routine": "Routine",
}


class Choice(NamedTuple):
    """Something that can be chosen, and how much speaks for it."""

    code: str
    name: str
    percent: int = 0


class Card(Struct, frozen=True, kw_only=True):
    """All that is shown of one draft."""

    request_id: str
    revision: int
    state: str
    is_open: bool
    may_decide: bool
    level: str
    level_name: str
    due: When
    overdue: bool
    received: When
    channel: str
    language: str
    text: str
    address: str
    position: str
    details: tuple[Said, ...]
    media: tuple[str, ...]
    danger: tuple[str, ...]
    waits: tuple[str, ...]
    category: Choice
    needed: int
    alternatives: tuple[Choice, ...]
    department: Choice
    why_department: str
    lost: tuple[Said, ...]
    areas: tuple[str, ...]
    links: Links
    incident_size: int
    score: str
    reasons: tuple[Said, ...]
    reviews: tuple[tuple[ReviewRow, str, When], ...]


def card(lying: Lying, *, city: City, reviewer: str, now: datetime) -> Card:
    """Give the card of a draft as `reviewer` sees it `now`."""
    row, draft = lying.draft, lying.draft.draft
    report, said, routing = draft.report, draft.classification, draft.routing
    zone = ZoneInfo(city.time_zone)
    winner = said.service_code
    return Card(
        request_id=row.request_id,
        revision=row.revision,
        state=row.state,
        is_open=row.is_open,
        may_decide=may_approve(reviewer, routing.department, city),
        level=draft.priority.level,
        level_name=LEVEL_NAMES[draft.priority.level],
        due=when(draft.priority.due_at, now, zone),
        overdue=draft.priority.due_at < now,
        received=when(report.received_at, now, zone),
        channel=report.channel,
        language="" if said.language == "und" else said.language,
        text=report.text,
        address=report.address,
        position=_position(report.place),
        details=_details(draft, city),
        media=tuple(url for url in report.media_urls if url.startswith(("https://", "http://"))),
        danger=said.safety.evidence if said.safety.flagged else (),
        waits=draft.decision.reasons,
        category=Choice(winner, category_name(winner, city), percent(said.confidence)),
        needed=percent(said.threshold),
        alternatives=tuple(
            Choice(lost.service_code, category_name(lost.service_code, city), percent(lost.confidence))
            for lost in said.alternatives
            if lost.service_code != winner and lost.service_code in city.categories
        ),
        department=Choice(routing.department, department_name(routing.department, city)),
        why_department=routing.reason or f"by rule {routing.rule}",
        lost=tuple(Said(lost.rule, lost.why) for lost in routing.lost),
        areas=tuple(f"{area.layer}: {area.name or area.area_id}" for area in routing.boundaries),
        links=links_of(lying, city, now),
        incident_size=lying.incident_size,
        score=f"{draft.priority.score:.0f}",
        reasons=tuple(Said(reason.what, points(reason.points)) for reason in draft.priority.reasons),
        reviews=tuple((review, SAID[review.verdict], when(review.reviewed_at, now, zone)) for review in row.reviews),
    )


def choices(city: City) -> list[tuple[str, list[Choice]]]:
    """Give the city's categories by family, for a list to choose from."""
    by_family: dict[str, list[Choice]] = {}
    for category in city.categories.values():
        family = city.families.get(category.family)
        name = (family.name if family else "") or category.family.replace("-", " ").capitalize()
        by_family.setdefault(name, []).append(Choice(category.service_code, category.name))
    return sorted((name, sorted(found, key=lambda choice: choice.name)) for name, found in by_family.items())


def departments(city: City, waiting: dict[str, int]) -> list[tuple[Choice, int]]:
    """Give the departments with how many drafts wait in each; also those that wait for one the city has not."""
    ids = [*city.departments, *sorted(set(waiting) - set(city.departments))]
    return sorted((Choice(each, department_name(each, city)), waiting.get(each, 0)) for each in ids)


def surge_lines(surges: tuple[SurgeRow, ...], city: City) -> list[str]:
    """Give a sentence for each surge."""
    return [
        f"{category_name(surge.service_code, city)}: {surge.count} reports "
        f"in {span(timedelta(seconds=surge.window_s))} {_where(surge.area, city)}, "
        f"{surge.ratio:.0f} times as many as usual"
        for surge in surges
    ]


def _where(cell: str, city: City) -> str:
    """Give the town's own name for the middle of an H3 cell, or its degrees."""
    if not h3.is_valid_cell(cell):
        return f"in {cell}"
    latitude, longitude = h3.cell_to_latlng(cell)
    names = [
        area.name or area.area_id
        for layer in city.layers
        if not layer.limits
        for area in layer.areas
        if area.geometry.covers(Point(longitude, latitude))
    ]
    return f"around {names[0]}" if names else f"around {latitude:.3f}, {longitude:.3f}"


def _details(draft: DraftHeld, city: City) -> tuple[Said, ...]:
    """Give what was answered to the category's questions, each under its prompt."""
    picked, found = (city.categories.get(said.service_code) for said in (draft.report, draft.classification))
    asked = [question for category in (found, picked) if category for question in category.questions]
    prompts = {question.code: question.prompt for question in asked}
    given = [Said(prompts.get(code, code), ", ".join(values)) for code, values in draft.report.attributes.items()]
    if picked is not None and picked.service_code != draft.classification.service_code:
        given.insert(0, Said("The citizen picked", picked.name))
    return tuple(given)


def _position(place: Place | None) -> str:
    if place is None:
        return ""
    known = f"{place.latitude:.5f}, {place.longitude:.5f}"
    return f"{known} (to {place.radius_m:.0f} m)" if place.radius_m >= 1 else known
