"""The same question to PostgreSQL and to `match`: a process of its own, all in turns on the same open reports.

Each is asked which earlier open report of its family, within reach and window, a fresh one is likest to. PostgreSQL
answers with the likest text by trigrams, the nearer of equals, and does no more. `match` gives the whole event that it
would write: the likest by all that speaks for it, how sure that is, what else was like it, and how far the incident has
grown. An answer counts only together with remembering the report, or the next one about the same thing would not find
it. So each is measured twice: `asked` is the look-up alone, `taken` the look-up and the taking in, a batch in one
transaction; for `match` this is `handle` and `fold`.

PostgreSQL holds the reports in three shapes, see `plain` and `tuned`. In all it writes no log, waits for no disk, and
forgets no report that has grown too old, as `match` does. All are measured by the wall's clock, and by the processor's:
of this process, and of those that serve it.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, cast

import msgspec
import numpy as np
import psutil
import psycopg

from benchmarks.machine import spread
from benchmarks.match.plain import Plain
from benchmarks.match.question import Answers, Link, Query, held, queries_of, stage
from benchmarks.match.rate import Asked, filled, quantiles
from benchmarks.match.server import MissingError, server
from benchmarks.match.tuned import Placed, Tuned
from benchmarks.peers.side import say
from services.city.load import load
from services.events import RequestMatched, RequestRouted
from services.match.adapters import Matcher, seen_of
from services.match.worker import reaches_of

SHARED_MB = 4096
SMALL_MB = 128
SMALL = 50_000
SHAPES = ("plain", "composite", "tuned")
TICK_S = 0.01
"""How finely the system tells what another process spent."""
CLOSE = 0.02
"""Texts whose likeness by PostgreSQL's trigrams differs by less are as like as each other."""


class Batch(NamedTuple):
    """Fresh reports, as each side is given them."""

    events: list[RequestRouted]
    queries: list[Query]
    placed: list[Placed]


Side = Callable[[Batch], Any]
Rates = dict[str, dict[str, list[float]]]
"""Of `asked` and of `taken`, the reports/s of each side in each round."""


def raced(asked: Asked) -> dict[str, Any]:
    """Give reports/s of each side, the ratios of each round, and how far the answers agree."""
    files, city = asked.files, load(Path(asked.files.city))
    with ExitStack() as stack:
        where = stack.enter_context(server(SHARED_MB if files.open > SMALL else SMALL_MB))
        links = {name: stack.enter_context(psycopg.connect(where, autocommit=True)) for name in SHAPES}
        link = links["plain"]
        began = time.perf_counter()
        stage(link, files.read_open())
        plain, composite = Plain(link, "plain"), Plain(links["composite"], "composite")
        tuned = Tuned(links["tuned"], city.families)
        link.execute("DROP TABLE public.stage")
        say(f"PostgreSQL has {files.open:,} open reports in three shapes after {time.perf_counter() - began:.1f} s")
        matcher = filled(files)[0]
        batches = _batches(files.read_fresh(), asked, tuned)
        first = next(batches)
        index = {
            "plain": plain.best(first.queries),
            "composite": composite.best(first.queries),
            "tuned": tuned.best(first.placed),
        }
        say("they are asked by " + ", ".join(f"{each['chosen']} ({name})" for name, each in index.items()))
        sizes = {name: round(held(each, name)[1] / files.open) for name, each in links.items()}
        theirs, ones = tuned.at_once(first.placed), {"tuned": quantiles(_each(tuned.one_by_one, first.placed)[0])}
        taken, wide = _each(plain.ask, first.queries)
        ones |= {"plain": quantiles(taken), "composite": quantiles(_each(composite.ask, first.queries)[0])}
        agreement = _agreement(matcher, first.events, theirs, link) | {"plain_and_tuned": _same(first, wide, theirs)}
        backends = [psutil.Process(each.info.backend_pid) for each in links.values()]
        found = Race(matcher, plain, composite, tuned, backends=backends).run(first, batches, Random(files.seed))
        (version,) = link.execute("SELECT postgis_full_version()").fetchone() or ("",)
        (server_version,) = link.execute("SHOW server_version").fetchone() or ("",)
        kept = {name: held(each, name)[0] for name, each in links.items()}
    return {
        "open_reports": files.open,
        "queries": asked.batch,
        **found,
        "one_ms": ones,
        "agreement": agreement,
        "index": index,
        "bytes_per_open_report": sizes,
        "held_after": {"match": sum(len(each.said) for each in matcher._memories.values()), **kept},  # noqa: SLF001 - likewise
        "versions": {"postgresql": server_version, "postgis": version.split('"')[1] if '"' in version else version},
    }


