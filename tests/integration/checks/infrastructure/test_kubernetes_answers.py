"""``kubernetes_resource``: answers of the API server that are not whole, and keys that hold nothing.

Lists by https://kubernetes.io/docs/reference/using-api/api-concepts/ (``continue``, ``remainingItemCount``).
"""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import check, context, raw, run
from servers.kubernetes_api import KubernetesApi, connection, secret
from servers.web import serving

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
POD = {"metadata": {"name": "p"}, "status": {"phase": "Succeeded"}}
PODS = {"kind": "PodList", "apiVersion": "v1", "metadata": {}}


async def asked(api: KubernetesApi, **params: Any) -> CheckResult:
    async with serving(api.app) as port:
        ctx = context({"kubernetes": connection(port)}, variables={"namespace": "azora"})
        return await check(ctx, "kubernetes_resource", **params)


async def of(pages: Mapping[str, Any], **params: Any) -> CheckResult:
    """Ask for pods of a server that answers each continue token with one page."""
    listed = [{"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["get", "list"]}]

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/api/v1":
            return web.json_response({"kind": "APIResourceList", "groupVersion": "v1", "resources": listed})
        return web.json_response(pages[request.query.get("continue", "")])

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with serving(app) as port:
        ctx = context({"kubernetes": connection(port)}, variables={"namespace": "azora"})
        return await check(ctx, "kubernetes_resource", **{"kind": "Pod", **params})


NOT_WHOLE: dict[str, tuple[dict[str, Any], str]] = {
    "some are left out, and no token leads to them": (
        {"": {**PODS, "metadata": {"remainingItemCount": 7}, "items": [POD]}}, "7 objects are left out"),
    "the same page for ever": (
        {"": {**PODS, "metadata": {"continue": "a"}, "items": [POD]}, "a": {**PODS, "metadata": {"continue": "a"}, "items": []}}, "not give the whole list"),
    "an error in a 200": ({"": {"kind": "Status", "apiVersion": "v1", "status": "Failure"}}, "answered a Status"),
    "a list of something else": ({"": {"kind": "ServiceList", "apiVersion": "v1", "items": [POD]}}, "answered a ServiceList"),
    "a table for people": ({"": {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "rows": []}}, "answered a Table"),
    "items that are no list": ({"": {**PODS, "items": {"p": POD}}}, "without items"),
    "items without a name": ({"": {**PODS, "items": [POD, {"metadata": {}}]}}, "no objects"),
    "items that are no objects": ({"": {**PODS, "items": [POD, "p2"]}}, "no objects"),
}  # fmt: skip


@pytest.mark.parametrize(("pages", "reason"), NOT_WHOLE.values(), ids=NOT_WHOLE.keys())
def test_list_that_is_not_whole_is_inconclusive(pages: dict[str, Any], reason: str) -> None:
    """What is left out of a list may be the object that is not ready."""
    result = run(of(pages))
    assert (result.verdict, reason in raw(result)) == (Q, True), result.headline


def test_object_of_another_kind_is_inconclusive() -> None:
    """An answer of another kind says nothing about the object that was asked for."""
    result = run(of({"": {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "p"}}}, names=["p"]))
    assert (result.verdict, "answered a Service" in raw(result)) == (Q, True), result.headline


def test_list_without_items_is_empty() -> None:
    """Go writes an empty list as null: nothing is there, and too little of it."""
    result = run(of({"": {**PODS, "items": None}}))
    assert (result.verdict, "count = 0" in raw(result)) == (F, True), result.headline


def test_absence_is_proved_in_a_namespace_that_exists() -> None:
    """The API server lists nothing in a namespace that does not exist, and says no word about it."""
    api = KubernetesApi()
    there = run(asked(api, kind="Pod", min_count=0))
    nowhere = run(asked(api, kind="Pod", min_count=0, namespace="azroa"))
    api.forbidden = {"namespaces"}
    unseen = run(asked(api, kind="Pod", min_count=0))
    assert [one.verdict for one in (there, nowhere, unseen)] == [P, Q, Q]
    assert "does not exist" in raw(nowhere)
    assert 'cannot get resource "namespaces"' in raw(unseen)


def test_kind_of_which_nothing_is_known_is_inconclusive() -> None:
    """The reason tells what to do; whoever expects its fields gets a verdict."""
    api = KubernetesApi(kinds={"shop.example/v1": {"Widget": ("widgets", True)}})
    api.add("shop.example/v1", "Widget", "w", spec={"colour": "red"})
    params = {"kind": "Widget", "api_version": "shop.example/v1", "expect": {"spec.colour": "== red"}}
    silent, told = run(asked(api, **params)), run(asked(api, ready=False, **params))
    assert (silent.verdict, told.verdict) == (Q, P)
    assert "nothing says whether a Widget is ready; set 'ready: false'" in raw(silent)


EMPTY = {
    "empty": "",
    "blank": " \n\t",
    "without a break": "\u00a0",
    "byte order mark": "\ufeff\n",
    "no width": "\u200b",
}


@pytest.mark.parametrize("value", EMPTY.values(), ids=EMPTY.keys())
def test_key_of_a_secret_that_holds_nothing_is_not_there(value: str) -> None:
    """A key without a value is a name only; the fact 'empty' names it."""
    api = KubernetesApi()
    api.add("v1", "Secret", "s", data=secret(TOKEN="planted-value", SALT=value))
    wanted = {"keys(data)": "contains_all ['TOKEN', 'SALT']", "empty": "== []"}
    for params in ({"names": ["s"]}, {}):
        result = run(asked(api, kind="Secret", expect=wanted, **params))
        found = {finding.expression: (finding.holds, finding.actual) for finding in result.findings}
        assert found["keys(data)"] == (False, ["TOKEN"])
        assert found["empty"] == (False, ["SALT"])
        assert "planted-value" not in result.model_dump_json()


def test_keys_of_a_config_map_that_hold_nothing_are_named() -> None:
    """Its values can be read, so its keys stay; those of its binary data count as well."""
    api = KubernetesApi()
    api.add("v1", "ConfigMap", "c", data={"LEVEL": "info", "HOST": " "},
            binaryData={"logo": "", "font": base64.b64encode(b"\x00").decode()})  # fmt: skip
    result = run(asked(api, kind="ConfigMap", expect={"empty": "== []"}))
    (finding,) = [one for one in result.findings if one.expression == "empty"]
    assert (result.verdict, finding.actual) == (F, ["HOST", "logo"])


def test_secret_whose_only_key_is_empty_has_none() -> None:
    """A Secret that holds nothing has no keys; one that holds something has."""
    api = KubernetesApi()
    api.add("v1", "Secret", "nothing", data=secret(KEY=""))
    api.add("v1", "Secret", "bare")
    api.add("v1", "Secret", "full", data=secret(KEY="x"))
    expect = {"length(keys(data))": ">= 1"}
    verdicts = {
        name: run(asked(api, kind="Secret", names=[name], expect=expect)).verdict
        for name in ("nothing", "bare", "full")
    }
    assert json.loads(json.dumps(verdicts)) == {"nothing": "failed", "bare": "failed", "full": "passed"}
