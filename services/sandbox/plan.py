"""How many nodes the embedded broker has and where they listen: decided at a start, kept in `cluster.json`."""

import base64
import json
import random
import socket
import uuid
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from services.sandbox.jars import KAFKA_VERSION, BrokerError

HOST = "127.0.0.1"
_SIZES = (1, 3)
_FREE_PORTS = range(20_000, 32_000)  # below those of outgoing connections, so that none of them takes a port again


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a node past a proxy: where the proxy listens (0: any free port), and the node's port behind it."""

    node: int
    port: int
    upstream: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a node listens on 127.0.0.1: for clients (`port`) and for the other controllers (`controller_port`).

    A node that may stand behind a proxy has one more port for clients (`upstream`), at which it tells them that it is
    found at the proxy's (`proxy_port`), where it does not listen itself; both are 0 otherwise.
    """

    id: int
    port: int
    controller_port: int
    upstream: int = 0
    proxy_port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A cluster as it was last started: Kafka's version and cluster id, the heap of each node in MiB, the nodes."""

    version: str
    cluster_id: str
    heap_mb: int
    ephemeral: bool
    addresses: tuple[Address, ...]

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The plan of the data in `folder`, or None where there is none.

        Raises:
            BrokerError: the file is there and not one that `write` wrote.
        """
        path = folder / "cluster.json"
        try:
            found = json.loads(path.read_text("utf-8"))
            return cls(**{**found, "addresses": tuple(Address(**each) for each in found["addresses"])})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            msg = f"the embedded broker cannot read {path}: {error!r}\nDelete {folder} to forget its data"
            raise BrokerError(msg) from error

    def write(self, folder: Path) -> None:
        """Keep the plan in `folder`, whole or not at all."""
        part = folder / "cluster.json.part"
        part.write_text(json.dumps(asdict(self), indent=1), "utf-8")
        part.rename(folder / "cluster.json")


def make_plan(
    folder: Path,
    last: Plan | None,
    *,
    nodes: int,
    ports: Sequence[int] | None,
    heap_mb: int,
    ephemeral: bool,
    proxied: bool = False,
) -> Plan:
    """The plan of this start, with the cluster id of `last` and, where `ports` are left open, its ports if still free.

    Those of a proxy (`proxied`) are new each time.

    Raises:
        BrokerError: what was asked for does not go together, does not fit the data of `last`, or a port is taken.
    """
    if nodes not in _SIZES:
        msg = (
            f"the embedded broker cannot start with {nodes} nodes\n"
            "  expected: 1, or 3 for a cluster that survives the loss of one"
        )
        raise BrokerError(msg)
    if last and len(last.addresses) != nodes:
        msg = (
            f"the embedded broker cannot start with {nodes} nodes: the data in {folder} are of {len(last.addresses)}\n"
            f"Start it with --nodes {len(last.addresses)}, or forget the data with --fresh"
        )
        raise BrokerError(msg)
    if last and ephemeral:
        msg = (
            f"the embedded broker cannot be ephemeral: {folder} holds data that were to be kept\n"
            "Forget them with --fresh, or use another folder (STORMDRAIN_STATE_DIR)"
        )
        raise BrokerError(msg)
    if ports is not None:
        _check_ports(ports, nodes)
        spare = free_ports(nodes, apart_from=ports)
        ports = [port or other for port, other in zip(ports, spare, strict=True)]
    elif last and all(is_free(each.port) for each in last.addresses):
        ports = [each.port for each in last.addresses]
    else:
        ports = free_ports(nodes)
    others = free_ports(3 * nodes, apart_from=ports)
    return Plan(
        version=KAFKA_VERSION,
        cluster_id=last.cluster_id if last else _new_cluster_id(),
        heap_mb=heap_mb,
        ephemeral=ephemeral,
        addresses=tuple(
            Address(
                id=number,
                port=port,
                controller_port=others.pop(),
                upstream=others.pop() if proxied else 0,
                proxy_port=others.pop() if proxied else 0,
            )
            for number, port in enumerate(ports, 1)
        ),
    )


def free_ports(count: int, *, apart_from: Collection[int] = ()) -> list[int]:
    """`count` ports of 127.0.0.1 that nobody listens on now."""
    found: list[int] = []
    for port in random.sample(_FREE_PORTS, len(_FREE_PORTS)):
        if len(found) == count:
            break
        if port not in apart_from and is_free(port):
            found.append(port)
    return found


def listens(port: int) -> bool:
    """Whether somebody takes connections on `port` of 127.0.0.1."""
    with socket.socket() as tried:
        tried.settimeout(1.0)
        return tried.connect_ex((HOST, port)) == 0


def is_free(port: int) -> bool:
    """Whether a program could listen on this port of 127.0.0.1 now."""
    with socket.socket() as tried:
        # As Kafka does: what is left of closed connections does not count.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, port))
        except OSError:
            return False
    return True


def _check_ports(ports: Sequence[int], nodes: int) -> None:
    if len(ports) != nodes:
        msg = f"the embedded broker cannot start: {nodes} nodes need {nodes} ports, not {len(ports)}: {list(ports)}"
        raise BrokerError(msg)
    taken = [str(port) for port in ports if not is_free(port)]
    if taken:
        msg = (
            f"the embedded broker cannot listen on {HOST}: another program has port {', '.join(taken)}\n"
            "Stop that program, or choose another port with --port (0 finds a free one);\n"
            "if it is a Kafka that you want to use, set KAFKA_BOOTSTRAP to its HOST:PORT"
        )
        raise BrokerError(msg)


def _new_cluster_id() -> str:
    """16 random bytes as Kafka writes them, URL-safe base64; never with a "-" first, which would read as an option."""
    return "s" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
