"""`stormdrain dead`: what the workers could not accept, looked at and brought back."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import typer
from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from services.runtime import cluster, dead, dead_replay
from services.runtime.cluster import Cluster, ClusterError
from services.runtime.dead import DeadLettersError, Letter, Position
from services.runtime.dead_replay import Done, Plan
from services.runtime.kafka import KafkaClients, KafkaSettings, connection
from services.runtime.records import DEAD_PREFIX
from services.runtime.settings import SettingsError, read

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Look at what the workers could not accept, and bring it back once the fault is mended.\n\n"
        "A record that a worker cannot accept becomes a dead letter: it lies in WORKER.dead.v1 as it came, with the "
        "reason beside it, and the worker goes on. A letter is known by its position: classify.dead.v1/3/17.\n\n"
        "First list, then show one, mend what is wrong (the gateway, the city's files, the worker), then replay. A "
        "letter is brought back once at most, also when the command is run twice or killed."
    ),
)

SHOWN_CHARACTERS = 20_000
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

Bootstrap = Annotated[str, typer.Option(envvar="KAFKA_BOOTSTRAP", help="The cluster: host:port, comma separated.")]
Reason = Annotated[str | None, typer.Option(help="Only letters with this reason code, such as bad_field.")]
Worker = Annotated[str | None, typer.Option(help="Only letters of this worker.")]
Since = Annotated[str | None, typer.Option(help="Only letters that are younger, such as 30m, 2h or 7d.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines to read.")]
HERE = "127.0.0.1:9092"


@app.command("list")
def list_(
    worker: Annotated[str | None, typer.Argument(help="Only letters of this worker.", show_default="all")] = None,
    *,
    reason: Reason = None,
    since: Since = None,
    each: Annotated[bool, typer.Option("--each", help="One line for each letter.")] = False,
    bootstrap: Bootstrap = HERE,
    as_json: Json = False,
) -> None:
    """Count dead letters by worker and reason. Only reads, and shows nothing of what was written in them."""
    with _failing():
        clients, found = _reach(bootstrap)
        wanted = dead.select((), found, worker=worker, reason=reason, since=_moment(since))
        marks = dead.replays(clients)
        letters = dead.letters(clients, found, wanted)
        if each:
            rows = sorted(((letter, dead.mark_of(letter, marks)) for letter in letters), key=lambda row: row[0].at)
            _show_each([(letter, mark.replayed_at if mark else None) for letter, mark in rows], as_json=as_json)
        else:
            _show_groups(dead.group((each, dead.mark_of(each, marks) is not None) for each in letters), as_json=as_json)


@app.command()
def show(
    position: Annotated[str, typer.Argument(help="Which letter, such as classify.dead.v1/3/17.")],
    *,
    raw: Annotated[
        bool, typer.Option("--raw", help="Write the original bytes of the value, and nothing else.")
    ] = False,
    bootstrap: Bootstrap = HERE,
    as_json: Json = False,
) -> None:
    """Show one dead letter with all that is in it: also what a citizen wrote, so mind who looks on. Only reads."""
    with _failing():
        clients, found = _reach(bootstrap)
        wanted = dead.select((position,), found).where[0]
        if wanted[1] is None or wanted[2] is None:
            text = f"stormdrain dead show cannot show {position}: expected one letter, such as classify.dead.v1/3/17"
            raise DeadLettersError(text)
        message = dead.record_at(clients, found, Position(wanted[0], wanted[1], wanted[2]))
        if message is None:
            text = (
                f"stormdrain dead show finds no letter {position}: there never was one, or it is older than is kept\n"
                f"  to see what is there: stormdrain dead list {wanted[0].removesuffix(dead.SUFFIX)} --each"
            )
            raise DeadLettersError(text)
        letter = dead.letter_of(message)
        if letter.left_out and letter.origin is not None:
            # The letter says no more than why; what was refused lies where it came from.
            message = dead.record_at(clients, found, letter.origin) or message
        value = message.value()
        headers = [(name, content) for name, content in message.headers() or () if not name.startswith(DEAD_PREFIX)]
        if raw:
            sys.stdout.buffer.write(value or b"")
            sys.stdout.buffer.flush()
            return
        mark = dead.mark_of(letter, dead.replays(clients))
        line = _line(letter, mark.replayed_at if mark else None)
        if as_json:
            line |= {"key": _plain(message.key()), "headers": [[name, _plain(content)] for name, content in headers]}
            typer.echo(json.dumps(line | {"value": _plain(value)}, indent=2))
        else:
            _show_letter(line, message.key(), headers, value)


@app.command()
def replay(
    selection: Annotated[
        list[str] | None,
        typer.Argument(
            help="Which letters: a worker (classify), or positions (classify.dead.v1/3/17).", metavar="SELECTION"
        ),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All letters of all workers.")] = False,
    reason: Reason = None,
    worker: Worker = None,
    since: Since = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    bootstrap: Bootstrap = HERE,
    as_json: Json = False,
) -> None:
    """Bring dead letters back to where they came from, each once at most. Shows the plan and asks first.

    A letter returns to the topic and partition it came from, and only the worker that had refused it reads it again.
    What is refused once more becomes a new dead letter. Exits 1 where not all that was selected could be brought back.
    """
    with _failing():
        if not (selection or everything or reason or worker or since):
            text = (
                "stormdrain dead replay cannot tell which letters are meant\n"
                "  expected a worker, positions, --reason, --worker, --since, or --all for all there are"
            )
            raise DeadLettersError(text)
        clients, found = _reach(bootstrap)
        wanted = dead.select(selection or (), found, worker=worker, reason=reason, since=_moment(since))
        letters = list(dead.letters(clients, found, wanted))
        origins = {letter.origin.topic for letter in letters if letter.origin is not None}
        _, found = _reach(bootstrap, origins)
        plan = dead_replay.plan(letters, dead.replays(clients), found)
        absent = wanted.absent({letter.position for letter in letters})
        if not as_json:
            _show_plan(plan, absent)
        done = None
        if plan.ready and not dry_run:
            if not yes and not asks_here():
                message = "stormdrain dead replay cannot ask here: give --yes to replay without a question"
                raise DeadLettersError(message)
            if not yes and not typer.confirm(f"Replay {_letters(len(plan.ready))}?", err=as_json):
                raise typer.Exit(1)
            done = _replay(clients, plan)
        _show_done(plan, absent, done, as_json=as_json)
        raise typer.Exit(1 if plan.refused or absent or (done and done.gone) else 0)


def asks_here() -> bool:
    """Say whether somebody is there to answer."""
    return sys.stdin.isatty()


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except (ClusterError, DeadLettersError, SettingsError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except KafkaException as error:
        typer.echo(f"stormdrain dead stopped: Kafka says {error.args[0].str()!r}; nothing is left half done", err=True)
        raise typer.Exit(1) from None


def _reach(bootstrap: str, of: Collection[str] = ()) -> tuple[KafkaClients, Cluster]:
    """Give clients, and the cluster with the configuration of the topics `of`."""
    settings = read(KafkaSettings, {**os.environ, "KAFKA_BOOTSTRAP": bootstrap}, "stormdrain dead")
    client = cluster.admin(bootstrap, connection(settings))
    return KafkaClients(settings), cluster.look(client, of.__contains__, bootstrap, "stormdrain dead")


def _moment(since: str | None) -> datetime | None:
    if since is None:
        return None
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", since)
    if found is None:
        message = f"stormdrain dead cannot read --since {since!r}: expected a duration such as 30m, 2h or 7d"
        raise DeadLettersError(message)
    return datetime.now(UTC) - timedelta(seconds=int(found[1]) * SECONDS[found[2]])


def _replay(clients: KafkaClients, plan: Plan) -> Done:
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("replaying", total=len(plan.ready))
        return dead_replay.replay(
            clients, plan.ready, on_progress=lambda number: progress.update(task, completed=number)
        )


# What is shown.


def _letters(number: int) -> str:
    return "1 dead letter" if number == 1 else f"{number:,} dead letters"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _safe(text: str) -> str:
    """Give text that does nothing to a terminal: what is not printable is written as an escape."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _plain(content: bytes | None) -> Any:  # noqa: ANN401 - JSON
    """Give bytes for JSON: as text where they are UTF-8, otherwise as {"base64": ...}."""
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def _line(letter: Letter, replayed_at: datetime | None) -> dict[str, Any]:
    return {
        "letter": str(letter.position),
        "worker": letter.worker,
        "reason": letter.reason,
        "detail": letter.detail,
        "origin": str(letter.origin) if letter.origin else None,
        "at": letter.at.isoformat(),
        "bytes": letter.size,
        "replayed_at": replayed_at.isoformat() if replayed_at else None,
    }


