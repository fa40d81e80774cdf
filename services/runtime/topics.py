"""topics.yaml: read with every fault at once, and expanded into the topics that a cluster must have.

What the fields mean is written at the head of topics.yaml. `services.runtime.cluster` compares with a
cluster and applies.
"""

from __future__ import annotations

import re
import sysconfig
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import yaml
from msgspec import Meta, Struct

from services.runtime.expected import expected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FOREVER = "forever"
MILLISECONDS = {"h": 3_600_000, "d": 86_400_000}
SAFE_REPLICATION = 3
"""From this many replicas on, two must have a write, so that one broker may fail without losing or refusing any."""

Name = Annotated[str, Meta(pattern=r"^[a-z0-9{}.-]+\.v[0-9]+$")]
Duration = Annotated[str, Meta(pattern=r"^([1-9][0-9]*[hd]|forever)$", title="a duration such as 14d, 12h or forever")]
Actor = Annotated[str, Meta(pattern=r"^[a-z]+$")]
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_DEPARTMENT = re.compile(r"[a-z0-9-]{1,100}")


class TopicsError(Exception):
    """What is wrong with a topics file, every fault on a line of its own, with file and line."""

    def __init__(self, path: str, faults: Sequence[str]) -> None:
        number = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(
            "\n".join([f"stormdrain topics cannot use {path}: {number}", *(f"  {each}" for each in faults)])
        )
        self.faults = list(faults)


