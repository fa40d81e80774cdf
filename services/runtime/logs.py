"""Logs of a worker: one JSON object a line on stderr, or a short line for a person at a terminal.

Use the standard library: `logging.getLogger(__name__).info("batch committed", extra={"topic": t, "records": n})`.
Only the fields in `FIELDS` are written; the name of any other is listed under `withheld`, its value never, so that no
report's text and nobody's contact can reach a log. E-mails, phone and card numbers in a message or an exception are
masked all the same.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import IO, Any

FIELDS: dict[str, str] = {
    "topic": "topic of the record or batch",
    "partition": "its partition",
    "offset": "its offset",
    "records": "how many records",
    "outputs": "how many records were written",
    "batch": "number of the batch since the start",
    "group": "consumer group",
    "request_id": "the report's id, which says nothing of who sent it",
    "event_id": "CloudEvents id",
    "trace_id": "W3C trace id",
    "span_id": "W3C span id",
    "reason": "reason code",
    "detail": "field and remedy, without personal data",
    "kind": "rejected, abortable or fatal",
    "seconds": "a duration, or how long to wait",
    "attempt": "which attempt",
    "system": "a department's system",
    "department": "a department",
    "route": "route template",
    "method": "HTTP method",
    "status": "HTTP status, or a state",
    "port": "port that is listened on",
    "path": "a file or directory of the town",
    "signal": "signal that was received",
    "pid": "process id",
    "versions": "versions of what decides",
    "partitions": "partitions of a rebalance",
    "setting": "name of a setting",
}

LONGEST = 1000
"""Characters of one message or field that are written."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_MASKS = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "[email]"),
    (re.compile(r"\+\d[\d ().-]{7,}\d"), "[phone]"),
    (re.compile(r"(?<![\w.-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"), "[phone]"),
    (re.compile(r"(?<![\w.-])(?:\d[ -]){12,18}\d(?![\w-])|(?<![\w.-])(?:\d{4}[ -]){3}\d{1,7}(?![\w-])"), "[card]"),
)


def setup(worker: str, slot: str = "", level: str = "INFO", stream: IO[str] | None = None) -> None:
    """Send all logs of this process to `stream` (stderr), as JSON unless a person is watching it."""
    stream = stream if stream is not None else sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Plain(slot or worker) if stream.isatty() else Json(worker, slot))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel("WARNING")  # libraries; what they say of the wire is not ours to repeat
    logging.getLogger("services").setLevel(level.upper())
    logging.captureWarnings(capture=True)


def masked(text: str) -> str:
    """Give `text` cut to `LONGEST` and without what looks like an e-mail address, a phone or a card number."""
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Give the allowed extra fields of a record, and the names of the others under `withheld`."""
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    allowed: dict[str, Any] = {name: _plain(value) for name, value in extra.items() if name in FIELDS}
    withheld = sorted(set(extra) - set(FIELDS))
    if withheld:
        allowed["withheld"] = withheld
    return allowed


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(k): masked(str(v)) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return masked(str(value))


def _error(error: BaseException, depth: int = 5) -> dict[str, Any]:
    kind = type(error)
    found: dict[str, Any] = {
        "type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."),
        "message": masked(str(error)),
        "stack": [f"{f.filename}:{f.lineno} in {f.name}" for f in traceback.extract_tb(error.__traceback__)],
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and depth > 1:
        found["cause"] = _error(cause, depth - 1)
    return found


class Json(logging.Formatter):
    """One JSON object a line: time, level, worker, slot, logger, message, fields, error."""

    def __init__(self, worker: str, slot: str = "") -> None:
        super().__init__()
        self.who = {"worker": worker, **({"slot": slot} if slot else {})}

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            **self.who,
            "logger": record.name,
            "message": masked(record.getMessage()),
            **fields_of(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _error(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


class Plain(logging.Formatter):
    """A line for a person: time, level, slot, message, fields; a stack below it."""

    def __init__(self, who: str) -> None:
        super().__init__()
        self.who = who

    def format(self, record: logging.LogRecord) -> str:
        """Give the line, and the stack of an exception below it."""
        moment = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        fields = "".join(f" {name}={value}" for name, value in fields_of(record).items())
        text = f"{moment} {record.levelname:<7} {self.who}: {masked(record.getMessage())}{fields}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text

    def formatException(self, ei: Any) -> str:  # noqa: ANN401, N802 - the library's name and type
        """Give the stack, masked."""
        return "\n".join(masked(line) for line in super().formatException(ei).splitlines())
