"""Observes ``grafana_dashboard``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from launch_pipeline.checks.clients.json_api import Api, mapping, records
from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.kinds.grafana_dashboard.panels import (
    Datasources,
    PanelQueries,
    all_panels,
    datasources,
)
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.grafana_dashboard.definition import GrafanaDashboardParams

# Grafana 13 deprecates these in favour of /apis/dashboard.grafana.app; they still work.
DASHBOARD = "/api/dashboards/uid"
TEAMS = "/api/teams/search"
_NOT_FOUND = 404
_VIEW = 1
_EVERYBODY = "viewer"
_PEOPLE = ("team", "role", "userLogin", "userEmail")

Facts = dict[str, Any]


async def observe(params: GrafanaDashboardParams, ctx: CheckContext) -> Observation:
    """Look up every dashboard; one subject per uid. A missing dashboard is an observation.

    Raises Unreachable if Grafana does not answer, Inconclusive if it denies access or a panel's query
    cannot be built.
    """
    api = await Api.connect(ctx, params.conn_id, timed=params.require_data)
    known = await datasources(api) if params.require_data else Datasources()
    facts = await together(_dashboard(params, api, uid, known) for uid in params.uids)
    subjects = tuple(Subject(name=uid, facts=found) for uid, found in zip(params.uids, facts, strict=True))
    summary = {one.name: one.facts for one in subjects}
    return Observation(subjects=subjects, authority=api.authority, summary=summary)


async def _dashboard(params: GrafanaDashboardParams, api: Api, uid: str, known: Datasources) -> Facts:
    path = f"{DASHBOARD}/{quote(uid, safe='')}"
    reply = await api.get(path, allowed={_NOT_FOUND})
    if reply.status == _NOT_FOUND:
        return {"exists": False}
    document = mapping(reply.document, "document")
    dashboard, meta = mapping(document.get("dashboard"), "dashboard"), document.get("meta") or {}
    if meta.get("isFolder"):
        return {"exists": False}
    facts: Facts = {
        "exists": True,
        "title": dashboard.get("title"),
        "folder": meta.get("folderTitle"),
        "updated": meta.get("updated"),
        "panels": len(all_panels(dashboard)),
    }
    if params.require_data:
        facts |= await _shown(params, PanelQueries(api, dashboard, known, params.window), uid)
    if params.viewers:
        facts["missing_viewers"] = await _missing_viewers(params, api, path)
    return facts


async def _shown(params: GrafanaDashboardParams, queries: PanelQueries, uid: str) -> Facts:
    found = (await queries.emptiness()).without(params.may_be_empty)
    if found.unknown and len(found.empty) <= params.max_empty_panels:
        message = f"dashboard '{uid}': {'; '.join(found.unknown)}"
        raise Inconclusive(message[:400])
    return {"empty_panels": found.empty, "queried_panels": found.queried}


async def _missing_viewers(params: GrafanaDashboardParams, api: Api, path: str) -> list[str]:
    """Name the viewers without the View permission, and teams without a member that alone would have it.

    Existing teams may also have it as every viewer.
    """
    entries = records((await api.get(f"{path}/permissions")).document, "permissions")
    allowed = {
        str(entry[kind]).lower()
        for entry in entries
        for kind in _PEOPLE
        if entry.get(kind) and (entry.get("permission") or 0) >= _VIEW
    }
    missing = [viewer for viewer in params.viewers if viewer.lower() not in allowed]
    if _EVERYBODY in allowed:
        return [viewer for viewer in missing if not await _teams(api, viewer)]
    teams = {str(entry["team"]).lower() for entry in entries if entry.get("team")}
    named = [viewer for viewer in params.viewers if viewer not in missing and viewer.lower() in teams]
    empty = [name for name in named if any(map(_is_empty, await _teams(api, name)))]
    return missing + [f"{name} (no members)" for name in empty]


async def _teams(api: Api, name: str) -> list[dict[str, Any]]:
    """Return the team of this name as the token may see it (grafana.com, "Team HTTP API")."""
    reply = await api.get(TEAMS, [("name", name)])
    return records(mapping(reply.document, "document").get("teams"), "teams")


def _is_empty(team: dict[str, Any]) -> bool:
    return team.get("memberCount") == 0
