"""Exactly once, whatever happens: a storm of faults over the loop, and the loop's rules taken out one by one."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as how
from hypothesis.stateful import run_state_machine_as_test
from loop_mutants import SEASONED, SHORT, STATEFUL, STATELESS
from storm_of_faults import QUICK, SeasonedStorm, StatefulStorm, StormOfFaults

from services.runtime.loop import Loop

HUNT = how(
    QUICK,
    max_examples=2000,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


class ShortStorm(StormOfFaults):
    """Of batches that are shorter than what is read at once."""

    batch_size = 2


class ShortStatefulStorm(StatefulStorm):
    """The same, of a worker that keeps state."""

    batch_size = 2


@pytest.mark.parametrize("storm", [StormOfFaults, ShortStorm, StatefulStorm, ShortStatefulStorm, SeasonedStorm])
def test_every_input_becomes_exactly_one_output_whatever_happens(storm: type[StormOfFaults]) -> None:
    run_state_machine_as_test(storm, settings=QUICK)


@pytest.mark.parametrize(
    ("storm", "rule"),
    [
        *((StormOfFaults, rule) for rule in STATELESS),
        *((ShortStorm, rule) for rule in SHORT),
        *((StatefulStorm, rule) for rule in STATEFUL),
        *((SeasonedStorm, rule) for rule in SEASONED),
    ],
    ids=lambda each: each.__name__,
)
def test_a_loop_without_one_of_its_rules_does_not_weather_the_storm(
    storm: type[StormOfFaults], rule: Callable[[Loop], None]
) -> None:
    broken = type("Broken", (storm,), {"break_it": staticmethod(rule)})
    with pytest.raises(AssertionError, match=r"lost or doubled|doubled|state"):
        run_state_machine_as_test(broken, settings=HUNT)
