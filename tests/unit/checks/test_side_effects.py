"""What a check does beside looking: said in the checklist, allowed by the environment, never done twice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.engine.registry import kind
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import Verdict
from servers.checking import check, context, run
from servers.one_item import items
from servers.scripted_http import DROP, ScriptedHttp
from servers.web import http_connection

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import CheckSpec
    from launch_pipeline.checks.engine.context import ConnectionInfo

LOOKS = {"GET", "HEAD", "OPTIONS", "POST"}
"""To ask by POST is to look where the product has no other way; to change is not."""
BURST = 100


WITH_EFFECTS = [ref for ref, item in items().items() if item.side_effects]


@pytest.mark.parametrize("ref", WITH_EFFECTS)
def test_nothing_is_asked_where_it_is_not_allowed(ref: str) -> None:
    """Each item that loads, bursts, pages or writes runs only where the environment says that it may."""
    asked: list[str] = []

    async def connect(conn_id: str) -> ConnectionInfo:
        asked.append(conn_id)
        raise AssertionError(conn_id)

    item = items()[ref]
    ctx = replace(context(allow_commands=True), connect=connect)
    results = run(run_checks(item.checks, ctx, side_effects=item.side_effects))
    assert {result.verdict for result in results} == {Verdict.INCONCLUSIVE}
    assert all("does not allow them" in result.headline for result in results)
    assert (asked, [result.attempts for result in results]) == ([], [0] * len(item.checks))


def _does(spec: CheckSpec) -> bool:
    """Whether a check does more than look, by its kind and parameters alone."""
    params = spec.params
    burst = int(params.get("samples", 1)) >= BURST and spec.kind == "http_request"
    changes = spec.kind == "http_request" and params.get("method", "GET") not in LOOKS
    return burst or changes or spec.kind == "command" or bool(params.get("inject"))


def test_checklist_says_what_more_is_done() -> None:
    """A program, a burst, a test alert or a change stands only in an item that says so."""
    silent = [ref for ref, item in items().items() if not item.side_effects and any(map(_does, item.checks))]
    assert silent == []


ONCE: dict[str, tuple[str, dict[str, Any]]] = {
    "a POST": ("http_request", {"path": "/x", "method": "POST", "json": {}}),
    "a change": ("http_request", {"path": "/x", "method": "DELETE"}),
    "a burst": ("http_request", {"path": "/x", "samples": 300}),
    "a test alert": ("alertmanager_alerts", {"inject": {"alertname": "A"}, "receiver": "r"}),
    "a program": ("command", {"argv": ["true"], "timeout": "1m"}),
}


@pytest.mark.parametrize(("name", "params"), ONCE.values(), ids=ONCE.keys())
def test_not_done_again_after_a_time_out(name: str, params: dict[str, Any]) -> None:
    """Where nobody knows whether it was done, it is not done again."""
    of = kind(name)
    assert not of.repeatable(of.params.model_validate(params))


@pytest.mark.parametrize(("method", "times"), [("GET", 3), ("POST", 1), ("PUT", 1), ("DELETE", 1)])
def test_lost_answer(method: str, times: int) -> None:
    """A question whose answer is lost is asked again, an order is not: it may have been carried out."""
    with ScriptedHttp() as server:
        server.reply(method, "/x", DROP)
        found = http_connection(int(server.url.rpartition(":")[2]), "http")
        result = run(check(context({"http": found}), "http_request", path="/x", method=method))
        assert (result.verdict, len(server.seen(method, "/x"))) == (Verdict.INCONCLUSIVE, times)
