"""Real Redis servers: a cluster of six, single ones, a sentinel."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.engine.context import ConnectionInfo
from servers.programs import end, free_ports, listens, open_folder, program, running, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "planted-redis-password"
_COMMON = (
    "--bind",
    "127.0.0.1",
    "--appendonly",
    "yes",
    "--appendfsync",
    "no",
    "--save",
    "",
    "--daemonize",
    "no",
)
_GOOD = ("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru")


def connection(port: int, **fields: Any) -> ConnectionInfo:
    given = {"scheme": "redis", "host": "127.0.0.1", "port": port, "password": PASSWORD, **fields}
    return ConnectionInfo("redis", **given)


def ask(port: int, *words: str) -> str:
    """Ask a server by Redis' own client."""
    client = program("redis-cli", "redis-tools")
    argv = [client, "-p", str(port), "-a", PASSWORD, "--no-auth-warning", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30).stdout


@contextmanager
def single(*options: str, port: int = 0) -> Iterator[int]:
    """Run one server; gives its port."""
    with open_folder() as folder, ExitStack() as stack:
        own = port or free_ports(1)[0]
        stack.enter_context(_server(folder, own, *options))
        yield own


def _server(folder: Path, port: int, *options: str) -> Any:
    home = folder / str(port)
    home.mkdir(exist_ok=True)
    argv = [
        program("redis-server", "redis-server"),
        "--port",
        str(port),
        "--dir",
        str(home),
        *_COMMON,
        *options,
    ]
    return running(argv, lambda: listens(port), folder)


@dataclass
class Cluster:
    """Three primaries with a replica each."""

    folder: Path
    ports: list[int]
    buses: list[int]
    stack: ExitStack
    processes: dict[int, Any] = field(default_factory=dict)

    def start(self, port: int) -> None:
        bus = self.buses[self.ports.index(port)]
        options = (
            "--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "1000",
            "--requirepass", PASSWORD, "--masterauth", PASSWORD, "--repl-diskless-sync-delay", "0",
            "--cluster-replica-no-failover", "yes", *_GOOD,
        )  # fmt: skip
        self.processes[port] = self.stack.enter_context(_server(self.folder, port, *options))

    def stop(self, port: int) -> None:
        end(self.processes[port])

    def failed(self, seed: int) -> set[int]:
        """Return the ports that a node's cluster has given up or suspects."""
        lines = [line.split() for line in ask(seed, "CLUSTER", "NODES").splitlines() if line]
        given_up = [words[1] for words in lines if {"fail", "fail?"} & set(words[2].split(","))]
        return {int(address.partition("@")[0].rpartition(":")[2]) for address in given_up}

    def replica(self) -> int:
        """Return the port of a replica."""
        return next(port for port in self.ports if "role:slave" in ask(port, "INFO", "replication"))

    def healthy(self) -> bool:
        """Whether every node sees all slots served and every replica its primary."""

        def well(port: int) -> bool:
            replication = ask(port, "INFO", "replication")
            linked = "connected_slaves:1" in replication or "master_link_status:up" in replication
            known = "cluster_known_nodes:6" in ask(port, "CLUSTER", "INFO")
            return (
                linked
                and known
                and not self.failed(port)
                and "cluster_state:ok" in ask(port, "CLUSTER", "INFO")
            )

        return all(map(well, self.ports))


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Run a cluster of six."""
    with open_folder() as folder, ExitStack() as stack:
        ports = free_ports(12)
        made = Cluster(folder, ports[:6], ports[6:], stack)
        for port in made.ports:
            made.start(port)
        ask(made.ports[0], "--cluster", "create", *[f"127.0.0.1:{port}" for port in made.ports],
            "--cluster-replicas", "1", "--cluster-yes")  # fmt: skip
        wait_for(made.healthy, "making the cluster")
        yield made


@contextmanager
def sentinel(master: int) -> Iterator[int]:
    """Run a sentinel that watches a server under the name ``shop``; gives its port."""
    with open_folder() as folder, ExitStack() as stack:
        port = free_ports(1)[0]
        settings = folder / "sentinel.conf"
        settings.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\nsentinel monitor shop 127.0.0.1 {master} 1\n"
        )
        argv = [program("redis-server", "redis-server"), str(settings), "--sentinel"]
        stack.enter_context(running(argv, lambda: listens(port), folder))
        yield port
