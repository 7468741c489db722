"""Which nodes ``redis_info`` queries, and what it says of those that it cannot query.

The lists are those of Redis' own documents: https://redis.io/commands/cluster-nodes (flags, ``noaddr``,
``handshake``, host names), https://redis.io/commands/info (``slaveN:``, one more line per channel in Valkey 8),
https://redis.io/docs/management/sentinel (``SENTINEL REPLICAS``).
"""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.kinds.redis_info.nodes import cluster_nodes
from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers import redis_nodes, resp
from servers.checking import check, context, raw, run
from servers.programs import free_ports, wait_for
from servers.redis_nodes import ask, connection

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
CLUSTER_INFO = (
    "cluster_state:ok\r\ncluster_slots_ok:16384\r\ncluster_slots_fail:0\r\ncluster_known_nodes:2\r\n"
)


def info(role: str = "master", *lines: str, run: str = "") -> str:
    """Return an INFO of the fields that these tests read."""
    server = f"# Server\r\nredis_version:7.2.4\r\nredis_mode:standalone\r\nrun_id:{run}\r\n" if run else ""
    return (
        f"{server}# Replication\r\nrole:{role}\r\n"
        + "".join(f"{line}\r\n" for line in lines)
        + "loading:0\r\n"
    )


def line(name: str, address: str, flags: str, *slots: str, link: str = "connected") -> str:
    """Return a line of CLUSTER NODES."""
    return " ".join([name * 40, address, flags, "-", "0", "1426238316232", "2", link, *slots]) + "\n"


def member(role: str = "master", run: str = "") -> resp.Answers:
    """Return the answers of a node in a cluster."""
    return {"INFO": info(role, "cluster_enabled:1", run=run), "PING": resp.PONG, "CLUSTER INFO": CLUSTER_INFO}


async def _asked(answers: resp.Answers, ctx: dict[str, Any], **params: Any) -> CheckResult:
    extra = ctx.pop("extra", {})
    async with resp.serving(answers) as port:
        target = ConnectionInfo("redis", "redis", host="127.0.0.1", port=port, extra=extra)
        return await check(context({"redis": target}, **ctx), "redis_info", timeout="5s", **params)


def asked(answers: resp.Answers, **params: Any) -> CheckResult:
    """Check against one server."""
    return run(_asked(answers, {}, **params))


def listed(*lines: str) -> CheckResult:
    """Check a cluster whose seed is its first node, and lists these others."""

    def told(port: int) -> str:
        return line("a", f"127.0.0.1:{port}@1", "myself,master", "0-8191") + "".join(lines)

    return asked({**member(), "CLUSTER NODES": told})


UNASKED: dict[str, tuple[str, Verdict, str]] = {
    "noaddr": (line("b", ":0@0", "master,noaddr", "8192-16383", link="disconnected"), Q, "knows no address"),
    "noaddr in the form of Redis 3": (line("b", ":0", "slave,noaddr", link="disconnected"), Q, "knows no address"),
    "noaddr with its last address": (line("b", "127.0.0.1:1@2", "master,noaddr", "8192-16383"), Q, "knows no address"),
    "no host, and not myself": (line("b", ":7001@17001", "master", "8192-16383"), Q, "knows no address"),
    "an unknown endpoint": (line("b", "?:7001@17001", "master", "8192-16383"), Q, "knows no address"),
    "port 0, as without the TLS port": (line("b", "127.0.0.1:0@17001", "master", "8192-16383"), Q, "knows no address"),
    "in handshake": (line("b", "127.0.0.1:1@2", "handshake"), Q, "in handshake"),
    "no flags": (line("b", "127.0.0.1:1@2", "noflags"), Q, "does not know the role"),
    "failed, and without an address": (line("b", ":0@0", "slave,fail,noaddr", link="disconnected"), F, "ping = FAILED"),
    "suspected, and silent": (line("b", "127.0.0.1:1@2", "slave,fail?", link="disconnected"), Q, "addresses:"),
    "called well, and silent": (line("b", "127.0.0.1:1@2,replica-1.test,shard-id=0", "slave"), Q, "did not answer"),
    "a line that breaks off": ("b 127.0.0.1:1@2 master\n", Q, "does not list the nodes"),
}  # fmt: skip


