"""The servers that load rules: Prometheus, and the rulers of Loki, Mimir and others with the same API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from launch_pipeline.checks.clients import wholeness
from launch_pipeline.checks.clients.json_api import Api, Reply, mapping, records, said_by
from launch_pipeline.checks.language.values import number
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.checks.kinds.prometheus_rule.evaluation import Rule

_PREFIXES = ("", "/prometheus")
"""Paths of Prometheus and of the rulers of Loki and Mimir, which serve the same document."""
_NOT_FOUND = 404
_BAD = 400
_MOST_PAGES = 100


class NoQueriesError(Exception):
    """The server loads rules and answers no queries, as vmalert."""


@dataclass(frozen=True)
class Server:
    """A server with rules, and the prefix at which it serves its API."""

    api: Api
    prefix: str
    of_logs: bool
    """Whether it is Loki, whose ruler has no API for queries of metrics."""

    @classmethod
    async def find(cls, api: Api, names: Sequence[str]) -> tuple[Self, list[Rule]]:
        """Look where the API is, and return the alert rules of these names and maybe others.

        Raises Inconclusive if the server has no such API.
        """
        for prefix in _PREFIXES:
            # Older servers lack the filters, and return all rules.
            asked = [("rule_name[]", name) for name in names]
            query = [("type", "alert"), ("exclude_alerts", "true"), *asked]
            first = await _page(api, prefix, query)
            if first.status != _NOT_FOUND:
                server = cls(api, prefix, await _of_logs(api, prefix))
                return server, await server._rules("alerting", query, first)
        message = f"{api.authority} serves no /api/v1/rules; is this Prometheus, or an enabled ruler?"
        raise Inconclusive(message)

    async def recording(self) -> list[Rule]:
        """Return all recording rules."""
        query = [("type", "record")]
        return await self._rules("recording", query, await _page(self.api, self.prefix, query))

    async def _rules(self, kind: str, query: Sequence[tuple[str, str]], page: Reply) -> list[Rule]:
        """Follow ``groupNextToken``, which a server may give (Prometheus' HTTP API, rules)."""
        data = _data(page)
        rules = _listed(data, kind)
        for _ in range(_MOST_PAGES):
            token = data.get("groupNextToken")
            if not token:
                return rules
            following = [*query, ("group_next_token", str(token))]
            data = _data(await _page(self.api, self.prefix, following))
            rules += _listed(data, kind)
        message = f"{self.api.authority} lists its rules on more than {_MOST_PAGES} pages; ask for fewer"
        raise Inconclusive(message)

    async def exists(self, selector: str) -> bool:
        """Return whether a series or stream exists now; raises NoQueriesError if that cannot be asked."""
        if self.of_logs:
            reply = await self.api.get("/loki/api/v1/series", [("match[]", selector)])
            return bool(mapping(reply.document, "document").get("data"))
        query = [("query", f"count({selector})")]
        reply = await self.api.get(f"{self.prefix}/api/v1/query", query, allowed={_NOT_FOUND})
        if reply.status == _NOT_FOUND:
            raise NoQueriesError
        return bool(records(_data(reply).get("result"), "series"))

    async def declares(self, metric: str) -> bool:
        """Return whether a target declares a metric without a sample of it; a server may not say."""
        path, known = f"{self.prefix}/api/v1/metadata", {_BAD, _NOT_FOUND}
        reply = await self.api.get(path, [("metric", metric)], allowed=known)
        if reply.status in known:
            return False
        return bool(mapping(_data(reply), "metadata").get(metric))


async def _page(api: Api, prefix: str, query: Sequence[tuple[str, str]]) -> Reply:
    return await api.get(f"{prefix}/api/v1/rules", list(query), allowed={_NOT_FOUND})


async def _of_logs(api: Api, prefix: str) -> bool:
    """Return whether the ruler is Loki's: it serves rules below the prefix, and no queries."""
    if not prefix:
        return False
    reply = await api.get(f"{prefix}/api/v1/query", [("query", "vector(1)")], allowed={_NOT_FOUND})
    return reply.status == _NOT_FOUND


def _data(reply: Reply) -> dict[str, Any]:
    document = mapping(reply.document, "document of Prometheus' form")
    if document.get("status") != "success":
        message = f"the server did not answer the question: {said_by(document) or 'no document'}"
        raise Inconclusive(message)
    if why := wholeness.prometheus(document) or _further(document):
        raise Inconclusive(f"the server {why}"[:400])
    return mapping(document.get("data"), "data")


def _further(document: dict[str, Any]) -> str:
    """Return that there is a further page, as vmalert says it beside the data (its ``web.go``)."""
    page, pages = number(document.get("page")), number(document.get("total_pages"))
    return f"lists page {page:g} of {pages:g} only" if page and pages and page < pages else ""


def _listed(data: dict[str, Any], kind: str) -> list[Rule]:
    return [
        {
            **rule,
            "group": group.get("name"),
            "group_interval": group.get("interval"),
            "group_evaluation": group.get("evaluationTime"),
        }
        for group in records(data.get("groups"), "groups")
        for rule in records(group.get("rules"), "rules")
        if rule.get("type") == kind
    ]
