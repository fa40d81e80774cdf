"""The loop with one of its rules taken out each: what the tests of it must notice."""

from collections.abc import Iterable
from typing import Any

from confluent_kafka import TopicPartition

from services.runtime import batch as batches
from services.runtime.loop import Loop
from services.runtime.membership import Membership
from services.runtime.transaction import BatchFailedError

Place = tuple[str, int]


def never_rewinds(loop: Loop) -> None:
    """What was not committed is not read again."""
    loop._member.rewind = lambda places: None  # type: ignore[method-assign]  # noqa: ARG005


def rewinds_from_memory(loop: Loop) -> None:
    """It goes back to where the batch began, whatever was committed."""
    member, begins = loop._member, dict[Place, int]()
    take = member.take

    def taking(at_most: int, idle_s: float, linger_s: float) -> list[Any]:
        messages = take(at_most, idle_s, linger_s)
        begins.clear()
        for message in reversed(messages):
            begins[message.topic(), message.partition()] = message.offset()
        return messages

    def rewinding(places: Iterable[Place]) -> None:
        for place in places:
            if place in member.held and place in begins:
                member._ours().seek(TopicPartition(*place, begins[place]))

    member.take, member.rewind = taking, rewinding  # type: ignore[method-assign]


class _NeverMoved(Membership):
    @property
    def moved(self) -> bool:
        return False

    @moved.setter
    def moved(self, moved: bool) -> None: ...


def _overlooks_moves(loop: Loop) -> None:
    loop._member.__dict__.pop("moved", None)
    loop._member.__class__ = _NeverMoved


def takes_metadata_late(loop: Loop) -> None:
    """The group's metadata of when it commits, for a batch of before."""
    _overlooks_moves(loop)
    run = loop._transactor.run

    def running(outgoing: Any, offsets: Any, metadata: Any) -> None:
        del metadata
        run(outgoing, offsets, loop._member._ours().consumer_group_metadata())

    loop._transactor.run = running  # type: ignore[method-assign]


def keeps_what_is_not_its_own(loop: Loop) -> None:
    """Records of partitions that went between one poll and the next are handled, under new metadata."""
    _overlooks_moves(loop)
    work = loop._work

    def working(messages: Any, metadata: Any, ready: set[Place]) -> bool:
        del ready
        everything = {(message.topic(), message.partition()) for message in messages}
        held, loop._member.held = loop._member.held, everything
        try:
            return work(messages, metadata, everything)
        finally:
            loop._member.held = held

    loop._work = working  # type: ignore[method-assign]


def changes_state_before_the_commit(loop: Loop) -> None:
    """State is folded from outputs that may never be."""
    commit = loop._commit

    def committing(result: batches.Result, *rest: Any) -> bool:
        own, result.own = result.own, []
        loop._states.committed(own)
        return commit(result, *rest)

    loop._commit = committing  # type: ignore[assignment, method-assign]


def trusts_its_state_when_a_commits_fate_is_unknown(loop: Loop) -> None:
    """State is not read anew after a commit that may have landed."""
    run = loop._transactor.run

    def running(*arguments: Any) -> None:
        try:
            run(*arguments)
        except BatchFailedError as error:
            error.certain = True
            raise

    loop._transactor.run = running  # type: ignore[assignment, method-assign]


def keeps_a_suspect_producer(loop: Loop) -> None:
    """A commit that was held up may end the next transaction."""
    transactor = loop._transactor
    again = transactor._again

    def trying(*arguments: Any) -> None:
        again(*arguments)
        transactor._suspect = ""

    transactor._again = trying  # type: ignore[assignment, method-assign]


def handles_before_its_state_is_whole(loop: Loop) -> None:
    """A partition is handled as soon as it is held."""
    loop._states.waiting = lambda own: set()  # type: ignore[method-assign]  # noqa: ARG005


def decides_again_from_half_a_state(loop: Loop) -> None:
    """What it knew before a rebuild is to be decided again during it."""
    drop = loop._states._drop

    def dropping(partitions: set[int]) -> None:
        kept = set(loop._states.to_reconsider)
        drop(partitions)
        loop._states.to_reconsider |= kept

    loop._states._drop = dropping  # type: ignore[method-assign]


def hands_out_what_went(loop: Loop) -> None:
    """What was read ahead of a partition that is someone else's by now is handed out when it comes back."""
    gone = loop._member._gone

    def going(*arguments: Any) -> None:
        ahead = loop._member._ahead
        drop, ahead.drop = ahead.drop, lambda places: None  # type: ignore[method-assign]  # noqa: ARG005
        gone(*arguments)
        ahead.drop = drop  # type: ignore[method-assign]

    loop._member._gone = going  # type: ignore[assignment, method-assign]


def hands_out_what_is_read_again(loop: Loop) -> None:
    """What was read ahead of a partition that was rewound is handed out, and read once more."""
    loop._member._ahead.drop = lambda places: None  # type: ignore[method-assign]  # noqa: ARG005


SHORT = (hands_out_what_went, hands_out_what_is_read_again)
STATELESS = (
    never_rewinds,
    rewinds_from_memory,
    takes_metadata_late,
    keeps_what_is_not_its_own,
    keeps_a_suspect_producer,
)
STATEFUL = (
    changes_state_before_the_commit,
    trusts_its_state_when_a_commits_fate_is_unknown,
    handles_before_its_state_is_whole,
)
SEASONED = (decides_again_from_half_a_state,)
