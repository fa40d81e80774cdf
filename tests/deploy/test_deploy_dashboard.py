import json
import re
import runpy
from typing import Any

import pytest
import yaml
from compose_file import ROOT, environment, services
from prometheus_files import CONFIG, never_set, promtool, unknown

FOLDER = ROOT / "deploy" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboards" / "stormdrain.json").read_text("utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> dict[str, str]:
    """Give every query, by panel and letter, as Prometheus is asked it."""
    found = {f"{panel['title']} {each['refId']}": each["expr"] for panel in PANELS for each in panel["targets"]}
    found |= {each["name"]: each["expr"] for each in DASHBOARD["annotations"]["list"]}
    return {name: query.replace("$__rate_interval", "1m") for name, query in found.items()}


def test_the_dashboard_is_what_its_script_writes() -> None:
    script = runpy.run_path(str(FOLDER / "render.py"))
    assert script["OUT"].read_text("utf-8") == script["rendered"](), "to do: python deploy/grafana/render.py"


@pytest.mark.parametrize(("name", "query"), queries().items(), ids=list(queries()))
def test_a_panel_asks_only_for_what_is_told(name: str, query: str) -> None:
    assert unknown(query) == set(), name
    assert never_set(query) == set(), name


def test_every_query_is_promql(tmp_path: Any) -> None:
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries().values())]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), "utf-8")
    promtool("check", "rules", str(tmp_path / "rules.yml"))


def test_every_panel_says_in_words_what_it_shows() -> None:
    for panel in PANELS:
        assert panel["description"].endswith("."), panel["title"]
    titles = [panel["title"] for panel in PANELS]
    assert len(titles) == len(set(titles))


def test_panels_lie_side_by_side_and_never_over_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_grafana_finds_the_dashboard_and_the_source_that_it_asks() -> None:
    provisioning = FOLDER / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text("utf-8"))["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "stormdrain.yml").read_text("utf-8"))["providers"]
    asked = {panel["datasource"]["uid"] for panel in PANELS} | {
        each["datasource"]["uid"] for panel in PANELS for each in panel["targets"]
    }
    assert asked == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"
    interval = yaml.safe_load(CONFIG.read_text("utf-8"))["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == interval
    grafana = services()["grafana"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    home = environment(grafana)["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/stormdrain.json"


def test_the_flow_is_read_from_left_to_right() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["Now", "Doors", "Flow", "Departments", "Machinery"]
    assert not re.search(r"\$(?!__rate_interval)", json.dumps(DASHBOARD["panels"])), "a variable that nobody sets"
