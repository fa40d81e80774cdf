"""The boundary files of a run, as a table of areas and as a town that has them for layers."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import typer
import yaml


@dataclass(frozen=True, kw_only=True)
class Source:
    """A boundary file, and the property that names an area; without one, areas have the property `id`."""

    path: Path
    key: str

    def frame(self) -> geopandas.GeoDataFrame:
        """Give the areas in WGS 84, by their ids as the town sorts them: the column `area_id`, and the geometry."""
        table = geopandas.read_file(self.path).to_crs(4326)
        key = self.key or "id"
        if key not in table:
            message = f"{self.path.name} has no property {key!r}: expected one of {', '.join(table.columns)}"
            raise typer.BadParameter(message)
        table["area_id"] = table[key].astype(str)
        return table[["area_id", "geometry"]].sort_values("area_id", ignore_index=True)


def town(folder: Path, city: Path, sources: Sequence[Source]) -> Path:
    """Make a town in `folder`: all that `city` says, but for its layers, its places, and rules that ask for either.

    One rule asks for an area of the first layer, so that a circle may lie in two departments.
    """
    folder.mkdir(parents=True)
    for name in ("categories.yaml", "policy.yaml"):
        shutil.copy(city / name, folder)
    (folder / "boundaries").mkdir()
    said = _read(city / "city.yaml")
    said.pop("extent", None)
    said.pop("places", None)
    said["layers"] = {}
    for number, source in enumerate(sources):
        file = f"boundaries/layer-{number}{source.path.suffix}"
        shutil.copy(source.path, folder / file)
        said["layers"][f"layer-{number}"] = {"file": file, "id_property": source.key or "id"}
    _write(folder / "city.yaml", said)
    offices = _read(city / "departments.yaml")
    rules = {name: rule for name, rule in offices["rules"].items() if not {"layer", "near"} & rule.keys()}
    first = sources[0].frame()["area_id"][0]
    rules["by-area"] = {"department": offices["default_department"], "layer": "layer-0", "areas": [first]}
    _write(folder / "departments.yaml", offices | {"rules": rules})
    return folder


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def _write(path: Path, said: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(said, allow_unicode=True, sort_keys=False), encoding="utf-8")
