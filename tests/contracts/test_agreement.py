"""topics.yaml, schemas/, the event classes and the workers' own code say the same of every topic."""

import ast
from pathlib import Path

import msgspec
import pytest

from services.events import EVENTS
from services.parts import Identifier, IdentifierOrNone, may_be_id
from services.runtime.schemas import stem
from services.runtime.topics import load

ROOT = Path(__file__).parents[2]
TOPICS = load(ROOT / "topics.yaml")
BY_TOPIC = {kind.topic: kind for kind in EVENTS}
BY_CLASS = {kind.__name__: kind.topic for kind in EVENTS}
OUTSIDERS = {"town", "operator", "department"}
WORKERS = sorted(
    {actor for entry in TOPICS.entries.values() for actor in (*entry.written_by, *entry.read_by)} - OUTSIDERS
)
MAY_READ_CONTACTS = {"deliver", "notify", "review"}
TOGETHER = (
    ("requests.routed.v1", "requests.matched.v1", "requests.prioritized.v1"),
    ("cases.{department}.v1", "deliveries.made.v1"),
)
"""A stateful worker writes partition p of the second from partition p of the first, and rebuilds from it."""


def written_by_file(worker: str) -> set[str]:
    return {name for name, entry in TOPICS.entries.items() if worker in entry.written_by and name in BY_TOPIC}


def read_by_file(worker: str) -> set[str]:
    return {name for name, entry in TOPICS.entries.items() if worker in entry.read_by}


def said_by_code(worker: str) -> tuple[set[str], set[str]]:
    """Give what a worker's code reads and writes: of its `Worker(...)`, or of constants READS and WRITES."""
    folder = ROOT / "services" / worker
    assert (folder / "worker.py").is_file(), f"topics.yaml names {worker}, services/{worker}/worker.py does not exist"
    found: dict[str, ast.expr] = {}
    constants: dict[str, ast.expr] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Worker")):
                    found |= {
                        each.arg: each.value for each in node.keywords if each.arg in {"reads", "writes", "tables"}
                    }
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    constants[name] = value
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    constants[name] = value
    for name in {"READS", "WRITES"} & set(constants):
        found.setdefault(name.lower(), constants[name])
    assert found, f"services/{worker}: expected Worker(reads=..., writes=...) or constants READS and WRITES"

    def topics(part: str) -> set[str]:
        names = [each.id for each in ast.walk(found[part]) if isinstance(each, ast.Name)] if part in found else []
        for name in names:
            if name in constants and name not in BY_CLASS:
                names += [each.id for each in ast.walk(constants[name]) if isinstance(each, ast.Name)]
        return {BY_CLASS[name] for name in names if name in BY_CLASS}

    return topics("reads") | topics("tables"), topics("writes")


def test_every_event_has_a_topic_and_a_schema_and_every_topic_an_event() -> None:
    with_events = {name for name in TOPICS.entries if "{worker}" not in name}
    assert with_events == set(BY_TOPIC)
    for name, kind in BY_TOPIC.items():
        assert TOPICS.entries[name].schema == f"schemas/{stem(kind)}.json", name
        assert (ROOT / f"schemas/{stem(kind)}.json").is_file(), name


def test_only_dead_letters_have_no_schema() -> None:
    assert [name for name, entry in TOPICS.entries.items() if entry.schema is None] == ["{worker}.dead.v1"]


def test_every_topic_has_one_writer() -> None:
    assert not [n for n, entry in TOPICS.entries.items() if len(entry.written_by) != 1 and "{worker}" not in n]


def test_every_actor_is_a_worker_of_ours_or_someone_outside_that_the_file_explains() -> None:
    missing = [worker for worker in WORKERS if not (ROOT / "services" / worker).is_dir()]
    assert not missing, f"topics.yaml names {missing}, services/ has no such worker"
    head = (ROOT / "topics.yaml").read_text("utf-8").split("defaults:")[0]
    assert all(f"`{outsider}`" in head for outsider in OUTSIDERS)


def test_contacts_are_the_only_personal_data_and_only_three_may_read_them() -> None:
    personal = {name: set(entry.read_by) for name, entry in TOPICS.entries.items() if entry.personal_data}
    assert set(personal) == {"contacts.received.v1"}
    assert personal["contacts.received.v1"] <= MAY_READ_CONTACTS


def test_contacts_can_be_erased() -> None:
    contacts = TOPICS.entries["contacts.received.v1"]
    assert (contacts.cleanup, contacts.erased_within) == ("compact", "7d")


@pytest.mark.parametrize("names", TOGETHER, ids=lambda names: names[0])
def test_topics_that_belong_together_by_partition_have_the_same_number(names: tuple[str, ...]) -> None:
    assert len({TOPICS.partitions(name) for name in names}) == 1
    assert all(TOPICS.entries[name].partitions_as == names[0] for name in names[1:])


def test_every_worker_that_reads_has_dead_letters() -> None:
    readers = {worker for worker in WORKERS if read_by_file(worker)}
    assert set(TOPICS.entries["{worker}.dead.v1"].written_by) == readers - {"review"}, (
        "review drops what it cannot show"
    )


@pytest.mark.parametrize("worker", WORKERS)
def test_a_worker_reads_and_writes_what_topics_yaml_says(worker: str) -> None:
    reads, writes = said_by_code(worker)
    code = {"reads": sorted(reads), "writes": sorted(writes)}
    file = {"reads": sorted(read_by_file(worker)), "writes": sorted(written_by_file(worker))}
    assert code == file, f"services/{worker}/worker.py (first) and topics.yaml (second) differ"


@pytest.mark.parametrize("worker", WORKERS)
def test_a_worker_makes_no_event_that_another_one_writes(worker: str) -> None:
    made = {
        BY_CLASS[node.func.id]
        for path in (ROOT / "services" / worker).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BY_CLASS
    }
    assert made <= written_by_file(worker)


@pytest.mark.parametrize("text", ["r-1_A", "a", "7" * 64])
def test_an_id_is_one_for_events_and_for_workers(text: str) -> None:
    assert may_be_id(text)
    for kind in (Identifier, IdentifierOrNone):
        assert msgspec.convert(text, kind) == text


@pytest.mark.parametrize("text", ["a" * 65, "r 1", "r-1\n", "é", "r/1"])
def test_what_is_no_id_is_none_for_events_and_for_workers(text: str) -> None:
    assert not may_be_id(text)
    for kind in (Identifier, IdentifierOrNone):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(text, kind)


def test_nothing_is_no_id_and_names_nothing_where_an_event_allows_that() -> None:
    assert not may_be_id("")
    assert msgspec.convert("", IdentifierOrNone) == ""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert("", Identifier)
