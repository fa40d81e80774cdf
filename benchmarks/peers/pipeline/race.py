"""One world's race: who qualifies, rounds in a shuffled order, and the same reports for every side."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

from msgspec import Struct

from benchmarks.machine import spread
from benchmarks.peers.pipeline import sides
from benchmarks.peers.pipeline.course import Course, Say, course
from benchmarks.peers.pipeline.door import encoded
from benchmarks.peers.pipeline.load import StuckError
from benchmarks.peers.pipeline.reports import Record
from benchmarks.peers.pipeline.sides import Ground, Side
from benchmarks.peers.pipeline.towns import World

OURS, BARE = "stormdrain", "bare"
DEPLOYMENTS = ("one", "two", "stages")
SHARES = {"faust": 0.25, "quix": 0.5}
"""Of the reports of a saturated round, so that all sides take about as long."""
WARM = 200
CALM_S = 45.0
"""Seconds' worth of reports kept for the time after a burst."""
Pythons = dict[str, str]
"""The Python of each peer's environment."""


class Plan(Struct, frozen=True, kw_only=True):
    """What a run was asked to be."""

    reports: int
    rounds: int
    seed: int
    rates: tuple[float, ...]
    seconds: float
    base: float
    times: float
    burst_s: float
    door: int
    qualifying: int
    commit_s: float
    callers: int = 8
    batch: int = 100
    settings: dict[str, str] = {}
    city: Path
    models: Path


def qualify(world: World, plan: Plan, pythons: Pythons, say: Say) -> dict[str, dict[str, float]]:
    """Give the reports/s of each peer in each deployment, each alone on the machine; 0 of one that did not do it."""
    found: dict[str, dict[str, float]] = {peer: {} for peer in pythons}
    with course(world.city, world.models, {}, say) as (here, ground, _):
        warm, records = world.source.take(WARM), world.source.take(plan.qualifying)
        for peer in pythons:
            for deployment in DEPLOYMENTS:
                name = f"{peer}-{deployment}"
                try:
                    with ExitStack() as alone:
                        here.start(peer_side(ground, peer, pythons[peer], deployment, plan), warm, alone)
                        found[peer][deployment] = here.saturate(name, records)["reports_per_s"]
                except StuckError as error:
                    say(str(error))
                    found[peer][deployment] = 0.0
                say(f"{name}: {found[peer][deployment]:,.0f} reports/s")
    return found


def race(
    world: World, plan: Plan, pythons: Pythons, best: dict[str, str], say: Say, *, all_ten: bool
) -> dict[str, Any]:
    """Give the figures of every side in one world; peers as `best` says; ours through the door with `all_ten` too."""
    luck = Random(plan.seed)
    with course(world.city, world.models, plan.settings, say) as (here, ground, stack):
        taking_part = [sides.stormdrain(ground), sides.bare(ground)]
        taking_part += [peer_side(ground, peer, pythons[peer], best[peer], plan) for peer in pythons]
        warm = world.source.take(WARM)
        for side in taking_part:
            here.start(side, warm, stack)
        names = [side.name for side in taking_part]
        runs = _Runs(here, names, luck, say)
        saturated = runs.rounds(
            plan.rounds,
            lambda: world.source.take(plan.reports),
            lambda name, given: here.saturate(name, _of(given, name)),
        )
        steady = {}
        for rate in plan.rates:
            # At a low rate one long look: of a few reports there is no p99.
            often = plan.rounds if rate * plan.seconds >= 1000 else 1
            records = max(1, round(rate * plan.seconds / often))
            steady[f"{rate:g}"] = runs.rounds(
                often,
                lambda records=records: world.source.take(records),  # type: ignore[misc]
                lambda name, given, rate=rate: here.steady(name, given, rate),  # type: ignore[misc]
            )
        pipelines = [name for name in names if name != BARE]
        bursts = runs.rounds(1 if plan.burst_s else 0, lambda: _burst_of(world, plan), _burst(here, plan), pipelines)
        door = _through_the_door(here, world, plan, say) if plan.door else None
        for name in names:
            if ended := here.settled(name):
                message = f"processes ended during the run: {', '.join(ended)}"
                raise StuckError(message)
        kafka = here.kafka
    return {
        "kafka": kafka,
        "checked": runs.checked,
        "sides": {
            side.name: {
                "how": side.how,
                "saturated": _spreads(saturated[side.name]),
                "steady": {rate: _spreads(found[side.name]) for rate, found in steady.items()},
                "burst": next(iter(bursts.get(side.name, ())), None),
            }
            for side in taking_part
        },
        "ratios": {
            "reports_per_s": {name: _ratios(saturated, "reports_per_s", OURS, name) for name in names if name != OURS},
            "p99_ms": {rate: _ratios(found, "p99_ms", OURS, BARE) for rate, found in steady.items()},
        },
        "door": door,
        "door_all_ten": _all_ten(world, plan, say) if plan.door and all_ten else None,
    }


