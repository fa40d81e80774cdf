import random
import zlib
from collections import defaultdict
from collections.abc import Sequence, Sized
from datetime import timedelta
from typing import cast

from all_pairs import AllPairs, Stand, Words, stand_of
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from match_reports import BANDS, FAMILIES, HOUR, SCORER, START, close, matcher, merge, routed, unlink
from msgspec.structs import replace

from services.events import Event, IncidentClosed, RequestMatched, RequestRouted
from services.incidents.seen import Reach
from services.match.adapters import Matcher

STEP = 21 / 111_195
REACHES = {
    "roads": Reach(50.0, 72 * HOUR),
    "light": Reach(60.0, 48 * HOUR, 400.0),
    "water": Reach(150.0, 12 * HOUR, 151.0),
    "power": Reach(25.0, 24 * HOUR, 270.0, 10.0),
    "general": Reach(0.0, HOUR),
}
TOWNS = [f"town-{number}" for number in range(4)]
IDS = [f"r-{number:02d}" for number in range(40)]

places = st.one_of(
    st.builds(lambda x, y: (50.0 + x * STEP, 10.0 + y * STEP), st.integers(0, 14), st.integers(0, 1)),
    st.builds(lambda x, y: (x * STEP, (180.0 - y * STEP + 180) % 360 - 180), st.integers(0, 2), st.integers(-2, 2)),
    st.sampled_from([None, (90.0, 0.0), (89.9998, 0.0), (89.9998, 180.0)]),
)
reports = st.builds(
    routed,
    request_id=st.sampled_from(IDS),
    hours=st.one_of(st.integers(0, 30).map(float), st.integers(0, 180).map(lambda minutes: 10 + minutes / 20)),
    at=places,
    text=st.sampled_from(["a deep hole", "a deep hole", "a deep hole!", "deep hole in the road", "tree down", ""]),
    radius=st.sampled_from([0.0, 0.0, 10.0, 30.0, 150.0]),
    method=st.sampled_from(["gps", "gps", "gps", "gps", "zip"]),
    family=st.sampled_from(["roads", "roads", "roads", "light", "light", "water", "power", "general", "fair"]),
    code=st.sampled_from([None, None, None, "sinkhole", "flicker"]),
    also=st.lists(
        st.tuples(st.sampled_from([*sorted(FAMILIES), "unheard of"]), st.sampled_from([0.099, 0.1, 0.4])), max_size=2
    ).map(tuple),
    town=st.sampled_from(["", *TOWNS]),
    intent=st.sampled_from(["report", "report", "report", "report", "spam"]),
    received=st.sampled_from([None, None, None, 20.0, 31.0, 32.0]),
    reporter=st.sampled_from(["", "", "", "somebody"]),
    same_as=st.sampled_from([*[""] * 30, *IDS]),
)


@st.composite
def outages(draw: st.DrawFn) -> list[RequestRouted]:
    """Give reports of one evening in one street: many of one thing, and what else may be told of there."""
    ids = draw(st.lists(st.sampled_from(IDS), min_size=4, max_size=9, unique=True))
    east, begins, town = draw(st.integers(0, 11)), draw(st.integers(0, 20)), draw(st.sampled_from(["", "", TOWNS[0]]))
    return [
        routed(
            request_id,
            hours=11 + (begins + draw(st.integers(0, 30))) / 20,
            at=(50.0 + (east + draw(st.integers(0, 3))) * STEP, 10.0 + draw(st.integers(0, 1)) * STEP),
            text=draw(st.sampled_from(["no power", "dark", "all lights went out", ""])),
            method=draw(st.sampled_from(["gps", "gps", "gps", "gps", "gps", "gps", "gps", "zip"])),
            family="power",
            code=draw(st.sampled_from([None, None, None, None, None, None, None, "flicker"])),
            also=draw(st.sampled_from([(), (), (("lamp", 0.4),)])),
            town=town,
            reporter=draw(st.sampled_from(["", "", "", "somebody"])),
            same_as=draw(st.sampled_from([*[""] * 200, *IDS])),
        )
        for request_id in ids
    ]


