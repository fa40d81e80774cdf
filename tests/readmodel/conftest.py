"""A read model on each database: SQLite, and a PostgreSQL cluster that lives as long as the tests."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from life_of_requests import Tell, heard

from services.events import Event
from services.readmodel.queries import ReadModel
from services.readmodel.store import Store

MISSING = (
    "PostgreSQL's initdb and pg_ctl were not found: install the server (Debian, Ubuntu: apt-get install postgresql), "
    "or put the folder that `pg_config --bindir` names on the PATH"
)


def programs() -> Path | None:
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    if shutil.which("pg_config"):
        told = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)  # noqa: S607
        places.append(Path(told.stdout.strip()))
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").is_file() and (place / "pg_ctl").is_file()), None)


def unprivileged() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """The directory of a throwaway cluster's socket."""
    bin_dir = programs()
    if bin_dir is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(MISSING)
    user = unprivileged()
    # Not pytest's own directory: another user may not enter that, and a socket's path must be short.
    home = Path(tempfile.mkdtemp(prefix="stormdrain-pg-"))
    if user:
        shutil.chown(home, user)
    data, log = home / "data", home / "log"

    def run(*command: str | Path) -> None:
        done = subprocess.run(
            list(map(str, command)), user=user, cwd=home, capture_output=True, text=True, check=False, timeout=60
        )
        said = log.read_text() if log.exists() else ""
        assert done.returncode == 0, f"{done.stdout}{done.stderr}{said}"

    options = f"-k {home} -c listen_addresses='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
    run(bin_dir / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    run(bin_dir / "pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start")
    try:
        yield home
    finally:
        run(bin_dir / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(home)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'readmodel.db'}"
    home = request.getfixturevalue("cluster")
    with psycopg.connect(f"host={home} user=postgres dbname=postgres", autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return f"postgresql://postgres@/postgres?host={home}"


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """What writes into the database."""
    made = Store(database)
    yield made
    made.close()


@pytest.fixture
def model(database: str) -> Iterator[ReadModel]:
    """What reads from it."""
    made = ReadModel(database)
    yield made
    made.close()


@pytest.fixture
def tell(store: Store) -> Tell:
    """Write events, heard two hours after noon."""

    def told(*events: Event) -> None:
        store.apply(heard(*events))

    return told
