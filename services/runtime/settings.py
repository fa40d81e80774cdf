"""Settings from the environment: declared as Structs with a sentence each, read with all faults at once.

    class ClassifySettings(Settings, frozen=True, kw_only=True):
        prefix: ClassVar[str] = "CLASSIFY"
        model_dir: Annotated[Path, Meta(description="The model to serve.")]
        max_tokens: Annotated[int, Meta(ge=8, description="Longer texts are cut.")] = 256

reads `CLASSIFY_MODEL_DIR` and `CLASSIFY_MAX_TOKENS`. A subclass of `Settings` may use str, int, float, bool, Path,
Literal and tuples of these (comma separated). A secret is marked `Meta(extra={"secret": True})` and shown nowhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from services.runtime.expected import expected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NOT_SHOWN = "(not shown)"


class SettingsError(Exception):
    """What is wrong with a worker's environment, every fault on a line of its own."""

    def __init__(self, who: str, faults: list[str]) -> None:
        number = "1 setting is" if len(faults) == 1 else f"{len(faults)} settings are"
        super().__init__("\n".join([f"{who} cannot start: {number} wrong", *(f"  {fault}" for fault in faults)]))
        self.faults = faults


class Settings(Struct, frozen=True, kw_only=True):
    """Base of all settings. `prefix` starts the names of its environment variables."""

    prefix: ClassVar[str] = ""

    @classmethod
    def variables(cls) -> Iterable[tuple[str, msgspec.structs.FieldInfo]]:
        """Give each field with the environment variable that sets it."""
        for info in msgspec.structs.fields(cls):
            name = info.name.upper()
            yield (f"{cls.prefix}_{name}" if cls.prefix else name), info

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        shown: list[tuple[str, Any]] = []
        for info in msgspec.structs.fields(type(self)):
            value = getattr(self, info.name)
            shown.append((info.name, NOT_SHOWN if value and is_secret(info.type) else value))
        return shown


T = TypeVar("T", bound=Settings)


def read(kind: type[T], environment: Mapping[str, str], who: str) -> T:
    """Read settings of `kind` for worker or command `who`.

    Raises:
        SettingsError: names every variable that is missing, wrong or misspelt, with what was expected.

    """
    found = read_all((kind,), environment, who)[0]
    assert isinstance(found, kind)  # noqa: S101 - tells mypy what `read_all` promises
    return found


def read_all(kinds: Sequence[type[Settings]], environment: Mapping[str, str], who: str) -> tuple[Settings, ...]:
    """Read settings of several kinds, one of each in order; the faults of all are told at once.

    Raises:
        SettingsError: as `read`.

    """
    gathered = [gather(kind, environment) for kind in kinds]
    faults = [fault for _, faults in gathered for fault in faults] + misspelt(kinds, environment, who)
    if faults:
        raise SettingsError(who, list(dict.fromkeys(faults)))
    return tuple(kind(**values) for kind, (values, _) in zip(kinds, gathered, strict=True))