class Town(RuleBasedStateMachine):
    """Reports, repeats, aborted batches, crashes, moved partitions and people's words, in any order.

    In the end the links are those of a comparison of all pairs, with all that people said known from the beginning.
    """

    @initialize(partitions=st.integers(1, 8))
    def begin(self, partitions: int) -> None:
        self.partitions = partitions
        self.events: dict[str, RequestRouted] = {}
        self.waiting: list[RequestRouted] = []
        self.log: dict[int, list[RequestMatched]] = defaultdict(list)
        self.words: list[Event] = []
        self.worker = self.fresh()

    def fresh(self) -> Matcher:
        return matcher(REACHES, per_cell=10**6)

    def partition(self, event: RequestRouted) -> int:
        return zlib.crc32(event.key.encode()) % self.partitions

    def latest(self) -> dict[str, RequestMatched]:
        return {event.report.request_id: event for log in self.log.values() for event in log}

    def commit(self, partition: int, events: Sequence[Event]) -> None:
        for event in cast("Sequence[RequestMatched]", events):
            self.worker.fold(partition, event)
            self.log[partition].append(event)

    @rule(new=st.lists(reports, min_size=1, max_size=6))
    def come(self, new: list[RequestRouted]) -> None:
        for event in new:
            self.waiting.append(self.events.setdefault(event.report.request_id, event))

    @rule(new=outages())
    def go_out(self, new: list[RequestRouted]) -> None:
        self.come(new)

    @precondition(lambda self: self.events)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.waiting.append(self.events[data.draw(st.sampled_from(sorted(self.events)))])

    @precondition(lambda self: self.events)
    @rule(data=st.data(), request_id=st.sampled_from(IDS), minutes=st.integers(0, 12))
    def send_again(self, data: st.DataObject, request_id: str, minutes: int) -> None:
        event = self.events[data.draw(st.sampled_from(sorted(self.events)))]
        made, came = (
            each + timedelta(minutes=minutes) for each in (event.report.requested_at, event.report.received_at)
        )
        report = replace(event.report, request_id=request_id, requested_at=made, received_at=came)
        self.waiting.append(self.events.setdefault(request_id, replace(event, report=report)))

    @precondition(lambda self: self.waiting)
    @rule(size=st.integers(1, 8), luck=st.randoms(use_true_random=False), abort=st.sampled_from([False, False, True]))
    def handle(self, size: int, luck: random.Random, abort: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        luck.shuffle(self.waiting)
        chosen, rest = self.waiting[:size], self.waiting[size:]
        batches: dict[int, list[RequestRouted]] = defaultdict(list)
        for event in chosen:
            batches[self.partition(event)].append(event)
        for partition, batch in batches.items():
            outcomes = self.worker.handle(partition, batch)
            assert len(outcomes) == len(batch)
            if not abort:
                self.commit(partition, [event for said in outcomes for event in said])
        if not abort:
            self.waiting = rest

    @rule(luck=st.randoms(use_true_random=False))
    def crash(self, luck: random.Random) -> None:
        self.worker = self.fresh()
        luck.shuffle(self.words)
        for word in self.words:
            self.worker.learn(word)
        for partition, log in self.log.items():
            for event in log:
                self.worker.fold(partition, event)

    @rule(partition=st.integers(0, 7))
    def move(self, partition: int) -> None:
        self.worker.forget(partition)
        assert all(each[0] != partition for each in self.worker._memories)
        for event in self.log[partition]:
            self.worker.fold(partition, event)

    @rule(at_most=st.integers(1, 3), times=st.integers(1, 2), abort=st.sampled_from([False, False, True]))
    def reconsider(self, at_most: int, times: int, abort: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        for partition in range(self.partitions):
            for _ in range(times):
                events = self.worker.reconsider(partition, at_most)
                assert len(events) <= at_most
                if not abort:
                    self.commit(partition, events)

    def say(self, word: Event) -> None:
        self.words.append(word)
        self.worker.learn(word)

    @precondition(lambda self: any(event.matching.duplicate_of for event in self.latest().values()))
    @rule(data=st.data())
    def unlink(self, data: st.DataObject) -> None:
        linked = {key: event for key, event in self.latest().items() if event.matching.duplicate_of}
        self.say(unlink(linked[data.draw(st.sampled_from(sorted(linked)))], len(self.words)))

    @precondition(lambda self: any(self.log.values()))
    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        latest = self.latest()
        other = data.draw(st.sampled_from([*sorted(latest), *sorted(self.events), "r-never", *IDS[:3]]))
        self.say(merge(latest[data.draw(st.sampled_from(sorted(latest)))], other, len(self.words)))

    @rule(
        request_id=st.sampled_from(IDS),
        hours=st.one_of(st.integers(0, 40), st.integers(0, 120).map(lambda number: 10.01 + number / 20)),
    )
    def close(self, request_id: str, hours: float) -> None:
        if not any(isinstance(word, IncidentClosed) and word.request_id == request_id for word in self.words):
            self.say(close(request_id, float(hours)))

    @precondition(lambda self: self.events)
    @rule(data=st.data(), minutes=st.integers(0, 12))
    def close_soon(self, data: st.DataObject, minutes: int) -> None:
        report = self.events[data.draw(st.sampled_from(sorted(self.events)))].report
        self.close(report.request_id, (report.requested_at - START).total_seconds() / HOUR + minutes / 60 + 0.01)

    def teardown(self) -> None:
        if not hasattr(self, "worker"):
            return
        while self.waiting:
            self.handle(8, random.Random(1), abort=False)  # noqa: S311 - no secret
        for partition in range(self.partitions):
            corrections = 0
            while events := self.worker.reconsider(partition, 2):
                self.commit(partition, events)
                corrections += len(events)
                assert corrections < 1000
        said = {key: plain(stand_of(event)) for key, event in self.latest().items()}
        expected = self.expected()
        assert {key: each for key, each in said.items() if each != expected[key]} == {
            key: each for key, each in expected.items() if each != said[key]
        }
        self.revisions()
        self.nothing_stays()

    def expected(self) -> dict[str, Stand]:
        words = Words(self.words)
        found: dict[str, Stand] = {}
        towns: dict[str, list[RequestRouted]] = defaultdict(list)
        for event in self.events.values():
            towns[event.report.jurisdiction_id].append(event)
        for events in towns.values():
            found |= AllPairs(events, words, REACHES, FAMILIES, bands=BANDS, scorer=SCORER).links()
        return {key: plain(stand) for key, stand in found.items()}

    def revisions(self) -> None:
        said: dict[str, int] = {}
        for event in (event for log in self.log.values() for event in log):
            assert event.matching.revision == said.get(event.report.request_id, 0) + 1
            said[event.report.request_id] = event.matching.revision

    def nothing_stays(self) -> None:
        for memory in self.worker._memories.values():
            known, near = memory.incidents, memory.incidents.near
            assert known.settle([], [*near.rows]) == {}
            for request_id in [*near.rows]:
                known._outlive(request_id)
                known._drop(request_id)
                known._unhang(request_id)
                known.children.drop(request_id)
            held: list[Sized] = [drawer.cells for drawer in near._drawers.values()]
            held += [near.rows, near._alike, known._links, known.same_as, known.members]
            held += [known.past, known.recurring, known.children, known._citizens]
            assert [len(each) for each in held] == [0] * len(held)
            assert sorted(near._free) == list(range(len(near.table)))


def plain(stand: Stand) -> Stand:
    """Leave out the score of what a person said: it may have been said before there was one."""
    return stand._replace(score=0.0) if stand.relation == "merged" else stand


Town.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestTown = Town.TestCase
