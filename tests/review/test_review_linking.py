"""What a person is shown of an incident, and the clicks that link a report, part it, or link it to another."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from review_doubles import CITY, NOON, Town, a_town, draft, prioritized
from review_pages import see

from services.events import DraftHeld, IncidentClosed
from services.parts import Candidate, Extent, LinkEvidence, Matching, Place, Reason, Relation
from services.readmodel.rows import DraftRow
from services.review.desk import Lying
from services.review.linking import Links, evidence_words, links_of, picture

town = a_town
HERE = Place(latitude=44.5, longitude=-63.5)
FULL = LinkEvidence(
    distance_m=34.2,
    elapsed_s=5400,
    text_similarity=0.5,
    same_service_code=True,
    uncertainty_m=12.4,
    same_asset=True,
    same_address=False,
    same_reporter=True,
    reasons=(Reason(what="34 m apart", points=1.25), Reason(what="other words", points=-0.5)),
)


def linked(**more: object) -> DraftHeld:
    held = draft("r-1", duplicate_of="r-0")
    return replace(held, matching=replace(held.matching, **more))


def shown(held: DraftHeld) -> Links:
    row = DraftRow(request_id="r-1", revision=1, state="waiting", held_at=NOON, draft=held)
    return links_of(Lying(draft=row), CITY, NOON)


def test_evidence_is_told_in_words() -> None:
    assert list(evidence_words(FULL)) == [
        "34 m away, where the two places may be off by 12 m",
        "90 min earlier",
        "words 50 % alike",
        "the same category",
        "the same asset of the city's",
        "another address",
        "the same person",
    ]
    against = LinkEvidence(
        distance_m=0.0, elapsed_s=-60, text_similarity=0.0, category_distance=0.4, same_asset=False, same_address=True
    )
    assert list(evidence_words(against)) == [
        "0 m away",
        "1 min later",
        "words 0 % alike",
        "categories 40 % apart",
        "another asset of the city's",
        "the same address",
    ]
    assert "115741 d earlier" in list(evidence_words(replace(against, elapsed_s=1e300)))


@pytest.mark.parametrize(
    ("relation", "words"),
    [
        ("duplicate", "another person's report of the same"),
        ("resend", "sent again by the same person within minutes"),
        ("confirmed", "the citizen says that it is the same"),
        ("merged", "a person of the city says that it is the same"),
    ],
)
def test_a_link_says_first_what_kind_it_is(relation: Relation, words: str) -> None:
    other = shown(linked(relation=relation, evidence=FULL)).other
    assert other is not None
    assert other.evidence[0] == words
    assert [(weight.text, weight.name) for weight in other.weights] == [
        ("+1.2", "34 m apart"),
        ("\N{MINUS SIGN}0.5", "other words"),
    ]


class TestPicture:
    def test_has_north_on_top_and_fits_its_frame(self) -> None:
        drawn = picture(((44.5, -63.5), (44.5, -63.499), (44.501, -63.499)), HERE)
        assert drawn is not None
        corners = [tuple(map(float, corner.split(","))) for corner in drawn.corners.split()]
        assert corners[0] == tuple(map(float, drawn.here or ()))
        assert corners[1][0] > corners[0][0], "east is on the right"
        assert corners[2][1] < corners[1][1], "north is on top"
        assert all(8 <= side <= 92 for corner in corners for side in corner)
        assert drawn.across == "about 111 m across"

    def test_of_one_place_is_none_and_of_two_is_a_line(self) -> None:
        assert picture((), HERE) is None
        assert picture(((44.5, -63.5),), HERE) is None
        line = picture(((44.5, -63.5), (44.5, -63.499)), None)
        assert line is not None
        assert (line.corners, line.here, line.across) == ("8.0,50.0 92.0,50.0", None, "about 79 m across")

    def test_of_an_area_across_the_date_line_is_as_small_as_the_area(self) -> None:
        drawn = picture(((0.0, 179.9995), (0.0, -179.9995)), None)
        assert drawn is not None
        assert drawn.across == "about 111 m across"

    def test_of_corners_that_all_lie_at_one_place_is_a_dot(self) -> None:
        drawn = picture(((44.5, -63.5), (44.5, -63.5)), HERE)
        assert drawn is not None
        assert (drawn.corners, drawn.across) == ("50.0,50.0 50.0,50.0", "about 0 m across")


INCIDENT = Extent(
    reports=12,
    since=NOON - timedelta(days=2),
    until=NOON,
    hull=((44.5, -63.5), (44.5, -63.499), (44.501, -63.499)),
)


@pytest.mark.parametrize("path", ["/", "/drafts/r-1"])
def test_the_card_shows_how_far_an_incident_reaches(town: Town, path: str) -> None:
    town.tell(linked(extent=INCIDENT))
    page = see(town, path)
    expected = "12 reports, from Fri 2 May 2031, 09:00 to Sun 4 May 2031, 09:00 , about 111 m across"
    assert expected in page.words
    assert page.source.count("<polygon points=") == 1
    assert (
        'aria-label="The area of the incident, about 111 m across, north on top; the dot is this report"' in page.source
    )


def test_the_card_says_what_was_closed_and_is_here_again(town: Town) -> None:
    earlier = draft("r-7", text="The old hole")
    again = replace(draft("r-1"), matching=Matching(incident_id="r-1", recurs_of="r-7"))
    town.tell(again)
    assert "Was closed and is here again: r-7" in see(town, "/").words
    town.tell(prioritized(earlier), IncidentClosed(request_id="r-7", closed_at=NOON - timedelta(minutes=2)))
    words = see(town, "/drafts/r-1").words
    assert "Was closed on Sun 4 May 2031, 08:58 and is here again: r-7 “The old hole”" in words
    assert "is here again" in words


def test_the_card_says_why_there_is_no_link(town: Town) -> None:
    alone = Matching(incident_id="r-1", why="<b>another street light</b>")
    town.tell(replace(draft("r-1"), matching=alone))
    assert "Not linked: <b>another street light</b>" in see(town, "/").words


class TestClicks:
    def test_the_suggested_report_is_linked_with_one_click_or_one_key(self, town: Town) -> None:
        town.tell(prioritized(draft("r-0")), linked(relation="duplicate"))
        page = see(town, "/")
        assert "Alike another person's report of the same, 34 m away" in page.words
        button = '<button name="same_as" value="r-0" data-key="s">Same incident: link and release</button>'
        assert button in page.source
        done = see(
            town, "/drafts/r-1?page=2", {"same_as": "r-0", "revision": "1", "service_code": "", "department": ""}
        )
        assert (done.status, done.location) == (303, "/?page=2&done=approve&id=r-1&same_as=r-0")
        (review,) = town.kafka.sent
        assert (review.verdict, review.same_as, review.service_code) == ("approve", "r-0", "")
        assert "Request r-1: approved, same incident as r-0." in see(town, "/?done=approve&id=r-1&same_as=r-0").words
        town.tell(review)
        assert "desk-3 approved Sun 4 May 2031, 09:00 , same incident as r-0" in see(town, "/drafts/r-1").words

    def test_any_report_that_it_was_compared_with_may_be_the_one(self, town: Town) -> None:
        candidates = (Candidate(request_id="r-8", score=0.4, why="310 m away"), Candidate(request_id="r-9", score=0.3))
        town.tell(prioritized(draft("r-8", text="A pit")), linked(candidates=candidates))
        page = see(town, "/drafts/r-1")
        assert "1 other it was compared with" in page.words
        assert "“A pit” 40 %, 310 m away," in page.words
        assert '<button form="f-r-1" name="same_as" value="r-8">Same incident as this one</button>' in page.source
        assert 'value="r-9"' not in page.source
        assert see(town, "/drafts/r-1", {"same_as": "r-8", "revision": "1"}).status == 303

    def test_what_is_sent_is_the_incident_of_the_report_that_was_chosen(self, town: Town) -> None:
        repeat = draft("r-8")
        joined = replace(repeat.matching, incident_id="r-5", duplicate_of="r-5", band="automatic")
        candidates = (Candidate(request_id="r-8", score=0.4),)
        town.tell(prioritized(replace(repeat, matching=joined)), linked(candidates=candidates))
        assert (
            see(town, "/drafts/r-1", {"same_as": "r-8", "revision": "1"}).location
            == "/?done=approve&id=r-1&same_as=r-8"
        )
        assert [review.same_as for review in town.kafka.sent] == ["r-5"]

    def test_who_has_chosen_another_category_beside_it_means_both(self, town: Town) -> None:
        town.tell(prioritized(draft("r-0")), linked())
        form = {"same_as": "r-0", "revision": "1", "service_code": "graffiti", "department": ""}
        assert see(town, "/drafts/r-1", form).status == 303
        (review,) = town.kafka.sent
        assert (review.verdict, review.same_as, review.service_code) == ("correct", "r-0", "graffiti")

    def test_a_report_that_is_not_here_yet_cannot_be_the_one(self, town: Town) -> None:
        town.tell(linked())
        page = see(town, "/drafts/r-1", {"same_as": "r-0", "revision": "1"})
        assert (page.status, town.kafka.sent) == (422, [])
        assert "There is no request 'r-0': give the id of one that has arrived, as the desk shows it." in page.words

    def test_who_may_not_decide_may_not_link_either(self, town: Town) -> None:
        candidates = (Candidate(request_id="r-8", score=0.4),)
        parks = linked(candidates=candidates)
        town.tell(prioritized(draft("r-8")), replace(parks, routing=replace(parks.routing, department="parks")))
        assert 'name="same_as"' not in see(town, "/").source