def _batches(fresh: Iterator[RequestRouted], asked: Asked, shape: Tuned) -> Iterator[Batch]:
    """Give a batch that warms all, then one for each round: what was taken in is fresh no more."""
    reaches = reaches_of(load(Path(asked.files.city)))
    for _ in range(asked.rounds + 1):
        events = list(islice(fresh, asked.batch))
        queries = queries_of(events, reaches)
        yield Batch(events, queries, shape.placed(queries))


def _each(side: Callable[[list[Any]], Answers], queries: Sequence[Query | Placed]) -> tuple[list[float], Answers]:
    """Give the seconds that each look-up took, and what was found."""
    taken: list[float] = []
    found: Answers = {}
    for query in queries:
        began = time.perf_counter()
        answer = side([query])
        taken.append(time.perf_counter() - began)
        found |= answer
    return taken, found


class Race:
    """Who runs, and how fast each was."""

    def __init__(
        self, matcher: Matcher, plain: Plain, composite: Plain, tuned: Tuned, *, backends: Sequence[psutil.Process]
    ) -> None:
        self._backends = backends
        self._asked: dict[str, Side] = {
            "match": lambda batch: matcher.handle(0, batch.events),
            "match_one_by_one": lambda batch: [matcher.handle(0, [event]) for event in batch.events],
            "plain": lambda batch: plain.ask(batch.queries),
            "composite": lambda batch: composite.ask(batch.queries),
            "tuned_one_by_one": lambda batch: tuned.one_by_one(batch.placed),
            "tuned_at_once": lambda batch: tuned.at_once(batch.placed),
        }
        self._taken: dict[str, Side] = {
            "match": lambda batch: _match_and_fold(matcher, batch.events),
            "plain": lambda batch: plain.take(batch.queries),
            "composite": lambda batch: composite.take(batch.queries),
            "tuned": lambda batch: tuned.take(batch.placed, at_once=self._at_once),
        }
        self._at_once = True
        """Which way of asking was the faster in this round: as `tuned` looks up what it takes in."""

    def run(self, first: Batch, batches: Iterable[Batch], luck: Random) -> dict[str, Any]:
        """Warm all with the first batch, then run a round with each of the others.

        In a round all are asked, in any order, before any takes in: nobody finds the report that it asks for.
        """
        for side in (*self._asked.values(), *self._taken.values()):
            side(first)
        rates: Rates = {"asked": {name: [] for name in self._asked}, "taken": {name: [] for name in self._taken}}
        by_cpu: Rates = {"asked": {name: [] for name in self._asked}, "taken": {name: [] for name in self._taken}}
        for count, batch in enumerate(batches, 1):
            for what, sides in (("asked", self._asked), ("taken", self._taken)):
                for name in luck.sample(list(sides), len(sides)):
                    began, began_cpu = self._spent()
                    sides[name](batch)
                    ended, ended_cpu = self._spent()
                    rates[what][name].append(len(batch.events) / (ended - began))
                    by_cpu[what][name].append(len(batch.events) / max(ended_cpu - began_cpu, TICK_S))
                said = ", ".join(f"{name} {taken[-1]:,.0f}/s" for name, taken in rates[what].items())
                say(f"round {count}, {what}: {said}")
                self._at_once = rates["asked"]["tuned_at_once"][-1] >= rates["asked"]["tuned_one_by_one"][-1]
        singly = rates["asked"]
        return {
            "per_s": _spreads(rates),
            "per_cpu_s": _spreads(by_cpu),
            "ratio": _ratios(rates),
            "ratio_of_cpu": _ratios(by_cpu),
            "ratio_one_by_one": {
                name: _ratio(singly["match_one_by_one"], singly[theirs])
                for name, theirs in (("plain", "plain"), ("composite", "composite"), ("tuned", "tuned_one_by_one"))
            },
        }

    def _spent(self) -> tuple[float, float]:
        """Give the wall's clock, and the processor's of this process and of those that serve it."""
        theirs = [each.cpu_times() for each in self._backends]
        return time.perf_counter(), time.process_time() + sum(each.user + each.system for each in theirs)