def peer_side(ground: Ground, peer: str, python: str, deployment: str, plan: Plan) -> Side:
    """Give a peer in a deployment."""
    if peer == "faust":
        return sides.faust(ground, python, deployment)
    return sides.quix(ground, python, deployment, plan.commit_s)


class _Runs:
    """Rounds in which every side is given the same reports, in an order drawn anew."""

    def __init__(self, here: Course, names: Sequence[str], luck: Random, say: Say) -> None:
        self._here, self._names, self._luck, self._say = here, names, luck, say
        self.checked: dict[str, int] = dict.fromkeys(names, 0)

    def rounds(
        self,
        number: int,
        given: Callable[[], list[Record]],
        measure: Callable[[str, list[Record]], dict[str, Any]],
        names: Sequence[str] = (),
    ) -> dict[str, list[dict[str, Any]]]:
        """Give every side's figures, round by round; of `names` alone, if there are any."""
        taking_part = names or self._names
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in taking_part}
        for _ in range(number):
            records = given()
            for name in self._luck.sample(taking_part, len(taking_part)):
                figures = measure(name, records)
                found[name].append(figures)
                told = {key: value for key, value in figures.items() if not isinstance(value, dict)}
                self._say(f"{name}: {told}")
            self._check(records)
        return found

    def _check(self, records: Sequence[Record]) -> None:
        """See that every side said of a report what ours said: category and department."""
        ours = self._here.said(OURS)
        for name in self._names:
            said = self._here.said(name)
            own = [each.request_id for each in records if each.request_id in said and each.request_id in ours]
            others = [each for each in own if name != BARE and said[each] != ours[each]]
            if others:
                first = others[0]
                message = f"{name} said otherwise of {len(others)} of {len(own)}: {first} {said[first]}, {ours[first]}"
                raise StuckError(message)
            self.checked[name] += len(own)


def _of(records: list[Record], name: str) -> list[Record]:
    share = SHARES.get(name.partition("-")[0], 1.0)
    return records[: max(1, round(len(records) * share))]


def _burst_of(world: World, plan: Plan) -> list[Record]:
    calm = round(plan.base * (CALM_S + 3 * plan.burst_s))
    return world.source.take(calm + round(plan.base * plan.times * plan.burst_s))


def _burst(here: Course, plan: Plan) -> Callable[[str, list[Record]], dict[str, Any]]:
    return lambda name, given: here.burst(name, given, plan.base, plan.times, plan.burst_s)


def _through_the_door(here: Course, world: World, plan: Plan, say: Say) -> dict[str, Any]:
    runs = []
    for _ in range(plan.rounds):
        runs.append(here.door(OURS, encoded(world.source.bodies(plan.door), plan.batch), plan.callers))
        say(f"through the door: {runs[-1]['reports_per_s']:,.0f} reports/s")
    return _spreads(runs)


def _all_ten(world: World, plan: Plan, say: Say) -> dict[str, Any]:
    """Give the same with the workers beside the way, deliver and the sandbox CRM too, on a broker of its own."""
    with course(world.city, world.models, plan.settings, say) as (here, ground, stack):
        here.start(sides.stormdrain(ground, sides.ALL_TEN), world.source.take(WARM), stack)
        return _through_the_door(here, world, plan, say)


def _spreads(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Give the spread of each plain figure, and every run."""
    numbers = {key for run in runs for key, value in run.items() if isinstance(value, int | float)}
    found: dict[str, Any] = {}
    for key in sorted(numbers):
        values = [run[key] for run in runs if run[key] is not None]
        found[key] = spread(values, 2)
    return found | {"runs": list(runs)}


def _ratios(found: dict[str, list[dict[str, Any]]], key: str, one: str, other: str) -> dict[str, float]:
    pairs = zip(found[one], found[other], strict=True)
    return spread([a[key] / b[key] for a, b in pairs], 3)
