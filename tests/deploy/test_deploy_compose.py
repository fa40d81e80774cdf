import re
import subprocess
import sys
from typing import Any

import pytest
import yaml
from compose_file import LOOP_PORT, PATH, ROOT, environment, services, variables
from typer.main import get_command

from services.cli.main import app
from services.cli.run import EDGES, Name, own_settings
from services.runtime.kafka import KafkaSettings
from services.runtime.loopsettings import loop_settings
from services.runtime.settings import Settings, Shared, read_all

OURS = "stormdrain:local"
WORKERS = [str(worker) for worker in Name]
WITH_READ_MODEL = {"receive", "review", "index"}
SECRETS = {"POSTGRES_PASSWORD", "GRAFANA_PASSWORD"}


def kinds(worker: str) -> tuple[type[Settings], ...]:
    shared = (own_settings(worker), Shared, KafkaSettings)
    return shared if Name(worker) in EDGES else (*shared, loop_settings(worker))


def port_of(worker: str) -> int:
    return {"receive": 8311, "review": 8312}.get(worker, LOOP_PORT)


def parse(command: list[str]) -> None:
    """Parse a command line with the program's own parser; raises where it would refuse."""
    found: Any = get_command(app)
    words = list(command)
    while hasattr(found, "get_command"):
        inner = found.get_command(None, words[0])
        assert inner is not None, f"stormdrain has no {words[0]}"
        found, words = inner, words[1:]
    found.make_context("stormdrain", words)


def test_every_worker_is_a_service_under_its_own_name_and_there_is_no_other() -> None:
    running = {
        name: service["command"][1] for name, service in services().items() if service.get("command", [""])[0] == "run"
    }
    assert running == {name: name for name in WORKERS}
    folders = {path.parent.name for path in (ROOT / "services").glob("*/worker.py")} - {"runtime"}
    assert folders == set(WORKERS)


@pytest.mark.parametrize("name", [name for name, service in services().items() if service["image"] == OURS])
def test_every_command_is_one_that_stormdrain_takes(name: str) -> None:
    parse(services()[name]["command"])


@pytest.mark.parametrize("worker", WORKERS)
def test_a_worker_starts_with_its_environment_and_reads_all_of_it(worker: str) -> None:
    given = environment(services()[worker])
    read_all(kinds(worker), given, worker)
    known = {variable for kind in kinds(worker) for variable, _ in kind.variables()}
    assert set(given) <= known


@pytest.mark.parametrize("worker", WORKERS)
def test_a_worker_can_be_asked_for_its_metrics_from_outside_its_container(worker: str) -> None:
    given, prefix = environment(services()[worker]), worker.upper()
    listening = {"receive": ("RECEIVE_HOST", "RECEIVE_PORT"), "review": ("REVIEW_HOST", "REVIEW_PORT")}
    listening["watch"] = ("WATCH_HOST", "WATCH_METRICS_PORT")
    host, port = listening.get(worker, (f"{prefix}_METRICS_HOST", f"{prefix}_METRICS_PORT"))
    assert (given[host], given[port]) == ("0.0.0.0", str(port_of(worker)))  # noqa: S104 - inside a container
    assert f"http://127.0.0.1:{port_of(worker)}/healthz" in services()[worker]["healthcheck"]["test"][-1]


def test_the_health_check_is_a_program_that_fails_where_nobody_answers() -> None:
    _, python, flag, program = services()["classify"]["healthcheck"]["test"]
    assert (python, flag) == ("python", "-c")
    refused = program.replace(str(LOOP_PORT), "1")
    found = subprocess.run([sys.executable, flag, refused], capture_output=True, check=False)
    assert found.returncode == 1
    assert b"refused" in found.stderr.lower()


@pytest.mark.parametrize("worker", WORKERS)
def test_only_what_asks_the_read_model_is_told_its_password(worker: str) -> None:
    given = services(POSTGRES_PASSWORD="secret0")[worker]
    assert ("secret0" in str(given)) == (worker in WITH_READ_MODEL)
    assert ("postgres" in given["depends_on"]) == (worker in WITH_READ_MODEL)


def test_the_read_model_is_the_database_that_is_started() -> None:
    database = environment(services(POSTGRES_PASSWORD="secret0")["postgres"])
    user, password, name = (database[f"POSTGRES_{each}"] for each in ("USER", "PASSWORD", "DB"))
    model = environment(services(POSTGRES_PASSWORD="secret0")["index"])["STORMDRAIN_READ_MODEL"]
    assert model == f"postgresql://{user}:{password}@postgres:5432/{name}"


