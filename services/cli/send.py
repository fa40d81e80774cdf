"""`stormdrain send`: a past export, posted to the door as a gateway does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from zoneinfo import ZoneInfo

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from services.city.findings import CityError
from services.city.load import load
from services.city.model import City
from services.cli.claim import running
from services.cli.export import Export, ExportError, columns_of, opened
from services.cli.interrupts import Interrupts, interruptible
from services.cli.outcome import Outcome
from services.cli.passage import console
from services.cli.town import fetch
from services.receive.adapters import town_of
from services.receive.channels import DOORS
from services.receive.core import Refused, judge
from services.sandbox.gateway import Gateway, GatewayError

DOOR = "http://127.0.0.1:8311"
PATIENCE_S = 20.0
"""A door that is just starting is waited for."""


class SendError(Exception):
    """Nothing can be sent; says why, and what to do."""


def send(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header, or .csv.gz.", show_default=False)],
    *,
    city: Annotated[Path, typer.Option(envvar="STORMDRAIN_CITY_DIR", help="The town's own files.")] = Path("city"),
    state: Annotated[
        Path,
        typer.Option("--state", "--state-dir", envvar="STORMDRAIN_STATE_DIR", help="Where `stormdrain up` keeps it."),
    ] = Path(".stormdrain"),
    door: Annotated[
        str, typer.Option(help=f"Where to post. Not set: the door of the town that is up, else {DOOR}.")
    ] = "",
    api_key: Annotated[
        str, typer.Option(envvar="STORMDRAIN_API_KEY", help="For a door that asks for one.", show_default=False)
    ] = "",
    rate: Annotated[float, typer.Option(help="Reports a second; 0: as fast as they are taken.", min=0)] = 0.0,
    limit: Annotated[int, typer.Option(help="Only so many reports; 0: all.", min=0)] = 0,
    text: Annotated[list[str] | None, typer.Option(help="Column of the text; several are joined.")] = None,
    id_: Annotated[str, typer.Option("--id", help="Column of the id.", show_default=False)] = "",
    created: Annotated[str, typer.Option(help="Column of the time it came in.", show_default=False)] = "",
    lat: Annotated[str, typer.Option(help="Column of the latitude (WGS 84).", show_default=False)] = "",
    lon: Annotated[str, typer.Option(help="Column of the longitude (WGS 84).", show_default=False)] = "",
    address: Annotated[str, typer.Option(help="Column of the address.", show_default=False)] = "",
    service_code: Annotated[
        str, typer.Option(help="Column of the town's service code that the citizen picked.", show_default=False)
    ] = "",
    source: Annotated[
        str, typer.Option(help="Goes before each id, where two systems' ids are alike.", show_default=False)
    ] = "",
    encoding: Annotated[str, typer.Option(help="How the file is written, if not in UTF-8.")] = "utf-8",
    now: Annotated[bool, typer.Option("--now", help="Shift all times alike, so that the newest is now.")] = False,
    newest: Annotated[
        str, typer.Option(help="Shift all times alike, so that the newest is at this time.", show_default=False)
    ] = "",
    problems: Annotated[
        Path | None, typer.Option(help="Write all rows that were not taken there, as JSON lines.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge each row as the door would; send nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Send a past export to a town, as a gateway does: each report until the door has it for good.

    Columns are found by their usual names, or named. Sending the same file again is safe: reports are known by their
    ids, or by what they say where there is no id. The times of the reports stay what they are; the door takes them
    from the year 2000 on, and notes beside them when it received the report.

    Ends with status 0 when the door accepted every row, 3 when rows were left out or refused (they are listed, and
    the others are sent), 1 when it had to stop.
    """
    single = {
        "id": id_,
        "created_at": created,
        "lat": lat,
        "lon": lon,
        "address": address,
        "service_code": service_code,
    }
    named = {"text": text or []} | {name: [column] for name, column in single.items() if column}
    with interruptible() as interrupts:
        try:
            shifted = datetime.now(UTC).replace(microsecond=0) if now else _moment(newest)
            town = load(city) if dry_run or shifted else None
            with opened(file, encoding) as table:
                columns = columns_of(file, table.header, named)
            where = "" if dry_run else door or _door(state, city)
            if where:
                _must_answer(where, city)
            zone = ZoneInfo(town.time_zone) if town else UTC
            export = Export(path=file, columns=columns, encoding=encoding, source=source, zone=zone)
            survey = export.survey(limit, dated=shifted is not None)
            outcome = Outcome(export=export, survey=survey, door=where, dry_run=dry_run, problems=[*survey.problems])
            reports = _reports(outcome, shifted, say=not as_json)
            with _bar(len(outcome.survey.lines), shown=not as_json) as advance:
                if dry_run and town is not None:
                    _try(outcome, reports, town, advance)
                else:
                    _post(outcome, reports, Gateway(where, key=api_key), rate, advance, interrupts)
        except (ExportError, CityError, SendError) as error:
            _fail(str(error), as_json=as_json)
        except KeyboardInterrupt:
            _fail("interrupted before anything was sent", as_json=as_json, status=interrupts.status)
        if problems is not None:
            outcome.write_problems(problems)
        outcome.tell(as_json=as_json)
    raise typer.Exit(interrupts.status if interrupts.number else outcome.status)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        message = f"--newest {text}: expected a time with its offset, as 2026-11-21T08:30:00+01:00"
        raise SendError(message)
    return found


