"""Letters brought back on a real broker: once at most, for one reader, whatever happens in between."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka import Producer as KafkaProducer
from dead_letters import Headers, Place, Sent, cluster_of, report

from services.events import Event, RequestClassified
from services.runtime import dead, dead_replay
from services.runtime.dead import REPLAYED, DeadLettersError, Letter, Selection
from services.runtime.dead_replay import TRANSACTIONAL_ID, Done, Plan, mark, revived
from services.runtime.kafka import KafkaClients, KafkaSettings
from services.runtime.ports import Message, Producer
from services.runtime.records import DEAD_PREFIX, Encoder, dead_letter
from services.runtime.transaction import BatchFailedError, Transactor
from services.runtime.worker import Outcome, Rejected

IDS = [f"r{number}" for number in range(6)]


def closed(event: Event) -> Outcome | None:
    """Refuse what has an odd number, as a worker would that lacks a rule."""
    assert isinstance(event, RequestClassified)
    odd = int(event.report.request_id[1:]) % 2
    return Rejected("no_rule", "no rule takes it; mend departments.yaml") if odd else None


def sent(place: Place) -> None:
    odd: Headers = [("x-odd", b"\x00\xff"), ("x-odd", b"")]
    place.send(
        [
            Sent(value=report(each), key=each.encode(), headers=[*place.headers(), *odd], partition=number % 2)
            for number, each in enumerate(IDS)
        ]
    )


def run(place: Place) -> Place:
    """Send six reports to the worker, which refuses three of them."""
    sent(place)
    place.router.fault = closed
    place.run(len(IDS))
    assert place.routed() == IDS[::2]
    return place


def started(place: Place) -> Place:
    """Leave things as `run` does, but for what the worker writes of the others: no worker is started."""
    sent(place)
    refused = [message for message in place.all_of(place.read.topic) if int((message.key() or b"")[1:]) % 2]
    letters = [dead_letter(place.name, message, Rejected("no_rule")) for message in refused]
    place.send([Sent(value=each.value, key=each.key, headers=list(each.headers)) for each in letters], place.dead)  # type: ignore[arg-type]
    return place


def plan(place: Place, reason: str | None = None) -> Plan:
    found = cluster_of(place.bootstrap, place.read.topic)
    wanted = Selection(worker=place.name, reason=reason)
    letters = list(dead.letters(place.clients, found, wanted))
    return dead_replay.plan(letters, dead.replays(place.clients), found)


def returned(place: Place) -> list[Message]:
    """Give the records that were brought back."""
    return [m for m in place.all_of(place.read.topic) if dict(m.headers() or ()).get("dead_replay_for")]


class Clients(KafkaClients):
    """Real clients whose producer does something of the test's own instead of its n-th commit."""

    def __init__(self, place: Place, instead: Callable[[int, Any], None]) -> None:
        super().__init__(KafkaSettings(bootstrap=place.bootstrap))
        self.instead = instead
        self.commits = 0

    def producer(self, transactional_id: str, on_suspect: Callable[[str], None]) -> Producer:
        real = super().producer(transactional_id, on_suspect)
        clients = self

        class Watched:
            def __getattr__(self, name: str) -> Any:
                return getattr(real, name)

            def commit_transaction(self, timeout: float) -> None:
                clients.commits += 1
                clients.instead(clients.commits, lambda: real.commit_transaction(timeout))

        return Watched()


def test_what_was_refused_passes_after_the_mending_and_once_only(place: Place) -> None:
    ready = plan(run(place)).ready
    assert {(letter.reason, letter.worker) for letter in ready} == {("no_rule", place.name)}
    place.router.fault = lambda _: None
    assert dead_replay.replay(place.clients, ready) == Done(replayed=3, already=0, gone=())
    place.run(3)
    assert place.routed() == IDS
    assert dead_replay.replay(place.clients, ready) == Done(replayed=0, already=3, gone=())
    again = plan(place)
    assert (again.ready, len(again.already), again.refused) == ((), 3, ())
    assert len(returned(place)) == 3


def test_a_record_comes_back_as_it_was_to_the_partition_it_came_from(place: Place) -> None:
    ready = plan(started(place)).ready
    before = {(m.partition(), m.offset()): m for m in place.all_of(place.read.topic)}
    dead_replay.replay(place.clients, ready)
    letters = {str(letter.position): letter for letter in ready}
    for record in returned(place):
        headers = record.headers() or []
        letter = letters.pop(dict(headers)["dead_replay_of"].decode())
        assert letter.origin is not None
        original = before[letter.origin.partition, letter.origin.offset]
        assert (record.key(), record.value()) == (original.key(), original.value())
        assert record.partition() == original.partition()
        assert [pair for pair in headers if not pair[0].startswith(DEAD_PREFIX)] == original.headers()
        assert dict(headers)["dead_replay_for"].decode() == place.name
    assert not letters


def test_another_worker_that_reads_the_same_topic_does_not_see_a_record_twice(place: Place) -> None:
    dead_replay.replay(place.clients, plan(started(place)).ready)
    place.run(len(IDS) + 3, name=place.other)
    assert place.routed() == IDS


