"""Zipped boundary files, looked at before they are unpacked."""

import stat
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from services.city.findings import did_you_mean, listed
from services.city.layers.features import UnreadableError

ARCHIVES = {".zip", ".shz"}
MEMBERS = 1_000
UNPACKED = 512 * 2**20
"""Bytes. The boundaries of a whole country come to less; a file that unpacks to more is not meant to be read."""


@contextmanager
def unpacked(path: Path, kinds: Collection[str], wanted: str) -> Iterator[Path]:
    """Unpack the one file of these `kinds` (suffixes), with those of the same stem, for as long as it is read.

    Where there are several, `wanted` is the stem of the right one.

    Raises:
        UnreadableError: it is no whole zip file, is hostile, or has none or several.

    """
    with _opened(path) as archive, tempfile.TemporaryDirectory(prefix="stormdrain-") as directory:
        inside = _listed(path, archive)
        chosen = PurePosixPath(_choose(path, list(inside), kinds, wanted))
        for name, info in inside.items():
            other = PurePosixPath(name)
            if other.parent == chosen.parent and other.name.split(".")[0] == chosen.name.split(".")[0]:
                (Path(directory) / other.name).write_bytes(archive.read(info))
        yield Path(directory) / chosen.name


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        seen = f"{path.name} cannot be read ({error})"
        raise UnreadableError(seen, expected="a zip file that is whole") from None
    except (RuntimeError, NotImplementedError) as error:  # a password, or a way of packing that Python does not know
        seen = f"{path.name} cannot be unpacked ({error})"
        raise UnreadableError(seen, remedy="pack it again by deflate, without a password") from None


def _listed(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    inside = archive.infolist()
    size = sum(each.file_size for each in inside)  # no more than this is ever unpacked, whatever follows in the file
    if len(inside) > MEMBERS or size > UNPACKED:
        seen = f"{path.name} holds {len(inside):,} files of {size:,} bytes"
        raise UnreadableError(seen, expected=f"at most {MEMBERS:,} files of {UNPACKED:,} bytes")
    found = {}
    for each in inside:
        name = each.filename.replace("\\", "/")
        parts = PurePosixPath(name).parts
        if ".." in parts or name.startswith("/") or ":" in name or stat.S_ISLNK(each.external_attr >> 16):
            seen = f"{path.name} holds {each.filename!r}, which points outside of it"
            raise UnreadableError(seen, remedy="do not trust this file; get it again from its publisher")
        if not each.is_dir() and "__MACOSX" not in parts and not parts[-1].startswith("._"):
            found[name] = each
    return found


def _choose(path: Path, names: list[str], kinds: Collection[str], wanted: str) -> str:
    fit = [name for name in names if PurePosixPath(name).suffix.lower() in kinds]
    stems = [PurePosixPath(name).stem for name in fit]
    if not fit:
        seen = f"{path.name} has no boundary file inside"
        raise UnreadableError(seen, expected=f"one of {', '.join(sorted(kinds))}", remedy=f"it has {listed(names)}")
    if len(fit) == 1:
        return fit[0]
    if stems.count(wanted) == 1:
        return fit[stems.index(wanted)]
    if wanted:
        seen = f"{path.name} has no file {wanted!r} inside"
        raise UnreadableError(seen, remedy=did_you_mean(wanted, stems) or f"it has {listed(sorted(stems))}")
    seen = f"{path.name} has {len(fit)} boundary files inside: {listed(sorted(stems))}"
    raise UnreadableError(seen, remedy="write `layer_name:` with the one to read")
