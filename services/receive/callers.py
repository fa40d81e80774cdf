"""Who calls: the key they show, the name they give to a repeat, the trace they are part of."""

import hashlib
import hmac
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from aiohttp import web

from services.receive.answering import AnswerError

ANYBODY: Final = ""
_LONGEST_KEY: Final = 255


class Keys:
    """The keys that may post, known by their SHA-256 only, maybe with a name before it; without any, anybody may."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._names = {digest.encode(): name for name, _, digest in (key.rpartition(":") for key in keys)}

    @property
    def open(self) -> bool:
        """Whether anybody may post."""
        return not self._names

    def caller(self, request: web.Request, api_key: str = "") -> str:
        """Give who calls: the name of the key that is shown, or else its digest.

        It is `api_key`, or in the header `X-Api-Key` or `Authorization: Bearer`, or in the query.

        Raises:
            AnswerError: 403, when keys are set and none of them was shown.

        """
        if self.open:
            return ANYBODY
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        shown = api_key or request.headers.get("X-Api-Key") or bearer or request.query.get("api_key", "")
        digest = hashlib.sha256(shown.encode("utf-8", "surrogatepass")).hexdigest()
        # All of them are compared, each in constant time: how long it takes tells nothing.
        known = [each for each in self._names if hmac.compare_digest(digest.encode(), each)]
        if not known:
            message = "the api_key is unknown: see key_service in /discovery" if shown else "an api_key is missing"
            raise AnswerError(HTTPStatus.FORBIDDEN, message, code="wrong_api_key")
        return self._names[known[0]] or digest


def idempotency_key(request: web.Request) -> str:
    """Give the header `Idempotency-Key`, quoted or not; empty without one.

    Raises:
        AnswerError: 400, when it is too long or holds anything but visible ASCII.

    """
    key = request.headers.get("Idempotency-Key", "").strip().strip('"')
    if len(key) > _LONGEST_KEY or not all("!" <= sign <= "~" for sign in key):
        message = f"Idempotency-Key is no key: expected 1 to {_LONGEST_KEY} visible ASCII characters, such as a UUID"
        raise AnswerError(HTTPStatus.BAD_REQUEST, message, code="bad_idempotency_key")
    return key


def traceparent(request: web.Request) -> bytes | None:
    """Give the W3C trace context of the call, if it has one."""
    header = request.headers.get("traceparent")
    return header.encode("ascii", "replace") if header else None
