"""Reading what is posted: so large, so fast, so many at once, and no more."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import ClientPayloadError, web

from services.receive.answering import AnswerError
from services.receive.settings import ReceiveSettings

MOST_FIELDS: Final = 300
_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"


class Bodies:
    """Admits posts and reads them. What is held of bodies at any time is at most their number times their size."""

    def __init__(self, settings: ReceiveSettings) -> None:
        self._most = settings.max_concurrent
        self._largest = settings.max_body_bytes
        self._timeout_s = settings.body_timeout_s
        self._retry_after = str(settings.retry_after_s)
        self._inside = 0

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Hold a place for one call.

        Raises:
            AnswerError: 503, when as many calls as may be are inside; the body has not been read.

        """
        if self._inside >= self._most:
            raise AnswerError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too many reports are coming in just now: nothing was promised, send it again",
                code="busy",
                headers={"Retry-After": self._retry_after},
                close=True,
            )
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def read(self, request: web.Request) -> bytes:
        """Give the body.

        Raises:
            AnswerError: 413 if it is too large, 408 if it does not arrive in time, 400 if it breaks off.

        """
        if (request.content_length or 0) > self._largest:
            raise self._too_large()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise self._too_large() from error
        except TimeoutError as error:
            message = f"the body did not arrive within {self._timeout_s:g} s"
            raise AnswerError(HTTPStatus.REQUEST_TIMEOUT, message, close=True) from error
        except (ClientPayloadError, web.RequestPayloadError) as error:
            message = "the body is broken: its encoding or its length is not what the headers say"
            raise AnswerError(HTTPStatus.BAD_REQUEST, message, code="broken_body", close=True) from error

    def _too_large(self) -> AnswerError:
        message = f"the body is larger than {self._largest} bytes: send fewer reports, and pictures as media_url"
        return AnswerError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message, code="too_large", close=True)


def read_pairs(request: web.Request, body: bytes) -> tuple[list[tuple[str, str]], int]:
    """Give the fields of a form, in order, and how many files came with it; files are not kept.

    Raises:
        AnswerError: 400, for another content type, text that is not UTF-8, or too many fields.

    """
    if request.content_type == _MULTIPART:
        return _multipart(request.headers["Content-Type"], body)
    if request.content_type == _FORM or ("Content-Type" not in request.headers):
        try:
            text = body.decode("utf-8")
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
        except UnicodeDecodeError as error:
            raise _not_utf8() from error
        except ValueError as error:
            raise _too_many() from error
        return pairs, 0
    message = f"the content type is {request.content_type[:80]}: expected {_FORM} or {_MULTIPART}"
    raise AnswerError(HTTPStatus.BAD_REQUEST, message, code="wrong_content_type")


def _multipart(content_type: str, body: bytes) -> tuple[list[tuple[str, str]], int]:
    # The parser makes an object of each part: count them before it does.
    if body.count(b"\n--") > MOST_FIELDS:
        raise _too_many()
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.is_multipart():
        raise AnswerError(HTTPStatus.BAD_REQUEST, "the body is no multipart form", code="broken_body")
    pairs: list[tuple[str, str]] = []
    files = 0
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if part.get_filename() is not None:
            files += 1
        elif isinstance(name, str) and isinstance(content, bytes):
            try:
                pairs.append((name, content.decode("utf-8")))
            except UnicodeDecodeError as error:
                raise _not_utf8() from error
    return pairs, files


def _not_utf8() -> AnswerError:
    return AnswerError(HTTPStatus.BAD_REQUEST, "the form is not UTF-8", code="not_utf8")


def _too_many() -> AnswerError:
    message = f"the form has more than {MOST_FIELDS} fields"
    return AnswerError(HTTPStatus.BAD_REQUEST, message, code="too_many_fields")
