"""Whatever passes the decoder, a worker bears: an exception would end it at the same record again and again."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from any_event import events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.decide.settings import DecideSettings
from services.decide.worker import build as decide
from services.deliver.core import parcel
from services.events import Case, Event, RequestMatched
from services.index.settings import IndexSettings
from services.index.worker import build as index
from services.match.settings import MatchSettings
from services.match.worker import build as match
from services.prioritize.settings import PrioritizeSettings
from services.prioritize.worker import build as prioritize
from services.route.settings import RouteSettings
from services.route.worker import build as route
from services.runtime import wire
from services.runtime.settings import Shared
from services.runtime.worker import Worker
from services.watch.core import Windows
from services.watch.settings import WatchSettings

CITY = Path(__file__).parents[2] / "city"
Build = Callable[[Shared], Worker]
WORKERS: dict[str, Build] = {
    "route": lambda shared: route(RouteSettings(), shared),
    "match": lambda shared: match(MatchSettings(), shared),
    "prioritize": lambda shared: prioritize(PrioritizeSettings(), shared),
    "decide": lambda shared: decide(DecideSettings(), shared),
    "index": lambda shared: index(IndexSettings(), shared),
}

fuzz = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Worker]:
    shared = Shared(stormdrain_city_dir=CITY, stormdrain_state_dir=tmp_path_factory.mktemp("state"))
    return {name: build(shared) for name, build in WORKERS.items()}


def outputs(worker: Worker, batch: Sequence[Event]) -> list[Event]:
    handler: Any = worker.handler
    outcomes = handler.handle(batch) if worker.rebuilds_from is None else handler.handle(0, batch)
    assert len(outcomes) == len(batch)
    found = [each for outcome in outcomes for each in (outcome if isinstance(outcome, (list, tuple)) else [outcome])]
    return [each for each in found if isinstance(each, Event)]


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # circles larger than the world, in shapely
@pytest.mark.parametrize("name", WORKERS)
@given(data=st.data())
@fuzz
def test_a_worker_bears_every_event_that_it_can_read_and_writes_what_others_can(
    built: dict[str, Worker], name: str, data: st.DataObject
) -> None:
    worker = built[name]
    kind = data.draw(st.sampled_from(worker.reads))
    batch = data.draw(st.lists(events(kind), min_size=1, max_size=3))
    for event in outputs(worker, batch):
        assert msgspec.json.decode(wire.encode(event), type=type(event)).id == event.id
        event.key.encode()
        if worker.rebuilds_from is type(event):
            worker.handler.fold(0, event)  # type: ignore[union-attr]


@given(event=events(Case))
@fuzz
def test_every_case_can_be_sent_to_a_department(event: Case) -> None:
    assert msgspec.json.decode(msgspec.json.encode(parcel(event, system="crm", tenant="t").case))


@given(batch=st.lists(events(RequestMatched), min_size=1, max_size=5))
@fuzz
def test_the_windows_bear_every_report(batch: list[RequestMatched]) -> None:
    windows = Windows(WatchSettings().rules)
    for event in batch:
        windows.observe(event, event.report.received_at + timedelta(seconds=1))
    windows.settle()
