"""Who takes part: the processes of each side, the topics they share, and where its reports come out."""

import os
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.peers.pipeline import bare_side, chain
from benchmarks.peers.pipeline.job import Job
from services.cli.town import Town, without_settings
from services.runtime.supervisor import Program

OURS = ("receive", *chain.STAGES)
ALL_TEN = (*OURS, "deliver", "review", "watch", "index")
PARTITIONS = 12


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side, ready to be started."""

    name: str
    prefix: str
    programs: Sequence[Program]
    ends: Sequence[str]
    topics: dict[str, int] = field(default_factory=dict)
    """To be created beside those of topics.yaml, with their partitions."""
    door: str = ""
    how: str = ""
    """Its processes and settings, in words."""

    @property
    def entry(self) -> str:
        """The topic its reports come in by."""
        return f"{self.prefix}requests.received.v1"


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What every side of a run stands on."""

    bootstrap: str
    city: Path
    models: Path
    state: Path
    settings: dict[str, str] = field(default_factory=dict)
    """Further environment of Stormdrain's workers."""


def stormdrain(ground: Ground, workers: Sequence[str] = OURS) -> Side:
    """Give Stormdrain as `stormdrain up` runs it, of its workers only these; with `deliver` its sandbox CRM too."""
    with_crm = "deliver" in workers
    town = Town.lay_out(
        state=ground.state / "town",
        city=ground.city,
        models=ground.models,
        bootstrap=ground.bootstrap,
        environment=without_settings(os.environ),
        settings=ground.settings,
        sandbox=with_crm,
    )
    wanted = {f"{worker}-0" for worker in workers} | {"crm"}
    return Side(
        name="stormdrain",
        prefix="",
        programs=[program for program in town.programs() if program.name in wanted],
        ends=chain.ends(ground.city, ""),
        door=town.door,
        how="one process for each worker, transactions from topic to topic, all settings as they come",
    )


def faust(ground: Ground, python: str, deployment: str) -> Side:
    """Give the cores in Faust: in `one` process, in `two` of one app, or each stage in one of its own (`stages`)."""
    return _peer(ground, "faust", python, deployment, commit_s=0.0, how="at least once, linger 2 ms, buffer 16,384")


def quix(ground: Ground, python: str, deployment: str, commit_s: float) -> Side:
    """Give the cores in Quix Streams; the deployments are as with `faust`."""
    how = f"exactly once, commit_interval {commit_s:g} s"
    return _peer(ground, "quix", python, deployment, commit_s=commit_s, how=how)


def bare(ground: Ground) -> Side:
    """Give a chain of as many bare transactional hops as Stormdrain has from receive's topic to the departments'."""
    hops = range(len(chain.STAGES))
    prefix = "bare."
    jobs = [
        Job(
            peer="bare",
            bootstrap=ground.bootstrap,
            prefix=prefix,
            group="bare",
            stages=(),
            city=str(ground.city),
            models=str(ground.models),
            state=str(ground.state),
            instance=number,
        )
        for number in hops
    ]
    topics = {bare_side.topic(prefix, number): PARTITIONS for number in (*hops, len(hops))}
    return Side(
        name="bare",
        prefix=prefix,
        programs=[_program(f"bare-{job.instance}", sys.executable, "bare", job, ground) for job in jobs],
        ends=[bare_side.topic(prefix, len(hops))],
        topics=topics,
        how="five processes that pass on what they read, with the runtime's client settings",
    )


def _peer(ground: Ground, peer: str, python: str, deployment: str, *, commit_s: float, how: str) -> Side:
    # A share of the names for each stage, and each share run by as many processes.
    whole: list[tuple[str, ...]] = [chain.STAGES]
    each_alone: list[tuple[str, ...]] = [(stage,) for stage in chain.STAGES]
    shares, copies, where = {
        "one": (whole, 1, "one process"),
        "two": (whole, 2, "two processes of one application"),
        "stages": (each_alone, 1, "an application and a process for each stage"),
    }[deployment]
    name = f"{peer}-{deployment}"
    jobs = [
        Job(
            peer=peer,
            bootstrap=ground.bootstrap,
            prefix=f"{name}.",
            group=f"{name}-{share[0]}",
            stages=share,
            city=str(ground.city.absolute()),
            models=str(ground.models.absolute()),
            state=str(ground.state / name),
            commit_s=commit_s,
            instance=copy,
        )
        for share in shares
        for copy in range(copies)
    ]
    return Side(
        name=name,
        prefix=f"{name}.",
        programs=[_program(f"{job.group}-{job.instance}", python, peer, job, ground) for job in jobs],
        ends=chain.ends(ground.city, f"{name}."),
        topics=chain.topics(ground.city, f"{name}."),
        how=f"{where}; {how}",
    )


def _program(name: str, python: str, peer: str, job: Job, ground: Ground) -> Program:
    Path(job.state).mkdir(parents=True, exist_ok=True)
    # What a peer's own environment lacks of what the cores need, it finds in ours, which comes last.
    below = "" if python == sys.executable else f"sys.path.append({sysconfig.get_path('purelib')!r}); "
    start = f"import sys; {below}from benchmarks.peers.pipeline.{peer}_side import main; main(sys.argv[1])"
    return Program(
        name=name,
        command=[python, "-c", start, msgspec.json.encode(job).decode()],
        environment=without_settings(os.environ) | {"PYTHONPATH": str(Path(__file__).parents[3])},
        log=ground.state / "logs" / f"{name}.log",
    )
