"""An invented town's two wards, anywhere on Earth, as a file of any kind and coordinate system."""

import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import geopandas
import shapely
from small_town import CITY, collection, feature, square, write_town

from services.city.load import examine
from services.city.model import Layer

PLACES = {
    "EPSG:2263": (-73.95, 40.70),
    "EPSG:27700": (-0.02, 52.00),
    "EPSG:25832": (8.60, 44.90),
    "EPSG:3003": (8.60, 44.90),
    "EPSG:3857": (-3.70, 40.40),
    "EPSG:4269": (-73.95, 40.70),
    "EPSG:23700": (19.05, 47.50),
    "EPSG:2056": (8.54, 47.37),
    "ESRI:102696": (-90.25, 38.62),
}
"""South-western corners of towns, by the system that their files are in."""
HOME = PLACES["EPSG:27700"]
KINDS = ("shp", "zip", "shz", "gpkg", "fgb", "gml", "kml", "kmz", "geojson", "topojson")
DRIVERS = {"gml": "GML", "kml": "LIBKML", "kmz": "LIBKML", "fgb": "FlatGeobuf", "geojson": "GeoJSON"}


def wards(corner: tuple[float, float] = HOME, crs: Any = "EPSG:4326") -> geopandas.GeoDataFrame:
    west, south = corner
    shapes = [
        shapely.box(west, south, west + 0.01, south + 0.01),
        shapely.box(west + 0.01, south, west + 0.02, south + 0.01),
    ]
    return geopandas.GeoDataFrame({"ward": [1, 2], "title": ["Fén", "Mere"]}, geometry=shapes, crs=4326).to_crs(crs)


def write(frame: geopandas.GeoDataFrame, path: Path) -> Path:
    """Write a frame as what the path's suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.suffix[1:]
    if kind in ("zip", "shz"):
        loose = path.parent / f"{path.stem}.shp"
        write(frame, loose)
        pack(path, *sorted(path.parent.glob(f"{path.stem}.*")))
        for each in path.parent.glob(f"{path.stem}.*"):
            if each != path:
                each.unlink()
    elif kind == "topojson":
        path.write_text(json.dumps(topology(frame)))
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a frame has no system is what some tests are about
            frame.to_file(path, driver=DRIVERS.get(kind))
    return path


def pack(path: Path, *files: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in files:
            if each != path:
                archive.write(each, each.name)
    return path


def topology(frame: geopandas.GeoDataFrame, name: str = "wards") -> dict[str, Any]:
    """Give quantized TopoJSON, each ring an arc of its own: https://github.com/topojson/topojson-specification."""
    step = 1e-7
    arcs: list[list[list[int]]] = []
    geometries = []
    for row in frame.itertuples():
        polygons = []
        for polygon in shapely.get_parts(row.geometry):
            rings = []
            for ring in shapely.get_rings(polygon):
                whole = (shapely.get_coordinates(ring) / step).round().astype(int)
                moves = [whole[0], *(whole[1:] - whole[:-1])]
                arcs.append([[int(x), int(y)] for x, y in moves])
                rings.append([len(arcs) - 1])
            polygons.append(rings)
        known = {key: getattr(row, key) for key in frame.columns if key != "geometry"}
        geometries.append({"type": "MultiPolygon", "arcs": polygons, "properties": known})
    whole_map = {"type": "GeometryCollection", "geometries": geometries}
    transform = {"scale": [step, step], "translate": [0, 0]}
    return {"type": "Topology", "transform": transform, "arcs": arcs, "objects": {name: whole_map}}


def town(
    directory: Path, file: str, section: str = "", *, corner: tuple[float, float] = HOME, extent: bool = True
) -> Path:
    """Write the small town at a corner, with wards in a file that is written beside; `section` is YAML more for it."""
    west, south = corner
    lines = "".join(f"    {line}\n" for line in section.splitlines())
    city = CITY.replace("    file: boundaries/wards.geojson\n", f"    file: boundaries/{file}\n{lines}")
    if extent:
        city = city.replace(
            "holidays:", f"extent: [{west:.3f}, {south:.3f}, {west + 0.02:.3f}, {south + 0.01:.3f}]\nholidays:"
        )
    line = {"type": "LineString", "coordinates": [[west, south + 0.005], [west + 0.02, south + 0.005]]}
    limits = collection(feature(square(west, south, 0.02), id="all"))
    write_town(directory, city=city, limits=limits, wards=None, streets=collection(feature(line, name="Eel Lane")))
    return directory


def wards_of(directory: Path) -> Layer:
    examined = examine(directory)
    assert examined.city, [str(fault) for fault in examined.faults]
    return examined.city.layers[1]


def off_m(layer: Layer, corner: tuple[float, float]) -> float:
    """Give how far the wards lie from where they should, in metres (a corner's greatest distance, nearly)."""
    expected = wards(corner).geometry
    far = [
        area.geometry.hausdorff_distance(shape)
        for area, shape in zip(sorted(layer.areas, key=lambda area: area.area_id), expected, strict=True)
    ]
    return float(max(far)) * 111_195