def _print_table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]], right: tuple[str, ...] = ()) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, no_wrap=True, justify="right" if title in right else "left", overflow="ignore")
    for row in rows:
        table.add_row(*(_safe(cell).replace("[", "\\[") for cell in row))
    Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 10_000).print(table)


def _show_groups(groups: list[dead.Group], *, as_json: bool) -> None:
    if as_json:
        rows = [
            {
                "worker": each.worker,
                "reason": each.reason,
                "count": each.count,
                "replayed": each.replayed,
                "first": each.first.isoformat(),
                "last": each.last.isoformat(),
                "newest": str(each.newest),
            }
            for each in groups
        ]
        typer.echo(json.dumps({"groups": rows}, indent=2))
        return
    if not groups:
        typer.echo("No dead letters.")
        return
    _print_table(
        ("worker", "reason", "letters", "replayed", "first", "last", "newest"),
        [
            (g.worker, g.reason, f"{g.count:,}", f"{g.replayed:,}", _time(g.first), _time(g.last), str(g.newest))
            for g in groups
        ],
        right=("letters", "replayed"),
    )
    count, replayed = sum(each.count for each in groups), sum(each.replayed for each in groups)
    typer.echo(f"{_letters(count)}, {replayed:,} replayed. To look at one: stormdrain dead show {groups[0].newest}")


