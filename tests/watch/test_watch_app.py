"""What `watch` does around its windows, without a broker."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import faust
import pytest
from watch_reports import at, matched

from services.runtime import wire
from services.runtime.kafka import KafkaSettings
from services.runtime.metrics import Metrics
from services.watch.app import Watch, WatchError
from services.watch.settings import WatchSettings
from services.watch.transport import CommittedTransport, Found, Standing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

SETTINGS = WatchSettings(window_s=60, baseline_windows=3, min_count=3, ratio=2.0, lateness_s=20)


class Hand:
    """A clock that moves only by hand."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Sent:
    """A producer that acknowledges at once, unless it is told to fail."""

    records: list[tuple[str, bytes]] = field(default_factory=list)
    fails: bool = False

    async def send(self, topic: str, _key: bytes, value: bytes, *_rest: object) -> Awaitable[None]:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.fails:
            answer.set_exception(ConnectionError("the broker is away"))
        else:
            answer.set_result(None)
        self.records.append((topic, value))
        return answer


@dataclass
class Reading:
    """A consumer that stands where it is told."""

    where: dict[int, Standing] = field(default_factory=dict)

    async def standing(self) -> dict[int, Standing]:
        return self.where


@dataclass
class FakeApp:
    producer: Sent = field(default_factory=Sent)
    consumer: Reading = field(default_factory=Reading)
    rebalancing: bool = False


@dataclass
class Message:
    """A faust message."""

    offset: int
    value: bytes
    partition: int = 0
    topic: str = "requests.matched.v1"
    key: bytes = b"lights"
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: float = at(5).timestamp()
    timestamp_type: int = 0


@dataclass
class FaustEvent:
    message: Message


def with_watch(
    story: Callable[[Watch, FakeApp, Hand], Awaitable[None]], tmp_path: Path, kafka: KafkaSettings | None = None
) -> None:
    async def tell() -> None:
        hand = Hand()
        watch = Watch(
            SETTINGS,
            kafka or KafkaSettings(),
            instance="watch-0",
            data_dir=tmp_path,
            metrics=Metrics("watch"),
            clock=lambda: at(1000),
            monotonic=hand,
        )
        app = FakeApp()
        watch._app = app  # type: ignore[assignment]  # a fake
        await story(watch, app, hand)

    asyncio.run(tell())


def records(*numbers: int) -> list[FaustEvent]:
    return [FaustEvent(Message(number, wire.encode(matched(f"r{number}", 5)))) for number in numbers]


def test_a_partition_begins_a_horizon_before_what_the_group_has_committed(tmp_path: Path) -> None:
    async def story(watch: Watch, _app: FakeApp, _hand: Hand) -> None:
        assert watch.begin(
            {0: Found(10, 50, 90), 1: Found(10, None, 90), 2: Found(80, 7, 90), 3: Found(95, 99, 90)}
        ) == {
            0: 10,
            1: 10,
            2: 7,
            3: 90,
        }
        assert watch.ready() == "partitions being read again: 1"
        assert watch.horizon_ms() == SETTINGS.rules.horizon_s * 1000
        assert watch.now_ms() == int(at(1000).timestamp() * 1000)

    with_watch(story, tmp_path)


def test_a_partition_that_stays_goes_on_where_it_stands_and_one_that_left_is_forgotten(tmp_path: Path) -> None:
    async def story(watch: Watch, _app: FakeApp, _hand: Hand) -> None:
        watch.begin({0: Found(0, None, 9), 1: Found(0, None, 9)})
        await watch._take(records(0, 1, 2))
        assert watch.spoken(0) == 3
        assert watch.begin({0: Found(0, 1, 9)}) == {0: 3}
        assert watch.begin({1: Found(0, 2, 9)}) == {1: 0}
        assert watch.spoken(0) is None

    with_watch(story, tmp_path)


def test_what_a_batch_says_is_acknowledged_before_its_position_may_be_committed(tmp_path: Path) -> None:
    async def story(watch: Watch, app: FakeApp, _hand: Hand) -> None:
        watch.begin({0: Found(0, None, 9)})
        assert watch.spoken(0) is None
        app.producer.fails = True
        with pytest.raises(ConnectionError):
            await watch._take(records(0, 1, 2, 3))
        assert watch.spoken(0) is None
        assert [topic for topic, _ in app.producer.records] == ["surges.detected.v1"]

    with_watch(story, tmp_path)


