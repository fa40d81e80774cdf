"""What a town's city.yaml declares of its boundary files, edition by edition."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from services.city.layers.areas import word
from services.city.layers.features import Contents, Feature, UnreadableError, sisters
from services.city.layers.reading import read_contents
from services.city.layers.systems import System, UnknownSystemError, system
from services.city.section import Section, is_date

_ALLOWED = ("allowed",)


@dataclass(frozen=True, slots=True)
class Source:
    """One file that city.yaml names, and what was found in it; `contents` is None where a fault was noted."""

    section: Section
    file: str
    path: Path
    crs: System | None = None
    contents: Contents | None = None
    effective: str = ""
    id_property: str = "id"
    name_property: str = "id"


@dataclass(frozen=True, slots=True)
class DeclaredLayer:
    """A layer and its editions, the earliest first."""

    section: Section
    editions: tuple[Source, ...]
    limits: bool = False
    overlaps: bool = False
    """Its areas may lie over each other."""
    gaps: bool = False
    """There may be holes between its areas."""
    lines: bool = False
    """It may have lines, too, such as roads by their middle."""


def read_declared(section: Section, directory: Path) -> DeclaredLayer:
    """Read what a layer's section declares, and the files it names."""
    inner = section.listed("editions")
    if section.has("editions") and section.has("file"):
        section.fault("editions", "stands beside `file`", "one of the two", "write that file as the first edition")
    if section.has("editions"):
        section.text("file", "")
        editions = [_edition(each, section, directory) for each in inner]
        _check_days(section, editions)
    else:
        editions = [_edition(section, None, directory)]
    declared = DeclaredLayer(
        section=section,
        editions=tuple(sorted(editions, key=lambda source: source.effective)),
        limits=bool(section.flag("limits")),
        overlaps=section.has("overlaps") and section.text("overlaps", "", known=_ALLOWED) in _ALLOWED,
        gaps=section.has("gaps") and section.text("gaps", "", known=_ALLOWED) in _ALLOWED,
        lines=bool(section.flag("lines")),
    )
    section.done()
    return declared


def read_source(section: Section, outer: Section | None, directory: Path) -> Source:
    """Read the file that a section names, and what it says of how to read it; `outer` has what it leaves unsaid."""
    file = section.text("file")
    crs = _crs(section if section.has("crs") else outer or section)
    layer_name = _text(section, outer, "layer_name")
    encoding = _encoding(section, outer)
    contents = None
    if file and is_inside(section, file):
        try:
            contents = read_contents(directory / file, layer_name=layer_name, encoding=encoding)
        except UnreadableError as error:
            unreadable(section, file, error)
    if contents is not None and not contents.features:
        section.fault("file", f"{file} has no features", "at least one")
        contents = None
    return Source(section, file, directory / file, crs, contents)


def is_inside(section: Section, file: str) -> bool:
    """Say whether a file lies in the city's own directory, and note the fault where it does not."""
    if not Path(file).is_absolute() and ".." not in Path(file).parts:
        return True
    section.fault("file", f"saw {file!r}", "a file inside the city's own directory")
    return False


def unreadable(section: Section, file: str, error: UnreadableError) -> None:
    """Note that a file cannot be read: in the file where a line is known, else where it is named."""
    if error.line:
        section.findings.fault(file, error.line, "", error.seen, expected=error.expected, remedy=error.remedy)
    else:
        section.fault("file", error.seen, error.expected, error.remedy)


def version_of(path: Path) -> str:
    """Give the hash of a boundary file, a Shapefile's sister files included: 12 hex digits."""
    files = sorted(sisters(path).values()) if path.suffix.lower() == ".shp" else [path]
    digest = hashlib.sha256()
    for each in files:
        digest.update(each.read_bytes())
    return digest.hexdigest()[:12]


def _edition(section: Section, outer: Section | None, directory: Path) -> Source:
    source = read_source(section, outer, directory)
    id_property = _text(section, outer, "id_property", "id")
    name_property = _text(section, outer, "name_property", id_property)
    effective = _day(section)
    contents = _where(section, outer, source)
    if outer is not None:
        section.done()
    return replace(source, contents=contents, effective=effective, id_property=id_property, name_property=name_property)


def _text(section: Section, outer: Section | None, key: str, default: str = "") -> str:
    above = outer.text(key, default) if outer is not None else default
    return section.text(key, above)


def _crs(section: Section) -> System | None:
    text = section.text("crs", "")
    try:
        return system(text) if text else None
    except UnknownSystemError:
        section.fault("crs", f"saw {text!r}", "a coordinate system, as in EPSG:2263 or ESRI:102718")
    except UnreadableError as error:
        section.fault("crs", error.seen, error.expected, error.remedy)
    return None


def _encoding(section: Section, outer: Section | None) -> str:
    name = _text(section, outer, "encoding")
    try:
        "".encode(name or "utf-8")
    except LookupError:
        section.fault("encoding", f"saw {name!r}", "how texts are written, as in utf-8, cp1252 or iso-8859-2")
        return ""
    return name


def _day(section: Section) -> str:
    day = section.text("effective", "")
    if not day or is_date(day):
        return day
    section.fault("effective", f"saw {day!r}", "a date such as 2027-01-01")
    return ""


def _where(section: Section, outer: Section | None, source: Source) -> Contents | None:
    """Keep the features that have the properties which `where` asks for."""
    wanted = section.section("where") or (outer.section("where") if outer is not None else None)
    if wanted is None:
        return source.contents
    values = {key: wanted.texts(key) for key in wanted.names()}
    if source.contents is None:
        return None

    def fits(feature: Feature) -> bool:
        return all(_is_one(feature.properties.get(key), options) for key, options in values.items())

    kept = [feature for feature in source.contents.features if fits(feature)]
    if not kept:
        section.fault("where", f"no feature of {source.file} is so", "at least one")
        return None
    return Contents(kept, source.contents.claim, source.contents.by_format, source.contents.notes)


def _is_one(value: object, options: Collection[str]) -> bool:
    return word(value) in options


def _check_days(section: Section, editions: list[Source]) -> None:
    if not editions:
        section.fault("editions", "is empty", "at least one", "as in - file: boundaries/districts.geojson")
    first: dict[str, Source] = {}
    for source in editions:
        earlier = first.setdefault(source.effective, source)
        if earlier is not source and not (source.effective == "" and source.section.has("effective")):
            when = source.effective or "from the beginning, since it says no `effective`"
            seen = f"{source.file} takes effect {when}, and so does {earlier.file}"
            source.section.fault("effective", seen, "a day of its own")
