"""Any faults in any order, and then quiet: what the loop promises is looked at after each step and at the end."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

from confluent_kafka import KafkaError, KafkaException
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from loop_worlds import Count, Here, Town

from services.runtime.loop import Loop
from services.runtime.transaction import FencedError
from services.sandbox.memory_cluster import Ending, trouble

SLOTS = st.integers(0, 2)
PARTITIONS = 2
MOMENTS = st.sampled_from(
    [
        "before consume",
        "after consume",
        "before committed",
        "before begin",
        "before produce",
        "after produce",
        "before flush",
        "before send_offsets",
        "after send_offsets",
        "before commit",
        "after commit",
        "before abort",
        "after abort",
        "before init",
        "after init",
        "before ends",
    ]
)


class Crash(BaseException):
    """The process is no more."""


class StormOfFaults(RuleBasedStateMachine):
    """Three slots of one worker, of which each may die at any moment."""

    stateful: ClassVar[bool] = False
    tables: ClassVar[bool] = False
    batch_size: ClassVar[int] = 100
    break_it: ClassVar[Callable[[Loop], None] | None] = None

    def __init__(self) -> None:
        super().__init__()
        self.town = Town(stateful=self.stateful, tables=self.tables, partitions=PARTITIONS, most=4)
        self.town.batch_size = self.batch_size
        self.running: dict[int, Loop] = {}
        self.at_it: set[int] = set()
        self.acting: list[int] = []
        self.late: list[tuple[str, int]] = []

    # What people and citizens do.

    @initialize(slots=st.sets(SLOTS, min_size=1))
    def begin(self, slots: set[int]) -> None:
        for slot in sorted(slots):
            self.start(slot)

    @rule(
        partition=st.integers(0, PARTITIONS - 1),
        kinds=st.lists(st.sampled_from(["good", "good", "needy", "bad", "torn"]), min_size=1, max_size=6),
    )
    def tell(self, partition: int, kinds: list[str]) -> None:
        self.town.tell(*kinds, partition=partition)

    @rule(slot=SLOTS)
    def start(self, slot: int) -> None:
        if slot in self.running:
            return
        was_at_it, loop = slot in self.at_it, self.town.loop(slot)
        if type(self).break_it is not None:
            type(self).break_it(loop)  # type: ignore[misc]
        self.running[slot] = loop
        self.at_it.add(slot)
        self._survive(slot, loop, loop.start)
        if not was_at_it:
            self.at_it.discard(slot)

    @rule(slot=SLOTS, number=st.integers(1, 5))
    def turn(self, slot: int, number: int) -> None:
        loop = self.running.get(slot)
        if loop is None or slot in self.at_it:
            return
        self.at_it.add(slot)
        for _ in range(number):
            if self.running.get(slot) is loop and not loop._stopping.is_set():  # as `run` does
                self._survive(slot, loop, loop.turn)
        self.at_it.discard(slot)

    @rule()
    def all_turn(self) -> None:
        for slot in list(self.running):
            self.turn(slot, 2)

    @rule(slot=SLOTS)
    def stop(self, slot: int) -> None:
        loop = self.running.get(slot)
        if loop is not None and slot not in self.at_it:
            loop.stop()
            self._survive(slot, loop, loop.close)
            self.running.pop(slot, None)
            self.expel(slot)

    @rule(slot=SLOTS)
    def crash(self, slot: int) -> None:
        self.running.pop(slot, None)

    @rule(slot=SLOTS)
    def restart(self, slot: int) -> None:
        self.crash(slot)
        self.start(slot)

    # What goes wrong around them.

    @rule(slot=SLOTS)
    def expel(self, slot: int) -> None:
        self.town.cluster.groups["echo"].expel(f"echo-{slot}")

    @rule(slot=SLOTS)
    def hear(self, slot: int) -> None:
        if consumer := self.town.clients.consumers.get(f"echo-{slot}"):
            consumer.hear()

    @rule(slot=SLOTS)
    def expire(self, slot: int) -> None:
        self.town.cluster.expire(f"echo-{slot}")

    @rule(away=st.booleans())
    def outside(self, *, away: bool) -> None:
        self.town.outside.away = away

    @rule()
    def time_passes(self) -> None:
        self.town.clock.sleep(6.0)

    @rule(moment=MOMENTS)
    def crash_at(self, moment: str) -> None:
        self.town.cluster.plan(moment, lambda: self._raise(Crash()))

    @rule(
        moment=MOMENTS,
        code=st.sampled_from([KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError.INVALID_TXN_STATE]),
        kind=st.sampled_from(["retriable", "abort", "fatal"]),
    )
    def fail_at(self, moment: str, code: int, kind: str) -> None:
        if "consume" in moment or "produce" in moment or moment == "after flush":
            return  # these tell of errors in other ways
        abort = kind == "abort" and not moment.endswith(("commit", "abort", "init"))
        error = trouble(code, "planned", fatal=kind == "fatal", retriable=kind == "retriable", abort=abort)
        self.town.cluster.plan(moment, lambda: self._raise(error))

    @rule(slot=SLOTS)
    def commit_is_held_up(self, slot: int) -> None:
        """A commit times out, is sent again and lands; its first copy arrives later (KIP-890), in one that fails."""

        def held_up() -> None:
            name = f"echo-{self.acting[-1]}"
            self.late.append((name, self.town.cluster.coordinators[name].epoch))
            self._raise(trouble(KafkaError._TIMED_OUT, "held up", retriable=True))

        self._alone(slot)
        self._tell_all()
        self.town.cluster.plan("before commit", held_up)
        self.town.cluster.plan("before commit", lambda: None)
        failed = trouble(KafkaError.INVALID_TXN_STATE, "planned", abort=True)
        self.town.cluster.plan("before commit", lambda: self._raise(failed))
        self.town.cluster.plan("before send_offsets", lambda: None)
        self.town.cluster.plan("before send_offsets", self._arrive)
        self.turn(slot, 2)
        self._tell_all()
        self.turn(slot, 2)

    @rule(moment=MOMENTS, slot=SLOTS, number=st.integers(1, 4))
    def others_meanwhile(self, moment: str, slot: int, number: int) -> None:
        self.town.cluster.plan(moment, lambda: self.turn(slot, number))

    # Trouble that has to meet work to be trouble.

    @rule(slot=SLOTS, other=SLOTS, what=st.sampled_from(["turn", "start", "expel", "crash"]))
    def slow_work(self, slot: int, other: int, what: str) -> None:
        """While one is at work for long, the world goes on and it polls."""
        loop = self.running.get(slot)
        if loop is None or other == slot:
            return

        def happens() -> None:
            if what == "expel":
                self.expel(slot)
            elif what == "crash":
                self.crash(other)
                self.expel(other)
            elif what == "start":
                self.start(other)
            self.turn(other, 3)

        self._tell_all()
        assert isinstance(loop._hands, Here)
        loop._hands.slow = happens
        self.turn(slot, 2)

    @rule(slot=SLOTS, other=SLOTS)
    def partitions_move_between_two_polls(self, slot: int, other: int) -> None:
        """What the first poll gave goes to another in the second, who is quick."""
        if slot == other:
            return
        self._alone(slot)

        def first() -> None:
            self.start(other)
            self.turn(other, 1)
            self.town.cluster.plan("after consume", lambda: self.turn(other, 3))

        self._tell_all()
        self.town.cluster.plan("after consume", first)
        self.turn(slot, 1)

    @rule(slot=SLOTS, other=SLOTS, turns=st.integers(1, 3))
    def partitions_go_and_come_back(self, slot: int, other: int, turns: int) -> None:
        """Another takes some on while more of them was read than is done, and ends."""
        if slot == other:
            return
        self._alone(slot)
        for _ in range(3):
            self._tell_all()
        self.turn(slot, turns)
        self.start(other)
        for _ in range(3):
            self.turn(other, 1)
            self.turn(slot, 1)
        self.stop(other)
        self.turn(slot, 3)

    @rule(slot=SLOTS)
    def commit_lands_unheard(self, slot: int) -> None:
        """The commit is obeyed, but its maker hears of an error."""
        self._tell_all()
        error = trouble(KafkaError._TRANSPORT, "unheard", fatal=True)
        self.town.cluster.plan("after commit", lambda: self._raise(error))
        self.turn(slot, 2)
        self._tell_all()
        self.turn(slot, 2)

    def _alone(self, slot: int) -> None:
        for each in {0, 1, 2} - {slot}:
            self.stop(each)
        self.start(slot)
        self.turn(slot, 5)

    def _tell_all(self) -> None:
        for partition in range(PARTITIONS):
            self.town.tell("good", "good", partition=partition)

    # What must hold.

    @invariant()
    def nothing_is_doubled(self) -> None:
        self.check_doubled()

    def check_doubled(self) -> None:
        doubled = [number for number, times in self.town.became().items() if times > 1]
        assert not doubled, f"doubled: {doubled}"

    def teardown(self) -> None:
        town = self.town
        town.cluster.forget_plans()
        town.outside.away = False
        for slot in range(3):
            if slot not in self.running:
                self.expel(slot)
                town.cluster.expire(f"echo-{slot}")
        if not self.running:
            self.start(0)
        still = 0
        for _ in range(100 + town.told):
            town.clock.sleep(10.0)
            for slot, loop in list(self.running.items()):
                loop._hands.slow = None  # type: ignore[attr-defined]
                self._survive(slot, loop, loop.turn)
                if slot not in self.running:
                    self.start(slot)
            settled = all(
                loop.not_ready() in {None, "no partitions are assigned"} and not loop._states.to_reconsider
                for loop in self.running.values()
            )
            still = still + 1 if settled and len(town.became()) == town.told else 0
            if still > 5:
                break
        self.check_doubled()
        self.check_end()
        for loop in self.running.values():
            loop.close()

    def check_end(self) -> None:
        became = self.town.became()
        assert became == dict.fromkeys(range(self.town.told), 1), f"lost or doubled: {became}"
        self._state_is_what_was_committed()

    def _state_is_what_was_committed(self) -> None:
        for partition in range(PARTITIONS):
            heard = self.town.heard(partition)
            if self.stateful:
                assert [each.nth for each in heard] == list(range(len(heard))), "state was not that of the topic"
                assert [each.number for each in heard] == sorted(each.number for each in heard), "out of order"
            for loop in self.running.values():
                handler = loop.worker.handler
                if isinstance(handler, Count) and any(p == partition for _, p in loop._member.held):
                    state = handler.heard.get(partition, [])
                    assert state == [each.number for each in heard], "state is not that of the topic"

    # How.

    def _survive(self, slot: int, loop: Loop, act: Callable[[], None]) -> None:
        """Do as a supervisor does: what ends by itself is closed, what crashes is not."""
        self.acting.append(slot)
        try:
            act()
        except Crash:
            self._gone(slot, loop)
        except (FencedError, KafkaException):
            self._gone(slot, loop)
            with suppress(Crash, Exception):
                loop.close()
        finally:
            self.acting.pop()

    def _gone(self, slot: int, loop: Loop) -> None:
        if self.running.get(slot) is loop:
            del self.running[slot]

    def _arrive(self) -> None:
        for name, epoch in self.late:
            coordinator = self.town.cluster.coordinators[name]
            if coordinator.epoch == epoch:
                self.town.cluster.end(coordinator, Ending.COMMITTED)
        self.late.clear()

    @staticmethod
    def _raise(error: BaseException) -> None:
        raise error


class StatefulStorm(StormOfFaults):
    """The same, of a worker that keeps state."""

    stateful = True


class SeasonedStorm(StatefulStorm):
    """The same, of a worker that also decides again whenever the season changes."""

    tables = True

    def __init__(self) -> None:
        super().__init__()
        self.season = 0

    @rule()
    def turn_of_season(self) -> None:
        self.season += 1
        self.town.season(self.season)

    @rule(slot=SLOTS)
    def season_turns_while_state_is_read(self, slot: int) -> None:
        """Decisions are given again, and again, before state is whole: it holds some of them in their first form."""
        for _ in range(2):
            self._tell_all()
            self.turn(slot, 3)
            self.turn_of_season()
        self.turn(slot, 4)
        self.turn_of_season()
        self.commit_lands_unheard(slot)

    def check_doubled(self) -> None:
        decisions = Counter((heard.number, heard.again) for heard in self.town.heard())
        doubled = [decision for decision, times in decisions.items() if times > 1]
        assert not doubled, f"doubled: {doubled}"

    def check_end(self) -> None:
        last = {heard.number: heard.again for heard in self.town.heard()}
        assert set(last.values()) <= {self.season}, f"state is of an earlier season: {last}"
        assert self.town.became().keys() == set(range(self.town.told)), "lost or doubled"
        for partition in range(PARTITIONS):
            first = list({heard.number: heard.nth for heard in reversed(self.town.heard(partition))}.values())[::-1]
            assert sorted(first) == list(range(len(first))), "state was not that of the topic"


QUICK = how(max_examples=100, stateful_step_count=40, deadline=None, derandomize=True)