@pytest.mark.parametrize(("other", "verdict", "headline"), UNASKED.values(), ids=UNASKED.keys())
def test_nodes_that_cannot_be_asked(other: str, verdict: Verdict, headline: str) -> None:
    """A node that its cluster lists is never left out, nor asked at the address of another."""
    result = listed(other)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


@pytest.mark.parametrize("scope", ["primaries", "replicas"])
def test_a_node_without_a_role_is_in_every_scope(scope: str) -> None:
    """A node that is still in handshake may become either."""

    def told(port: int) -> str:
        return line("a", f"127.0.0.1:{port}@1", "myself,master", "0-16383") + line(
            "b", "127.0.0.1:1@2", "handshake"
        )

    result = asked({**member(), "CLUSTER NODES": told}, scope=scope)
    assert (result.verdict, "in handshake" in raw(result)) == (Q, True), result.headline


HOSTS: dict[str, tuple[str, bool, str]] = {
    "an address": ("10.0.0.1:6379@16379", False, "10.0.0.1:6379"),
    "an address of six": ("2001:db8::1:6379@16379", False, "2001:db8::1:6379"),
    "a host name beside it": ("10.0.0.1:6379@16379,redis-1.test", False, "10.0.0.1:6379"),
    "a host name, as certificates have it": ("10.0.0.1:6379@16379,redis-1.test,shard-id=0", True, "redis-1.test:6379"),
    "no host name, but a shard": ("10.0.0.1:6379@16379,,shard-id=0", True, "10.0.0.1:6379"),
    "only a host name": (":6379@16379,redis-1.test", False, "redis-1.test:6379"),
}  # fmt: skip


@pytest.mark.parametrize(("address", "tls", "name"), HOSTS.values(), ids=HOSTS.keys())
def test_the_address_of_a_node(address: str, tls: bool, name: str) -> None:
    """A node is queried by its address, over TLS by the name that its certificate has."""
    (node,) = cluster_nodes(line("a", address, "master"), "seed.test", "the list", tls=tls)
    assert (node.name, node.unasked) == (name, "")


def test_two_nodes_without_an_address_are_two() -> None:
    """Nodes are told apart by their id where they have no address."""
    result = listed(line("b", ":0@0", "master,noaddr"), line("c", ":0@0", "slave,noaddr"))
    assert [finding.subject for finding in result.findings if not finding.holds] == [
        ":0 (bbbbbbbb)",
        ":0 (cccccccc)",
    ]


def test_myself_may_leave_out_its_host() -> None:
    """A node that was never told its address is the one that was asked."""
    result = asked(
        {**member(), "CLUSTER NODES": lambda port: line("a", f":{port}@1", "myself,master", "0-16383")}
    )
    assert result.verdict is P, result.headline


def pair(
    first: resp.Answers, second: resp.Answers, flags: str, mapped: bool = False, **params: Any
) -> CheckResult:
    """Check a cluster of two; with ``mapped`` the other's address leads to the first one."""

    async def ask_it() -> CheckResult:
        async with AsyncExitStack() as stack:
            other = await stack.enter_async_context(resp.serving(second))
            name = "10.9.9.9:6379" if mapped else f"127.0.0.1:{other}"

            def told(port: int) -> str:
                own = line("a", f"127.0.0.1:{port}@1", "myself,master", "0-8191")
                return own + line("b", f"{name}@1", flags, "8192-16383")

            own = await stack.enter_async_context(resp.serving({**first, "CLUSTER NODES": told}))
            ctx = context(
                {"redis": ConnectionInfo("redis", "redis", host="127.0.0.1", port=own)},
                addresses={"10.9.9.9:6379": f"127.0.0.1:{own}"},
            )
            return await check(ctx, "redis_info", timeout="5s", **params)

    return run(ask_it())


