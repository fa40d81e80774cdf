"""Channel webhooks: JSON in, one result for each report out."""

import json
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Final, get_args

from services.parts import Channel
from services.receive.core import Door
from services.receive.fields import Repeated
from services.receive.intake import CONFLICT, UNAVAILABLE, Verdict

DOORS: Final[dict[str, Door]] = {channel: Door(channel=channel) for channel in get_args(Channel)}


class NotJsonError(ValueError):
    """The body is not the JSON that was asked for; the text says why."""


def read_body(body: bytes, most: int) -> list[object]:
    """Give the reports in the body: one object, or an array of up to `most`.

    Raises:
        NotJsonError: says what was found instead.

    """
    try:
        document = json.loads(body.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        message = f"the body is not UTF-8, at byte {error.start}"
        raise NotJsonError(message) from error
    except json.JSONDecodeError as error:
        message = f"the body is not JSON: {error.msg.lower()} at line {error.lineno}, column {error.colno}"
        raise NotJsonError(message) from error
    except RecursionError as error:
        message = "the body is nested too deeply: expected a report, or an array of reports"
        raise NotJsonError(message) from error
    except NotJsonError:
        raise
    except ValueError as error:  # what the parser itself lets through: an integer of thousands of digits
        message = "the body is not JSON: a number has too many digits"
        raise NotJsonError(message) from error
    reports = document if isinstance(document, list) else [document]
    if not 1 <= len(reports) <= most:
        message = f"the body has {len(reports)} reports: expected 1 to {most}"
        raise NotJsonError(message)
    if not isinstance(document, dict | list):
        message = "the body is neither an object nor an array: expected a report, or an array of reports"
        raise NotJsonError(message)
    return reports


def results(verdicts: Iterable[Verdict]) -> list[dict[str, object]]:
    """Give the answer: what became of each report, in order."""
    return [_result(verdict) for verdict in verdicts]


def status_of(verdicts: Sequence[Verdict]) -> HTTPStatus:
    """Give the status of the call: 202 if any was accepted, else by what all of them lack."""
    if any(verdict.request_id for verdict in verdicts):
        return HTTPStatus.ACCEPTED
    faults = {fault.code for verdict in verdicts for fault in verdict.faults}
    if UNAVAILABLE.code in faults:
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.UNPROCESSABLE_ENTITY if faults == {CONFLICT.code} else HTTPStatus.BAD_REQUEST


def _result(verdict: Verdict) -> dict[str, object]:
    result: dict[str, object] = (
        {"request_id": verdict.request_id, "status": "accepted"}
        if verdict.request_id
        else {"status": "rejected", "errors": verdict.faults}
    )
    said = {"ignored": verdict.ignored, "warnings": verdict.warnings}
    return result | {name: value for name, value in said.items() if value}


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Repeated(found)


def _no_constant(name: str) -> object:
    message = f"the body is not JSON: {name} is no number in JSON"
    raise NotJsonError(message)
