"""The file of Kafka's classes, made by a Java that only writes down what it was asked."""

import os
from pathlib import Path

import pytest

from services.sandbox.node import Java
from services.sandbox.quickstart import quickened

GOOD = """
for word; do case $word in
  kafka.tools.StorageTool) exit 0;;
  -XX:AOTCacheOutput=*) file=${word#*=};;
esac; done
echo classes > "$file"
"""
BAD = "exit 1"


class Machine:
    """A Java, the folder of its jars, and what was reported."""

    def __init__(self, folder: Path, does: str, major: int = 25) -> None:
        self._launcher = folder / f"java-{major}"
        self.jars = folder / "jars"
        self.jars.mkdir(exist_ok=True)
        self._jar = self.jars / "one.jar"
        self._jar.write_bytes(b"one")
        self.java = Java(self._launcher, major)
        self.become(does)
        self.told: list[str] = []

    def become(self, does: str) -> None:
        """Another program under the same name, as old as the last: only what it does is new."""
        times = (self._launcher.stat() if self._launcher.exists() else self._jar.stat()).st_mtime_ns
        self._launcher.write_text(f"#!/bin/sh\n{does.ljust(500)}\n")
        self._launcher.chmod(0o755)
        os.utime(self._launcher, ns=(times, times))

    def change_jar(self) -> None:
        self._jar.write_bytes(self._jar.read_bytes() + b"!")

    def start(self) -> tuple[str, ...]:
        """Give what a start of Kafka is told of the file."""
        more = quickened(self.java, [self._jar], lambda what, *_: self.told.append(what), limit_s=20.0).more
        return more[:1]

    @property
    def kept(self) -> list[Path]:
        return sorted(self.jars.glob("classes-*.aot"))


def test_the_file_is_made_at_the_first_start_and_used_by_all(tmp_path: Path) -> None:
    machine = Machine(tmp_path, GOOD)
    first = machine.start()
    (kept,) = machine.kept
    assert kept.read_text() == "classes\n"
    assert first == machine.start() == (f"-XX:AOTCache={kept}",)
    assert machine.told == ["making Apache Kafka quick to start (once)"]
    assert {each.name for each in machine.jars.iterdir()} == {"one.jar", ".classes.lock", kept.name}


def test_a_java_that_cannot_make_it_starts_kafka_without_and_is_asked_again_an_hour_later(tmp_path: Path) -> None:
    machine = Machine(tmp_path, BAD)
    assert machine.start() == machine.start() == ()
    assert (machine.kept, len(machine.told)) == ([], 1)
    machine.become(GOOD)
    assert machine.start() == ()
    (note,) = machine.jars.glob("*.tried")
    an_hour_ago = note.stat().st_mtime - 3601
    os.utime(note, (an_hour_ago, an_hour_ago))
    assert machine.start() == (f"-XX:AOTCache={machine.kept[0]}",)
    assert not note.exists()


@pytest.mark.parametrize("major", [17, 24])
def test_an_older_java_is_not_asked(tmp_path: Path, major: int) -> None:
    machine = Machine(tmp_path, GOOD, major)
    assert machine.start() == ()
    assert (machine.kept, machine.told) == ([], [])


def test_other_jars_have_a_file_of_their_own_and_the_oldest_files_go(tmp_path: Path) -> None:
    machine = Machine(tmp_path, GOOD)
    seen: list[Path] = []
    for age in range(5, 0, -1):
        machine.start()
        (new,) = {*machine.kept} - {*seen}
        os.utime(new, (new.stat().st_mtime - 100 * age,) * 2)
        seen.append(new)
        machine.change_jar()
    assert machine.kept == sorted(seen[-3:])


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    machine = Machine(tmp_path, GOOD)
    (machine.jars / ".classes.lock").mkdir()
    assert machine.start() == ()
    assert machine.kept == []
