import re
from typing import Any

import pytest
import yaml
from compose_file import environment, services
from prometheus_files import CONFIG, FOLDER, RULES, alerts, families, never_set, promtool, recorded, rules, unknown

from services.cli.run import Name

SEVERITIES = {"page", "ticket", "info"}
JOBS: dict[str, dict[str, Any]] = {
    job["job_name"]: job for job in yaml.safe_load(CONFIG.read_text("utf-8"))["scrape_configs"]
}


def where(job: str) -> dict[str, int]:
    """Give the port that is asked, by compose service."""
    return {name: found["port"] for found in JOBS[job]["dns_sd_configs"] for name in found["names"]}


def test_prometheus_takes_the_configuration() -> None:
    assert "SUCCESS" in promtool("check", "config", CONFIG.name)


def test_promtool_has_nothing_to_say_of_the_rules() -> None:
    assert "SUCCESS" in promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))


@pytest.mark.parametrize("path", sorted((FOLDER / "tests").glob("*.yml")), ids=lambda path: str(path.stem))
def test_alerts_fire_and_stay_silent_as_their_cases_say(path: Any) -> None:
    assert "SUCCESS" in promtool("test", "rules", path.name, cwd=path.parent)


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    fired: dict[bool, set[str]] = {True: set(), False: set()}
    for path in (FOLDER / "tests").glob("*.yml"):
        for case in yaml.safe_load(path.read_text("utf-8"))["tests"]:
            for test in case["alert_rule_test"]:
                fired[bool(test["exp_alerts"])].add(test["alertname"])
    assert fired[True] == set(alerts())
    assert fired[False] == set(alerts())


@pytest.mark.parametrize("job", ["stormdrain", "stormdrain-ready"])
def test_every_worker_is_asked_on_the_port_that_it_listens_on(job: str) -> None:
    for worker in Name:
        given = environment(services()[worker])
        ports = {given[name] for name in given if re.fullmatch(r"[A-Z]+(_METRICS)?_PORT", name)}
        assert ports == {str(where(job)[worker])}, worker
    assert set(where(job)) == set(Name)


def test_what_the_workers_stand_on_is_asked_by_its_compose_name() -> None:
    given = [each for found in JOBS["stormdrain-reach"]["static_configs"] for each in found["targets"]]
    assert {each.partition(":")[0] for each in given} <= set(services())
    assert "blackbox:9115" in {each.get("replacement") for each in JOBS["stormdrain-ready"]["relabel_configs"]}
    modules = yaml.safe_load((FOLDER.parent / "blackbox" / "blackbox.yml").read_text("utf-8"))["modules"]
    assert {name for job in JOBS.values() for name in job.get("params", {}).get("module", [])} == set(modules)


def test_the_rules_use_only_metrics_that_are_told() -> None:
    for rule in rules():
        assert unknown(rule["expr"]) == set(), rule.get("alert") or rule["record"]
        assert never_set(rule["expr"]) == set(), rule.get("alert") or rule["record"]


def test_a_metric_that_nobody_tells_is_found() -> None:
    assert unknown("rate(stormdrain_no_such_total[5m])") == {"stormdrain_no_such_total"}
    assert unknown("worker:stormdrain_nothing:sum > 1 and probe_nothing == 0") == {
        "worker:stormdrain_nothing:sum",
        "probe_nothing",
    }
    assert families("sum(rate(stormdrain_event_age_seconds_bucket[5m]))") == {"stormdrain_event_age_seconds"}


def test_every_recorded_figure_stands_before_the_alerts_of_its_group_that_use_it() -> None:
    for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"]:
        known: set[str] = set()
        for rule in group["rules"]:
            used = {name for name in recorded() if name in rule["expr"]}
            assert used <= known, f"{rule.get('alert')} uses what another group records, or a later rule"
            known |= {rule.get("record", "")}


def test_a_worker_that_is_gone_is_missed_whichever_it_is() -> None:
    named = re.findall(r'stormdrain_worker_info\{worker="(\w+)"\}', alerts()["StormdrainWorkerGone"]["expr"])
    assert named == list(Name)


@pytest.mark.parametrize("name", list(alerts()))
def test_an_alert_says_what_it_is_how_urgent_and_where_to_read_on(name: str) -> None:
    alert = alerts()[name]
    assert alert["labels"]["severity"] in SEVERITIES
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["runbook_url"] == f"docs/runbook.md#{name.lower()}"
    assert not alert["annotations"]["summary"].endswith(".")
    assert alert["annotations"]["description"].endswith(".")
