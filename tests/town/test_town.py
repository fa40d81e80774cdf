import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from children import ENDS_AT_ONCE, SAYS_READY, program
from one_answer import serving

from services.cli.claim import claimed, running
from services.cli.interrupts import interruptible
from services.cli.run import Name
from services.cli.settings import kinds
from services.cli.town import Town, TownError, command, must_have, without_settings
from services.cli.up import counted
from services.runtime.supervisor import Pace, Supervisor

ROOT = Path(__file__).parents[2]


def lay_out(tmp_path: Path, **more: object) -> Town:
    given: dict[str, Any] = {"state": tmp_path, "city": ROOT / "city", "models": ROOT / "models"}
    return Town.lay_out(**{"bootstrap": "127.0.0.1:1", **given, **more})


def test_what_a_town_sets_for_its_processes_are_settings_that_there_are(tmp_path: Path) -> None:
    town = lay_out(tmp_path, environment={}, instances={"classify": 2}, settings={"KAFKA_SECURITY_PROTOCOL": "SSL"})
    known = {variable for each in kinds().values() for kind in each for variable, _ in kind.variables()}
    for each in town.programs():
        assert set(each.environment) - {"PYTHONPATH"} <= known, each.name


def test_each_process_has_a_port_and_a_log_of_its_own(tmp_path: Path) -> None:
    town = lay_out(tmp_path, instances={"classify": 2, "route": 3})
    programs = town.programs()
    assert [each.name for each in programs] == ["crm", *town.names()]
    assert len({each.name for each in programs}) == len({each.log for each in programs}) == len(programs) == 14
    assert len(set(town.ports.values())) == len(town.ports) == 14
    environments = {each.name: each.environment for each in programs}
    assert environments["classify-1"]["CLASSIFY_SLOT"] == "1"
    assert environments["classify-1"]["CLASSIFY_METRICS_PORT"] == str(town.ports["classify-1"])
    assert environments["receive-0"]["RECEIVE_PORT"] == str(town.ports["receive"])
    assert environments["deliver-0"]["DELIVER_SANDBOX_URL"] == town.crm
    assert "DELIVER_SANDBOX_URL" not in environments["route-0"]


def test_a_town_whose_departments_have_their_own_systems_has_no_sandbox(tmp_path: Path) -> None:
    town = lay_out(tmp_path, sandbox=False, environment={"DELIVER_SANDBOX_URL": "http://crm.example"})
    programs = {each.name: each for each in town.programs()}
    assert "crm" not in programs
    assert programs["deliver-0"].environment["DELIVER_SANDBOX_URL"] == "http://crm.example"
    assert town.addresses()["crm"] is None


def test_ports_that_are_asked_for_are_kept_and_metrics_ports_count_up(tmp_path: Path) -> None:
    town = lay_out(tmp_path, receive=18311, crm=18400, first_metrics=19101)
    assert town.door == "http://127.0.0.1:18311"
    assert town.crm == "http://127.0.0.1:18400"
    assert town.ports["classify-0"] == 19101
    assert town.ports["index-0"] == 19108
    assert town.addresses()["metrics"]["receive-0"] == "http://127.0.0.1:18311/metrics"


def test_a_metrics_port_that_is_taken_gives_way(tmp_path: Path) -> None:
    with serving(200) as port:
        town = lay_out(tmp_path, first_metrics=port)
    assert port not in town.ports.values()


def test_the_token_of_the_sandbox_is_shown_to_both_sides(tmp_path: Path) -> None:
    town = lay_out(tmp_path, environment={"DELIVER_SANDBOX_TOKEN": "invented"})
    programs = {each.name: each.environment for each in town.programs()}
    assert programs["crm"]["CRM_TOKEN"] == programs["deliver-0"]["DELIVER_SANDBOX_TOKEN"] == "invented"  # noqa: S105


def test_the_door_makes_pseudonyms_with_a_secret_that_is_kept_with_the_town(tmp_path: Path) -> None:
    def secret(**environment: str) -> str | None:
        programs = {each.name: each.environment for each in lay_out(tmp_path, environment=environment).programs()}
        assert "RECEIVE_REPORTER_SECRET" in environment or "RECEIVE_REPORTER_SECRET" not in programs["match-0"]
        return programs["receive-0"].get("RECEIVE_REPORTER_SECRET")

    made = secret()
    kept = tmp_path / "reporter.secret"
    assert made == kept.read_text()
    assert len(made) >= 32
    assert kept.stat().st_mode & 0o777 == 0o600
    assert secret(RECEIVE_REPORTER_SECRET=" ") == made
    assert [each.name for each in kept.parent.iterdir() if each.name.startswith("reporter")] == [kept.name]


def test_the_secret_of_the_environment_goes_before_the_one_that_is_kept(tmp_path: Path) -> None:
    given = "an invented secret of the town"
    town = lay_out(tmp_path, environment={"RECEIVE_REPORTER_SECRET": given})
    programs = {each.name: each.environment for each in town.programs()}
    assert programs["receive-0"]["RECEIVE_REPORTER_SECRET"] == given
    assert not list(tmp_path.rglob("reporter.secret"))


def test_no_setting_of_the_environment_reaches_a_demo() -> None:
    environment = {
        "PATH": "/bin",
        "STORMDRAIN_READ_MODEL": "postgresql://production",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "DELIVER_SANDBOX_URL": "https://crm.example",
        "RECEIVE_API_KEYS": "x",
        "HOME": "/",
    }
    assert without_settings(environment) == {"PATH": "/bin", "HOME": "/"}


def test_a_worker_is_started_without_the_rest_of_the_command_line() -> None:
    assert command("run", "classify")[1:] == ["-m", "services.cli.run", "classify"]


