"""The panels of a dashboard, and whether their queries return data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from launch_pipeline.checks.clients.json_api import Api, mapping, records, said_by
from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.kinds.grafana_dashboard.variables import (
    UnknownVariableError,
    Values,
    replaced,
    saved_values,
)
from launch_pipeline.checks.language.values import duration, number
from launch_pipeline.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

QUERY = "/api/ds/query"
LIBRARY = "/api/library-elements"
SETTINGS = "/api/frontend/settings"
_STATIC = {"text", "dashlist", "alertlist", "annolist", "news", "welcome", "gettingstarted", "pluginlist"}
_POINTS = 200
_SHORTEST = timedelta(seconds=15)
_OF_ANOTHER_PANEL = "-- Dashboard --"
_BAD = 400
_BROKEN = 500
_TEST_DATA = {"testdata", "grafana-testdata-datasource"}
_GRAFANA = {"grafana", "-- Grafana --"}
"""The datasource of a new panel; without another ``queryType`` it draws a random walk."""
_ALLOWED = {207, 400, 404, 500, 502, 503, 504}
"""Statuses with which Grafana may still say which query failed and why."""

Panel = dict[str, Any]


def all_panels(dashboard: dict[str, Any]) -> list[Panel]:
    """Return every panel, also those nested in rows; a row itself does not count."""
    return list(_nested(dashboard.get("panels") or [])) + [
        panel for row in dashboard.get("rows") or [] for panel in _nested(row.get("panels") or [])
    ]


def _nested(panels: list[Panel]) -> Iterator[Panel]:
    for panel in panels:
        if panel.get("type") != "row":
            yield panel
        yield from _nested(panel.get("panels") or [])


@dataclass(frozen=True)
class Datasources:
    """The datasources of a Grafana, by name and uid."""

    uids: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    default: str = ""

    def find(self, given: Any, values: Values) -> dict[str, str]:
        """Return uid and type of a panel's datasource: an object, a name, a variable or nothing."""
        named = given if isinstance(given, str) else (given or {}).get("uid") or ""
        named = str(replaced(named, values))
        if named in {"", "default"}:
            named = self.default
        uid = self.uids.get(named, named)
        kind = (given.get("type") if isinstance(given, dict) else None) or self.types.get(uid, "")
        return {"uid": uid, "type": kind}


async def datasources(api: Api) -> Datasources:
    """Read the datasources from Grafana."""
    settings = mapping((await api.get(SETTINGS)).document, "settings")
    listed = {
        str(name): one for name, one in (settings.get("datasources") or {}).items() if isinstance(one, dict)
    }
    uids = {name: str(one.get("uid") or name) for name, one in listed.items()}
    return Datasources(
        uids=uids,
        types={uids[name]: str(one.get("type") or "") for name, one in listed.items()},
        default=str(settings.get("defaultDatasource") or ""),
    )


@dataclass(frozen=True)
class Emptiness:
    """Panels without data or with an error, and those whose queries cannot be run."""

    empty: list[str]
    unknown: list[str]
    queried: int
    """Panels that show data of their own; a dashboard of texts shows none."""

    def without(self, quiet: Collection[str]) -> Self:
        """Return the same without the panels of these titles that are empty; one with an error stays."""
        empty = [said for said in self.empty if said not in quiet]
        return replace(self, empty=empty, queried=self.queried - (len(self.empty) - len(empty)))


