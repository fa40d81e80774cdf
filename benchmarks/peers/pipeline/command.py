"""python -m benchmarks.peers pipeline: the whole pipeline, Stormdrain's workers beside the same cores elsewhere.

From receive's topic to the departments' topics or the drafts: real workers, one process each, against the same pure
handlers called with one record at a time, chained in Faust and in Quix Streams over the same intermediate topics, and
against a chain of as many bare transactional hops. First every peer is tried in one process, in two of one
application and with a process for each stage; the best of these takes part. All sides run on one broker, one of them
busy at a time; they are given the same reports, and must say the same of each. The last line on standard output is
the result as JSON; all else goes to standard error.
"""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from benchmarks.machine import machine, now, versions
from benchmarks.peers.page import put
from benchmarks.peers.pipeline.load import StuckError
from benchmarks.peers.pipeline.race import Plan, Pythons, qualify, race
from benchmarks.peers.pipeline.tables import tables
from benchmarks.peers.pipeline.towns import World, real, synthetic
from benchmarks.peers.places import environment
from benchmarks.peers.side import LeftOutError

PEERS = ("faust", "quix")
WORLDS = ("synthetic", "madrid")
CORES = 2


def pipeline(
    *,
    reports: Annotated[int, typer.Option(help="At once, in a saturated round; peers get a share.", min=10)] = 12_000,
    rounds: Annotated[int, typer.Option(help="How often each side is measured.", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="Of the storm and of the order within a round.")] = 1,
    rate: Annotated[list[float] | None, typer.Option(help="Reports a second, repeatable: 10 and 200.")] = None,
    seconds: Annotated[float, typer.Option(help="How long each rate is held, in all rounds together.")] = 24.0,
    burst_seconds: Annotated[float, typer.Option(help="How long the burst lasts; 0 leaves it out.")] = 5.0,
    base: Annotated[float, typer.Option(help="Reports a second before and after the burst.")] = 10.0,
    times: Annotated[float, typer.Option(help="How many times that the burst is.")] = 100.0,
    door: Annotated[int, typer.Option(help="Reports posted to `receive` in a round; 0 leaves it out.")] = 15_000,
    qualifying: Annotated[
        int, typer.Option(help="Reports by which a peer's deployment is chosen; 0: one process.")
    ] = 1500,
    commit: Annotated[float, typer.Option(help="Seconds from commit to commit of Quix Streams.")] = 0.1,
    world: Annotated[list[str] | None, typer.Option(help=f"Only this one; repeatable: {', '.join(WORLDS)}.")] = None,
    peer: Annotated[list[str] | None, typer.Option(help=f"Only this one; repeatable: {', '.join(PEERS)}.")] = None,
    installed: Annotated[bool, typer.Option("--installed", help="Run all sides with this Python, as it is.")] = False,
    setting: Annotated[list[str] | None, typer.Option(help="NAME=value of a worker's environment; repeatable.")] = None,
    write: Annotated[Path | None, typer.Option(help="The page whose tables are replaced by this run's.")] = None,
    city: Annotated[Path, typer.Option(help="The town of the synthetic storm.")] = Path("city"),
    models: Annotated[Path, typer.Option(help="Its models.")] = Path("models"),
) -> None:
    """Race the whole pipeline; the last line of standard output is JSON."""
    plan = Plan(
        reports=reports,
        rounds=rounds,
        seed=seed,
        rates=tuple(rate or (10.0, 200.0)),
        seconds=seconds,
        base=base,
        times=times,
        burst_s=burst_seconds,
        door=door,
        qualifying=qualifying,
        commit_s=commit,
        settings=dict(each.split("=", 1) for each in setting or []),
        city=city.absolute(),
        models=models.absolute(),
    )
    wanted = _chosen(world, WORLDS, "world")
    if hasattr(os, "sched_setaffinity"):  # the broker and all sides inherit it
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    try:
        result = _result(plan, wanted, _chosen(peer, PEERS, "peer"), installed=installed)
    except StuckError as error:
        say(str(error))
        raise typer.Exit(1) from None
    print(json.dumps(result), flush=True)
    if write is not None and result["worlds"]:
        put(write, "pipeline", tables(result))
    raise typer.Exit(1 if result["failed"] else 0)


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def _result(plan: Plan, wanted: list[str], peers: list[str], *, installed: bool) -> dict[str, Any]:
    host = machine()
    pythons, left_out = _pythons(peers, installed=installed)
    worlds: list[World] = [synthetic(plan.city, plan.models, plan.seed)] if "synthetic" in wanted else []
    if "madrid" in wanted:
        past = real(plan.models, say)
        worlds += [past] if past is not None else []
        left_out |= {} if past is not None else {"madrid": "there are no real reports here"}
    qualified: dict[str, dict[str, float]] = {}
    if plan.qualifying and worlds:
        qualified = qualify(worlds[0], plan, pythons, say)
    best = {peer: max(qualified[peer], key=qualified[peer].__getitem__) if qualified else "one" for peer in pythons}
    found: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for each in worlds:
        try:
            found[each.name] = race(each, plan, pythons, best, say, all_ten=each is worlds[0])
        except StuckError as error:  # what the other world said is not lost with it
            say(str(error))
            failed[each.name] = str(error).splitlines()[0]
    kafka = next(iter(found.values()))["kafka"] if found else ""
    return {
        "benchmark": "pipeline",
        "at": now(),
        "versions": versions(kafka),
        "machine": host | {"load_1m_after": machine()["load_1m"], "cpus_given": CORES},
        "settings": msgspec.to_builtins(plan, enc_hook=str),
        "left_out": left_out | failed,
        "failed": list(failed),
        "qualified": qualified,
        "best": best,
        "worlds": found,
    }


def _pythons(peers: list[str], *, installed: bool) -> tuple[Pythons, dict[str, str]]:
    if installed:
        return dict.fromkeys(peers, sys.executable), {}
    found: Pythons = {}
    left_out: dict[str, str] = {}
    for peer in peers:
        try:
            found[peer] = str(environment(peer, say))
        except LeftOutError as error:
            say(f"{peer} is left out: {error}")
            left_out[peer] = str(error)
    return found, left_out


def _chosen(names: list[str] | None, known: tuple[str, ...], what: str) -> list[str]:
    if strange := sorted(set(names or ()) - set(known)):
        message = f"no {what} is called {', '.join(strange)}: expected {', '.join(known)}"
        raise typer.BadParameter(message)
    return list(names or known)