def test_a_record_that_comes_again_is_passed_over(tmp_path: Path) -> None:
    async def story(watch: Watch, app: FakeApp, _hand: Hand) -> None:
        watch.begin({0: Found(0, None, 9)})
        await watch._take(records(0, 1, 0, 1, 2))
        assert watch.spoken(0) == 3
        assert len(app.producer.records) == 1

    with_watch(story, tmp_path)


def test_windows_close_by_the_clock_only_where_all_was_read(tmp_path: Path) -> None:
    async def story(watch: Watch, app: FakeApp, _hand: Hand) -> None:
        watch.begin({0: Found(0, None, 3)})
        await watch._take(records(0, 1))
        for where in (Standing(2, 3, 2, 2), Standing(3, 3, 3, 3)):
            app.consumer.where = {0: where}
            assert await watch._tick() == 1
        app.consumer.where = {}
        assert await watch._tick() == 1
        assert app.producer.records == []
        app.consumer.where = {0: Standing(3, 3, 2, 2)}
        assert await watch._tick() == 0
        assert {topic for topic, _ in app.producer.records} == {"kpis.measured.v1"}

    with_watch(story, tmp_path)


def test_records_that_faust_fetched_and_never_handed_over_end_the_process(tmp_path: Path) -> None:
    async def story(watch: Watch, app: FakeApp, _hand: Hand) -> None:
        watch.begin({0: Found(0, None, 5)})
        await watch._take(records(0, 1, 4))
        app.consumer.where = {0: Standing(5, 5, 5, 5)}
        with pytest.raises(WatchError) as caught:
            await watch._tick()
        assert str(caught.value) == (
            "faust fetched 5 records of requests.matched.v1 partition 0 and handed over 3; "
            "start watch anew, it reads its windows again"
        )

    with_watch(story, tmp_path)


def test_a_process_that_is_behind_and_takes_nothing_ends(tmp_path: Path) -> None:
    async def story(watch: Watch, _app: FakeApp, hand: Hand) -> None:
        hand.seconds = 100.0
        watch._see_to_it(0)
        hand.seconds = 220.0
        watch._see_to_it(2)
        hand.seconds = 221.0
        with pytest.raises(WatchError) as caught:
            watch._see_to_it(2)
        assert str(caught.value) == (
            "watch is behind on 2 partitions of requests.matched.v1 and took nothing for 121 s; "
            "start it anew, it reads its windows again"
        )

    with_watch(story, tmp_path)


def test_faust_is_set_up_by_our_settings_and_by_no_variable_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_URL", "kafka://elsewhere:1")
    monkeypatch.setenv("PROCESSING_GUARANTEE", "exactly_once")
    kafka = KafkaSettings(
        bootstrap="a:1, b:2",
        security_protocol="SASL_PLAINTEXT",
        sasl_username="watch",
        sasl_password="secret",
        sasl_mechanism="SCRAM-SHA-512",
    )

    async def tell() -> None:
        watch = Watch(SETTINGS, kafka, instance="", data_dir=tmp_path, metrics=Metrics("watch"))
        conf: Any = watch._app.conf
        assert [str(url) for url in conf.broker] == ["kafka://a:1", "kafka://b:2"]
        assert conf.processing_guarantee.value == "at_least_once"
        assert not conf.topic_allow_declare
        assert not conf.web_enabled
        credentials = conf.broker_credentials
        assert isinstance(credentials, faust.SASLCredentials)
        assert (credentials.username, credentials.mechanism.value) == ("watch", "SCRAM-SHA-512")

    asyncio.run(tell())


def test_the_position_to_commit_is_what_was_spoken_of_whatever_faust_believes(tmp_path: Path) -> None:
    async def tell() -> None:
        watch = Watch(SETTINGS, KafkaSettings(), instance="", data_dir=tmp_path, metrics=Metrics("watch"))
        transport = watch._app.transport
        assert isinstance(transport, CommittedTransport)
        consumer: Any = watch._app.consumer
        partition = faust.types.TP("requests.matched.v1", 0)
        watch._spoken[0] = 2585
        # The case of faust #606: 2585 is in flight, later ones are acknowledged; Faust alone would commit 2590.
        consumer._acked[partition] = [2586, 2587, 2588, 2589]
        consumer._acked_index[partition] = {2586, 2587, 2588, 2589}
        assert consumer._new_offset(partition) == 2585
        assert consumer._acked[partition] == []
        consumer._thread.thread_loop.close()

    asyncio.run(tell())
