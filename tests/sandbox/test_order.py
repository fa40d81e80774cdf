"""Order is held to its word: each breach is made once, and what is in order is told apart from it."""

import random

import pytest

from services.sandbox.accounts import CLASSIFIED, DECIDED, MATCHED, PRIORITIZED, RECEIVED, ROUTED, Accounts
from services.sandbox.order import SHOWN, Order

RECEIVED_TOPIC, CLASSIFIED_TOPIC, ROUTED_TOPIC = "requests.received.v1", "requests.classified.v1", "requests.routed.v1"


class World:
    """A few partitions that records are put on by hand."""

    def __init__(self) -> None:
        self.accounts = Accounts()
        self.order = Order(self.accounts)
        self._offsets: dict[tuple[str, int], int] = {}

    def put(self, stage: int, topic: str, partition: int, *requests: str) -> None:
        for request in requests:
            offset = self._offsets[topic, partition] = self._offsets.get((topic, partition), -1) + 1
            self.order.stand(stage, self.accounts.row(request), topic, partition, offset)

    def found(self) -> list[str]:
        return [str(violation) for violation in self.order.violations()]


@pytest.fixture
def world() -> World:
    return World()


def test_what_stays_in_order_on_each_way_is_in_order_however_the_ways_are_mixed(world: World) -> None:
    world.put(RECEIVED, RECEIVED_TOPIC, 0, "a", "b", "c")
    world.put(RECEIVED, RECEIVED_TOPIC, 1, "x", "y", "z")
    world.put(CLASSIFIED, CLASSIFIED_TOPIC, 0, "x", "a", "y", "c")
    world.put(CLASSIFIED, CLASSIFIED_TOPIC, 1, "z", "b")
    assert world.found() == []


def test_what_overtakes_on_its_way_is_told_with_what_came_before_it(world: World) -> None:
    world.put(RECEIVED, RECEIVED_TOPIC, 0, "a", "b", "c")
    world.put(CLASSIFIED, CLASSIFIED_TOPIC, 1, "a", "c", "b")
    assert world.found() == ["c overtook on received -> classified: b, which came before it"]


def test_order_is_told_although_the_output_is_read_before_the_input(world: World) -> None:
    world.put(ROUTED, ROUTED_TOPIC, 0, "b", "a")
    world.put(CLASSIFIED, CLASSIFIED_TOPIC, 0, "a", "b")
    assert world.found() == ["b overtook on classified -> routed: a, which came before it"]


def test_a_repeat_stands_where_it_stood_first(world: World) -> None:
    world.put(RECEIVED, RECEIVED_TOPIC, 0, "a", "b", "a")
    world.put(CLASSIFIED, CLASSIFIED_TOPIC, 0, "a", "b", "a")
    assert world.found() == []


def test_a_key_that_moves_to_another_partition_is_told(world: World) -> None:
    world.put(RECEIVED, RECEIVED_TOPIC, 0, "a")
    world.put(RECEIVED, RECEIVED_TOPIC, 1, "a")
    assert world.found() == [f"a moved on {RECEIVED_TOPIC}: was on partition 0 and is on 1"]


def test_a_town_that_moves_to_another_partition_is_told(world: World) -> None:
    for request, partition in {"a": 0, "b": 0, "c": 1}.items():
        world.order.keyed(ROUTED_TOPIC, partition, b"port-alder.example", world.accounts.row(request))
    world.order.keyed(ROUTED_TOPIC, 1, b"town", world.accounts.row("d"))
    assert world.found() == [f"c moved on {ROUTED_TOPIC}: key b'port-alder.example' was on partition 0 and is on 1"]


def test_what_match_and_prioritize_say_belongs_on_the_partition_it_was_routed_to(world: World) -> None:
    world.put(ROUTED, ROUTED_TOPIC, 3, "a", "b")
    world.put(MATCHED, "requests.matched.v1", 3, "a")
    world.put(PRIORITIZED, "requests.prioritized.v1", 4, "a")
    assert world.found() == ["a moved on requests.prioritized.v1: routed to another partition than 4"]


def test_a_case_and_its_delivery_share_the_number_of_their_partition(world: World) -> None:
    row = world.accounts.row("a")
    world.order.case(row, "cases.roads.v1", 2)
    world.order.case(row, "cases.parks.v1", 2)
    world.order.case(row, "deliveries.made.v1", 3)
    assert world.found() == ["a moved on deliveries.made.v1: was on partition 2 and is on 3"]


def test_decisions_of_one_partition_keep_their_order_in_each_topic(world: World) -> None:
    world.put(PRIORITIZED, "requests.prioritized.v1", 0, "a", "b", "c", "d")
    world.put(DECIDED, "drafts.held.v1", 0, "b", "d")
    world.put(DECIDED, "cases.roads.v1", 0, "c", "a")
    assert world.found() == ["c overtook on prioritized -> decided: a, which came before it"]


def test_a_revision_that_comes_after_a_higher_one_went_back_and_one_that_never_comes_is_left_out(world: World) -> None:
    accounts = world.accounts
    said = {"a": (1, 2, 3), "b": (1, 3), "c": (1, 3, 2), "d": (1, 1)}
    news = {
        request: [accounts.say("matched", accounts.row(request), revision) for revision in revisions]
        for request, revisions in said.items()
    }
    assert news["c"] == ["new", "new", "back"]
    assert news["d"] == ["new", "again"]
    world.order.back("requests.matched.v1", accounts.row("c"), 2)
    assert world.found() == [
        "c went back on requests.matched.v1: to revision 2",
        "b left out on matched: a revision before 3",
    ]


def test_revisions_are_known_however_high_they_are(world: World) -> None:
    accounts, luck = world.accounts, random.Random(7)  # noqa: S311 - seeded
    row = accounts.row("a")
    order = list(range(1, 200))
    luck.shuffle(order)
    highest = 0
    for revision in order:
        expected = "back" if revision < highest else "new"
        assert accounts.gaps("prioritized", row) is (accounts.newest("prioritized", row) != _count(accounts, row))
        assert accounts.say("prioritized", row, revision) == expected
        assert accounts.say("prioritized", row, revision) == "again"
        highest = max(highest, revision)
        assert accounts.newest("prioritized", row) == highest
    assert not accounts.gaps("prioritized", row)
    assert world.found() == []


def _count(accounts: Accounts, row: int) -> int:
    beyond = accounts._beyond.get(("prioritized", row), set())
    return accounts.revisions["prioritized"][row].bit_count() + len(beyond)


def test_however_many_breaches_there_are_few_are_kept_and_all_counted(world: World) -> None:
    names = [f"r{number}" for number in range(3 * SHOWN)]
    for name in names:
        world.put(RECEIVED, RECEIVED_TOPIC, 0, name)
        world.put(RECEIVED, RECEIVED_TOPIC, 1, name)
    world.put(CLASSIFIED, CLASSIFIED_TOPIC, 0, *reversed(names))
    found = world.order.violations()
    assert len(found) == 2 * SHOWN
    assert world.order.more == 2 * SHOWN + (3 * SHOWN - 1 - SHOWN)


def test_columns_grow_with_what_is_put_into_them() -> None:
    accounts = Accounts()
    for number in range(5000):
        row = accounts.row(f"r{number}")
        accounts.count(RECEIVED, row)
    assert len(accounts) == 5000
    assert accounts.row("r4999") == 4999
    assert accounts.name(4321) == "r4321"
    assert sum(accounts.times[RECEIVED]) == 5000