class Entry(Struct, frozen=True, kw_only=True):
    """One topic, or one family, as topics.yaml states it."""

    what: str
    written_by: tuple[Actor, ...]
    read_by: tuple[Actor, ...]
    key: str
    cleanup: Literal["delete", "compact"]
    retention: Duration
    partitions: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    partitions_as: Name | None = None
    erased_within: Duration | None = None
    schema: Annotated[str, Meta(pattern=r"^schemas/[a-z0-9.-]+\.json$")] | None = None
    personal_data: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic that a cluster must have. `stem` is its name in topics.yaml, with the placeholder."""

    name: str
    stem: str
    partitions: int
    replication_factor: int
    cleanup: str
    settings: Mapping[str, str]
    """Configuration that does not depend on the replication."""

    def config(self, replication_factor: int) -> dict[str, str]:
        """Give the configuration for a topic that has, or will have, this many replicas."""
        enough = "2" if replication_factor >= SAFE_REPLICATION else "1"
        return {**self.settings, "min.insync.replicas": enough}


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """A topics file without fault."""

    entries: Mapping[str, Entry]
    replication_factor: int
    config: Mapping[str, str]

    def partitions(self, stem: str) -> int:
        """Give the number of partitions of a topic or family."""
        entry = self.entries[stem]
        return entry.partitions or self.entries[entry.partitions_as or stem].partitions or 1

    def expand(
        self,
        departments: Iterable[str],
        *,
        brokers: int,
        partitions: int | None = None,
        replication_factor: int | None = None,
    ) -> tuple[Topic, ...]:
        """Give every topic, families by `departments` and writers, for a cluster of `brokers`.

        `partitions` and `replication_factor` override the file, for a demo, a test or an operator's own choice.

        Raises:
            ValueError: a department's id cannot be part of a topic's name.

        """
        names = list(departments)
        unfit = [name for name in names if not _DEPARTMENT.fullmatch(name)]
        if unfit:
            message = f"departments {', '.join(unfit)}: expected lower case letters, digits and hyphens"
            raise ValueError(message)
        return tuple(
            Topic(
                name=name,
                stem=stem,
                partitions=partitions or self.partitions(stem),
                replication_factor=replication_factor or min(self.replication_factor, brokers),
                cleanup=entry.cleanup,
                settings={**self.config, **_settings(entry)},
            )
            for stem, entry in self.entries.items()
            for name in _members(stem, entry, names)
        )

    def ours(self, name: str) -> bool:
        """Tell whether a topic's name is one of this file's, or of one of its families."""
        return any(_pattern(stem).fullmatch(name) for stem in self.entries)


def _pattern(stem: str) -> re.Pattern[str]:
    return re.compile("[a-z0-9-]+".join(re.escape(part) for part in re.split(r"\{\w+\}", stem)))


def milliseconds(duration: str) -> int:
    """Give a duration such as 14d or 12h in milliseconds, -1 for `forever`, as Kafka does."""
    return -1 if duration == FOREVER else int(duration[:-1]) * MILLISECONDS[duration[-1]]


def duration(value: str) -> str:
    """Give milliseconds as Kafka tells them in words: 14d, 12h, forever; anything else as it is."""
    if value == "-1":
        return FOREVER
    for unit in ("d", "h"):
        if value.isdigit() and int(value) and int(value) % MILLISECONDS[unit] == 0:
            return f"{int(value) // MILLISECONDS[unit]}{unit}"
    return f"{value} ms"


def _settings(entry: Entry) -> dict[str, str]:
    found: dict[str, str] = {"cleanup.policy": entry.cleanup}
    if entry.cleanup == "delete":
        found["retention.ms"] = str(milliseconds(entry.retention))
    if entry.erased_within is not None:
        found["max.compaction.lag.ms"] = str(milliseconds(entry.erased_within))
    return found


def _members(stem: str, entry: Entry, departments: Sequence[str]) -> list[str]:
    if "{department}" in stem:
        return [stem.replace("{department}", each) for each in departments]
    if "{worker}" in stem:
        return [stem.replace("{worker}", each) for each in entry.written_by]
    return [stem]


def shipped() -> Path:
    """Give the topics.yaml that came with this program: of the checkout, or installed beside it."""
    checkout = Path(__file__).parents[2] / "topics.yaml"
    return checkout if checkout.exists() else Path(sysconfig.get_path("data")) / "share" / "stormdrain" / "topics.yaml"


def load(path: Path | None = None) -> Topics:
    """Read a topics file, or the one that came with this program.

    Raises:
        TopicsError: names every fault at once.

    """
    path = path or shipped()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise TopicsError(str(path), [f"it cannot be read: {reason}"]) from error
    return parse(text, path.name)


def parse(text: str, name: str = "topics.yaml") -> Topics:
    """Read the text of a topics file; raises as `load`."""
    return _Reading(text, name).topics()


def _field(where: tuple[str, ...]) -> str:
    return ".".join(where[1:] if where[:1] == ("topics",) and where[1:] else where)


class _Reading:
    """Reads one file and gathers its faults."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.faults: list[tuple[int, str]] = []
        self.lines: dict[tuple[str, ...], int] = {}
        self.data: Any = None
        try:
            node = yaml.compose(text, yaml.SafeLoader)
            if node is not None:
                self._locate(node, ())
            self.data = yaml.safe_load(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            self._fault_at((mark.line + 1) if mark else 1, f"this is not YAML: {error.problem}")

    def topics(self) -> Topics:
        """Give the topics, or raise all faults."""
        if self.data is None and self.faults:
            raise self._error()
        top = self._mapping((), self.data, ("defaults", "topics"), "topics and defaults")
        defaults = self._mapping(("defaults",), top.get("defaults"), ("replication_factor", "config"), "defaults")
        raw = self._mapping(("topics",), top.get("topics"), None, "topics")
        entries = {stem: self._entry(stem, value) for stem, value in raw.items()}
        good = {stem: entry for stem, entry in entries.items() if entry is not None}
        for stem, entry in good.items():
            self._agreements(stem, entry, good, set(raw))
        replication = self._value(
            ("defaults", "replication_factor"), defaults.get("replication_factor"), Annotated[int, Meta(ge=1, le=32)]
        )
        config = self._value(("defaults", "config"), defaults.get("config", {}), dict[str, str])
        if self.faults:
            raise self._error()
        return Topics(entries=good, replication_factor=replication, config=config)

    def _error(self) -> TopicsError:
        return TopicsError(self.name, [f"{self.name}:{line}: {fault}" for line, fault in sorted(self.faults)])

    def _entry(self, stem: str, raw: Any) -> Entry | None:  # noqa: ANN401 - whatever YAML holds
        before = len(self.faults)
        where = ("topics", stem)
        fields = msgspec.structs.fields(Entry)
        self._name(where, stem)
        found = self._mapping(where, raw, [info.name for info in fields], stem)
        values = {}
        for info in fields:
            if info.name in found:
                values[info.name] = self._value((*where, info.name), found[info.name], info.type)
            elif info.required and isinstance(raw, dict):
                self._fault(where, f"{stem} has no {info.name}: expected {expected(info.type)}")
        return None if len(self.faults) > before else Entry(**values)

    def _name(self, where: tuple[str, ...], stem: str) -> None:
        unknown = set(_PLACEHOLDER.findall(stem)) - {"department", "worker"}
        if not re.fullmatch(r"(?:[a-z0-9-]+|\{\w+\})(?:\.(?:[a-z0-9-]+|\{\w+\}))*\.v[0-9]+", stem):
            self._fault(where, f"{stem}: expected lower case words with dots and a version, such as requests.routed.v1")
        elif unknown:
            self._fault(where, f"{stem}: expected the placeholder {{department}} or {{worker}}")

    def _agreements(self, stem: str, entry: Entry, good: Mapping[str, Entry], all_names: set[str]) -> None:
        where = ("topics", stem)
        if (entry.partitions is None) == (entry.partitions_as is None):
            self._fault(where, f"{stem}: expected either partitions or partitions_as")
        if entry.partitions_as is not None:
            other = good.get(entry.partitions_as)
            if entry.partitions_as not in all_names:
                self._fault((*where, "partitions_as"), f"{stem}.partitions_as is {entry.partitions_as}, no topic here")
            elif other is not None and other.partitions is None:
                self._fault(
                    (*where, "partitions_as"),
                    f"{stem}.partitions_as is {entry.partitions_as}, which has no number of its own",
                )
        if entry.erased_within is not None and entry.cleanup != "compact":
            self._fault((*where, "erased_within"), f"{stem}.erased_within: only a compacted topic erases by key")
        if entry.cleanup == "compact" and entry.retention != FOREVER:
            self._fault(
                (*where, "retention"),
                f"{stem}.retention is {entry.retention}: expected forever, as compaction drops by key",
            )

    def _value(self, where: tuple[str, ...], raw: Any, annotation: Any) -> Any:  # noqa: ANN401
        try:
            return msgspec.convert(raw, annotation)
        except msgspec.ValidationError:
            self._fault(where, f"{_field(where)} is {raw!r}: expected {expected(annotation)}")
            return None

    def _mapping(
        self, where: tuple[str, ...], raw: Any, allowed: Sequence[str] | None, what: str  # noqa: ANN401
    ) -> dict[str, Any]:  # fmt: skip
        if not isinstance(raw, dict):
            self._fault(where, f"{what}: expected a mapping")
            return {}
        for key in raw:
            if allowed is not None and key not in allowed:
                close = get_close_matches(str(key), allowed, n=1)
                guess = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(allowed)}"
                self._fault((*where, str(key)), f"{_field((*where, str(key)))} is not known here: {guess}")
        return {str(key): value for key, value in raw.items()}

    def _locate(self, node: yaml.Node, path: tuple[str, ...]) -> None:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = (*path, str(key.value))
                if inner in self.lines:
                    self._fault_at(
                        key.start_mark.line + 1, f"{key.value} stands here twice, first on line {self.lines[inner]}"
                    )
                    continue
                self.lines[inner] = key.start_mark.line + 1
                self._locate(value, inner)

    def _fault(self, where: tuple[str, ...], what: str) -> None:
        while where not in self.lines and where:
            where = where[:-1]
        self._fault_at(self.lines.get(where, 1), what)

    def _fault_at(self, line: int, what: str) -> None:
        self.faults.append((line, what))
