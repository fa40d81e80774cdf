"""The read model is a function of the set of events: order, repeats and batches leave no trace in it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from life_of_requests import NOON, Life, closed, figure, surge
from sqlalchemy import delete, select

from services.events import Event
from services.readmodel.engine import make_tables, open_engine
from services.readmodel.schema import metadata
from services.readmodel.store import Store

TABLES = [table for table in metadata.sorted_tables if table.name != "read_model"]
IDS = ("r-1", "r-2", "r-3")


def events_of(request_id: str, minute: int) -> list[Event]:
    """Everything that can be said of one request, contradictions included."""
    life, other = Life(request_id, minute), "r-1" if request_id != "r-1" else "r-3"
    return [
        life.received(),
        life.classified(),
        life.routed(),
        life.matched(),
        life.matched(2, duplicate_of=other),
        life.prioritized(),
        life.prioritized(2, duplicate_of=other, link=2),
        life.held(),
        life.held(2, duplicate_of=other, link=2),
        life.reviewed("approve", minute=60),
        life.reviewed("reject", minute=61, note="a joke"),
        life.reviewed("unlink", 2, minute=62, duplicate_of=other, link=2),
        life.reviewed("correct", 3, minute=63, service_code="graffiti", same_as=other),
        life.released(),
        life.released(2),
        life.released(3, reviewer="desk-3", service_code="graffiti"),
        life.delivered(),
        life.delivered(2),
        life.delivered(2, system="other-crm"),
        closed(request_id, 60),
        closed(request_id, 60, by="other-crm"),
        closed(request_id, 1, by=""),
    ]


STORM: list[Event] = [
    *(event for minute, request_id in enumerate(IDS) for event in events_of(request_id, minute)),
    surge(0, 3.0, count=9),
    surge(10, 4.0, count=12),
    surge(10, 4.0, count=12, active=False),
    figure("hold_share", 0, 0.5, b="2", a="1"),
    figure("hold_share", 10, 0.25),
]


NUMBERS = range(len(STORM))


def heard_at(number: int) -> datetime:
    return NOON + timedelta(hours=3, minutes=number * 7 % 11)


class Telling:
    """One database, told a story again and again."""

    def __init__(self, url: str) -> None:
        self._store = Store(url)
        self._engine = open_engine(url)
        make_tables(self._engine)

    def tables_after(self, batches: list[list[int]]) -> dict[str, list[dict[str, Any]]]:
        """What all tables hold after these batches of numbers of events of the storm."""
        with self._engine.execution_options(writes=True).begin() as connection:
            for table in TABLES:
                connection.execute(delete(table))
        for batch in batches:
            self._store.apply([(STORM[number], heard_at(number)) for number in batch])
        with self._engine.begin() as connection:
            return {  # each in the order of its keys
                table.name: [
                    dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
                ]
                for table in TABLES
            }

    def close(self) -> None:
        self._store.close()
        self._engine.dispose()


def cut(told: list[int], cuts: list[int]) -> list[list[int]]:
    places = sorted({place % len(told) for place in cuts} - {0})
    return [told[start:end] for start, end in zip([0, *places], [*places, len(told)], strict=True)]


@pytest.fixture
def telling(database: str) -> Iterator[Telling]:
    told = Telling(database)
    yield told
    told.close()


def test_a_storm_ends_in_the_same_tables_however_it_is_told(telling: Telling) -> None:
    told_once = telling.tables_after([list(NUMBERS)])
    assert [len(told_once[name]) for name in ("requests", "drafts", "reviews", "deliveries")] == [3, 3, 12, 6]
    for seed in range(8):
        order = Random(seed)  # noqa: S311 - seeded on purpose
        told = order.sample(NUMBERS, len(NUMBERS)) + order.choices(NUMBERS, k=20)
        order.shuffle(told)
        assert telling.tables_after(cut(told, order.choices(range(1000), k=9))) == told_once, f"seed {seed}"


def test_any_part_of_a_storm_ends_in_the_same_tables_too(telling: Telling) -> None:
    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(st.lists(st.sampled_from(NUMBERS), min_size=2, max_size=12), st.lists(st.integers(0, 12), max_size=4))
    def holds(told: list[int], cuts: list[int]) -> None:
        assert telling.tables_after(cut(told, cuts)) == telling.tables_after([sorted(set(told))])

    holds()


def test_every_single_event_may_be_the_first_that_is_heard_of_a_request(telling: Telling) -> None:
    told_once = telling.tables_after([list(NUMBERS)])
    for first in range(len(events_of("r-1", 0))):
        assert telling.tables_after([[first], list(NUMBERS)]) == told_once, type(STORM[first]).__name__
