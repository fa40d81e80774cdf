"""Changed files of a city are taken up between batches, whole or not at all; a bad one is refused, and work goes on."""

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from route_town import classified

from services.city.load import load
from services.city.shelf import CityShelf
from services.events import RequestRouted
from services.parts import Place, Routing
from services.route.core import unfit
from services.route.settings import RouteSettings
from services.route.worker import build
from services.runtime.metrics import Metrics
from services.runtime.settings import Shared

SHIPPED = Path(__file__).parents[2] / "city"
OLD_MILLS = Place(latitude=39.2119, longitude=-75.0845)
SOON_S = 20.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "city"))


class World:
    """A shelf that gives versions of a city, whose clock stands still until it is told."""

    def __init__(self, directory: Path, every_s: float = 10.0) -> None:
        self.clock, self.heard = Clock(), list[str | None]()
        self.made = list[str]()
        self.shelf = CityShelf(
            directory,
            self.make,
            unfit,
            lambda city: self.heard.append(city.version if city else None),
            every_s=every_s,
            clock=self.clock,
        )

    def make(self, city: object) -> str:
        self.made.append(str(getattr(city, "version", "")))
        return self.made[-1]

    def look(self) -> str:
        """Let it look once, and see it through."""
        self.clock.now += 11.0
        self.shelf.current()
        until(lambda: self.shelf.current() and self.shelf._looking is None)
        return self.shelf.current()


@pytest.fixture
def world(directory: Path) -> Iterator[World]:
    made = World(directory)
    yield made
    made.shelf.close()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def roads_to(directory: Path, department: str) -> None:
    roads = "    department: {}\n    families: [roads]"
    edit(directory / "departments.yaml", roads.format("streets"), roads.format(department))


def test_a_changed_city_is_taken_up_once_nothing_changes_any_more(world: World, directory: Path) -> None:
    first = world.shelf.current()
    world.look()
    roads_to(directory, "traffic")
    assert world.look() == first  # seen, and given time to change on
    second = world.look()
    assert second == load(directory).version != first
    assert world.heard == [second]
    assert world.look() == second
    assert world.made == [first, second]


def test_while_files_go_on_changing_none_is_read(world: World, directory: Path) -> None:
    first = world.shelf.current()
    for number in range(6):
        (directory / "departments.yaml").write_text(f"departments: half of it {number}\n")
        assert world.look() == first
    assert world.heard == []


def test_a_half_written_one_is_refused_once_and_the_whole_one_is_taken_up(
    world: World, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, path = world.shelf.current(), directory / "departments.yaml"
    roads_to(directory, "traffic")
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    with caplog.at_level(logging.ERROR):
        for _ in range(4):
            assert world.look() == first
    assert world.heard == [None]
    assert f"the city in {directory} cannot be used" in caplog.text
    assert "departments.yaml:" in caplog.text
    assert f"{first} goes on" in caplog.text
    path.write_text(whole)
    world.look()
    assert world.look() == load(directory).version != first
    assert world.heard[1:] == [world.shelf.current()]


def test_what_changes_under_the_reading_does_not_count(directory: Path) -> None:
    class Meddling(World):
        def make(self, city: object) -> str:
            if self.made and len(self.made) < 2:
                roads_to(directory, "water")
            return super().make(city)

    world = Meddling(directory)
    first = world.shelf.current()
    roads_to(directory, "traffic")
    roads = "    department: {}\n    families: [roads]"
    edit(directory / "departments.yaml", roads.format("traffic"), roads.format("streets") + "  # the same")
    for _ in range(3):
        world.look()
    assert world.heard in ([], [load(directory).version])
    world.look()
    assert world.shelf.current() == load(directory).version != first
    assert len(world.made) == 3  # at the start, the one that was meddled with, the last
    world.shelf.close()


def test_a_rule_that_ties_is_refused(world: World, directory: Path) -> None:
    first = world.shelf.current()
    more = "\n  more-roads:\n    department: traffic\n    families: [roads]\n"
    with (directory / "departments.yaml").open("a") as file:
        file.write(more)
    world.look()
    assert world.look() == first
    assert world.heard == [None]


def test_a_new_department_is_refused_for_no_other_worker_knows_it(
    world: World, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = world.shelf.current()
    new = "departments:\n  harbor:\n    name: Harbor\n    system: work-orders\n"
    edit(directory / "departments.yaml", "departments:\n", new)
    world.look()
    assert world.look() == first
    assert world.heard == [None]
    assert (
        "departments.yaml has new departments, harbor, that no other worker knows yet: "
        "run `stormdrain topics apply`, then restart the workers"
    ) in caplog.text


def test_a_directory_renamed_into_place_is_taken_up(world: World, directory: Path, tmp_path: Path) -> None:
    new = Path(shutil.copytree(directory, tmp_path / "new"))
    roads_to(new, "traffic")
    directory.rename(tmp_path / "old")
    assert world.look() == world.made[0]
    new.rename(directory)
    world.look()
    assert world.look() == load(directory).version
    assert len(world.heard) == 1


def test_a_city_that_vanishes_is_refused_and_work_goes_on(world: World, directory: Path) -> None:
    first = world.shelf.current()
    shutil.rmtree(directory)
    world.look()
    assert world.look() == first
    assert world.heard == [None]


def test_touching_files_changes_nothing(world: World, directory: Path) -> None:
    for path in directory.rglob("*.yaml"):
        os.utime(path)
    world.look()
    world.look()
    assert world.heard == []


def test_an_operator_may_have_none_looked_for(directory: Path) -> None:
    world = World(directory, every_s=0.0)
    roads_to(directory, "traffic")
    world.look()
    world.look()
    assert world.heard == []
    world.shelf.close()


def test_the_worker_routes_each_batch_by_one_city_and_says_which(directory: Path) -> None:
    metrics = Metrics("route")
    worker = build(RouteSettings(city_look_s=0.001), Shared(stormdrain_city_dir=directory), metrics)
    metrics.info(slot="route-0", versions=worker.versions)
    sample = metrics.registry.get_sample_value

    def routings() -> list[Routing]:
        found = worker.handler.handle([classified(OLD_MILLS)] * 50)  # type: ignore[call-arg, arg-type]
        said = [each.routing for each in found if isinstance(each, RequestRouted)]
        assert len({(each.version, each.department) for each in said}) == 1
        return said

    assert (routings()[0].department, routings()[0].version) == ("streets", worker.versions["city"])
    whole = (directory / "departments.yaml").read_text()
    (directory / "departments.yaml").write_text(whole[: len(whole) // 2])

    def reloads(result: str) -> float | None:
        return sample("stormdrain_city_reloads_total", {"worker": "route", "result": result})

    until(lambda: routings()[0].department == "streets" and reloads("refused"))
    (directory / "departments.yaml").write_text(whole)
    roads_to(directory, "traffic")
    until(lambda: routings()[0].department == "traffic")
    version = load(directory).version
    assert routings()[0].version == version
    info = [s for family in metrics.registry.collect() for s in family.samples if s.name == "stormdrain_worker_info"]
    assert [each.labels["city"] for each in info] == [version]
    assert reloads("served") == 1
    assert worker.close is not None
    worker.close()