def test_what_is_refused_again_is_a_new_letter_that_can_be_brought_back_once_in_its_turn(place: Place) -> None:
    first = plan(run(place)).ready
    dead_replay.replay(place.clients, first)
    place.run(3)
    second = plan(place)
    assert set(second.already) == set(first)
    assert len(second.ready) == 3
    newest = {(m.topic(), m.partition(), m.offset()) for m in returned(place)}
    assert {letter.origin for letter in second.ready} == newest
    place.router.fault = lambda _: None
    assert dead_replay.replay(place.clients, second.ready).replayed == 3
    place.run(3)
    assert place.routed() == IDS


def test_a_replay_that_was_killed_before_its_commit_is_undone_by_the_next_one(place: Place) -> None:
    ready = plan(started(place)).ready
    killed = KafkaProducer({"bootstrap.servers": place.bootstrap, "transactional.id": TRANSACTIONAL_ID})
    killed.init_transactions(10)
    killed.begin_transaction()
    encoder = Encoder("stormdrain-dead")
    for letter in ready:
        message = dead.record_at(place.clients, cluster_of(place.bootstrap), letter.position)
        assert message is not None
        for each in (revived(message, letter), encoder.encode(mark(letter, letter.at), None)):
            killed.produce(each.topic, each.value, each.key, max(0, each.partition), headers=list(each.headers))
    assert killed.flush(10) == 0
    assert dead_replay.replay(place.clients, ready).replayed == 3
    with pytest.raises(KafkaException, match="fenced"):
        killed.commit_transaction(10)
    killed.purge()
    assert sorted(message.key() or b"" for message in returned(place)) == [b"r1", b"r3", b"r5"]


@pytest.mark.parametrize("landed", [True, False], ids=["after its second commit", "before its second commit"])
def test_a_replay_that_ends_in_the_middle_is_taken_up_where_it_ended(
    place: Place, monkeypatch: pytest.MonkeyPatch, landed: bool  # noqa: FBT001 - a row of the table above
) -> None:  # fmt: skip
    monkeypatch.setattr(dead_replay, "BATCH_LETTERS", 1)
    ready = plan(started(place)).ready

    def interrupted(number: int, commit: Callable[[], None]) -> None:
        if number != 2 or landed:
            commit()
        if number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dead_replay.replay(Clients(place, interrupted), ready)
    assert dead_replay.replay(place.clients, ready).replayed == (1 if landed else 2)
    assert len(returned(place)) == 3
    assert len({dict(m.headers() or ())["dead_replay_of"] for m in returned(place)}) == 3


def test_a_commit_whose_fate_is_unknown_is_looked_up_before_anything_is_sent_again(place: Place) -> None:
    ready = plan(started(place)).ready

    def lost(number: int, commit: Callable[[], None]) -> None:
        commit()
        if number == 1:
            message = "no answer to a commit that had landed"
            raise BatchFailedError(message, certain=False)

    clients = Clients(place, lost)
    assert dead_replay.replay(clients, ready) == Done(replayed=3, already=0, gone=())
    assert (clients.commits, len(returned(place))) == (1, 3)


def test_of_two_replays_at_once_the_later_one_goes_on_and_nothing_is_brought_back_twice(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_replay, "BATCH_LETTERS", 1)
    ready = plan(started(place)).ready
    later: list[Done] = []

    def another(done: int) -> None:
        if done == 1:
            later.append(dead_replay.replay(place.clients, ready))

    with pytest.raises(DeadLettersError) as caught:
        dead_replay.replay(place.clients, ready, on_progress=another)
    assert str(caught.value) == (
        "stormdrain dead replay stopped after 1 of 3 letters: another `stormdrain dead replay` began meanwhile\n"
        "  the rest lies where it was; the same command brings back what is left, and nothing twice"
    )
    assert later == [Done(replayed=2, already=1, gone=())]
    assert len(returned(place)) == 3


def test_a_transaction_that_fails_again_and_again_ends_the_replay(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = plan(started(place)).ready

    def fail(*_: object) -> None:
        message = "a broker is away"
        raise BatchFailedError(message, certain=True)

    monkeypatch.setattr(Transactor, "run", fail)
    with pytest.raises(DeadLettersError) as caught:
        dead_replay.replay(place.clients, ready)
    assert str(caught.value) == (
        "stormdrain dead replay stopped after 0 of 3 letters: "
        "a transaction failed for the third time (a broker is away)\n"
        "  the rest lies where it was; the same command brings back what is left, and nothing twice"
    )


def test_a_letter_that_is_gone_meanwhile_is_told_of(place: Place) -> None:
    letter = plan(started(place)).ready[0]
    another = Letter(
        position=letter.position,
        reason=letter.reason,
        detail="the same position in a topic that was made anew",
        at=letter.at,
        appended_ms=letter.appended_ms - 1,
        origin=letter.origin,
        size=letter.size,
    )
    assert dead_replay.replay(place.clients, [another]) == Done(replayed=0, already=0, gone=(letter.position,))


def test_without_its_topic_of_marks_nothing_is_brought_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = plan(started(place)).ready
    monkeypatch.setattr(KafkaClients, "partitions", lambda _, topic: 0 if topic == REPLAYED else 1)
    with pytest.raises(DeadLettersError) as caught:
        dead_replay.replay(place.clients, ready)
    assert str(caught.value) == (
        "stormdrain dead replay cannot begin: the cluster has no topic dead.replayed.v1\n"
        "  it holds which letters were brought back; to do: stormdrain topics apply"
    )
    assert returned(place) == []
