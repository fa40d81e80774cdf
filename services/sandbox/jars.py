"""The jars of one exact Apache Kafka, checked by sha256 before every start.

`kafka-jars.lock` beside this file names the coordinate, size in bytes and sha256 of every jar that the embedded broker
runs. `jgo` resolves the runtime closure from Maven coordinates when that file is written (`stormdrain broker lock`);
what the file names is then fetched over https by coordinate alone, so that a start needs no resolver, no POM and no
`mvn`. Jars are kept per user and version in `$XDG_CACHE_HOME/stormdrain/kafka` or `~/.cache/stormdrain/kafka`.
"""

import configparser
import contextlib
import fcntl
import hashlib
import os
import re
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from importlib import resources
from pathlib import Path
from typing import Protocol
from xml.etree import ElementTree as ET

KAFKA_VERSION = "4.3.1"
# Kafka's closure holds the slf4j API and nothing behind it: without a binding a failed start would say nothing at all.
ROOTS = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")
CENTRAL = "https://repo.maven.apache.org/maven2"
LOCK_NAME = "kafka-jars.lock"

_AT_ONCE = 4  # downloads at a time
_TRIES = 3
_SILENCE_S = 30.0
_CHUNK = 1 << 16
_LOCK_HEADER = (
    "# What the embedded broker runs: coordinate, bytes, sha256. `stormdrain broker lock` writes this file.\n"
)
_INSTEAD = """\
Do one of these instead:
  docker compose -f docker-compose.kafka.yml up      a broker in a container
  export KAFKA_BOOTSTRAP=HOST:PORT                   a cluster that you already have
  export STORMDRAIN_MAVEN_REPO=https://HOST/PATH     a Maven repository that this machine can reach"""


class BrokerError(Exception):
    """The embedded broker cannot do what it was asked; the text says who, what was seen, and what to do."""


class OnProgress(Protocol):
    """Told what is going on: a line for the reader, and bytes done of bytes in all (0 of 0 where none are counted)."""

    def __call__(self, what: str, done: int = 0, total: int = 0) -> None:
        """Take one report. Calls come one at a time, though not always from the same thread."""


def silent(what: str, done: int = 0, total: int = 0) -> None:
    """Report nothing: the progress of callers that asked for none."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar: `group:artifact:version`, its size in bytes, and its sha256 in lower case hexadecimal."""

    coordinate: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's name, the same in a Maven repository and in the cache."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"

    @property
    def path(self) -> str:
        """Where a Maven repository keeps it, relative to the repository's root."""
        group, artifact, version = self.coordinate.split(":")
        return f"{group.replace('.', '/')}/{artifact}/{version}/{self.name}"


def read_lock(text: str | None = None) -> tuple[Jar, ...]:
    """The jars of the lock file, in its order (or of `text`, in the same format).

    Raises:
        BrokerError: a line is not `coordinate size sha256`.
    """
    if text is None:
        text = resources.files("services.sandbox").joinpath(LOCK_NAME).read_text("utf-8")
    jars = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        match = re.fullmatch(r"([\w.-]+:[\w.-]+:[\w.-]+) (\d+) ([0-9a-f]{64})", line)
        if match is None:
            msg = (
                f"the embedded broker cannot start: {LOCK_NAME} line {number} is {line!r}\n"
                "  expected: group:artifact:version, a space, the size in bytes, a space, the sha256\n"
                "`stormdrain broker lock` writes the file anew"
            )
            raise BrokerError(msg)
        jars.append(Jar(match[1], int(match[2]), match[3]))
    return tuple(jars)