@dataclass(frozen=True)
class PanelQueries:
    """Runs the queries of one dashboard's panels."""

    api: Api
    dashboard: dict[str, Any]
    known: Datasources
    window: timedelta

    async def emptiness(self) -> Emptiness:
        """Query every panel that shows data; each is listed as ``title`` or ``title: what went wrong``."""
        values = saved_values(self.dashboard)
        shown = [panel for panel in all_panels(self.dashboard) if panel.get("type") not in _STATIC]
        said = await together(self._panel(panel, values) for panel in shown)
        own = [panel for panel in shown if not _of_another(panel)]
        return Emptiness([e for e, _ in said if e], [u for _, u in said if u], len(own))

    async def _panel(self, panel: Panel, values: Values) -> tuple[str, str]:
        """Return why the panel is empty, and why that is unknown; both empty if it has data."""
        panel = await self._whole(panel)
        title = str(panel.get("title") or f"panel {panel.get('id')}")
        try:
            queries = self._queries(panel, values)
        except UnknownVariableError as error:
            return "", f"{title}: variable '{error}' has no saved value"
        if queries is None:
            return self._source_missing(panel, title), ""
        visible = {str(query["refId"]) for query in queries if not query.get("hide")}
        if not visible:
            return f"{title}: has no query", ""
        if all(_made_up(query) for query in queries if query["refId"] in visible):
            return f"{title}: shows data made up by Grafana", ""
        reason = await self._asked(panel, queries, visible)
        return (f"{title}{reason}"[:200], "") if reason is not None else ("", "")

    async def _whole(self, panel: Panel) -> Panel:
        """Return the panel; the model of a library panel is stored outside the dashboard."""
        uid = (panel.get("libraryPanel") or {}).get("uid")
        if not uid or panel.get("targets"):
            return panel
        reply = await self.api.get(f"{LIBRARY}/{quote(str(uid), safe='')}")
        result = mapping(mapping(reply.document, "document").get("result"), "library panel")
        return {**mapping(result.get("model"), "model of the library panel"), "title": panel.get("title")}

    def _queries(self, panel: Panel, values: Values) -> list[dict[str, Any]] | None:
        """Build the queries; None for a panel that shows another panel's data."""
        own = panel.get("datasource")
        if _of_another(panel):
            return None
        return [
            self._query(target, own, values, index)
            for index, target in enumerate(panel.get("targets") or [])
            if isinstance(target, dict)
        ]

    def _source_missing(self, panel: Panel, title: str) -> str:
        """Return that the panel whose data this one shows is gone; an empty string if it is there."""
        known = {one.get("id") for one in all_panels(self.dashboard)}
        wanted = {target.get("panelId") for target in panel.get("targets") or [] if isinstance(target, dict)}
        gone = sorted(str(one) for one in wanted - known - {None})
        return f"{title}: shows panel {', '.join(gone)}, which is gone" if gone else ""

    def _query(self, target: dict[str, Any], own: Any, values: Values, index: int) -> dict[str, Any]:
        source = self.known.find(target.get("datasource") or own, values)
        step = max(self.window / _POINTS, _SHORTEST)
        return {
            **replaced({k: v for k, v in target.items() if k != "datasource"}, values, source["type"]),
            "refId": target.get("refId") or f"Q{index}",
            "datasource": source,
            "intervalMs": round(step / timedelta(milliseconds=1)),
            "maxDataPoints": _POINTS,
        }

    async def _asked(self, panel: Panel, queries: list[dict[str, Any]], visible: set[str]) -> str | None:
        """Return why the panel shows nothing; None if it shows data."""
        window = duration(panel.get("timeFrom")) or self.window
        now = self.api.ctx.clock()
        times = {"from": now - window, "to": now}
        question = {name: str(round(at.timestamp() * 1000)) for name, at in times.items()}
        reply = await self.api.post(QUERY, {"queries": queries, **question}, allowed=_ALLOWED)
        results = reply.document.get("results") if isinstance(reply.document, dict) else None
        if not isinstance(results, dict) and reply.status >= _BROKEN:
            message = f"{self.api.authority} answered {reply.status} to a panel's query"
            raise Unreachable(message, retryable=True)
        if not isinstance(results, dict):
            return f": Grafana answered {reply.status} {said_by(reply.document)}".rstrip()
        seen = [results[ref] for ref in sorted(visible) if isinstance(results.get(ref), dict)]
        errors = [error for one in seen if (error := _error(one))]
        if errors:  # also beside another query's data: the panel shows both
            return f": {errors[0]}"
        return None if any(has_data(one) for one in seen) else ""


def _of_another(panel: Panel) -> bool:
    own = panel.get("datasource")
    return (own.get("uid") if isinstance(own, dict) else own) == _OF_ANOTHER_PANEL


def _made_up(query: dict[str, Any]) -> bool:
    source, kind = query["datasource"], query.get("queryType") or "randomWalk"
    return source["type"] in _TEST_DATA or (source["uid"] in _GRAFANA and kind == "randomWalk")


def _error(result: dict[str, Any]) -> str:
    """Return a query's error, or the error among the notices of its frames; empty if there is none.

    A frame's ``meta.notices`` have a severity (grafana-plugin-sdk-go, ``data.Notice``).
    """
    frames = records(result.get("frames") or [], "frames")
    metas = [((frame.get("schema") or {}).get("meta") or {}) for frame in frames]
    notices = [notice for meta in metas for notice in meta.get("notices") or [] if isinstance(notice, dict)]
    severe = [str(one.get("text") or "error") for one in notices if one.get("severity") == "error"]
    status = number(result.get("status")) or 0
    said = result.get("error") or (f"status {status:g}" if status >= _BAD else "")
    return next(iter([str(said)] if said else severe), "")


def has_data(result: dict[str, Any]) -> bool:
    """Return whether a result holds at least one value that is neither null nor a time."""
    frames = [frame for frame in records(result.get("frames") or [], "frames") if frame]
    return any(_has_values(frame) for frame in frames)


def _has_values(frame: dict[str, Any]) -> bool:
    fields = (frame.get("schema") or {}).get("fields") or []
    columns = (frame.get("data") or {}).get("values") or []
    for index, column in enumerate(columns):
        unnamed = "time" if index == 0 and len(columns) > 1 else ""
        kind = fields[index].get("type") if index < len(fields) else unnamed
        if kind != "time" and any(value is not None for value in column or []):
            return True
    return False
