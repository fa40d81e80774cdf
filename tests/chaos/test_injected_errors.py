"""The real loop on librdkafka's mock brokers: to each error that they answer, the one right reaction."""

import pytest

from services.sandbox.injected import Case, Reaction, run_all
from services.sandbox.injected_cases import CASES


@pytest.fixture(scope="module")
def reactions() -> dict[str, Reaction]:
    """All cases at once: each mostly waits."""
    return {reaction.case.name: reaction for reaction in run_all(CASES)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_loop_does_what_the_error_asks_for_and_loses_nothing(case: Case, reactions: dict[str, Reaction]) -> None:
    reaction = reactions[case.name]
    assert (reaction.did, reaction.met, reaction.lost) == (case.expected, True, 0)


def test_no_two_cases_have_one_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