def cache_dir() -> Path:
    """Where this user's jars of this Kafka version are kept; it may not exist yet."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "stormdrain" / "kafka" / KAFKA_VERSION


def repository() -> str:
    """The Maven repository to fetch from, without a slash at its end.

    The first that is there of: `STORMDRAIN_MAVEN_REPO`; the mirror of `central` in `~/.m2/settings.xml`; `central` in
    jgo's config file; Maven Central.
    """
    named = os.environ.get("STORMDRAIN_MAVEN_REPO") or _settings_mirror() or _jgo_central() or CENTRAL
    return named.rstrip("/")


def ensure(
    on_progress: OnProgress = silent,
    jars: Sequence[Jar] | None = None,
    home: Path | None = None,
    of: str = f"Apache Kafka {KAFKA_VERSION}",
    instead: str = _INSTEAD,
) -> list[Path]:
    """The paths of all jars of the lock file (or of `jars`), fetched where missing and checked by sha256, in order.

    They are kept in `home`, or in `cache_dir()`; `of` is what progress and errors call them, `instead`
    what one may do without them.

    One process fetches at a time; another waits for it and then finds the jars there. A fetch that was cut short is
    taken up where it stopped, jar by jar.

    Raises:
        BrokerError: a jar could not be fetched, or a jar that came or was there is not the one of the lock file.
    """
    wanted = read_lock() if jars is None else tuple(jars)
    home = home or cache_dir()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = (
            f"the jars of {of} cannot be kept in {home}: {error.strerror}\n"
            "Set XDG_CACHE_HOME to a folder that this user may write"
        )
        raise BrokerError(msg) from error
    if any(not (home / jar.name).exists() for jar in wanted):
        with exclusive(home / ".lock"):
            _fetch_missing(wanted, home, on_progress, of, instead)
    for jar in wanted:
        _check(jar, home / jar.name)
    return [home / jar.name for jar in wanted]


def write_lock(path: Path, on_progress: OnProgress = silent, wanted: Sequence[str] = ROOTS) -> tuple[Jar, ...]:
    """Resolve the runtime closure of `wanted` with jgo, fetch its jars, and write their sizes and sha256 to `path`.

    Raises:
        BrokerError: the repository could not be reached or the closure not resolved.
    """
    from jgo.maven import MavenContext  # noqa: PLC0415 - only a maintainer needs the resolver; it takes 0.3 s to load

    on_progress(f"resolving {' and '.join(wanted)}")
    source = repository()
    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch), remote_repos={"central": source}, timeout=int(_SILENCE_S))
        roots = [context.create_dependency(root) for root in wanted]
        try:
            inputs, closure = context.resolver.resolve(roots)
            jars = []
            for dep in [*inputs, *closure]:
                if dep.type != "jar" or dep.classifier:
                    msg = f"{LOCK_NAME} cannot be written: {dep} is not a plain jar, and the file has no word for that"
                    raise BrokerError(msg)
                coordinate = f"{dep.groupId}:{dep.artifactId}:{dep.version}"
                on_progress(f"reading {coordinate}")
                content = Path(dep.artifact.resolve()).read_bytes()
                jars.append(Jar(coordinate, len(content), hashlib.sha256(content).hexdigest()))
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors; jgo's own are RuntimeErrors
            msg = f"{LOCK_NAME} cannot be written: {', '.join(wanted)} did not resolve at {_shown(source)}: {error}"
            raise BrokerError(msg) from error
    jars.sort(key=lambda jar: jar.coordinate)
    lines = "".join(f"{jar.coordinate} {jar.size} {jar.sha256}\n" for jar in jars)
    path.write_text(_LOCK_HEADER + lines, "utf-8")
    return tuple(jars)


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path` alone among processes; wait for whoever holds it. A dead holder holds nothing."""
    with path.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _fetch_missing(jars: Sequence[Jar], home: Path, on_progress: OnProgress, of: str, instead: str) -> None:
    missing = [jar for jar in jars if not (home / jar.name).exists()]
    if not missing:
        return
    source = repository()
    total = sum(jar.size for jar in missing)
    what = f"fetching {of}: {len(missing)} jars from {_shown(source)}"
    done, counting = 0, threading.Lock()

    def count(size: int) -> None:
        nonlocal done
        with counting:
            done += size
            on_progress(what, done, total)

    count(0)
    pool = ThreadPoolExecutor(_AT_ONCE, "kafka-jars")
    try:
        for finished in [pool.submit(_fetch, jar, f"{source}/{jar.path}", home, count) for jar in missing]:
            finished.result()
    except _FetchError as error:
        left = sum(not (home / jar.name).exists() for jar in jars)
        msg = (
            f"the jars of {of} could not be fetched\n"
            f"  {_shown(error.url)}: {error.why}\n"
            f"  {left} of {len(jars)} jars are missing in {home}\n{instead}"
        )
        raise BrokerError(msg) from error
    finally:
        pool.shutdown(cancel_futures=True)


