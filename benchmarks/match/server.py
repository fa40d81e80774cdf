"""A PostgreSQL with PostGIS that lives as long as a measurement, reached over a socket of its own."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

EXTENSIONS = ("postgis", "pg_trgm", "btree_gist")
OPTIONS = {
    "listen_addresses": "''",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "{shared}MB",
    "work_mem": "64MB",
    "maintenance_work_mem": "512MB",
    "effective_cache_size": "8GB",
    "random_page_cost": "1.1",
    "max_wal_size": "8GB",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
"""All in memory, nothing written that is not asked for; one core each, and no compiler for queries of a millisecond."""
START_S = 60


class MissingError(Exception):
    """PostgreSQL or what it needs is not installed: what, and how it is."""


def places() -> list[Path]:
    """Give the folders in which initdb and pg_ctl may lie, the likeliest first."""
    found = shutil.which("initdb")
    return [
        *([Path(found).resolve().parent] if found else []),
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
    ]


def programs(among: Sequence[Path], extensions: Path | None = None) -> Path:
    """Give the first of these folders that holds initdb and pg_ctl.

    Args:
        among: Such as `places()`.
        extensions: Where its extensions are said to be; None: its own pg_config is asked.

    Raises:
        MissingError: there is none, or its PostgreSQL has no PostGIS, pg_trgm or btree_gist.

    """
    place = next((each for each in among if all((each / name).is_file() for name in ("initdb", "pg_ctl"))), None)
    if place is None:
        message = (
            "there is no PostgreSQL to race: initdb and pg_ctl were not found; "
            "Debian 12: apt-get install postgresql postgresql-15-postgis-3, or leave --part postgres out"
        )
        raise MissingError(message)
    folder = extensions or _extensions(place)
    if missing := [name for name in EXTENSIONS if not (folder / f"{name}.control").is_file()]:
        message = (
            f"the PostgreSQL in {place} cannot be raced: {folder} has no {', '.join(missing)}; "
            "Debian 12: apt-get install postgresql-15-postgis-3, or leave --part postgres out"
        )
        raise MissingError(message)
    return place


def _extensions(place: Path) -> Path:
    config = shutil.which("pg_config", path=str(place))
    if config is None:  # which Debian has in a package for developers
        return Path("/usr/share/postgresql") / place.parent.name / "extension"
    told = subprocess.run([config, "--sharedir"], capture_output=True, text=True, check=True)
    return Path(told.stdout.strip()) / "extension"


@contextmanager
def server(shared_mb: int) -> Iterator[str]:
    """Start a server with so much memory for its pages; give how it is reached, with the extensions there.

    Raises:
        MissingError: it is not installed, or did not start.

    """
    place = programs(places())
    user = _unprivileged()
    home = Path(tempfile.mkdtemp(prefix="stormdrain-pg-"))  # a socket's path must be short
    if user:
        shutil.chown(home, user)
    data, log = home / "data", home / "log"

    def run(*command: str | Path) -> None:
        words = list(map(str, command))
        done = subprocess.run(words, user=user, cwd=home, capture_output=True, text=True, check=False, timeout=START_S)
        if done.returncode:
            said = log.read_text() if log.exists() else ""
            message = f"PostgreSQL did not start: {words[0]} said {done.stdout}{done.stderr}{said}"
            raise MissingError(message)

    options = " ".join(f"-c {name}={value.format(shared=shared_mb)}" for name, value in OPTIONS.items())
    try:
        # Letters beyond ASCII are letters in this locale: pg_trgm would pass over them in C.
        run(place / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        run(place / "pg_ctl", "-D", data, "-l", log, "-w", "-o", f"-k {home} {options}", "start")
        try:
            yield f"host={home} user=postgres dbname=postgres"
        finally:
            run(place / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {known.pw_name for known in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
