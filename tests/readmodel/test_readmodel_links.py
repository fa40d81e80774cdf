"""What is known of a request's link, as `match` and persons say it."""

import pytest
from life_of_requests import NOON, Life, Tell
from msgspec.structs import replace

from services.parts import Extent
from services.readmodel.queries import ReadModel


def test_an_undone_link_is_undone_whatever_comes_of_the_revision_that_was_reviewed(
    model: ReadModel, tell: Tell
) -> None:
    life = Life("r-2", 1)
    tell(life.held(1, duplicate_of="r-1"))
    linked = model.request("r-2")
    tell(life.reviewed("unlink", 1, duplicate_of="r-1"), life.prioritized(2, duplicate_of="r-1"))
    undone = model.request("r-2")
    assert linked is not None
    assert undone is not None
    assert (linked.incident_id, linked.duplicate_of, linked.band) == ("r-1", "r-1", "automatic")
    assert (undone.incident_id, undone.duplicate_of, undone.band) == ("r-2", "", "none")
    tell(life.matched(2, duplicate_of="r-0"))
    later = model.request("r-2")
    assert later is not None
    assert (later.incident_id, later.duplicate_of) == ("r-0", "r-0"), "match has read the review, and knows of another"


def test_a_merged_request_belongs_to_the_incident_that_a_person_named_until_match_says_it_anew(
    model: ReadModel, tell: Tell
) -> None:
    life = Life("r-2", 1)
    review = life.reviewed("approve", same_as="r-0", duplicate_of="r-1")
    tell(review, life.held(1, duplicate_of="r-1"))
    merged, said = model.request("r-2"), model.review(review.review_id)
    assert merged is not None
    assert said is not None
    assert (merged.incident_id, merged.duplicate_of, merged.band, merged.relation) == (
        "r-0",
        "r-0",
        "automatic",
        "merged",
    )
    assert said.same_as == "r-0"
    tell(life.matched(2, duplicate_of="r-9"))
    later = model.request("r-2")
    assert later is not None
    assert later.incident_id == "r-9"


@pytest.mark.parametrize("named", ["r-0", "r-1"])
def test_a_link_that_a_person_confirms_stays_in_its_incident_with_the_report_that_it_repeats(
    model: ReadModel, tell: Tell, named: str
) -> None:
    review = Life("r-2", 1).reviewed("approve", same_as=named, duplicate_of="r-1")
    draft = review.draft
    tell(replace(review, draft=replace(draft, matching=replace(draft.matching, incident_id="r-0"))))
    found = model.request("r-2")
    assert found is not None
    assert (found.incident_id, found.duplicate_of, found.relation) == ("r-0", "r-1", "merged")


def test_a_link_tells_what_it_means_what_came_back_and_how_far_the_incident_reaches(
    model: ReadModel, tell: Tell
) -> None:
    matched = Life("r-2", 1).matched(1, duplicate_of="r-1")
    hull = ((47.5, -122.25), (47.5, -122.26))
    extent = Extent(reports=2, since=NOON, until=NOON, hull=hull)
    tell(replace(matched, matching=replace(matched.matching, relation="resend", recurs_of="r-0", extent=extent)))
    found = model.request("r-2")
    assert found is not None
    assert (found.relation, found.recurs_of, found.hull) == ("resend", "r-0", hull)
