"""A race: every side in every round, in an order drawn anew, and what came out compared each time."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

import msgspec

from benchmarks.passthrough.topics import Topics
from benchmarks.peers.job import Job
from benchmarks.peers.running import Ran, SideError, run, run_alone
from benchmarks.peers.side import LeftOutError, Say, Side

Check = Callable[[Job], None]
"""Reads what a side wrote; raises `SideError` where it is not what it should be."""
LIMIT_S = 150.0


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What all sides of a race have in common."""

    job: Job
    """With the records of a whole input."""
    sources: dict[float, str]
    """Topic by share of the input."""
    checks: dict[tuple[str, float], Check]
    """By task and share."""
    texts: str
    """A file of the texts of a whole input, for who has no broker."""
    broker: int
    """Its process."""
    folder: Path
    rounds: int
    warm_up: int
    seed: int


def ready(sides: Sequence[Side], say: Say) -> tuple[dict[str, Sequence[str]], dict[str, str]]:
    """Make every side ready; give the words that start each, and why others are left out."""
    words, left_out = {}, {}
    for side in sides:
        try:
            words[side.name] = side.place(side.program, say)
        except LeftOutError as error:
            left_out[side.name] = str(error)
            say(f"{side.name} is left out: {error}")
    return words, left_out


def race(
    course: Course, sides: Sequence[Side], words: Mapping[str, Sequence[str]], topics: Topics, say: Say
) -> dict[str, list[Ran]]:
    """Run them, round by round; a side that fails ends the race.

    Raises:
        SideError: names the side.

    """
    luck = Random(course.seed)
    measured: dict[str, list[Ran]] = {side.name: [] for side in sides}
    for number in range(-course.warm_up, course.rounds):
        for side in luck.sample(sides, len(sides)):
            try:
                ran = _one(course, side, number + course.warm_up, words[side.name], topics)
            except SideError as error:
                message = f"{side.name}: {error}"
                raise SideError(message) from error
            kept = "" if number >= 0 else ", a warm-up"
            rate = ran.records / ran.seconds
            say(f"round {number + 1}: {side.name} {rate:,.0f} records/s over {ran.seconds:.1f} s{kept}")
            if number >= 0:
                measured[side.name].append(ran)
    return measured


def _one(course: Course, side: Side, number: int, words: Sequence[str], topics: Topics) -> Ran:
    name = f"{side.name.replace('_', '-')}-{number}"
    folder = course.folder / name
    (folder / "state").mkdir(parents=True)
    job = msgspec.structs.replace(
        course.job,
        task=side.task,
        group=name,
        source=course.texts if side.alone else course.sources[side.share],
        target=f"bench.peers-{name}.v1",
        records=round(course.job.records * side.share),
        state=str(folder / "state"),
        tuned=side.tuned,
    )
    started = [*words, msgspec.json.encode(job).decode()]
    log = folder / "said.log"
    if side.alone:
        ran = run_alone(started, log=log, limit_s=LIMIT_S)
    else:
        topics.create(job.target)
        ran = run(started, looking=side.look(job), records=job.records, broker=course.broker, log=log, limit_s=LIMIT_S)
        course.checks[side.task, side.share](job)
        topics.delete(job.target)
    shutil.rmtree(folder)
    time.sleep(0.2)  # the broker's own housekeeping after a deletion is nobody's record
    return ran
