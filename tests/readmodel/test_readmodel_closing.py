"""A department says that the work is done, and the incident's requests are closed, whatever comes first."""

from datetime import datetime, timedelta
from itertools import permutations

import msgspec
import pytest
from life_of_requests import NOON, Life, Tell, closed, heard

from services.events import IncidentClosed
from services.readmodel.queries import ReadModel
from services.readmodel.rows import Counts, RequestFilter
from services.readmodel.store import Store

FIRST, SECOND, LATER = Life("r-1", 1), Life("r-2", 2), Life("r-3", 30)


def statuses(model: ReadModel) -> dict[str, str]:
    return {row.request_id: row.status for row in model.requests()}


@pytest.mark.parametrize("named", ["r-1", "r-2"])
def test_all_requests_of_the_incident_that_were_made_until_then_are_closed(
    model: ReadModel, tell: Tell, named: str
) -> None:
    tell(
        FIRST.matched(), SECOND.matched(duplicate_of="r-1"), LATER.matched(duplicate_of="r-1"), Life("r-4", 4).matched()
    )
    tell(closed(named))
    assert statuses(model) == {"r-1": "closed", "r-2": "closed", "r-3": "open", "r-4": "open"}
    for status, found in (("closed", ["r-2", "r-1"]), ("open", ["r-3", "r-4"])):
        wanted = RequestFilter(statuses=(status,))  # type: ignore[arg-type]
        assert [row.request_id for row in model.requests(wanted)] == found
    assert [row.closed_at for row in model.incident("r-1")] == [NOON + timedelta(minutes=10)] * 2 + [None]


def test_it_does_not_matter_what_is_heard_first(model: ReadModel, store: Store) -> None:
    said = [FIRST.matched(), SECOND.matched(), SECOND.matched(2, duplicate_of="r-1"), closed()]
    for number, order in enumerate(permutations(said)):
        suffix = f"-{number}"
        for event in order:
            text = (
                msgspec.json.encode(event)
                .decode()
                .replace('"r-1"', f'"r-1{suffix}"')
                .replace('"r-2"', f'"r-2{suffix}"')
            )
            store.apply(heard(msgspec.json.decode(text, type=type(event))))
        assert {row.status for row in model.requests(RequestFilter(ids=(f"r-1{suffix}", f"r-2{suffix}")))} == {"closed"}


def test_a_closing_of_a_request_that_never_came_shows_nothing_and_counts_nothing(model: ReadModel, tell: Tell) -> None:
    tell(closed("r-9"), FIRST.received())
    assert statuses(model) == {"r-1": "open"}
    assert model.counts() == Counts(requests={"received": 1}, waiting={})


def test_a_request_that_nobody_has_linked_yet_is_closed_where_it_was_named(model: ReadModel, tell: Tell) -> None:
    tell(FIRST.received(), SECOND.received(), closed())
    assert statuses(model) == {"r-1": "closed", "r-2": "open"}
    assert [row.request_id for row in model.requests(RequestFilter(statuses=("open",)))] == ["r-2"]


def test_a_request_that_moves_to_another_incident_takes_its_closing_along(model: ReadModel, tell: Tell) -> None:
    tell(FIRST.matched(), SECOND.matched(duplicate_of="r-1"), closed("r-2"))
    assert statuses(model) == {"r-1": "closed", "r-2": "closed"}
    tell(SECOND.matched(2))
    assert statuses(model) == {"r-1": "open", "r-2": "closed"}


def test_of_several_closings_of_one_request_the_latest_counts_and_the_first_after_a_request_closed_it(
    model: ReadModel, tell: Tell
) -> None:
    tell(closed(minute=40), closed(minute=10))
    tell(FIRST.matched(), SECOND.matched(duplicate_of="r-1"), LATER.matched(duplicate_of="r-1"), closed("r-2", 20))
    assert [row.closed_at for row in model.incident("r-1")] == [
        NOON + timedelta(minutes=minute) for minute in (20, 20, 40)
    ]


def test_who_asks_what_changed_hears_of_every_request_that_was_closed(model: ReadModel, store: Store) -> None:
    def at(minute: int) -> datetime:
        return NOON + timedelta(minutes=minute)

    store.apply([(FIRST.matched(), at(1)), (SECOND.matched(duplicate_of="r-1"), at(2)), (LATER.matched(), at(30))])
    store.apply([(closed(), at(60))])
    assert {row.request_id: row.updated_at for row in model.requests()} == {
        "r-1": at(60),
        "r-2": at(60),
        "r-3": at(30),
    }
    for wanted, found in (
        (RequestFilter(updated_after=at(60)), ["r-2", "r-1"]),
        (RequestFilter(updated_after=at(61)), []),
        (RequestFilter(updated_before=at(59)), ["r-3"]),
        (RequestFilter(updated_before=at(60)), ["r-3", "r-2", "r-1"]),
    ):
        assert [row.request_id for row in model.requests(wanted)] == found


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1899-12-31T00:00:00Z"])
def test_a_time_that_nobody_can_reckon_with_is_no_closing(moment: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="expected 1900 to 2999"):
        msgspec.json.decode(f'{{"request_id": "r-1", "closed_at": "{moment}"}}', type=IncidentClosed)


@pytest.mark.parametrize("moment", ["1900-01-01T00:00:00+14:00", "2999-12-31T23:59:59-14:00"])
def test_every_other_time_can_be_kept(model: ReadModel, tell: Tell, moment: str) -> None:
    tell(msgspec.json.decode(f'{{"request_id": "r-1", "closed_at": "{moment}"}}', type=IncidentClosed))
    tell(FIRST.matched())
    assert statuses(model) == {"r-1": "closed" if moment.startswith("2") else "open"}