PAIRS: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "two primaries": ({"second": member(run="2"), "flags": "master"}, P, "all 2"),
    "a primary and a replica": ({"second": member("slave", run="2"), "flags": "slave"}, P, "all 2"),
    "a replica by another name": ({"second": member("replica", run="2"), "flags": "slave"}, P, "all 2"),
    "listed as a replica, answers as a primary": ({"second": member(run="2"), "flags": "slave"}, Q, "answers as master"),
    "one process answers for both": ({"second": member(run="2"), "flags": "master", "mapped": True}, Q, "one process"),
    "answers, though its cluster calls it failed": ({"second": member(run="2"), "flags": "master,fail"}, Q, "called down"),
    "says nothing of its role": ({"second": {"INFO": "# Server\r\nrun_id:2\r\n", "PING": resp.PONG}, "flags": "master"}, Q, "states no role"),
    "loads its data": ({"second": {**member(run="2"), "PING": b"-LOADING Redis is loading\r\n"}, "flags": "master"}, F, "ping = LOADING"),
    "answers here, though the first does not reach it": ({"second": member(run="2"), "flags": "master,fail?"}, Q, "does not reach it"),
    "CLUSTER INFO is not one": ({"second": {**member(run="2"), "CLUSTER INFO": resp.OK}, "flags": "master", "cluster": True, "expect": {"cluster.cluster_state": "== ok"}}, Q, "does not answer CLUSTER INFO"),
    "CLUSTER is forbidden": ({"second": {**member(run="2"), "CLUSTER INFO": b"-NOPERM no permissions to run 'cluster'\r\n"}, "flags": "master", "cluster": True}, Q, "credentials: "),
}  # fmt: skip