def test_what_is_missing_is_named_before_anything_is_started(tmp_path: Path) -> None:
    with pytest.raises(TownError) as raised:
        must_have("the demo", tmp_path / "city", tmp_path / "models")
    assert str(raised.value) == (
        "the demo cannot start:\n"
        f"  there is no town in {tmp_path}/city\n"
        "    go to where Stormdrain's repository lies, or name a town with --city\n"
        "    (`stormdrain city new` makes one from a boundary file and past requests)\n"
        f"  there is no model in {tmp_path}/city/model, nor in {tmp_path}/models/shipped\n"
        "    `stormdrain train` makes one for a town, or name the folder of the shipped one with --models"
    )


def test_a_model_that_is_named_is_enough(tmp_path: Path) -> None:
    must_have("the town", tmp_path, tmp_path / "models", "elsewhere")


def test_a_process_that_ends_again_and_again_is_not_waited_for_and_its_log_is_shown(tmp_path: Path) -> None:
    town = lay_out(tmp_path)
    broken = [program(tmp_path, name, SAYS_READY) for name in ("crm", *town.names()) if name != "route-0"]
    ends = program(tmp_path, "route-0", f"print('the last word', flush=True); {ENDS_AT_ONCE}")
    with (
        Supervisor([*broken, ends], pace=Pace(first_s=0.01, longest_s=0.05)) as supervisor,
        pytest.raises(TownError) as raised,
    ):
        town.wait_until_ready(supervisor, limit_s=20.0)
    told = re.sub(r"3, \d+ times", "3, N times", str(raised.value))
    lines = told.splitlines()
    assert lines[:2] == [
        "not every worker came up",
        f"  route-0 ended with status 3, N times; the end of {tmp_path}/logs/route-0.log:",
    ]
    assert set(lines[2:]) == {"    the last word"}


def test_a_process_that_is_never_ready_is_named_with_its_log(tmp_path: Path) -> None:
    town = lay_out(tmp_path)
    silent = [program(tmp_path, name, SAYS_READY) for name in ("crm", *town.names())]
    with Supervisor(silent) as supervisor, pytest.raises(TownError) as raised:
        town.wait_until_ready(supervisor, limit_s=0.0)
    lines = str(raised.value).splitlines()
    assert lines[0] == "not every worker came up within 0 s"
    assert f"  classify-0 is not ready, see {tmp_path}/logs/classify-0.log" in lines
    assert len(lines) == 12


@pytest.mark.parametrize(("status", "sick"), [(200, False), (503, True), (404, False)])
def test_a_worker_is_sick_when_it_says_so(tmp_path: Path, status: int, *, sick: bool) -> None:
    town = lay_out(tmp_path)
    with serving(status) as port:
        town.ports["match-0"] = port
        assert town.sick("match-0") is sick


def test_a_worker_that_does_not_listen_yet_is_not_sick(tmp_path: Path) -> None:
    assert not lay_out(tmp_path).sick("match-0")


def test_the_instances_of_workers_are_read() -> None:
    assert counted(" classify=2, route = 3 ,") == {"classify": 2, "route": 3}
    assert counted("") == {}


def test_all_that_is_wrong_with_instances_is_told_at_once() -> None:
    with pytest.raises(TownError) as raised:
        counted("clasify=2,route=0,match,watch=2,decide=many,deliver=17")
    assert str(raised.value) == (
        "--instances cannot be read:\n"
        "  clasify=2: there is no worker 'clasify'; did you mean 'classify'?\n"
        "  route=0: expected route=NUMBER, from 1 to 16\n"
        "  match: expected match=NUMBER, from 1 to 16\n"
        "  watch=2: watch runs once in a town on one machine\n"
        "  decide=many: expected decide=NUMBER, from 1 to 16\n"
        "  deliver=17: expected deliver=NUMBER, from 1 to 16"
    )


def test_every_worker_can_be_counted() -> None:
    assert counted(",".join(f"{worker}=1" for worker in Name)) == dict.fromkeys(Name, 1)


def test_a_state_directory_is_one_towns_and_says_whose(tmp_path: Path) -> None:
    assert running(tmp_path) is None
    with claimed(tmp_path) as claim:
        claim.note({"door": "http://127.0.0.1:8311", "desk": "http://127.0.0.1:8312"})
        said = running(tmp_path)
        assert said is not None
        assert said["pid"] == os.getpid()
        with pytest.raises(TownError) as raised, claimed(tmp_path):
            pass
        assert str(raised.value) == (
            f"a town is up already in {tmp_path}: held by process {os.getpid()} since {said['since']}\n"
            "  its door is http://127.0.0.1:8311, its desk http://127.0.0.1:8312\n"
            f"  stop it with Ctrl-C where it runs, or `kill {os.getpid()}`; or run another one with --state OTHER"
        )
    assert running(tmp_path) is None
    with claimed(tmp_path):
        assert running(tmp_path) is not None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_interrupts_and_a_second_one_does_not_cut_the_cleaning_up_short(number: int) -> None:
    before = signal.signal(number, signal.SIG_DFL)  # under `nohup` SIGHUP is ignored, and stays so
    try:
        with interruptible() as interrupts:
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), number)
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(number, before)
    assert interrupts.number == number
    assert interrupts.status == 128 + number


def test_a_signal_during_cleaning_up_is_only_noted() -> None:
    with interruptible() as interrupts:
        interrupts.hold()
        os.kill(os.getpid(), signal.SIGTERM)
    assert interrupts.number == signal.SIGTERM


def test_handlers_are_what_they_were_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with interruptible():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
