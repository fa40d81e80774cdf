"""Open311 documents as JSON and as XML.

A document is a tree of dicts and lists under the name of its XML root. JSON follows the Spark convention: the root is
left out, a list is always an array, nothing is null. XML holds each entry of a list in an element of its own, named by
`ENTRIES`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal
from xml.sax.saxutils import escape

import msgspec

Format = Literal["xml", "json"]
Value = str | int | float | bool | None | Mapping[str, "Value"] | Sequence["Value"]

CONTENT_TYPES: Final[dict[Format, str]] = {"xml": "text/xml", "json": "application/json"}
ENTRIES: Final = {
    "addresses": "address",
    "attributes": "attribute",
    "candidates": "candidate",
    "descriptions": "description",
    "endpoints": "endpoint",
    "errors": "error",
    "formats": "format",
    "incidents": "incident",
    "service_requests": "request",
    "services": "service",
    "values": "value",
}
_UNWRITABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'


def render(root: str, document: Value, how: Format) -> bytes:
    """Give the document in UTF-8, well-formed whatever its strings hold."""
    if how == "json":
        return msgspec.json.encode(_writable(document))
    return (_DECLARATION + _element(root, document)).encode()


def _element(name: str, value: Value) -> str:
    content = "" if value is None else _content(name, value)
    return f"<{name}>{content}</{name}>" if content else f"<{name}/>"


def _content(name: str, value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return escape(_UNWRITABLE.sub("", value))
    if isinstance(value, Mapping):
        return "".join(_element(key, each) for key, each in value.items())
    if isinstance(value, Sequence):
        return "".join(_element(ENTRIES[name], each) for each in value)
    return str(value)


def _writable(value: Value) -> Value:
    """Give the tree with nothing in its strings that UTF-8 or XML cannot hold: both formats say the same."""
    if isinstance(value, str):
        return _UNWRITABLE.sub("", value)
    if isinstance(value, Mapping):
        return {key: _writable(each) for key, each in value.items()}
    return [_writable(each) for each in value] if isinstance(value, Sequence) else value