def gather(kind: type[Settings], environment: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Give the values found for `kind`, by field, and the faults, so that a caller can add up several kinds.

    A variable that is empty counts as not set.
    """
    values: dict[str, Any] = {}
    faults: list[str] = []
    for variable, info in kind.variables():
        raw = environment.get(variable)
        if raw is None or not raw.strip():
            if info.required:
                faults.append(f"{variable} is not set")
            continue
        try:
            values[info.name] = _convert(raw.strip(), info.type)
        except msgspec.ValidationError:
            seen = f" {NOT_SHOWN}" if is_secret(info.type) else f"={raw!r}"
            faults.append(f"{variable}{seen}: expected {_asked(info.type)}")
    return values, faults


def misspelt(kinds: Sequence[type[Settings]], environment: Mapping[str, str], who: str) -> list[str]:
    """Give a fault for each variable that begins like a setting of `kinds`, is none, and resembles one.

    One that resembles none is left alone: an orchestrator sets its own (`CLASSIFY_SERVICE_HOST`).
    """
    known = {variable for kind in kinds for variable, _ in kind.variables()}
    prefixes = {variable.partition("_")[0] for variable in known}
    faults = []
    for name in sorted(set(environment) - known):
        prefix, _, rest = name.partition("_")
        if prefix in prefixes:
            siblings = [v.partition("_")[2] for v in sorted(known) if v.partition("_")[0] == prefix]
            close = get_close_matches(rest, siblings, n=1, cutoff=0.8)
            if close:
                faults.append(f"{name} is not a setting of {who}: did you mean {prefix}_{close[0]}?")
    return faults


def describe(annotation: Any) -> str:  # noqa: ANN401 - annotations are of many kinds
    """Give the sentence that documents a setting."""
    kind = msgspec.inspect.type_info(annotation)
    extra = kind.extra_json_schema if isinstance(kind, msgspec.inspect.Metadata) else None
    return str((extra or {}).get("description", "no description"))


def is_secret(annotation: Any) -> bool:  # noqa: ANN401
    """Tell whether a setting was marked `Meta(extra={"secret": True})`: its value is never shown."""
    kind = msgspec.inspect.type_info(annotation)
    extra = kind.extra if isinstance(kind, msgspec.inspect.Metadata) else None
    return bool((extra or {}).get("secret"))


@dataclass(frozen=True, slots=True)
class Row:
    """One setting, as `stormdrain settings` and docs/settings.md show it."""

    variable: str
    expected: str
    default: str
    """As it would be written in the environment; `required` or `empty` where there is none."""
    description: str
    secret: bool = False


def rows(kind: type[Settings]) -> list[Row]:
    """Give the settings of `kind`, in order."""
    return [
        Row(variable, _asked(info.type), _default(info), describe(info.type), is_secret(info.type))
        for variable, info in kind.variables()
    ]


def _default(info: msgspec.structs.FieldInfo) -> str:
    if info.required:
        return "required"
    value = info.default if info.default is not msgspec.NODEFAULT else info.default_factory()
    match value:
        case bool():
            return str(value).lower()
        case tuple():
            return ",".join(str(each) for each in value) or "empty"
        case None | "":
            return "empty"
    return str(value)


def _asked(annotation: Any) -> str:  # noqa: ANN401
    item = _item_of_tuple(annotation)
    return expected(annotation) if item is None else f"{expected(item)}; several are separated by commas"


def _convert(raw: str, annotation: Any) -> Any:  # noqa: ANN401 - what comes back is of the annotation's kind
    if _item_of_tuple(annotation) is not None:
        parts = [part.strip() for part in raw.split(",") if part.strip()]
        return msgspec.convert(parts, annotation, strict=False)
    value = msgspec.convert(raw, annotation, strict=False, dec_hook=_path)
    if isinstance(value, float) and not math.isfinite(value):
        message = "no number is infinite here"
        raise msgspec.ValidationError(message)
    return value


def _item_of_tuple(annotation: Any) -> Any:  # noqa: ANN401
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return get_args(annotation)[0] if get_origin(annotation) is tuple else None


def _path(kind: type, value: Any) -> Any:  # noqa: ANN401
    if kind is Path:
        return Path(value).expanduser()
    message = f"a setting cannot be of type {kind.__name__}"
    raise NotImplementedError(message)


class Shared(Settings, frozen=True, kw_only=True):
    """What every worker of a town has in common."""

    kafka_bootstrap: Annotated[
        str, Meta(description="Where the Kafka cluster is reached: host:port, comma separated.")
    ] = "127.0.0.1:9092"
    stormdrain_city_dir: Annotated[Path, Meta(description="The town's own files.")] = Path("city")
    stormdrain_models_dir: Annotated[Path, Meta(description="Where trained models lie.")] = Path("models")
    stormdrain_state_dir: Annotated[Path, Meta(description="Slots, read model and embedded broker live here.")] = Path(
        ".stormdrain"
    )
    stormdrain_read_model: Annotated[
        str, Meta(description="SQLAlchemy URL of the read model; empty: SQLite in the state directory.")
    ] = ""

    @property
    def city_dir(self) -> Path:
        """The town's own files."""
        return self.stormdrain_city_dir

    @property
    def models_dir(self) -> Path:
        """Where trained models lie."""
        return self.stormdrain_models_dir

    @property
    def state_dir(self) -> Path:
        """Where this machine keeps what must survive a restart."""
        return self.stormdrain_state_dir

    @property
    def bootstrap(self) -> str:
        """The Kafka cluster."""
        return self.kafka_bootstrap

    @property
    def read_model(self) -> str:
        """The read model's SQLAlchemy URL."""
        return self.stormdrain_read_model or f"sqlite:///{(self.stormdrain_state_dir / 'readmodel.db').absolute()}"