def _show_each(rows: list[tuple[Letter, datetime | None]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"letters": [_line(letter, replayed_at) for letter, replayed_at in rows]}, indent=2))
        return
    if not rows:
        typer.echo("No dead letters.")
        return
    _print_table(
        ("letter", "reason", "at", "replayed", "origin", "detail"),
        [
            (
                str(letter.position),
                letter.reason,
                _time(letter.at),
                _time(replayed_at) if replayed_at else "no",
                str(letter.origin or "unknown"),
                letter.detail,
            )
            for letter, replayed_at in rows
        ],
    )


def _show_letter(
    line: dict[str, Any], key: bytes | None, headers: list[tuple[str, bytes]], value: bytes | None
) -> None:
    rows = {
        "worker": line["worker"],
        "reason": line["reason"],
        "detail": line["detail"] or "none",
        "came from": line["origin"] or "unknown: it does not say",
        "refused at": line["at"],
        "replayed at": line["replayed_at"] or "not replayed",
        "key": _readable(key),
    }
    typer.echo(line["letter"])
    for name, text in rows.items():
        typer.echo(f"  {name:<11}  {_safe(text)}")
    typer.echo(f"headers{'' if headers else ': none'}")
    for name, content in headers:
        typer.echo(f"  {_safe(name)}: {_readable(content)}")
    typer.echo(f"value, {len(value or b''):,} bytes; it may hold what a citizen wrote")
    typer.echo(_pretty(value))


def _readable(content: bytes | None) -> str:
    return "none" if content is None else _safe(content.decode("utf-8", "backslashreplace"))


def _pretty(value: bytes | None) -> str:
    if value is None:
        return "(none: the record has no value)"
    try:
        shown = msgspec.json.format(value, indent=2)
    except (msgspec.DecodeError, RecursionError):
        shown = value
    text = shown.decode("utf-8", "backslashreplace")
    lines = "\n".join(_safe(each) for each in text[:SHOWN_CHARACTERS].split("\n")) or "(empty)"
    cut = len(text) - SHOWN_CHARACTERS
    return lines if cut <= 0 else f"{lines}\n({cut:,} more characters: --raw writes all)"


def _show_plan(plan: Plan, absent: list[Position]) -> None:
    counted = Counter((each.worker, each.reason, each.origin.topic) for each in plan.ready if each.origin)
    if counted:
        rows = [(worker, reason, f"{number:,}", topic) for (worker, reason, topic), number in sorted(counted.items())]
        _print_table(("worker", "reason", "letters", "back to"), rows, right=("letters",))
    if plan.already:
        typer.echo(f"{_letters(len(plan.already))} left alone: replayed before.")
    whys: dict[str, list[Letter]] = {}
    for letter, why in plan.refused:
        whys.setdefault(why, []).append(letter)
    for why, letters in whys.items():
        typer.echo(f"{_letters(len(letters))} cannot be replayed, such as {letters[0].position}: {_safe(why)}")
    for position in absent:
        typer.echo(f"{position}: there is no such letter, or it does not fit the other options.")


def _show_done(plan: Plan, absent: list[Position], done: Done | None, *, as_json: bool) -> None:
    if as_json:
        told = {
            "ready": [str(letter.position) for letter in plan.ready],
            "replayed": done.replayed if done else 0,
            "already": len(plan.already) + (done.already if done else 0),
            "refused": [{"letter": str(letter.position), "why": why} for letter, why in plan.refused],
            "absent": [str(position) for position in absent],
            "gone": [str(position) for position in done.gone] if done else [],
        }
        typer.echo(json.dumps(told, indent=2))
        return
    if done is None:
        would = f"{_letters(len(plan.ready))} would be replayed." if plan.ready else "Nothing to replay."
        typer.echo(would)
        return
    typer.echo(f"Replayed {_letters(done.replayed)}.")
    if done.already:
        typer.echo(f"{_letters(done.already)} left alone: another run replayed them meanwhile.")
    if done.gone:
        typer.echo(f"{_letters(len(done.gone))} had been removed meanwhile, such as {done.gone[0]}.")
