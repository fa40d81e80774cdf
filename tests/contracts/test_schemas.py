import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema
import msgspec
import pytest

from services.events import EVENTS, Event
from services.runtime.schemas import compatible, files, render, stem

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"
EXAMPLES = SCHEMAS / "examples"
BY_STEM = {stem(kind): kind for kind in EVENTS}
BEYOND_JSON_SCHEMA = ("with a timezone component",)
"""What msgspec refuses and a validator of JSON Schema need not: `format` binds nobody unless it is asked to."""


def examples(prefix: str) -> list[Path]:
    return sorted(EXAMPLES.glob(f"*/{prefix}-*.json"))


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def kind_of(path: Path) -> type[Event]:
    return BY_STEM[path.parent.name]


def test_the_schemas_are_rendered_from_the_vocabulary() -> None:
    committed = {path.name: path.read_text("utf-8") for path in SCHEMAS.glob("*.json")}
    rendered = files()
    assert sorted(committed) == sorted(rendered), "these differ by name: stormdrain schemas render"
    stale = [each for each in rendered if rendered[each] != committed[each]]
    assert not stale, "services/events.py says something else than these: stormdrain schemas render"


@pytest.mark.parametrize("kind", EVENTS, ids=stem)
def test_a_schema_is_valid_and_says_what_each_of_its_parts_means(kind: type[Event]) -> None:
    schema = render(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"] == kind.__name__
    for part in (schema, *schema["$defs"].values()):
        assert part["description"].endswith("."), part["title"]


def test_the_docstring_of_a_field_is_its_description() -> None:
    properties = render(BY_STEM["deliveries.made.v1"])["properties"]
    assert properties["system"]["description"] == "The department's system, as departments.yaml names it."
    safety = render(BY_STEM["requests.classified.v1"])["$defs"]["Classification"]["properties"]["threshold"]
    assert safety["description"] == "What `confidence` must reach to be released without a person."


@pytest.mark.parametrize("kind", EVENTS, ids=stem)
def test_every_event_has_good_and_bad_examples(kind: type[Event]) -> None:
    folder = EXAMPLES / stem(kind)
    assert len(list(folder.glob("good-*.json"))) >= 2
    bad = {path.name for path in folder.glob("bad-*.json")}
    assert len(bad) >= 3
    assert set(json.loads((folder / "errors.json").read_text("utf-8"))) == bad


def test_examples_are_of_events_that_are() -> None:
    assert {path.name for path in EXAMPLES.iterdir()} == set(BY_STEM)


@pytest.mark.parametrize("path", examples("good"), ids=name)
def test_a_good_example_is_accepted_by_the_schema_and_by_us(path: Path) -> None:
    raw = path.read_bytes()
    event = msgspec.json.decode(raw, type=kind_of(path))
    validator = jsonschema.Draft202012Validator(render(kind_of(path)))
    validator.validate(json.loads(raw))
    validator.validate(json.loads(msgspec.json.encode(event)))
    assert event.key
    assert event.id


@pytest.mark.parametrize("path", examples("bad"), ids=name)
def test_a_bad_example_is_refused_in_the_words_of_errors_json(path: Path) -> None:
    expected = json.loads((path.parent / "errors.json").read_text("utf-8"))[path.name]
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(path.read_bytes(), type=kind_of(path))
    assert str(caught.value) == expected


@pytest.mark.parametrize("path", examples("bad"), ids=name)
def test_a_bad_example_is_refused_by_the_schema_where_a_schema_can(path: Path) -> None:
    expected = json.loads((path.parent / "errors.json").read_text("utf-8"))[path.name]
    valid = jsonschema.Draft202012Validator(render(kind_of(path))).is_valid(json.loads(path.read_bytes()))
    assert valid == expected.startswith("Expected `datetime`") == (BEYOND_JSON_SCHEMA[0] in expected)


@pytest.mark.parametrize("path", examples("good"), ids=name)
def test_an_event_with_a_field_of_tomorrow_is_still_read_today(path: Path) -> None:
    grown = {**json.loads(path.read_bytes()), "tomorrow": {"new": [1]}}
    jsonschema.Draft202012Validator(render(kind_of(path))).validate(grown)
    assert msgspec.json.decode(json.dumps(grown), type=kind_of(path)) == msgspec.json.decode(
        path.read_bytes(), type=kind_of(path)
    )


def git(*arguments: str) -> str | None:
    program = shutil.which("git")
    if program is None:
        return None
    done = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def references() -> list[str]:
    """What has been told to others: the main branch, here or where it came from, and the newest release."""
    tag = (git("describe", "--tags", "--abbrev=0") or "").strip()
    return [ref for ref in ("origin/main", "main", tag) if ref and git("rev-parse", "--verify", "-q", ref)]


def test_a_version_only_grows_optional_fields() -> None:
    refs = references()
    if not refs:
        assert os.environ.get("CI") != "true", "there is no git history to compare the schemas with: fetch main"
        pytest.skip("there is no git history here: the schemas were not compared with earlier ones")
    faults = []
    for ref in refs:
        for path in (git("ls-tree", "--name-only", ref, "schemas/") or "").split():
            if path.endswith(".json"):
                told = json.loads(git("show", f"{ref}:{path}") or "{}")
                now = ROOT / path
                if not now.exists():
                    faults.append(f"{path} of {ref} is gone")
                else:
                    faults += [f"{path}, since {ref}: {each}" for each in compatible(told, json.loads(now.read_text()))]
    assert not faults, "\n".join(["make a new version (.v2) of these instead:", *faults])


class Inner(msgspec.Struct, kw_only=True):
    size: int


def changed(old: Any, new: Any) -> list[str]:
    """Compare two fields `x` of an otherwise equal event."""
    return compatible(*(shape(each) for each in (old, new)))


def shape(annotation: Any, *more: Any) -> dict[str, Any]:
    made = msgspec.defstruct("Thing", [("x", annotation) if not isinstance(annotation, tuple) else annotation, *more])
    (_,), parts = msgspec.json.schema_components((made,), ref_template="#/$defs/{name}")
    return {**parts.pop("Thing"), "$defs": parts}


def test_a_new_optional_field_is_compatible() -> None:
    assert compatible(shape(int), shape(int, ("y", str, ""))) == []
    assert compatible(shape(int), shape(int, ("y", Inner | None, None))) == []


def test_a_new_required_field_is_not() -> None:
    assert compatible(shape(int), shape(int, ("y", str))) == ["$.y is new and required: a new field must be optional"]


def test_a_field_that_goes_is_not() -> None:
    assert compatible(shape(int, ("y", str, "")), shape(int)) == ["$.y was removed"]


def test_a_field_that_becomes_required_or_optional_is_not() -> None:
    optional, required = shape(("x", int, 0)), shape(int)
    assert compatible(optional, required) == [
        "$.x became required: records without it are in the topics",
        "$.x: leaving it out meant 0 and now means nothing",
    ]
    assert compatible(required, optional) == [
        "$.x is no longer required: readers rely on it",
        "$.x: leaving it out meant nothing and now means 0",
    ]


def test_another_meaning_of_leaving_a_field_out_is_not() -> None:
    assert compatible(shape(("x", int, 0)), shape(("x", int, 1))) == ["$.x: leaving it out meant 0 and now means 1"]


def test_another_kind_is_not() -> None:
    assert changed(int, str) == ['$.x: type was "integer" and is "string"']
    assert changed(int, int | None) == [
        '$.x: type was "integer" and is nothing',
        "$.x was one of 1 kinds and is one of 2",
    ]


def test_other_limits_are_not() -> None:
    def at_most(limit: int) -> Any:
        return Annotated[int, msgspec.Meta(le=limit)]

    assert changed(at_most(9), at_most(5)) == ["$.x: maximum was 9 and is 5"]
    assert changed(int, at_most(5)) == ["$.x: maximum was nothing and is 5"]


def test_values_that_go_or_come_are_not() -> None:
    assert changed(Literal["a", "b"], Literal["b", "c"]) == [
        "$.x lost the values a: records with them are in the topics",
        "$.x gained the values c: readers of before do not know them",
    ]
    assert changed(str, Literal["a"]) == ['$.x: type was "string" and is nothing', '$.x: enum was nothing and is ["a"]']


def test_changes_are_found_inside_parts_lists_and_mappings() -> None:
    class Outer(msgspec.Struct):
        inner: Inner
        several: list[Inner]
        named: dict[str, Inner]
        perhaps: Inner | None = None

    (_,), parts = msgspec.json.schema_components((Outer,), ref_template="#/$defs/{name}")
    old = {**parts.pop("Outer"), "$defs": parts}
    new = json.loads(json.dumps(old))
    new["$defs"]["Inner"]["properties"]["size"]["type"] = "number"
    paths = ["$.inner.size", "$.several[].size", "$.named{}.size", "$.perhaps.size"]
    assert compatible(old, new) == [f'{path}: type was "integer" and is "number"' for path in paths]


def test_another_wording_is_compatible() -> None:
    old = render(BY_STEM["cases.v1"])
    new = json.loads(json.dumps(old))
    new["description"] = "Other words."
    new["$defs"]["Report"]["properties"]["text"]["description"] = "Other words."
    assert compatible(old, new) == []