def _match_and_fold(matcher: Matcher, events: Sequence[RequestRouted]) -> None:
    for outcome in matcher.handle(0, events):
        for event in outcome:
            matcher.fold(0, event)


def _spreads(rates: Rates) -> dict[str, Any]:
    return {what: {name: spread(taken) for name, taken in sides.items()} for what, sides in rates.items()}


def _ratios(rates: Rates) -> dict[str, Any]:
    """Give ours to theirs, of each shape and for both questions; `tuned` is asked in the better of its two ways."""
    asked, taken = rates["asked"], rates["taken"]
    better = list(map(max, asked["tuned_one_by_one"], asked["tuned_at_once"]))
    theirs = {"plain": asked["plain"], "composite": asked["composite"], "tuned": better}
    return {
        shape: {"asked": _ratio(asked["match"], theirs[shape]), "taken": _ratio(taken["match"], taken[shape])}
        for shape in SHAPES
    }


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    return spread([one / other for one, other in zip(ours, theirs, strict=True)], 2)


def _same(batch: Batch, one: Answers, other: Answers) -> float:
    """Give the share of reports to which both shapes give the same answer, or one that is as like.

    `tuned` leaves out what is further off than both places allow, as `match` does; `plain` takes the widest for all.
    """
    nothing = ("", 0.0)
    pairs = [(one.get(each.id, nothing), other.get(each.id, nothing)) for each in batch.placed]
    same = sum(mine == yours or (mine[1] == yours[1] and "" not in {mine[0], yours[0]}) for mine, yours in pairs)
    return round(same / len(pairs), 4)


def _agreement(matcher: Matcher, events: Sequence[RequestRouted], theirs: Answers, link: Link) -> dict[str, Any]:
    """Say how often both sides name the same report.

    PostgreSQL is `tuned`, which leaves out what is too far off, as `match` does. `likest_text`: the likest by text
    alone of all of its family that `match` compared is PostgreSQL's answer, or as like a text. `compared`: `match`
    compared PostgreSQL's answer, of those that have one. `linked`: where `match` made a link, it is to that answer.
    """
    same = compared = answered = linked = named = 0
    texts = [_texts(matcher, event) for event in events]
    known = [list({other for ours in texts for other in ours})]
    families = dict(link.execute("SELECT id, family FROM open WHERE id = ANY(%s)", known).fetchall())
    for event, said, alike in zip(events, matcher.handle(0, events), texts, strict=True):
        request_id = event.report.request_id
        theirs_id = theirs.get(request_id, ("", 0.0))[0]
        # PostgreSQL is not asked for reports of the families that the classifier thought of as well.
        ours = {other: value for other, value in alike.items() if families[other] == event.classification.family}
        answered += bool(theirs_id)
        compared += theirs_id in ours
        if ours and theirs_id in ours:
            same += ours[theirs_id] >= max(ours.values()) - CLOSE
        elif not ours and not theirs_id:
            same += 1
        first = cast("RequestMatched", said[0]).matching.duplicate_of
        if first is not None and first.startswith("open-"):
            linked += 1
            named += first == theirs_id
    return {
        "likest_text": round(same / len(events), 4),
        "compared": round(compared / max(1, answered), 4),
        "answered": round(answered / len(events), 4),
        "linked_to_open": linked,
        "linked_to_the_same": round(named / max(1, linked), 4),
    }


def _texts(matcher: Matcher, event: RequestRouted) -> dict[str, float]:
    """Give how like the texts are of the open reports that a fresh one is compared with; 0 where one says nothing."""
    (memory,), families = matcher._memories.values(), matcher._families  # noqa: SLF001 - no other way in
    seen = seen_of(event, families)
    if seen is None:
        return {}
    near = memory.incidents.near
    near.add(seen)
    try:
        ((_, compared),) = near.compared([seen.id])
    finally:
        near.drop(seen.id)
    alike = np.nan_to_num(compared.pairs.alike).tolist()
    return dict(zip(compared.ids, alike, strict=True))


if __name__ == "__main__":
    given = msgspec.json.decode(sys.argv[1], type=Asked)
    try:
        print(msgspec.json.encode(raced(given)).decode(), flush=True)
    except MissingError as error:
        say(str(error))
        sys.exit(2)