def test_workers_of_one_kind_lease_their_slots_from_one_volume() -> None:
    for worker in WORKERS:
        service = services()[worker]
        assert "state:/var/lib/stormdrain" in service["volumes"]
        assert environment(service)["STORMDRAIN_STATE_DIR"] == "/var/lib/stormdrain"
        assert not [name for name in environment(service) if name.endswith("_SLOT")], "a fixed slot cannot be scaled"
        assert "container_name" not in service


def test_a_worker_is_given_the_time_that_it_may_take_to_stop() -> None:
    receive, loop = own_settings("receive")(), loop_settings("classify")()
    longest = max(receive.shutdown_s, own_settings("review")().shutdown_s, loop.transaction_s)  # type: ignore[attr-defined]
    for worker in WORKERS:
        assert int(services()[worker]["stop_grace_period"].removesuffix("s")) >= longest + 10
        assert services()[worker]["restart"] == "unless-stopped"


@pytest.mark.parametrize("worker", WORKERS)
def test_a_worker_starts_when_the_topics_are_made(worker: str) -> None:
    assert services()[worker]["depends_on"]["topics"] == {"condition": "service_completed_successfully"}
    assert services()["topics"]["depends_on"]["kafka"] == {"condition": "service_healthy"}


def test_the_broker_listens_where_the_workers_and_the_host_look_for_it() -> None:
    kafka = environment(services()["kafka"])
    advertised = dict(each.split("://") for each in kafka["KAFKA_ADVERTISED_LISTENERS"].split(","))
    assert advertised["TOWN"] == environment(services()["classify"])["KAFKA_BOOTSTRAP"]
    assert f"127.0.0.1:{advertised['HOST'].rpartition(':')[2]}:9094" in services()["kafka"]["ports"]
    assert kafka["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert any(volume.endswith(f":{kafka['KAFKA_LOG_DIRS']}") for volume in services()["kafka"]["volumes"])


def test_the_broker_is_the_version_that_the_tests_run_on() -> None:
    lock = (ROOT / "services" / "sandbox" / "kafka-jars.lock").read_text("utf-8")
    found = re.search(r"^org\.apache\.kafka:kafka_2\.13:(\S+)", lock, re.MULTILINE)
    assert found is not None
    assert services()["kafka"]["image"] == f"apache/kafka:{found[1]}"


def test_every_image_is_pinned() -> None:
    for name, service in services().items():
        if service["image"] == OURS:
            assert service["build"] == ".", f"{name} would be looked for in a registry"
            continue
        _, _, tag = service["image"].partition(":")
        assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?(-[a-z]+)?", tag), f"{name}: {service['image']}"


def test_nothing_is_published_beyond_the_loopback_address() -> None:
    for name, service in services().items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} publishes {port}"


def test_what_is_said_to_be_published_is() -> None:
    said = set(re.findall(r"localhost:(\d+)", PATH.read_text("utf-8").partition("\nname:")[0]))
    published = {port.split(":")[1] for service in services().values() for port in service.get("ports", [])}
    assert said == published


def test_our_containers_can_write_only_where_state_is_kept() -> None:
    for name, service in services().items():
        if service["image"] == OURS:
            assert service["read_only"], name
            assert service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name


def test_every_volume_is_declared_and_used() -> None:
    declared = set(yaml.safe_load(PATH.read_text("utf-8"))["volumes"])
    mounted = {volume.split(":")[0] for service in services().values() for volume in service.get("volumes", [])}
    assert declared == {volume for volume in mounted if not volume.startswith((".", "/"))}


def test_every_file_that_is_mounted_is_there() -> None:
    for service in services().values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (ROOT / source).is_dir(), source


def test_everything_has_a_default_and_the_example_names_it_all() -> None:
    found = variables()
    assert [name for name, default in found.items() if default is None] == []
    example = (ROOT / "deploy" / "example.env").read_text("utf-8")
    assert set(re.findall(r"^([A-Z_]+)=$", example, re.MULTILINE)) == set(found)
    assert {found[name] for name in SECRETS} == {"local-only"}


def test_the_sandbox_crm_runs_only_when_asked_for() -> None:
    token = "secret0"  # noqa: S105 - invented
    crm = services(DELIVER_SANDBOX_TOKEN=token)["crm"]
    assert crm["profiles"] == ["sandbox"]
    deliver = environment(services(DELIVER_SANDBOX_TOKEN=token)["deliver"])
    assert deliver["DELIVER_SANDBOX_URL"] == "http://crm:8400"
    assert deliver["DELIVER_SANDBOX_TOKEN"] == environment(crm)["CRM_TOKEN"] == token
    assert [name for name, service in services().items() if "profiles" in service] == ["crm"]
    assert '"CRM_TOKEN"' in (ROOT / "services" / "cli" / "crm.py").read_text("utf-8")
