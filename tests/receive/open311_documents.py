import xml.etree.ElementTree as ET
from typing import Any

import jsonschema
from receive_doubles import Client

OPTIONAL = (
    "status_notes",
    "service_name",
    "description",
    "agency_responsible",
    "service_notice",
    "address",
    "address_id",
    "zipcode",
    "media_url",
)
STRING = {"type": "string"}
MAYBE = {"type": ["string", "null"]}
DATETIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$"}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": required | (optional or {}),
        "additionalProperties": False,
    }


def _array(items: dict[str, Any], least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


ERRORS = _array(_object({"code": {"type": "integer"}, "description": STRING}), 1)
DISCOVERY = _object(
    {
        "changeset": DATETIME,
        "contact": STRING,
        "key_service": STRING,
        "endpoints": _array(
            _object(
                {
                    "specification": {"const": "http://wiki.open311.org/GeoReport_v2"},
                    "url": STRING,
                    "changeset": DATETIME,
                    "type": {"enum": ["production", "test"]},
                    "formats": {"const": ["text/xml", "application/json"]},
                }
            ),
            1,
        ),
    }
)
SERVICES = _array(
    _object(
        {
            "service_code": STRING,
            "service_name": STRING,
            "description": STRING,
            "metadata": {"type": "boolean"},
            "type": {"const": "realtime"},
            "keywords": STRING,
            "group": STRING,
        }
    )
)
DEFINITION = _object(
    {
        "service_code": STRING,
        "attributes": _array(
            _object(
                {
                    "variable": {"type": "boolean"},
                    "code": STRING,
                    "datatype": {"enum": ["string", "number", "datetime", "text", "singlevaluelist", "multivaluelist"]},
                    "required": {"type": "boolean"},
                    "datatype_description": MAYBE,
                    "order": {"type": "integer", "minimum": 1},
                    "description": STRING,
                    "values": _array(_object({"key": STRING, "name": STRING})),
                }
            )
        ),
    }
)
POSTED = _array(_object({"service_request_id": STRING, "service_notice": MAYBE, "account_id": MAYBE}), 1)
REQUESTS = _array(
    _object(
        {
            "service_request_id": {"type": "string", "pattern": r"^[\w-]+$"},
            "status": {"enum": ["open", "closed"]},
            "service_code": STRING,
            "requested_datetime": DATETIME,
            "updated_datetime": DATETIME,
            "lat": {"type": ["number", "null"]},
            "long": {"type": ["number", "null"]},
        },
        {
            "expected_datetime": {"anyOf": [DATETIME, {"type": "null"}]},
            **dict.fromkeys(OPTIONAL, MAYBE),
        },
    )
)


def valid(document: Any, schema: dict[str, Any]) -> None:
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)


async def get_json(client: Client, path: str, status: int = 200) -> Any:
    response = await client.get(path)
    assert response.status == status
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    return await response.json()


async def get_xml(client: Client, path: str, status: int = 200) -> ET.Element:
    response = await client.get(path)
    assert response.status == status
    assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
    text = await response.text()
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>')
    return ET.fromstring(text)  # noqa: S314 - our own answer


def children(element: ET.Element) -> list[str]:
    return [child.tag for child in element]