@pytest.mark.parametrize(("given", "verdict", "headline"), PAIRS.values(), ids=PAIRS.keys())
def test_what_a_listed_node_says_of_itself(given: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """The answer counts only where it is certain that the listed node gave it."""
    result = pair(member(run="1"), **given)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


SEEDS: dict[str, tuple[resp.Answers, Verdict, str]] = {
    "no INFO at all": ({"INFO": "", "PING": resp.PONG}, Q, "whether it is a primary or a replica"),
    "an unknown role": ({"INFO": info("proxy"), "PING": resp.PONG}, Q, "'proxy'"),
    "INFO is no text": ({"INFO": b":1\r\n", "PING": resp.PONG}, Q, "answers INFO with something else"),
    "INFO is renamed": ({"PING": resp.PONG}, Q, "unknown command"),
    "a sentinel": ({"INFO": "redis_mode:sentinel\r\n", "PING": resp.PONG}, Q, "sentinel_master"),
    "a cluster that lists nobody": ({**member(), "CLUSTER NODES": ""}, Q, "does not list the nodes"),
    "a cluster that may not be asked": ({**member(), "CLUSTER NODES": b"-ERR unknown subcommand\r\n"}, Q, "unknown subcommand"),
    "PING says something else": ({"INFO": info(), "PING": resp.OK}, F, "ping = no"),
    "a replica without an address": ({"INFO": info("master", "connected_slaves:1", "slave0:ip=127.0.0.1,port=0,state=wait_bgsave,offset=0,lag=0"), "PING": resp.PONG}, Q, "without an address"),
    "a replica in the form of Redis 2.6": ({"INFO": info("master", "connected_slaves:1", "slave0:127.0.0.1,6380,online"), "PING": resp.PONG}, Q, "without an address"),
    "a replica that is counted, not listed": ({"INFO": info("master", "connected_slaves:2", "slave0:ip=127.0.0.1,port=1,state=online,offset=5,lag=0"), "PING": resp.PONG}, Q, "did not answer"),
    "replicas that are only counted": ({"INFO": info("master", "connected_slaves:2"), "PING": resp.PONG}, Q, "has 2 replicas and lists 0"),
    "replicas that are counted in words": ({"INFO": info("master", "connected_slaves:many"), "PING": resp.PONG}, Q, "has many replicas"),
    "a replica at the address of its primary": ({"INFO": lambda port: info("master", "connected_slaves:1", f"slave0:ip=127.0.0.1,port={port},state=online,offset=5,lag=0"), "PING": resp.PONG}, Q, "answers as master"),
    "a replica of itself": ({"INFO": lambda port: info("slave", "master_host:127.0.0.1", f"master_port:{port}"), "PING": resp.PONG}, Q, "replica of a replica"),
    "no replica": ({"INFO": info("master", "connected_slaves:0"), "PING": resp.PONG}, P, "ping = PONG"),
}  # fmt: skip


@pytest.mark.parametrize(("answers", "verdict", "headline"), SEEDS.values(), ids=SEEDS.keys())
def test_what_the_first_node_says(answers: resp.Answers, verdict: Verdict, headline: str) -> None:
    """A node that does not say what it is, or who follows it, proves nothing about a deployment."""
    result = asked(answers, expect={"info.loading": "== 0"} if verdict is P else {})
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_ping_is_always_wanted() -> None:
    """An expectation of another fact does not switch PING off."""
    answers: resp.Answers = {
        "INFO": info("master", "maxmemory:1"),
        "PING": b"-MASTERDOWN Link with MASTER is down\r\n",
    }
    result = asked(answers, expect={"info.maxmemory": "> 0"})
    assert (result.verdict, "ping = MASTERDOWN" in raw(result)) == (F, True), result.headline


def test_a_silent_node_is_named() -> None:
    """A replica that does not answer is named, with the remedy if only its address is of another network."""
    dead = free_ports(1)[0]
    result = asked({
        "INFO": info("master", "connected_slaves:1", f"slave0:ip=127.0.0.1,port={dead},state=online,offset=5,lag=0"),
        "PING": resp.PONG,
    })  # fmt: skip
    assert (result.verdict, f"map '127.0.0.1:{dead}'" in raw(result)) == (Q, True), result.headline


def test_an_address_of_another_network_is_mapped() -> None:
    """A replica that the primary knows by an address of its own network is asked where the environment says."""

    async def ask_it() -> CheckResult:
        async with resp.serving({"INFO": info("slave"), "PING": resp.PONG}) as replica:
            listing = "slave0:ip=10.1.2.3,port=6379,state=online,offset=5,lag=0,type=replica"
            answers: resp.Answers = {"INFO": info("master", "connected_slaves:1", listing), "PING": resp.PONG}
            return await _asked(answers, {"addresses": {"10.1.2.3:6379": f"127.0.0.1:{replica}"}})

    result = run(ask_it())
    assert (result.verdict, list(result.observed)[1]) == (P, "10.1.2.3:6379"), result.headline


def test_both_channels_of_a_replica_are_one_replica() -> None:
    """Valkey lists a replica that is filled over two channels twice."""

    async def ask_it() -> CheckResult:
        async with resp.serving({"INFO": info("slave", run="2"), "PING": resp.PONG}) as replica:
            lines = [f"slave{n}:ip=127.0.0.1,port={replica},state={s},offset=0,lag=0,type={t}"
                     for n, s, t in ((0, "send_bulk_and_stream", "main-channel"), (1, "wait_bgsave", "rdb-channel"))]  # fmt: skip
            return await _asked(
                {"INFO": info("master", "connected_slaves:2", *lines, run="1"), "PING": resp.PONG}, {}
            )

    result = run(ask_it())
    assert (result.verdict, len(result.observed)) == (P, 2), result.headline


def followed(*states: str, **params: Any) -> CheckResult:
    """Check a primary that lists, in these states, replicas at the address of one."""

    async def ask_it() -> CheckResult:
        async with resp.serving({"INFO": info("slave"), "PING": resp.PONG}) as replica:
            lines = [
                f"slave{n}:ip=127.0.0.1,port={replica},state={one},offset=0,lag=0"
                for n, one in enumerate(states)
            ]
            primary: resp.Answers = {
                "INFO": info("master", f"connected_slaves:{len(states)}", *lines),
                "PING": resp.PONG,
            }
            return await _asked(primary, {}, **params)

    return run(ask_it())


FOLLOWED: dict[str, tuple[tuple[str, ...], dict[str, str], Verdict, str]] = {
    "two replicas behind one address": (("online", "online"), {}, Q, "lists several replicas at"),
    "counted before its first copy is there": (("wait_bgsave",), {"info.connected_slaves": ">= 1"}, Q, "slave0 is wait_bgsave"),
    "still loading what Dragonfly sends": (("full_sync",), {"info.connected_slaves": ">= 1"}, Q, "slave0 is full_sync"),
    "in sync, as Dragonfly says it": (("stable_sync",), {"info.connected_slaves": ">= 1"}, P, ""),
    "in sync": (("online",), {"info.connected_slaves": ">= 1"}, P, ""),
    "not in sync, and not asked for": (("wait_bgsave",), {"info.role": "in ['master', 'slave']"}, P, ""),
}  # fmt: skip


@pytest.mark.parametrize(("states", "expect", "verdict", "headline"), FOLLOWED.values(), ids=FOLLOWED.keys())
def test_replicas_as_their_primary_counts_them(
    states: tuple[str, ...], expect: dict[str, str], verdict: Verdict, headline: str
) -> None:
    """A count of replicas proves something where each is in sync, and can be queried on its own."""
    result = followed(*states, scope="primaries" if expect else "all", expect=expect)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_a_setting_that_is_not_told_is_unknown() -> None:
    """CONFIG GET answers nothing for a setting that a managed server keeps to itself."""
    answers: resp.Answers = {"INFO": info(), "PING": resp.PONG, "CONFIG GET": []}
    result = asked(answers, config=["appendonly"], expect={"config.appendonly": "absent"})
    assert (result.verdict, "does not tell its setting appendonly" in raw(result)) == (Q, True), (
        result.headline
    )


@contextmanager
def chain() -> Iterator[list[int]]:
    """Run a primary, its replica, and the replica's replica."""
    quick = ("--repl-diskless-sync-delay", "0")
    with (
        redis_nodes.single(*quick) as first,
        redis_nodes.single(*quick, "--replicaof", f"127.0.0.1 {first}") as second,
        redis_nodes.single("--replicaof", f"127.0.0.1 {second}") as third,
    ):
        for port in (second, third):
            wait_for(lambda port=port: "master_link_status:up" in ask(port, "INFO"), "replicating")
        yield [first, second, third]


def test_replicas_of_replicas_are_nodes() -> None:
    """From any node of a chain every node is asked, and the scope knows who is a replica."""
    with chain() as ports:
        for seed in ports:
            results = [
                run(check(context({"redis": connection(seed, password="")}), "redis_info", scope=scope))
                for scope in ("all", "replicas", "primaries")
            ]
            asked_of = [sorted(int(name.rpartition(":")[2]) for name in one.observed) for one in results]
            assert asked_of == [sorted(ports), sorted(ports[1:]), ports[:1]]
            assert {one.verdict for one in results} == {P}


SENTINEL: dict[str, tuple[resp.Reply, Verdict, str]] = {
    "lost by the primary": ([["name", "x", "ip", "127.0.0.1", "port", "1", "flags", "s_down,slave,disconnected"]], F, "ping = FAILED"),
    "well, and silent": ([["name", "x", "ip", "127.0.0.1", "port", "1", "flags", "slave"]], Q, "did not answer"),
    "none": ([], P, "ping = PONG"),
    "no list": (["127.0.0.1", "1"], Q, "does not list its replicas"),
    "refused": (b"-NOPERM this user has no permissions\r\n", Q, "credentials: "),
}  # fmt: skip


@pytest.mark.parametrize(("told", "verdict", "headline"), SENTINEL.values(), ids=SENTINEL.keys())
def test_replicas_that_only_the_sentinel_knows(told: resp.Reply, verdict: Verdict, headline: str) -> None:
    """A primary forgets a replica that is gone; its sentinel does not."""

    async def ask_it() -> CheckResult:
        primary: resp.Answers = {"INFO": info("master", "connected_slaves:0"), "PING": resp.PONG}
        async with resp.serving(primary) as port:
            answers: resp.Answers = {
                "SENTINEL GET-MASTER-ADDR-BY-NAME": ["127.0.0.1", str(port)],
                "SENTINEL REPLICAS": told,
            }
            return await _asked(answers, {"extra": {"sentinel_master": "shop"}})

    result = run(ask_it())
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_what_the_sentinel_calls_down_is_down() -> None:
    """A primary lists a replica until its time-out; where it does not answer either, the sentinel is right."""

    async def ask_it() -> CheckResult:
        lines = ("connected_slaves:1", "slave0:ip=127.0.0.1,port=1,state=online,offset=5,lag=9")
        async with resp.serving({"INFO": info("master", *lines), "PING": resp.PONG}) as port:
            answers: resp.Answers = {
                "SENTINEL GET-MASTER-ADDR-BY-NAME": ["127.0.0.1", str(port)],
                "SENTINEL REPLICAS": [["ip", "127.0.0.1", "port", "1", "flags", "s_down,slave"]],
            }
            return await _asked(answers, {"extra": {"sentinel_master": "shop"}})

    result = run(ask_it())
    assert (result.verdict, "ping = FAILED" in raw(result)) == (F, True), result.headline
