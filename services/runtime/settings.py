"""Settings from the environment: declared as Structs with a sentence each, read with all faults at once.

    class ClassifySettings(Settings, frozen=True, kw_only=True):
        prefix: ClassVar[str] = "CLASSIFY"
        model_dir: Annotated[Path, Meta(description="The model to serve.")]
        max_tokens: Annotated[int, Meta(ge=8, description="Longer texts are cut.")] = 256

reads `CLASSIFY_MODEL_DIR` and `CLASSIFY_MAX_TOKENS`. A subclass of `Settings` may use str, int, float, bool, Path,
Literal and tuples of str (comma separated).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

import msgspec
from msgspec import Meta, Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


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


T = TypeVar("T", bound=Settings)


def read(kind: type[T], environment: Mapping[str, str], who: str) -> T:
    """Read settings of `kind` for worker or command `who`.

    Raises:
        SettingsError: names every variable that is missing or wrong, with what was expected.

    """
    values, faults = gather(kind, environment)
    if faults:
        raise SettingsError(who, faults)
    return kind(**values)


def gather(kind: type[Settings], environment: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Give the values found for `kind`, by field, and the faults, so that a caller can add up several kinds."""
    values: dict[str, Any] = {}
    faults: list[str] = []
    for variable, info in kind.variables():
        raw = environment.get(variable)
        if raw is None or not raw.strip():
            if info.required:
                faults.append(f"{variable} is not set: {describe(info.type)}")
            continue
        try:
            values[info.name] = _convert(raw.strip(), info.type)
        except msgspec.ValidationError as error:
            faults.append(f"{variable}={raw!r}: {_expected(str(error))}")
    return values, faults


def describe(annotation: Any) -> str:  # noqa: ANN401 - annotations are of many kinds
    """Give the sentence that documents a setting."""
    kind = msgspec.inspect.type_info(annotation)
    extra = kind.extra_json_schema if isinstance(kind, msgspec.inspect.Metadata) else None
    return str((extra or {}).get("description", "no description"))


def _convert(raw: str, annotation: Any) -> Any:  # noqa: ANN401 - what comes back is of the annotation's kind
    if _is_tuple(annotation):
        parts = [part.strip() for part in raw.split(",") if part.strip()]
        return msgspec.convert(parts, annotation, strict=False)
    return msgspec.convert(raw, annotation, strict=False, dec_hook=_path)


def _is_tuple(annotation: Any) -> bool:  # noqa: ANN401
    kind = msgspec.inspect.type_info(annotation)
    inner = kind.type if isinstance(kind, msgspec.inspect.Metadata) else kind
    return isinstance(inner, msgspec.inspect.VarTupleType)


def _path(kind: type, value: Any) -> Any:  # noqa: ANN401
    if kind is Path:
        return Path(value).expanduser()
    message = f"a setting cannot be of type {kind.__name__}"
    raise NotImplementedError(message)


def _expected(error: str) -> str:
    return error.removeprefix("E").strip() if error.startswith("E:") else error[0].lower() + error[1:]


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