def _reports(outcome: Outcome, shifted: datetime | None, *, say: bool) -> Iterator[dict[str, Any]]:
    """Give the reports, and say how they are made."""
    survey, export = outcome.survey, outcome.export
    if say:
        taken = ", ".join(f"{name} from {' and '.join(columns)}" for name, columns in export.columns.items())
        console.print(f"{export.path.name}: {taken}", markup=False, highlight=False, soft_wrap=True)
        if "id" not in export.columns:
            console.print("there is no id: reports are known by what they say", highlight=False)
    if shifted is not None and survey.newest is not None:
        by = timedelta(seconds=round((shifted - survey.newest).total_seconds()))
        if say:
            again = f"to send it again, give --newest {shifted.isoformat()} instead of --now"
            console.print(f"times are shifted by {by}; {again}", markup=False, highlight=False, soft_wrap=True)
    elif shifted is not None:
        message = f"{export.path}: none of its times can be shifted, as none can be read; name their column: --created"
        raise SendError(message)
    return export.reports(survey, shifted)


def _door(state: Path, city: Path) -> str:
    """Give the door of the town that is up, or the usual one."""
    up = running(state)
    if up is None or "door" not in up:
        return DOOR
    if city.is_dir() and Path(str(up.get("city"))).resolve() != city.resolve():
        message = (
            f"the town that is up in {state} is that of {up.get('city')}, not of {city.absolute()}\n"
            f"  start the other one: stormdrain up --city {city} --state OTHER; or name its door: --door URL"
        )
        raise SendError(message)
    return str(up["door"])


def _must_answer(door: str, city: Path) -> None:
    """See that there is a door, and wait for one that is just starting.

    Raises:
        SendError: nobody answers, or not as a door does.

    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            fetch(f"{door.rstrip('/')}/readyz", 5.0)
        except HTTPError as error:
            with error:
                said = error.read(200).decode("utf-8", "replace").strip()
            if error.code != 503:  # noqa: PLR2004 - HTTP: up, and not ready
                message = f"nothing can be sent: what answers at {door} is no door (status {error.code} at /readyz)"
                raise SendError(message) from error
            trouble = f"it cannot store reports yet: {said}"
        except (URLError, OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            message = (
                f"nothing can be sent: no door answers at {door} ({reason})\n"
                f"  start the town: stormdrain up --city {city}\n"
                "  or name the door of another one: --door URL"
            )
            raise SendError(message) from error
        else:
            return
        if time.monotonic() > deadline:
            message = f"nothing can be sent: the door at {door} answers, but {trouble}"
            raise SendError(message)
        time.sleep(0.2)


def _post(
    outcome: Outcome,
    reports: Iterable[dict[str, Any]],
    gateway: Gateway,
    rate: float,
    advance: Callable[[int], None],
    interrupts: Interrupts,
) -> None:
    try:
        asyncio.run(gateway.send(reports, per_second=rate, on_progress=advance, into=outcome.sent))
    except (GatewayError, ExportError) as error:
        outcome.fault = str(error)
    except KeyboardInterrupt:
        outcome.fault = f"interrupted by signal {interrupts.number}; what was accepted is with the town for good"
    outcome.gather()


def _try(outcome: Outcome, reports: Iterable[dict[str, Any]], city: City, advance: Callable[[int], None]) -> None:
    """Judge each report as the door would, with the same code."""
    town, at = town_of(city), datetime.now(UTC)
    for report in reports:
        found = judge(report, town=town, door=DOORS["file"], received_at=at, request_id="dry-run")
        name = report["source_id"]
        if isinstance(found, Refused):
            faults = [{"code": fault.code, "description": fault.description} for fault in found.faults]
            outcome.sent.refused.append((name, faults))
        else:
            outcome.sent.accepted[name] = found.report.request_id
        advance(1)
    outcome.gather()


def _fail(text: str, *, as_json: bool, status: int = 1) -> None:
    if as_json:
        print(json.dumps({"error": text}, ensure_ascii=False), flush=True)
    else:
        console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(status)


class _Speed(ProgressColumn):
    """Reports a second."""

    def render(self, task: Task) -> Text:
        """Give the speed of the last seconds."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} reports/s" if speed else "", style="progress.data.speed")


@contextmanager
def _bar(count: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Speed(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as progress:
        task = progress.add_task("sent", total=count)
        yield lambda number: progress.advance(task, number)
