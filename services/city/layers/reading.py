"""Reads a boundary file of any kind, in the coordinates that it has."""

from pathlib import Path

from services.city.findings import did_you_mean, listed
from services.city.layers.archives import ARCHIVES, unpacked
from services.city.layers.features import Contents, UnreadableError
from services.city.layers.foreign import KINDS, read_foreign
from services.city.layers.geojson import JSON, OtherJsonError, read_geojson

LARGEST = 512 * 2**20
"""Bytes of one file."""


def read_contents(path: Path, *, layer_name: str = "", encoding: str = "") -> Contents:
    """Read all features of a file; `layer_name` tells layers apart where it has several.

    `encoding` is that of a Shapefile's texts, where neither the file nor a .cpg beside it says so.

    Raises:
        UnreadableError: the file is missing or broken, of another kind, too large, or needs what is not installed.

    """
    if not path.is_file():
        beside = [other.name for other in path.parent.iterdir() if other.is_file()] if path.parent.is_dir() else []
        seen = f"there is no file {path.name}"
        raise UnreadableError(seen, remedy=did_you_mean(path.name, beside) or f"files there: {listed(sorted(beside))}")
    if path.stat().st_size > LARGEST:
        seen = f"{path.name} has {path.stat().st_size:,} bytes"
        raise UnreadableError(seen, expected=f"at most {LARGEST:,}", remedy="simplify its lines")
    suffix = path.suffix.lower()
    if suffix in ARCHIVES:
        with unpacked(path, {*JSON, *KINDS} - {".json", ".kmz"}, layer_name) as inner:
            return read_contents(inner, layer_name="" if inner.stem == layer_name else layer_name, encoding=encoding)
    if suffix in JSON:
        try:
            return read_geojson(path)
        except OtherJsonError:
            return read_foreign(path, layer_name=layer_name)
    if suffix in KINDS:
        return read_foreign(path, layer_name=layer_name, encoding=encoding)
    seen = f"a file that ends in {path.suffix!r}"
    raise UnreadableError(seen, expected=f"one of {', '.join(sorted({*JSON, *KINDS, *ARCHIVES}))}")
