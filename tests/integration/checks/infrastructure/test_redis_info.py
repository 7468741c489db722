"""``redis_info`` against real Redis servers: a cluster of six, single ones, a sentinel."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers import redis_nodes
from servers.checking import check, context, raw, run
from servers.programs import free_ports, wait_for
from servers.redis_nodes import PASSWORD, ask, connection
from servers.shipped import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from launch_pipeline.checklist.model import CheckSpec

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
SHIPPED = shipped("redis_info")
GOOD = ("--requirepass", PASSWORD, "--masterauth", PASSWORD)


def asked(port: int, fields: dict[str, Any] | None = None, **params: Any) -> CheckResult:
    result = run(check(context({"redis": connection(port, **(fields or {}))}), "redis_info", **params))
    assert PASSWORD not in result.model_dump_json()
    return result


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[int, int]]:
    """Start a primary with CONFIG forbidden, as on managed Redis, and its replica."""
    with (
        redis_nodes.single(
            *GOOD, "--rename-command", "CONFIG", "", "--repl-diskless-sync-delay", "0"
        ) as primary,
        redis_nodes.single(*GOOD, "--replicaof", f"127.0.0.1 {primary}") as replica,
    ):
        wait_for(lambda: "master_link_status:up" in ask(replica, "INFO"), "replicating")
        yield primary, replica


@pytest.mark.parametrize("spec", SHIPPED.values(), ids=SHIPPED.keys())
def test_shipped_checks_pass_on_a_good_cluster(redis_cluster: redis_nodes.Cluster, spec: CheckSpec) -> None:
    """What the checklists ask of Redis is there to be read on a real cluster."""
    ctx = context({str(spec.params.get("conn_id", "redis")): connection(redis_cluster.ports[0])})
    (result,) = run(run_checks([spec], ctx))
    assert result.verdict is P, result.headline


CLUSTER: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "all six": ({}, P, "all 6"),
    "three primaries": ({"scope": "primaries"}, P, "all 3"),
    "three replicas": ({"scope": "replicas", "expect": {"info.role": "== slave"}}, P, "all 3"),
    "one node of many decides": ({"scope": "all", "expect": {"info.role": "== master"}}, F, "info.role = slave"),
    "settings": ({"config": ["maxmemory-policy"], "expect": {'config."maxmemory-policy"': "== allkeys-lru"}}, P, "all 6"),
    "secret settings are hidden": ({"config": ["requirepass"], "expect": {"config.requirepass": "== '***'"}}, P, "all 6"),
    "numbers of CLUSTER INFO": ({"cluster": True, "expect": {"cluster.cluster_known_nodes": "between 6 6"}}, P, "all 6"),
    "cluster facts only where asked": ({"expect": {"cluster.cluster_state": "== ok"}}, F, "missing"),
}  # fmt: skip


@pytest.mark.parametrize(("params", "verdict", "headline"), CLUSTER.values(), ids=CLUSTER.keys())
def test_cluster(
    redis_cluster: redis_nodes.Cluster, params: dict[str, Any], verdict: Verdict, headline: str
) -> None:
    """Every node in scope is asked itself, from whichever node the connection names."""
    result = asked(redis_cluster.replica(), **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_a_dead_replica_is_seen(redis_cluster: redis_nodes.Cluster) -> None:
    """A replica that its cluster calls failed is a no; CLUSTER SLOTS would leave it out of the list."""
    dead = redis_cluster.replica()
    seed = next(port for port in redis_cluster.ports if port != dead)
    redis_cluster.stop(dead)
    try:
        # Its cluster still calls it healthy: the check ends with its error, and leaves no connection open.
        assert asked(seed, scope="all").verdict is Q
        gc.collect()
        wait_for(lambda: dead in redis_cluster.failed(seed), "noticing")
        wait_for(lambda: asked(seed, scope="all").verdict is not Q, "giving it up")
        result = asked(seed, scope="all")
        assert (result.verdict, "ping = FAILED, want == PONG" in raw(result)) == (F, True), result.headline
    finally:
        redis_cluster.start(dead)
        wait_for(redis_cluster.healthy, "healing")


SINGLE: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "a single primary": ({"scope": "primaries"}, P, "ping = PONG"),
    "its replica": ({"scope": "replicas", "expect": {"info.master_link_status": "== up"}}, P, "up"),
    "both": ({}, P, "all 2"),
    "CONFIG is forbidden": ({"config": ["maxmemory"]}, Q, "managed Redis forbids it"),
    "no cluster": ({"cluster": True, "expect": {"cluster.cluster_state": "== ok"}}, F, "missing"),
    "no limit of memory": ({"expect": {"info.maxmemory": "> 0"}}, F, "info.maxmemory = 0"),
}  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1], ids=["from the primary", "from the replica"])
@pytest.mark.parametrize(("params", "verdict", "headline"), SINGLE.values(), ids=SINGLE.keys())
def test_primary_and_replica(
    pair: tuple[int, int], seed: int, params: dict[str, Any], verdict: Verdict, headline: str
) -> None:
    """Without a cluster the primary's own list says who replicates."""
    result = asked(pair[seed], **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_zero_nodes_fail() -> None:
    """A primary without replicas has none that is well."""
    with redis_nodes.single(*GOOD) as port:
        result = asked(port, scope="replicas")
    assert (result.verdict, result.headline) == (F, "nothing found")


def test_sentinel_names_the_primary(pair: tuple[int, int]) -> None:
    """With a sentinel the connection names the sentinel, and the extra the primary."""
    with redis_nodes.sentinel(pair[0]) as port:
        found = asked(port, {"extra": {"sentinel_master": "shop"}}, scope="all")
        unknown = asked(port, {"extra": {"sentinel_master": "other"}})
    assert (found.verdict, unknown.verdict) == (P, Q), found.headline
    assert "knows no 'other'" in raw(unknown)


def test_another_seed_answers_for_a_dead_one(pair: tuple[int, int]) -> None:
    """The connection may name several hosts; one of them is enough."""
    fields = {"host": f"127.0.0.1:1,127.0.0.1:{pair[0]}"}
    assert asked(0, fields, scope="all").verdict is P


def test_encrypted(tmp_path: Path) -> None:
    """Over TLS the certificate is verified, by the authority that the connection names."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    leaf = authority.issue_cert("localhost")
    leaf.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    files = ("--tls-cert-file", "--tls-key-file", "--tls-ca-cert-file")
    names = ("server.pem", "server.pem", "ca.pem")
    options = [word for flag, name in zip(files, names, strict=True) for word in (flag, str(tmp_path / name))]
    port = free_ports(1)[0]
    secure = ("--tls-port", str(port), "--tls-auth-clients", "no", *options)
    with redis_nodes.single(*GOOD, *secure):
        known = {"host": "localhost", "extra": {"ssl": True, "ca_file": str(tmp_path / "ca.pem")}}
        trusted, unknown = asked(port, known), asked(port, {"host": "localhost", "scheme": "rediss"})
    assert (trusted.verdict, unknown.verdict) == (P, Q), (trusted.headline, unknown.headline)
    assert "certificate" in raw(unknown)


def test_wrong_password_is_inconclusive(pair: tuple[int, int]) -> None:
    """Our own credentials say nothing about Redis, with or without a password."""
    wrong, none = (asked(pair[0], {"password": p}) for p in ("wrong-planted", ""))
    assert (wrong.verdict, none.verdict, wrong.attempts) == (Q, Q, 1)
    assert all(one.headline.startswith("credentials: ") for one in (wrong, none)), (wrong, none)
    assert "wrong-planted" not in wrong.model_dump_json()


def test_a_user_without_rights_is_inconclusive(pair: tuple[int, int]) -> None:
    """What the user may not ask is not answered no."""
    ask(pair[0], "ACL", "SETUSER", "poor", "on", ">poor-password", "+ping")
    result = asked(pair[0], {"login": "poor", "password": "poor-password"})
    assert (result.verdict, "credentials" in raw(result)) == (Q, True), result.headline


def test_nobody_there_is_inconclusive() -> None:
    """A refused connection is asked three times."""
    result = asked(1)
    assert (result.verdict, result.attempts) == (Q, 3)
    assert "did not answer" in raw(result)


@pytest.mark.parametrize(
    ("answer", "headline"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not answer as Redis does"),
        (b"", "did not answer"),
        (b"$100\r\nredis_ver", "did not answer"),
        (b"-ERR max number of clients reached\r\n", "did not answer"),
        (None, "did not answer: no answer within"),
    ],
    ids=["another protocol", "hangs up", "half an answer", "too many clients", "slow"],
)
def test_strange_answers_are_inconclusive(answer: bytes | None, headline: str) -> None:
    """What does not speak Redis, breaks off or keeps silent is no verdict on Redis."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        if answer is None:
            await reader.read()
        writer.write(answer or b"")
        writer.close()

    async def ask_it() -> CheckResult:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server:
            target = replace(connection(server.sockets[0].getsockname()[1]), password="")
            return await check(context({"redis": target}), "redis_info", timeout="1s")

    result = run(ask_it())
    assert (result.verdict, headline in raw(result)) == (Q, True), result.headline
