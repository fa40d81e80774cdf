"""Plans of a cluster as they are kept on disk."""

import json
from pathlib import Path

from services.sandbox.node import settings
from services.sandbox.plan import Plan, make_plan


def plan(folder: Path, last: Plan | None = None, *, proxied: bool = False) -> Plan:
    return make_plan(folder, last, nodes=3, ports=None, heap_mb=256, ephemeral=False, proxied=proxied)


def test_a_plan_of_before_there_was_a_proxy_is_read(tmp_path: Path) -> None:
    made = plan(tmp_path)
    made.write(tmp_path)
    path = tmp_path / "cluster.json"
    old = json.loads(path.read_text())
    for address in old["addresses"]:
        del address["upstream"], address["proxy_port"]
    path.write_text(json.dumps(old))
    assert Plan.read(tmp_path) == made


def test_a_node_behind_a_proxy_tells_clients_who_come_that_way_the_proxys_port_and_all_others_its_own(
    tmp_path: Path,
) -> None:
    made = plan(tmp_path, proxied=True)
    made.write(tmp_path)
    assert Plan.read(tmp_path) == made
    node = made.addresses[1]
    ports = {port for each in made.addresses for port in (each.port, each.upstream, each.proxy_port)}
    assert len(ports) == 9
    found = settings(node, made.addresses, tmp_path, {})
    assert found["listeners"] == (
        f"CLIENT://127.0.0.1:{node.port},CONTROLLER://127.0.0.1:{node.controller_port},"
        f"PROXIED://127.0.0.1:{node.upstream}"
    )
    assert found["advertised.listeners"] == f"CLIENT://127.0.0.1:{node.port},PROXIED://127.0.0.1:{node.proxy_port}"
    assert found["inter.broker.listener.name"] == "CLIENT"
    again = plan(tmp_path, made)
    assert [each.port for each in again.addresses] == [each.port for each in made.addresses]
    assert "PROXIED" not in settings(again.addresses[0], again.addresses, tmp_path, {})["listeners"]
