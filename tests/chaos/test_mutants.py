"""The verifier is proven: what breaks a rule of exactly once is seen, and the same faults without it are not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mutant_town import (
    FAULTS,
    MutantTown,
    answers_lost,
    end_unheard,
    killed,
    late_end,
    mutant_town,
    partitions_move,
    play,
    records_held,
)

ROOT = Path(__file__).parents[2]
Fault = Callable[[MutantTown], None]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MutantTown]:
    with mutant_town(tmp_path_factory.mktemp("mutants"), ROOT / "city", ROOT / "models") as running:
        yield running


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_without_a_mutant_nothing_is_lost_or_doubled(town: MutantTown, fault: Fault) -> None:
    town.become()
    assert play(town, fault) == ([], [])


@pytest.mark.parametrize(
    ("mutant", "fault"),
    [
        ("no_rewind", records_held),
        ("position_in_memory", end_unheard),
        ("auto_commit", killed),
        ("keeps_a_suspect_producer", late_end),
        ("late_metadata", partitions_move),
    ],
)
def test_a_loop_that_breaks_a_rule_is_caught(town: MutantTown, mutant: str, fault: Fault) -> None:
    town.become(route=mutant)
    lost, doubled = play(town, fault)
    assert lost or doubled


@pytest.mark.parametrize("mutant", ["no_crm_key", "random_reference", "reference_of_the_attempt", "random_key"])
def test_a_delivery_that_breaks_a_rule_is_caught(town: MutantTown, mutant: str) -> None:
    town.become(deliver=mutant)
    lost, doubled = play(town, answers_lost)
    assert lost or doubled
