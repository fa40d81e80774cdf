"""The ranking of who is responsible: what it learns, that it is served as it was learnt, and how route goes by it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from routes_past import STREETS, make_town, past, write

from services.city.load import examine, load
from services.cli.learning import boost, fit
from services.cli.learning.past import Asked as Columns
from services.cli.learning.past import Assignment, read_past
from services.cli.learning.ranking import train
from services.decide.core import HOLDS_AUTOMATIC, Decider
from services.events import Case, DraftHeld, RequestClassified, RequestPrioritized, RequestRouted
from services.parts import Boundary, Classification, Matching, Place, Priority, Report, Routing, Safety
from services.responsible.advice import advised
from services.responsible.asked import Asked, hashed, keys_of, kinds_of, linear_row, street_of, words
from services.responsible.card import ModelError
from services.responsible.evidence import Linear, Neighbours, Roles, Row
from services.responsible.mentions import Mentions
from services.responsible.ranker import Ranker
from services.responsible.trees import AT_ONCE
from services.route.adapters import DatedAtlas
from services.route.core import Router

NOON = datetime(2025, 1, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A town that routes by a ranking of a past of 900 requests, to the offices of that past."""
    directory = make_town(tmp_path_factory.mktemp("ranking") / "town")
    city = load(directory)
    columns = Columns(
        responsible="office", text=("words",), category="kind", latitude="lat", longitude="lon", address="where",
        created="opened",
    )  # fmt: skip
    found = read_past(write(directory.parent / "past.csv", past(900)), columns, city)
    train(found, city, source="past.csv", out=directory / "routes", target=0.9)
    offices = yaml.safe_load((directory / "departments.yaml").read_text(encoding="utf-8"))
    for code, name in found.names.items():
        if code != "school-office":
            offices["departments"][code] = {"name": name, "system": "desk"}
    (directory / "departments.yaml").write_text(yaml.safe_dump(offices | {"ranking": True}), encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def ranker(town: Path) -> Ranker:
    return Ranker.load(town / "routes")


def asked(text: str, code: str, longitude: float, street: str = "Mill Lane") -> Asked:
    return Asked(
        text=text,
        service_code=code,
        address=f"{street} 3",
        latitude=50.0,
        longitude=longitude,
        areas=(("districts", "west" if longitude < 10.0 else "east"),),
    )


def test_category_place_street_and_words_each_decide_where_they_should(ranker: Ranker) -> None:
    cases = [
        (asked("lamp is dark", "lamp", 9.99), "electric-board"),
        (asked("deep hole", "pothole", 9.98), "west-district"),
        (asked("deep hole", "pothole", 10.02), "east-district"),
        (asked("deep hole", "pothole", 10.02, "Quay Road"), "harbour-office"),
        (asked("rubbish lies about", "litter", 9.99), "cleaners"),
        (asked("rubbish lies about beside the school gate", "litter", 9.99), "school-office"),
    ]
    ranked = ranker.rank([each for each, _ in cases])
    assert [each.best[0][0] for each in ranked] == [office for _, office in cases]
    assert all(each.sure and each.best[0][1] >= 0.9 for each in ranked)


def test_the_card_says_how_good_it_is_on_later_requests(ranker: Ranker) -> None:
    card = ranker.card
    assert card.judged == 180
    assert card.judged_by == "the newest fifth, from 2024-12-26 on"
    assert card.top1 >= 0.97
    assert card.top3 >= 0.99
    assert card.released_precision is not None
    assert card.released_precision >= 0.95
    assert card.calibration_error <= 0.05
    assert (card.earliest, card.latest) == ("2024-01-01", "2025-03-25")


@given(
    text=st.text(max_size=200),
    code=st.sampled_from(["", "lamp", "pothole", "unheard-of"]),
    address=st.text(max_size=60) | st.sampled_from(STREETS),
    place=st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
)
def test_whatever_is_asked_gets_probabilities_that_fall_and_no_more_than_one_in_all(
    ranker: Ranker, text: str, code: str, address: str, place: tuple[float, float] | None
) -> None:
    latitude, longitude = place or (None, None)
    odd = Asked(text=text, service_code=code, address=address, latitude=latitude, longitude=longitude)
    usual = asked("lamp is dark", "lamp", 9.99)
    first, second = ranker.rank([odd, usual])
    shares = [share for _, share in first.best]
    assert shares == sorted(shares, reverse=True)
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert ranker.rank([usual, odd]) == [second, first], "no report's answer depends on what else is asked"


def lists(size: int) -> fit.Block:
    """Give lists of four candidates of whom the one with the largest product of two numbers is the right one."""
    features = np.round(np.random.default_rng(0).normal(size=(size, 4, 5)), 2).astype(np.float32)
    right = (features[..., 1] * features[..., 2]).argmax(axis=1)
    return fit.Block(candidates=np.tile(np.arange(4), (size, 1)), features=features, answers=right.astype(np.int64))


def test_trees_as_arrays_say_what_scikit_learn_s_own_trees_say(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs_own, grown = vars(boost)["TreeGrower"], []

    class Kept:
        def __init__(self, *words: object, **named: object) -> None:
            self._own = theirs_own(*words, **named)

        def grow(self) -> None:
            self._own.grow()

        def make_predictor(self, thresholds: object) -> object:
            grown.append(self._own.make_predictor(thresholds))
            return grown[-1]

    monkeypatch.setattr(boost, "TreeGrower", Kept)
    block = lists(1_000)
    rows = block.features.reshape(-1, 5)
    ours = boost.trees([block]).score(rows)
    assert len(grown) == boost.ROUNDS
    none = np.zeros((0, 8), dtype=np.uint32)  # no category among the features
    theirs = sum(tree.predict(rows.astype(np.float64), none, np.zeros(5, dtype=np.uint32), 1) for tree in grown)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_trees_learn_which_candidate_of_a_list_is_the_right_one() -> None:
    block = lists(3_000)
    learnt = fit.Block(
        candidates=block.candidates[:2_000], features=block.features[:2_000], answers=block.answers[:2_000]
    )
    said = boost.trees([learnt]).score(block.features[2_000:].reshape(-1, 5)).reshape(-1, 4)
    assert (said.argmax(axis=1) == block.answers[2_000:]).mean() >= 0.85


def test_lists_without_the_right_candidate_teach_nothing() -> None:
    block = lists(50)
    nobody = fit.Block(candidates=block.candidates, features=block.features, answers=np.full(50, 9))
    assert not boost.trees([nobody]).score(block.features.reshape(-1, 5)).any()


def test_past_reports_with_similar_words_count_apart_where_they_share_the_category_or_the_place() -> None:
    near = Neighbours(
        starts=np.array([0, 3]),
        reports=np.array([0, 1, 2]),
        weights=np.ones(3, dtype=np.float16),
        bodies=np.array([0, 1, 2]),
        recent=np.array([1.0, 1.0, 0.5], dtype=np.float32),
        filed=np.array([[7, 7, 8], [70, 71, 80]]),
        kinds=("category", "category, around 9"),
    )
    row = Row(np.array([0]), np.ones(1, dtype=np.float32), np.array([0]), np.ones(1, dtype=np.float32))
    found = near.look([row, row], [{"category": [7], "category, around 9": [71, 72]}, {}], 3)
    np.testing.assert_array_equal(found["alike"], [[1.0, 1.0, 0.5], [1.0, 1.0, 0.5]])
    np.testing.assert_array_equal(found["alike, category"], [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(found["alike, category, around 9"], [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(found["likest"], [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])


def test_bodies_of_one_role_are_told_apart_by_their_areas() -> None:
    linear = Linear(
        vocabulary=np.zeros(0, dtype=np.int64),
        rarity=np.zeros(0, dtype=np.float32),
        weights=np.log(np.array([[0.6, 0.3, 0.1]])).astype(np.float16),
        classes=np.array([0, 1]),
    )
    roles = Roles(linear=linear, of=np.array([0, 0, 1]))  # two of one role, one of its own, and a tenth for the rare
    row = Row(np.array([0]), np.ones(1, dtype=np.float32), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))
    _, likely = roles.look([row, row, row], np.array([[9, 0, 0], [0, 2, 0], [3, 1, 0]], dtype=np.float32))
    np.testing.assert_allclose(likely, [[2 / 3, 0, 1 / 3], [0, 2 / 3, 1 / 3], [1 / 2, 1 / 6, 1 / 3]], atol=2e-3)


def test_bodies_of_one_area_with_the_same_work_have_one_role_and_others_their_own() -> None:
    offices = ["west-parks"] * 9 + ["east-parks"] * 9 + ["power"] * 8
    areas = ["west"] * 9 + ["east"] * 9 + ["west", "east"] * 4
    past = [
        Assignment(
            department=office,
            text="a bench by the pond",
            service_code="lamp" if office == "power" else "grass",
            boundaries=(Boundary(layer="districts", area_id=area),),
        )
        for office, area in zip(offices, areas, strict=True)
    ]
    names = sorted(set(offices))
    roles = fit.evidence(fit.known(past, names, names, ["districts"]), len(past)).roles.of.tolist()
    east, power, west = (roles[names.index(each)] for each in ("east-parks", "power", "west-parks"))
    assert east == west != power
    without = fit.evidence(fit.known(past, names, names, []), len(past)).roles.of.tolist()
    assert without == [0, 1, 2], "where there are no areas, nobody is of one area"


def test_the_linear_model_reads_the_kind_of_street_and_a_title_as_keys() -> None:
    def keys(text: str, address: str) -> set[int]:
        return set(linear_row(Asked(text=text, service_code="lamp", address=address), {})[1])

    road, lane = keys("", "West, Mill Road 3"), keys("", "West, Hill Road 12")
    assert hashed("address", "road") in road & lane
    assert hashed("category, address", "lamp\nroad") in road & lane
    assert len(road & lane) == 2, "neither the number nor the part of the town"
    titled = keys("Streetlight out\nSince Monday", "")
    assert titled == {hashed("title", "street"), hashed("title", "out")}
    assert keys("Streetlight out", "") == set(), "a text of one line has no title"


def test_the_same_past_makes_the_same_model(town: Path, tmp_path: Path) -> None:
    city = load(make_town(tmp_path / "town"))
    columns = Columns(responsible="office", text=("words",), category="kind", created="opened")
    cards = []
    for number in range(2):
        found = read_past(write(tmp_path / "past.csv", past(200)), columns, city)
        cards.append(train(found, city, source="past.csv", out=tmp_path / f"m{number}", target=0.9))
    assert cards[0] == cards[1]
    assert town.is_dir()


def test_a_model_whose_files_are_not_whole_is_refused_and_says_what_to_do(town: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no card\.json; train it again: stormdrain learn-routes"):
        Ranker.load(tmp_path)
    (tmp_path / "card.json").write_bytes((town / "routes" / "card.json").read_bytes())
    with pytest.raises(ModelError, match=r"model\.npz is missing or not the file that card\.json tells of"):
        Ranker.load(tmp_path)
    card = json.loads((tmp_path / "card.json").read_text(encoding="utf-8"))
    (tmp_path / "card.json").write_text(json.dumps(card | {"format": 99}), encoding="utf-8")
    with pytest.raises(ModelError, match="is of format 99, expected 2"):
        Ranker.load(tmp_path)
    (tmp_path / "card.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"card\.json is not a model's card"):
        Ranker.load(tmp_path)


def test_a_row_s_score_is_the_same_however_many_are_asked_at_once() -> None:
    block = lists(400)
    rows = block.features.reshape(-1, 5)
    learnt = boost.trees([block])
    assert len(rows) > AT_ONCE
    one_by_one = np.concatenate([learnt.score(rows[row : row + 1]) for row in range(0, len(rows), 7)])
    np.testing.assert_array_equal(learnt.score(rows)[::7], one_by_one)


def test_nothing_that_people_wrote_lies_in_the_model(town: Path) -> None:
    content = b"".join(path.read_bytes() for path in sorted((town / "routes").iterdir()))
    with np.load(town / "routes" / "model.npz", allow_pickle=False) as arrays:
        assert not any(arrays[name].dtype.kind in "OSU" for name in arrays)
    for word in (b"rubbish", b"Mill Lane", b"burst"):
        assert word not in content


def routed(town: Path, text: str, code: str, place: Place | None) -> RequestRouted:
    city = load(town)
    event = RequestClassified(
        report=Report(
            request_id="r-1", channel="web", received_at=NOON, requested_at=NOON, text=text, place=place,
            address="Mill Lane 3",
        ),
        classification=Classification(
            service_code=code, family="streets", confidence=0.99, threshold=0.5, released=True, safety=Safety()
        ),
    )  # fmt: skip
    (found,) = advised(Router(city, DatedAtlas(city)), city).handle([event])
    assert isinstance(found, RequestRouted)
    return found


def decided(town: Path, event: RequestRouted) -> Case | DraftHeld:
    city = load(town)
    prioritized = RequestPrioritized(
        report=event.report,
        classification=event.classification,
        routing=event.routing,
        matching=Matching(incident_id="r-1"),
        priority=Priority(score=20.0, level="routine", due_at=NOON),
    )
    (found,) = Decider(city).handle([prioritized])
    assert isinstance(found, Case | DraftHeld)
    return found


def test_what_no_rule_takes_goes_to_whoever_is_surely_responsible_and_says_why(town: Path) -> None:
    event = routed(town, "deep hole by the kerb", "pothole", Place(latitude=50.0, longitude=9.98))
    routing = event.routing
    assert (routing.department, routing.rule) == ("west-district", "ranking")
    assert routing.ranking
    assert routing.ranking.sure
    assert routing.ranking.best[0].department == "west-district"
    assert routing.ranking.version == Ranker.load(town / "routes").version
    assert routing.reason.startswith("no rule takes category pothole here, and front-desk takes what is left; by past")
    assert isinstance(decided(town, event), Case)


def test_what_the_ranking_is_unsure_of_goes_to_the_default_department_and_is_held_even_where_all_goes_out(
    town: Path,
) -> None:
    event = routed(town, "zzz", "pothole", None)
    routing = event.routing
    assert (routing.department, routing.rule) == ("front-desk", "default")
    assert routing.ranking
    assert not routing.ranking.sure
    held = decided(town, event)
    assert isinstance(held, DraftHeld)
    assert any(why.startswith("it is not clear whose it is; by past reports: ") for why in held.decision.reasons)
    assert "responsible" in HOLDS_AUTOMATIC


def test_a_body_that_departments_yaml_does_not_have_gets_nothing(town: Path) -> None:
    text = "rubbish lies about beside the school gate"
    routing = routed(town, text, "litter", Place(latitude=50.0, longitude=9.98)).routing
    assert (routing.department, routing.rule) == ("front-desk", "default")
    assert routing.ranking
    assert routing.ranking.best[0].department == "school-office"
    assert not routing.ranking.sure
    assert routing.reason.endswith("and departments.yaml does not have it")


def test_a_report_outside_the_limits_or_that_a_rule_takes_is_not_asked_of_the_ranking(town: Path) -> None:
    outside = routed(town, "deep hole", "pothole", Place(latitude=55.0, longitude=9.98)).routing
    assert (outside.department, outside.ranking) == ("front-desk", None)
    city = load(town)

    class Ruled:
        def handle(self, _batch: object) -> list[RequestRouted]:
            event = routed(town, "deep hole", "pothole", Place(latitude=50.0, longitude=9.98))
            own = Routing(department="cleaners", rule="holes")
            return [RequestRouted(report=event.report, classification=event.classification, routing=own)]

    (found,) = advised(Ruled(), city).handle([])  # type: ignore[arg-type]
    assert isinstance(found, RequestRouted)
    assert found.routing.department == "cleaners"
    assert found.routing.ranking is None


def test_a_town_that_wants_a_ranking_and_has_none_is_at_fault(tmp_path: Path) -> None:
    directory = make_town(tmp_path / "town")
    path = directory / "departments.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "ranking: true\n", encoding="utf-8")
    (fault,) = examine(directory).faults
    assert str(fault).startswith("departments.yaml:")
    assert "ranking: is true, and there is no routes/card.json" in str(fault)


def test_streets_are_found_in_addresses_of_several_kinds() -> None:
    assert street_of("III. kerület, Óbuda,  Hatvany Lajos u. 12") == "hatvany lajos u"
    assert street_of("12 Main St, New Haven") == "main st"
    assert street_of("12B Main St, New Haven, CT") == "main st"
    assert street_of("Felsőhatár utca 2/C") == "felsőhatár utca"
    assert street_of("Town, Quay Road") == "quay road"
    assert street_of("") == ""


def test_words_of_any_script_are_read() -> None:
    assert list(words("Kátyúk az úton")) == ["kátyúk", "^káty", "az", "kátyúk az", "úton", "az úton"]
    assert list(words("道路")) == ["道", "路", "道 路"]
    assert list(words("\x00 \ud800")) == []


def test_names_are_met_by_words_that_begin_like_theirs() -> None:
    found = Mentions(["Budapest Közút", "Vízművek", "Board"]).score(["a kozutnak is irtam", "boarding", "", "board"])
    assert found[0].argmax() == 0
    assert found[1, 2] == found[3, 2] == 1.0
    assert not found[2].any()


def test_every_kind_of_key_is_given_for_a_report_that_has_all() -> None:
    full = asked("", "lamp", 9.99)
    assert keys_of(full, ["districts"]).keys() == set(kinds_of(["districts"]))
    assert keys_of(Asked(), ["districts"]) == {}
