"""``launch doctor`` at real servers that accept our credentials, refuse them, or are away."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import requests
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from launch_pipeline.doctor.checks import probing
from launch_rehearsal.vendors.pagerduty import KEY, PagerDuty, authorization
from servers import kubernetes_api, moto_server, redis_nodes, slack_api
from servers.harbour import Harbour
from servers.programs import free_ports
from servers.running_product import postgres
from servers.web import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aiohttp import web

pytestmark = pytest.mark.integration

WRONG = "planted-wrong-secret"
Json = dict[str, Any]


@pytest.fixture
def harbour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Harbour:
    """With more patience than a person has: what is told here is not how fast this machine is."""
    monkeypatch.setattr(probing, "SECONDS", 60.0)
    return Harbour(tmp_path, monkeypatch)


def seen(harbour: Harbour, conn_id: str, check: Json, connection: Json) -> tuple[Any, Any, Any, str]:
    """Whether it is reachable, permitted and wrong, and what is said; no secret is, in any form."""
    harbour.environment(variables={"namespace": "azora"})
    harbour.checks("pier_open", check)
    harbour.connect(conn_id, connection)
    shown = harbour.launch("doctor", "--environment", "test", "--verbose")
    told = harbour.launch("doctor", "--environment", "test", "--json")
    (state,) = [s for s in json.loads(told.stdout)["connections"] if s["conn_id"] == conn_id]
    for secret in _secrets(connection):
        assert secret not in shown.output + told.output
    assert shown.exit_code == told.exit_code == int(state["wrong"]), shown.output
    assert state["says"] in " ".join(shown.stdout.split())
    return state["reachable"], state["permitted"], state["wrong"], state["says"]


def _secrets(connection: Json) -> Iterator[str]:
    if connection.get("password"):
        yield connection["password"]
    yield from connection.get("extra", {}).get("headers", {}).values()


IN, OUT, AWAY = (True, True, False), (True, False, True), (False, None, True)
"""Reachable, permitted, wrong: let in, turned away, not there."""


# ---- PostgreSQL -------------------------------------------------------------------------------------

RIGHT = "planted-right-password"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Json]:
    """Passwords are asked for; ``checker`` may enter ``postgres`` and not ``closed``, ``retired`` nothing."""
    with postgres(tmp_path_factory.mktemp("doctor") / "home") as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            for name, may in (("checker", sql.SQL("LOGIN")), ("retired", sql.SQL("NOLOGIN"))):
                create = sql.SQL("CREATE ROLE {} {} PASSWORD {}")
                connection.execute(create.format(sql.Identifier(name), may, sql.Literal(RIGHT)))
            connection.execute("CREATE DATABASE closed")
            connection.execute("REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
        found = conninfo_to_dict(dsn)
        yield {
            "conn_type": "postgres", "host": found["host"], "port": int(str(found["port"])),
            "login": "checker", "password": RIGHT, "schema": "postgres",
        }  # fmt: skip


POSTGRES: dict[str, tuple[Json, tuple[Any, ...], str]] = {
    "let in": ({}, IN, ""),
    "a wrong password": ({"password": WRONG}, OUT, "password authentication failed"),
    "nobody of that name": ({"login": "stranger"}, OUT, "credentials"),
    "who may not log in": ({"login": "retired"}, OUT, "not permitted to log in"),
    "a database that is closed to us": ({"schema": "closed"}, OUT, "permission denied"),
    "no such database": ({"schema": "nothing"}, (True, None, False), "does not exist"),
    "nobody listens": ({"port": 1}, AWAY, "cannot be reached"),
}


@pytest.mark.parametrize(("changes", "wanted", "says"), POSTGRES.values(), ids=POSTGRES.keys())
def test_postgres(
    harbour: Harbour, database: Json, changes: Json, wanted: tuple[Any, ...], says: str
) -> None:
    """A server that says no is there, whatever it calls it."""
    *state, said = seen(harbour, "postgres", {"postgres_query": {"sql": "SELECT 1"}}, {**database, **changes})
    assert (tuple(state), says in said) == (wanted, True), said


# ---- Redis ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cache() -> Iterator[Json]:
    """Start a Redis with a password, and with a user ``narrow`` who may only ping."""
    with redis_nodes.single("--requirepass", redis_nodes.PASSWORD) as port:
        assert "OK" in redis_nodes.ask(port, "ACL", "SETUSER", "narrow", "on", f">{RIGHT}", "+ping")
        yield {
            "conn_type": "redis", "host": "127.0.0.1", "port": port, "password": redis_nodes.PASSWORD
        }  # fmt: skip


REDIS: dict[str, tuple[Json, tuple[Any, ...], str]] = {
    "let in": ({}, IN, ""),
    "a wrong password": ({"password": WRONG}, OUT, "refused connection"),
    "no password": ({"password": None}, OUT, "refused connection"),
    "a user who may not ask": ({"login": "narrow", "password": RIGHT}, OUT, "no permissions"),
    "nobody listens": ({"port": 1}, AWAY, "cannot be reached"),
}


@pytest.mark.parametrize(("changes", "wanted", "says"), REDIS.values(), ids=REDIS.keys())
def test_redis(harbour: Harbour, cache: Json, changes: Json, wanted: tuple[Any, ...], says: str) -> None:
    """Both a refused password and a user without the right are told from a server that is away."""
    *state, said = seen(harbour, "redis", {"redis_info": {}}, {**cache, **changes})
    assert (tuple(state), says in said) == (wanted, True), said


# ---- AWS --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cloud() -> Iterator[Json]:
    """AWS with one user, whose keys are looked at from now on."""
    with moto_server.serving() as url:
        iam = moto_server.client(url, "iam")
        iam.create_user(UserName="launch-check")
        key = iam.create_access_key(UserName="launch-check")["AccessKey"]
        assert requests.post(f"{url}/moto-api/reset-auth", data=b"0", timeout=10).ok
        yield {
            "conn_type": "aws", "login": key["AccessKeyId"], "password": key["SecretAccessKey"],
            "extra": {"endpoint_url": url, "region_name": moto_server.REGION},
        }  # fmt: skip


NOBODY: Json = {"endpoint_url": "http://127.0.0.1:1", "region_name": moto_server.REGION}
AWS: dict[str, tuple[Json, tuple[Any, ...], str]] = {
    "let in": ({}, IN, ""),
    "a wrong secret": ({"password": WRONG}, OUT, "SignatureDoesNotMatch"),
    "an unknown key": ({"login": "AKIASTRANGER0000", "password": WRONG}, OUT, "InvalidClientTokenId"),
    "nobody listens": ({"extra": NOBODY}, AWAY, "cannot be reached"),
}
EXPECT: Json = {"Reservations": "exists"}
INSTANCES: Json = {"aws_resource": {"service": "ec2", "operation": "describe_instances", "expect": EXPECT}}


@pytest.mark.parametrize(("changes", "wanted", "says"), AWS.values(), ids=AWS.keys())
def test_aws(harbour: Harbour, cloud: Json, changes: Json, wanted: tuple[Any, ...], says: str) -> None:
    """AWS itself says whose key it is; an unknown key is refused."""
    *state, said = seen(harbour, "aws", INSTANCES, {**cloud, **changes})
    assert (tuple(state), says in said) == (wanted, True), said


# ---- Kubernetes, Slack, PagerDuty -------------------------------------------------------------------


@contextmanager
def listening(app: web.Application | None) -> Iterator[int]:
    """Serve, or give a port on which nothing listens."""
    if app is None:
        yield free_ports(1)[0]
    else:
        with served(app) as port:
            yield port


HEADERS = {"headers": {"Authorization": authorization(KEY)}}
KUBERNETES: dict[str, tuple[kubernetes_api.KubernetesApi | None, str, tuple[Any, ...], str]] = {
    "let in": (kubernetes_api.KubernetesApi(), kubernetes_api.TOKEN, IN, ""),
    "a wrong token": (kubernetes_api.KubernetesApi(), WRONG, OUT, "answered 401"),
    "a role that may not list": (
        kubernetes_api.KubernetesApi(forbidden={"services"}), kubernetes_api.TOKEN, OUT, "cannot list"),
    "nobody listens": (None, kubernetes_api.TOKEN, AWAY, "cannot be reached"),
}  # fmt: skip
PODS: Json = {"kubernetes_resource": {"kind": "Pod"}}


@pytest.mark.parametrize(("api", "token", "wanted", "says"), KUBERNETES.values(), ids=KUBERNETES.keys())
@pytest.mark.parametrize("by_file", [False, True], ids=["by host", "by kubeconfig"])
def test_kubernetes(
    harbour: Harbour, api: Any, token: str, wanted: tuple[Any, ...], says: str, *, by_file: bool
) -> None:
    """By host and token, or by a kubeconfig that alone knows the address."""
    with listening(api.app if api else None) as port:
        connection = {"host": "127.0.0.1", "port": port, "schema": "http", "password": token}
        if by_file:
            connection = {"extra": {"kube_config": kubernetes_api.kube_config(port, token)}}
            says = says.replace("cannot be reached", "answer")
        *state, said = seen(harbour, "kubernetes", PODS, {"conn_type": "kubernetes", **connection})
    assert token not in said
    assert (tuple(state), says in said) == (wanted, True), said


SLACK: dict[str, tuple[set[str] | None, str, tuple[Any, ...], str]] = {
    "let in": (slack_api.SCOPES, slack_api.TOKEN, IN, ""),
    "a wrong token": (slack_api.SCOPES, WRONG, OUT, "invalid_auth"),
    "no token": (slack_api.SCOPES, "", (True, None, False), "has no token"),
    "a token that sees no channels": ({"chat:write"}, slack_api.TOKEN, OUT, "lacks the scope channels:read"),
    "a token that reads no messages": (
        {"channels:read", "users:read"}, slack_api.TOKEN, IN, "lacks the scope channels:history"),
    "nobody listens": (None, slack_api.TOKEN, AWAY, "cannot be reached"),
}  # fmt: skip


@pytest.mark.parametrize(("scopes", "token", "wanted", "says"), SLACK.values(), ids=SLACK.keys())
def test_slack(
    harbour: Harbour, scopes: set[str] | None, token: str, wanted: tuple[Any, ...], says: str
) -> None:
    """Whose token it is, and what it may ask."""
    workspace = slack_api.SlackApi()
    workspace.scopes = scopes or set()
    with listening(workspace.app if scopes else None) as port:
        connection = {"conn_type": "http", "host": "127.0.0.1", "port": port, "password": token}
        *state, said = seen(harbour, "slack_check", {"slack_channel": {"channels": ["war-room"]}}, connection)
    assert (tuple(state), says in said) == (wanted, True), said


PAGERDUTY: dict[str, tuple[bool, Json, tuple[Any, ...], str]] = {
    "let in": (True, HEADERS, IN, ""),
    "a wrong key": (True, {"headers": {"Authorization": f"Token token={WRONG}"}}, OUT, "401"),
    "no key": (True, {}, OUT, "401"),
    "nobody listens": (False, HEADERS, AWAY, "cannot be reached"),
}
ROTA: Json = {"oncall_schedule": {"schedules": ["PROTA"]}}


@pytest.mark.parametrize(("there", "extra", "wanted", "says"), PAGERDUTY.values(), ids=PAGERDUTY.keys())
def test_pagerduty(harbour: Harbour, there: bool, extra: Json, wanted: tuple[Any, ...], says: str) -> None:
    """The list that the check reads is the one that is asked for."""
    with listening(PagerDuty().app if there else None) as port:
        connection = {"conn_type": "http", "host": "127.0.0.1", "port": port, "extra": extra}
        *state, said = seen(harbour, "pagerduty", ROTA, connection)
    assert (tuple(state), says in said) == (wanted, True), said
