"""What is known of requests, drafts, incidents, surges and figures once events were applied; on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random

import pytest
from life_of_requests import NOON, Life, Tell, figure, heard, surge, whole_life
from msgspec.structs import replace
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from services.events import ContactReceived, Event
from services.parts import Classification
from services.readmodel.engine import make_tables, open_engine
from services.readmodel.faults import ReadModelError
from services.readmodel.queries import ReadModel
from services.readmodel.rows import Counts, DraftFilter, RequestFilter, RequestRow, SurgeRow
from services.readmodel.schema import SCHEMA_VERSION, about
from services.readmodel.store import Store


def test_a_reader_may_come_before_any_writer(model: ReadModel) -> None:
    assert model.requests() == []
    assert model.request("r-1") is None
    assert model.drafts() == []
    assert model.draft("r-1") is None
    assert model.counts() == Counts(requests={}, waiting={})


def test_a_delivered_request_is_shown_with_all_that_is_known_of_it(model: ReadModel, tell: Tell) -> None:
    tell(*whole_life("r-1"))
    assert model.request("r-1") == RequestRow(
        request_id="r-1",
        status="open",
        stage="delivered",
        service_code="pothole",
        requested_at=NOON,
        received_at=NOON + timedelta(seconds=5),
        updated_at=NOON + timedelta(hours=2),
        channel="web",
        family="roads",
        confidence=0.75,
        department="public-works",
        text="A hole by the ferry steps, number 0",
        address="1 Ferry Steps",
        latitude=47.5,
        longitude=-122.25,
        radius_m=0.0,
        media_urls=("https://pictures.example/1.jpg",),
        source_id="src-0",
        jurisdiction_id="port.example",
        incident_id="r-1",
        score=21.0,
        level="routine",
        due_at=NOON + timedelta(hours=47),
        revision=1,
        system="works-crm",
        external_id="works-crm-r-1",
        delivered_at=NOON + timedelta(minutes=71),
    )


def test_until_it_is_classified_a_request_has_the_category_that_the_citizen_picked(
    model: ReadModel, tell: Tell
) -> None:
    life = Life("r-1")
    tell(life.received())
    before = model.request("r-1")
    tell(life.classified())
    after = model.request("r-1")
    assert before is not None
    assert after is not None
    assert (before.stage, before.service_code, before.department) == ("received", "other", "")
    assert (after.stage, after.service_code, after.department) == ("classified", "pothole", "")


def test_a_request_whose_delivery_alone_was_heard_of_is_not_shown_yet(model: ReadModel, tell: Tell) -> None:
    life = Life("r-1")
    tell(life.delivered())
    assert model.request("r-1") is None
    tell(life.received())
    found = model.request("r-1")
    assert found is not None
    assert (found.stage, found.external_id) == ("delivered", "works-crm-r-1")


def test_a_rejected_request_is_closed(model: ReadModel, tell: Tell) -> None:
    life = Life("r-1")
    tell(life.held(), life.reviewed("reject", note="a joke"))
    found = model.request("r-1")
    assert found is not None
    assert (found.status, found.stage) == ("closed", "rejected")


def test_what_a_person_corrected_is_not_uncorrected_by_a_later_revision(model: ReadModel, tell: Tell) -> None:
    life = Life("r-1")
    tell(life.released(1, reviewer="desk-3", service_code="graffiti"))
    tell(life.prioritized(2))
    found = model.request("r-1")
    assert found is not None
    assert (found.service_code, found.revision, found.level) == ("graffiti", 2, "elevated")


def test_a_nul_in_a_text_is_left_out_since_postgresql_has_none(model: ReadModel, tell: Tell) -> None:
    life = Life("r-1")
    life.report = replace(life.report, text="a\0b", address="c\0")
    tell(life.held())
    found, draft = model.request("r-1"), model.draft("r-1")
    assert found is not None
    assert draft is not None
    assert (found.text, found.address) == ("ab", "c")
    assert draft.draft.report.text == "a\0b"


class TestRequests:
    @pytest.fixture(autouse=True)
    def three_requests(self, tell: Tell) -> None:
        for number, code in enumerate(("pothole", "graffiti", "pothole"), start=1):
            life = Life(f"r-{number}", minute=number, service_code=code)
            tell(life.classified(), life.held())
        tell(Life("r-2", 2, "graffiti").reviewed("reject", note="a joke"))

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            (RequestFilter(), "321"),
            (RequestFilter(page_size=2), "32"),
            (RequestFilter(page=2, page_size=2), "1"),
            (RequestFilter(ids=("r-3", "r-9", "r-1")), "31"),
            (RequestFilter(service_codes=("graffiti", "tree")), "2"),
            (RequestFilter(statuses=("open",)), "31"),
            (RequestFilter(statuses=("closed",)), "2"),
            (RequestFilter(statuses=("open", "closed")), "321"),
            (RequestFilter(start=NOON + timedelta(minutes=2)), "32"),
            (RequestFilter(end=NOON + timedelta(minutes=2)), "21"),
            (RequestFilter(start=NOON + timedelta(minutes=2), end=NOON + timedelta(minutes=2)), "2"),
            (RequestFilter(updated_after=NOON + timedelta(hours=2)), "321"),
            (RequestFilter(updated_after=NOON + timedelta(hours=3)), ""),
            (RequestFilter(updated_before=NOON + timedelta(hours=1)), ""),
            (RequestFilter(service_codes=("pothole",), statuses=("closed",)), ""),
        ],
    )
    def test_are_found_by_every_condition_newest_first(
        self, model: ReadModel, wanted: RequestFilter, found: str
    ) -> None:
        assert [row.request_id for row in model.requests(wanted)] == [f"r-{number}" for number in found]

    def test_are_counted_by_stage_and_waiting_drafts_by_department(self, model: ReadModel) -> None:
        assert model.counts() == Counts(requests={"held": 2, "rejected": 1}, waiting={"public-works": 2})


class TestDrafts:
    def test_wait_the_one_due_first_on_top(self, model: ReadModel, tell: Tell) -> None:
        tell(Life("late", 9).held(), Life("soon", 1).held(), Life("sooner", 1).held(2))
        assert [row.request_id for row in model.drafts()] == ["sooner", "soon", "late"]
        assert [row.request_id for row in model.drafts(DraftFilter(page=2, page_size=2))] == ["late"]
        assert model.count_drafts() == 3

    def test_are_found_by_department_category_and_level(self, model: ReadModel, tell: Tell) -> None:
        tell(Life("a", 1).held(), Life("b", 2, "graffiti").held(2))
        wanted = {
            "a": DraftFilter(service_codes=("pothole",)),
            "b": DraftFilter(levels=("elevated", "urgent")),
            "ab": DraftFilter(departments=("public-works",)),
            "": DraftFilter(departments=("parks",)),
            "a ": DraftFilter(ids=("a", "c")),
            "b ": DraftFilter(without=("a", "c")),
        }
        for expected, conditions in wanted.items():
            assert sorted(row.request_id for row in model.drafts(conditions)) == list(expected.strip())
            assert model.count_drafts(conditions) == len(expected.strip())

    @pytest.mark.parametrize(
        ("verdict", "state"),
        [("approve", "approved"), ("correct", "corrected"), ("reject", "rejected"), ("unlink", "unlinked")],
    )
    def test_wait_no_longer_once_a_person_decided(
        self,
        model: ReadModel,
        tell: Tell,
        verdict: str,
        state: str,
    ) -> None:
        life = Life("r-1")
        review = life.reviewed(verdict, note="seen")  # type: ignore[arg-type]
        tell(life.held(), review)
        row = model.draft("r-1")
        assert row is not None
        assert (row.state, row.is_open, row.draft) == (state, False, life.held())
        assert [(said.verdict, said.reviewer, said.note) for said in row.reviews] == [(verdict, "desk-3", "seen")]
        assert model.drafts() == []
        assert [row.request_id for row in model.drafts(DraftFilter(states=(row.state,)))] == ["r-1"]

    def test_of_a_decided_request_wait_again_as_an_update(self, model: ReadModel, tell: Tell) -> None:
        life = Life("r-1")
        tell(life.held(), life.reviewed("approve"), life.held(2))
        assert [(row.state, row.revision) for row in model.drafts()] == [("update", 2)]

    def test_of_a_released_request_wait_as_an_update(self, model: ReadModel, tell: Tell) -> None:
        life = Life("r-1")
        tell(life.released(1), life.held(2))
        assert [row.state for row in model.drafts()] == ["update"]

    def test_that_policy_overtook_wait_no_longer(self, model: ReadModel, tell: Tell) -> None:
        life = Life("r-1")
        tell(life.held())
        tell(life.released(2))
        row = model.draft("r-1")
        assert row is not None
        assert row.state == "released"

    def test_that_two_persons_decided_are_as_the_earlier_one_said(self, model: ReadModel, tell: Tell) -> None:
        life = Life("r-1")
        tell(life.reviewed("reject", minute=62, note="a joke"))
        tell(life.reviewed("approve", minute=61))
        row = model.draft("r-1")
        assert row is not None
        assert row.state == "approved"
        assert [said.verdict for said in row.reviews] == ["approve", "reject"]

    def test_have_reviews_that_can_be_asked_for_by_id(self, model: ReadModel, tell: Tell) -> None:
        review = Life("r-1").reviewed("correct", service_code="graffiti", department="parks")
        tell(review)
        found = model.review(review.review_id)
        assert found is not None
        assert (found.request_id, found.revision, found.service_code, found.department) == (
            "r-1",
            1,
            "graffiti",
            "parks",
        )
        assert model.review("another") is None


def test_an_incident_is_counted_from_its_requests(model: ReadModel, tell: Tell) -> None:
    tell(Life("r-1", 1).matched(), Life("r-2", 2).matched(1, duplicate_of="r-1"), Life("r-3", 3).matched())
    assert model.incident_sizes(["r-1", "r-3", "r-9"]) == {"r-1": 2, "r-3": 1}
    assert [row.request_id for row in model.incident("r-1")] == ["r-1", "r-2"]
    assert [row.request_id for row in model.incident("r-1", at_most=1)] == ["r-1"]


def test_only_surges_that_are_on_are_given_strongest_first(model: ReadModel, tell: Tell) -> None:
    tell(surge(0, 3.0, service_code="tree"), surge(10, 4.0), surge(0, 9.0, active=False))
    tell(surge(10, 5.0, service_code="flood", active=False), surge(10, 5.0, service_code="flood"))
    assert [(row.service_code, row.ratio) for row in model.surges()] == [("pothole", 4.0), ("tree", 3.0)]
    assert model.surges()[1] == SurgeRow(
        service_code="tree",
        area="862a1072fffffff",
        window_start=NOON,
        window_s=600,
        count=9,
        baseline=3.0,
        ratio=3.0,
        active=True,
    )


def test_a_window_measured_again_has_its_last_figure(model: ReadModel, tell: Tell) -> None:
    tell(*(figure("held", minute, value, b="2", a="1") for minute, value in ((0, 1.0), (10, 2.0), (10, 2.5))))
    tell(*(figure("held", 20, value, b="2", a="1") for value in (3.0, 3.5)))
    assert [row.value for row in model.kpis("held", NOON + timedelta(minutes=10))] == [2.5, 3.5]
    assert model.kpis("held", NOON)[0].labels == {"a": "1", "b": "2"}
    assert model.kpis("another", NOON) == []


def test_two_writers_at_once_end_in_what_one_would_have_written(database: str, model: ReadModel) -> None:
    events = [event for number in range(20) for event in whole_life(f"r-{number}", number)]
    order = Random(311)  # noqa: S311 - seeded on purpose
    told = order.sample(events, len(events))
    halves = [[told[half : half + len(told) : 2][start : start + 9] for start in range(0, 90, 9)] for half in (0, 1)]

    def write(batches: list[list[Event]]) -> None:
        store = Store(database)
        for batch in batches:
            store.apply(heard(*batch))
        store.close()

    with ThreadPoolExecutor(2) as both:
        list(both.map(write, halves))
    assert model.counts() == Counts(requests={"delivered": 20}, waiting={})
    assert [row.state for row in model.drafts(DraftFilter(states=("approved",)))] == ["approved"] * 20


def test_an_event_that_the_read_model_knows_nothing_of_is_a_mistake_of_the_program(store: Store) -> None:
    with pytest.raises(TypeError, match=r"^the read model knows nothing of ContactReceived$"):
        store.apply(heard(ContactReceived(request_id="r-1")))


def test_nothing_of_a_batch_is_kept_when_it_fails(store: Store, model: ReadModel) -> None:
    bad = Life("r-2")
    bad.classification = Classification(service_code=None, family="roads", confidence=0.5)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError):
        store.apply(heard(Life("r-1").received(), bad.held()))
    assert model.requests() == []


def test_tables_of_another_version_are_not_touched(database: str, model: ReadModel, store: Store) -> None:
    engine = open_engine(database)
    make_tables(engine)
    make_tables(engine)
    with engine.execution_options(writes=True).begin() as connection:
        connection.execute(update(about).values(version=0))
    shown = engine.url.render_as_string()
    engine.dispose()
    expected = (
        f"the read model at {shown} has tables of version 0, this program needs version {SCHEMA_VERSION}: "
        "it is derived, so drop it and let `index` read the topics from the start"
    )
    for use in (model.requests, lambda: store.apply(heard(Life("r-1").received()))):
        with pytest.raises(ReadModelError) as raised:
            use()
        assert str(raised.value) == expected


def test_tables_are_made_once_also_where_two_make_them_at_once(database: str) -> None:
    def make(_number: int) -> None:
        engine = open_engine(database)
        make_tables(engine)
        engine.dispose()

    with ThreadPoolExecutor(4) as several:
        list(several.map(make, range(4)))
    engine = open_engine(database)
    with pytest.raises(IntegrityError), engine.execution_options(writes=True).begin() as connection:
        connection.execute(insert(about), {"version": SCHEMA_VERSION})
    engine.dispose()
