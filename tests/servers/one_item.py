"""Runs the checks of one shipped item in a made-up world: one server plays every connection of the web."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from aiohttp import web

from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import Verdict
from servers import kubernetes_api
from servers.checking import context, raw, run
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from launch_pipeline.checklist.model import CheckSpec, Item
    from launch_pipeline.checks.engine.context import ConnectionInfo
    from launch_pipeline.checks.verdict import CheckResult
    from servers.kubernetes_api import KubernetesApi

    Answer = Callable[[str, web.Request], web.Response]
    """Answers a request to a connection; its path is without the connection's own."""

VARIABLES: dict[str, Any] = {
    "namespace": "azora",
    "domain": "azora.example",
    "run_nonce": "0123456789abcdef",
    "release": "1.0.0",
    "release_sha": "c0ffee" + "0" * 34,
}


NAMES = {
    "gateway": "api-gateway",
    "constitutional": "constitutional-ai",
    "knowledge": "knowledge-ocean",
    "routing": "ai-routing",
}
"""Services, by the beginning of the names of their variables."""


def refused(found: tuple[Verdict, str], verdict: Verdict, said: str = "") -> None:
    """Assert that a check was judged so, and that its words hold a text."""
    assert (found[0], said in found[1]) == (verdict, True), found


@cache
def items() -> dict[str, Item]:
    """Every shipped item by phase, section and id."""
    return {
        f"{phase.id}.{section.id}.{item.id}": item
        for phase in load_phases(parameter_models())
        for section, item in phase.items()
    }


def at_once(spec: CheckSpec) -> CheckSpec:
    """Return a check that does not wait: a made-up world does not change meanwhile."""
    return spec.model_copy(update={"params": {**spec.params, "wait": "0"}})


async def checked(
    ref: str, connections: Mapping[str, ConnectionInfo], kinds: Iterable[str], **variables: Any
) -> list[CheckResult]:
    """Run the checks of these kinds of an item."""
    specs = [at_once(spec) for spec in items()[ref].checks if spec.kind in set(kinds)]
    assert specs, f"{ref} has no check of {kinds}"
    known = with_product({**VARIABLES, **variables})
    return await run_checks(specs, context(connections, variables=known))


def over_the_web(ref: str, answer: Answer, conn_ids: Iterable[str], **variables: Any) -> tuple[Verdict, str]:
    """Judge an item's HTTP and log queries against a server that answers by connection and request."""

    async def handle(request: web.Request) -> web.Response:
        conn_id, _, path = request.match_info["path"].partition("/")
        query = request.rel_url.raw_query_string
        return answer(conn_id, request.clone(rel_url=f"/{path}{f'?{query}' if query else ''}"))

    async def ask() -> list[CheckResult]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        async with serving(app) as port:
            connections = {name: _below(port, name) for name in conn_ids}
            return await checked(ref, connections, ("http_request", "log_query"), **variables)

    return together(ask())


def _below(port: int, name: str) -> ConnectionInfo:
    headers = {"Authorization": f"Bearer the-token-of-{name}"}
    one = http_connection(port, name, extra={"headers": headers})
    return replace(one, host=f"http://127.0.0.1:{port}/{name}", port=None)


def in_the_cluster(ref: str, api: KubernetesApi, **variables: Any) -> tuple[Verdict, str]:
    """Judge what an item asks of Kubernetes."""

    async def ask() -> list[CheckResult]:
        async with serving(api.app) as port:
            connections = {"kubernetes": kubernetes_api.connection(port)}
            return await checked(ref, connections, ("kubernetes_resource",), **variables)

    return together(ask())


def together(asking: Coroutine[Any, Any, list[CheckResult]]) -> tuple[Verdict, str]:
    """Run the checks, and return their verdict together and what each found."""
    results = run(asking)
    return Verdict.of([one.verdict for one in results]), "\n".join(map(raw, results))