class _FetchError(Exception):
    def __init__(self, url: str, why: str) -> None:
        super().__init__(url, why)
        self.url, self.why = url, why


def _fetch(jar: Jar, url: str, home: Path, count: Callable[[int], None]) -> None:
    """Bring one jar to `home` whole and checked, or not at all; tries again where that may help."""
    if not url.startswith(("https://", "http://", "file://")):
        raise _FetchError(url, "expected https://, http:// or file://")
    for left in reversed(range(_TRIES)):
        try:
            return _fetch_once(jar, url, home, count)
        except urllib.error.HTTPError as error:
            error.close()
            why = f"HTTP {error.code}"
            again = error.code == HTTPStatus.TOO_MANY_REQUESTS or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
        except (OSError, HTTPException) as error:
            cause = getattr(error, "reason", error)
            why = str(getattr(cause, "strerror", None) or cause or type(cause).__name__)
            # Nobody listening and no such name stay so; a time-out or a reset may not.
            again = not isinstance(cause, ConnectionRefusedError | socket.gaierror | FileNotFoundError)
        if not again or not left:
            raise _FetchError(url, why)
        time.sleep(_TRIES - left)
    return None


def _fetch_once(jar: Jar, url: str, home: Path, count: Callable[[int], None]) -> None:
    got, digest = 0, hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=home, prefix=f".{jar.name}.", delete=False) as part:
        try:
            with urllib.request.urlopen(url, timeout=_SILENCE_S) as answer:  # noqa: S310 - `_fetch` looked at the scheme
                while (chunk := answer.read(_CHUNK)) and got <= jar.size:
                    part.write(chunk)
                    digest.update(chunk)
                    got += len(chunk)
                    count(len(chunk))
            part.flush()
            _take(jar, Path(part.name), home, url, digest.hexdigest())
        except BaseException:
            count(-got)
            Path(part.name).unlink(missing_ok=True)
            raise


def _take(jar: Jar, part: Path, home: Path, url: str, sha256: str) -> None:
    if sha256 != jar.sha256:
        raise _FetchError(url, f"what came has sha256 {sha256}, and {LOCK_NAME} expects {jar.sha256}")
    part.rename(home / jar.name)


def _check(jar: Jar, path: Path) -> None:
    with path.open("rb") as file:
        seen = hashlib.file_digest(file, "sha256").hexdigest()
    if seen != jar.sha256:
        msg = (
            f"the embedded broker cannot start: {path} is not the jar that {LOCK_NAME} names\n"
            f"  sha256 seen      {seen}\n  sha256 expected  {jar.sha256}\n"
            "Find out who changed the file, or delete it: the next start fetches it again"
        )
        raise BrokerError(msg)


def _shown(url: str) -> str:
    """The URL without a user name and password."""
    return re.sub(r"(?<=//)[^/@]*@", "", url)


def _settings_mirror() -> str | None:
    """The URL of the first mirror in `~/.m2/settings.xml` that stands for Maven Central."""
    try:
        root = ET.parse(Path.home() / ".m2" / "settings.xml").getroot()  # noqa: S314 - the user's own file
    except (OSError, ET.ParseError):
        return None
    for mirror in root.iterfind(".//{*}mirror"):
        of = {word.strip() for word in mirror.findtext("{*}mirrorOf", "").split(",")}
        if "!central" not in of and of & {"*", "central", "external:*"}:
            return mirror.findtext("{*}url", "").strip() or None
    return None


def _jgo_central() -> str | None:
    """The repository called `central` in jgo's config file, read as jgo reads it."""
    from jgo.config import GlobalSettings  # noqa: PLC0415 - 0.3 s that a start with all jars in place does not spend

    try:
        central = GlobalSettings.load().repositories.get("central")
    except configparser.Error:
        return None
    return str(central) if central else None
