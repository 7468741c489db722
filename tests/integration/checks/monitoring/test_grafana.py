"""``grafana_dashboard`` against a stand-in that answers with Grafana's documents."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from launch_pipeline.checks.kinds.grafana_dashboard.variables import replaced, saved_values
from launch_pipeline.checks.verdict import CheckResult, Verdict
from launch_rehearsal.vendors.grafana import TOKEN, Grafana, frame, panel, row, variable
from servers.checking import check, context, raw, run
from servers.web import http_connection, serving

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE


def asked(grafana: Grafana, token: str = TOKEN, **params: Any) -> CheckResult:
    async def ask() -> CheckResult:
        async with serving(grafana.app) as port:
            connection = http_connection(port, "grafana", password=token)
            return await check(context({"grafana": connection}), "grafana_dashboard", **params)

    return run(ask())


def one(*panels: dict[str, Any], variables: tuple[dict[str, Any], ...] = (), **fields: Any) -> dict[str, Any]:
    return {"d": {"panels": list(panels), "templating": {"list": list(variables)}, **fields}}


UP = {"up": [frame(1, 1)]}
FULL = panel("Full", "up")
EMPTY = panel("Empty", "nothing")
VARIABLES = (variable("job", "api"), variable("node", ["a", "b.c"], multi=True))
ALL = variable(
    "app", "$__all", includeAll=True, options=[{"value": "$__all"}, {"value": "x"}, {"value": "y"}]
)
LIBRARY = {"type": "timeseries", "title": "From the library", "libraryPanel": {"uid": "lib", "name": "l"}}
OTHER = {"type": "stat", "title": "Same again", "datasource": {"uid": "-- Dashboard --"},
         "targets": [{"refId": "A", "panelId": 1}]}  # fmt: skip
EXPRESSION = panel("Ratio", "up", targets=[
    {"refId": "A", "expr": "up", "hide": True, "datasource": {"uid": "prom-uid", "type": "prometheus"}},
    {"refId": "B", "expr": "ratio", "type": "math", "datasource": {"uid": "__expr__", "type": "__expr__"}}])  # fmt: skip

BOTH = panel("Both", "up", targets=[
    {"refId": "A", "expr": "up", "datasource": {"uid": "prom-uid", "type": "prometheus"}},
    {"refId": "B", "expr": "other", "datasource": {"uid": "prom-uid", "type": "prometheus"}}])  # fmt: skip


def noticed(severity: str, *values: float) -> dict[str, Any]:
    """Build a frame with a notice, as grafana-plugin-sdk-go writes ``data.FrameMeta``."""
    made = frame(*values)
    made["schema"]["meta"] = {"notices": [{"severity": severity, "text": "half of it failed"}]}
    return made


DASHBOARDS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], Verdict, str]] = {
    "enough panels": (one(FULL, FULL), {}, {"min_panels": 2}, P, "panels = 2"),
    "too few": (one(FULL), {}, {"min_panels": 4}, F, "panels = 1, want >= 4"),
    "not there": ({}, {}, {}, F, "exists = false"),
    "not there, even without a wish for panels": ({}, {}, {"min_panels": 0}, F, "exists = false"),
    "a row is no panel, what it hides is": (one(row(FULL, FULL), FULL), {}, {"min_panels": 3}, P, "panels = 3"),
    "an open row has none inside": (one(row(collapsed=False), FULL), {}, {"min_panels": 2}, F, "panels = 1"),
    "rows within rows": (one(row(row(FULL))), {}, {"min_panels": 1}, P, "panels = 1"),
    "rows of the old schema": ({"d": {"rows": [{"panels": [FULL, FULL]}]}}, {}, {"min_panels": 2}, P, "panels = 2"),
    "every panel has data": (one(FULL, row(FULL)), UP, {"require_data": True}, P, "empty_panels = []"),
    "an empty panel is named": (one(FULL, EMPTY), UP, {"require_data": True}, F, 'empty_panels = ["Empty"]'),
    "an empty panel inside a row": (one(FULL, row(EMPTY)), UP, {"require_data": True}, F, 'empty_panels = ["Empty"]'),
    "some may be empty": (one(FULL, EMPTY), UP, {"require_data": True, "max_empty_panels": 1}, P, "length(empty_panels) = 1"),
    "one that is empty while all is well": (one(FULL, EMPTY), UP, {"require_data": True, "may_be_empty": ["Empty"]}, P, "empty_panels = []"),
    "another is empty as well": (one(FULL, EMPTY, panel("Too", "no")), UP, {"require_data": True, "may_be_empty": ["Empty"]}, F, 'empty_panels = ["Too"]'),
    "an error in one that may be empty": (one(FULL, EMPTY), {**UP, "nothing": "parse error"}, {"require_data": True, "may_be_empty": ["Empty"]}, F, "Empty: parse error"),
    "nothing but what may be empty": (one(EMPTY), {}, {"require_data": True, "may_be_empty": ["Empty"]}, F, "queried_panels = 0"),
    "nothing but null is no data": (one(FULL), {"up": [frame(None, None)]}, {"require_data": True}, F, "Full"),
    "a frame without rows is no data": (one(FULL), {"up": [frame()]}, {"require_data": True}, F, "Full"),
    "a query that fails": (one(FULL), {"up": "parse error: unexpected"}, {"require_data": True}, F, "Full: parse error"),
    "a panel of text needs no data": (one(FULL, {"type": "text", "title": "Read me"}), UP, {"require_data": True}, P, "[]"),
    "texts alone show no data": (one({"type": "text", "title": "Read me"}), {}, {"require_data": True}, F, "queried_panels = 0"),
    "a link to other panels alone shows no data": (one({"type": "dashlist", "title": "All"}), {}, {"require_data": True}, F, "queried_panels = 0"),
    "one query of two fails": (one(BOTH), {**UP, "other": "context deadline exceeded"}, {"require_data": True}, F, "Both: context deadline"),
    "one query of two has no data": (one(BOTH), UP, {"require_data": True}, P, "[]"),
    "a frame that says that something failed": (one(FULL), {"up": [noticed("error", 1)]}, {"require_data": True}, F, "Full: half of it"),
    "a frame that only warns": (one(FULL), {"up": [noticed("warning", 1)]}, {"require_data": True}, P, "[]"),
    "made up by the datasource for tests": (
        one(panel("T", "up", targets=[{"refId": "A", "datasource": {"uid": "t", "type": "grafana-testdata-datasource"}}])), UP, {"require_data": True}, F, "made up"),
    "the random walk of a new panel": (
        one(panel("N", "up", targets=[{"refId": "A", "datasource": {"uid": "grafana", "type": "datasource"}}])), UP, {"require_data": True}, F, "made up"),
    "a random walk beside a query": (
        one(panel("N", "up", targets=[{"refId": "A", "datasource": {"uid": "grafana", "type": "datasource"}}, *FULL["targets"]])), UP, {"require_data": True}, P, "[]"),
    "the data of a panel that is gone": (
        one(FULL, {**OTHER, "targets": [{"refId": "A", "panelId": 99}]}), UP, {"require_data": True}, F, "shows panel 99"),
    "a panel without queries is empty": (one(panel("New", "", targets=[])), {}, {"require_data": True}, F, "New: has no query"),
    "a hidden query shows nothing": (
        one(panel("Hid", "", targets=[{"refId": "A", "expr": "up", "hide": True}])), UP, {"require_data": True}, F, "Hid"),
    "an expression over a hidden query": (one(EXPRESSION), {"ratio": [frame(1)]}, {"require_data": True}, P, "[]"),
    "another panel's data": (one({**FULL, "id": 1}, OTHER), UP, {"require_data": True}, P, "empty_panels = []"),
    "variables have their saved values": (
        one(panel("V", 'up{job="$job",node=~"${node}"}'), variables=VARIABLES),
        {r'up{job="api",node=~"(a|b\.c)"}': [frame(1)]}, {"require_data": True}, P, "[]"),
    "All is every option": (
        one(panel("V", 'up{app=~"[[app]]"}'), variables=(ALL,)), {'up{app=~"(x|y)"}': [frame(1)]}, {"require_data": True}, P, "[]"),
    "Grafana's own variables stay": (
        one(panel("V", "rate(up[$__rate_interval])")), {"rate(up[$__rate_interval])": [frame(1)]}, {"require_data": True}, P, "[]"),
    "a variable without a value": (
        one(panel("V", "up{job=$job}"), variables=(variable("job", None),)), UP, {"require_data": True}, Q, "V: variable 'job' has no saved value"),
    "a datasource by variable": (
        one(panel("V", "up", datasource="$ds", targets=[{"refId": "A", "expr": "up"}]), variables=(variable("ds", "Second"),)),
        UP, {"require_data": True}, P, "[]"),
    "a datasource by name": (one(panel("N", "up", datasource="Prometheus", targets=[{"expr": "up"}])), UP, {"require_data": True}, P, "[]"),
    "the default datasource": (one(panel("D", "up", datasource=None, targets=[{"expr": "up"}])), UP, {"require_data": True}, P, "[]"),
    "a datasource that is gone": (
        one(panel("G", "up", datasource={"uid": "gone"}, targets=[{"expr": "up"}])), UP, {"require_data": True}, F, "G: data source not found"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("dashboards", "data", "params", "verdict", "headline"), DASHBOARDS.values(), ids=DASHBOARDS.keys()
)
def test_dashboard(
    dashboards: dict[str, Any], data: dict[str, Any], params: dict[str, Any], verdict: Verdict, headline: str
) -> None:
    """A dashboard is what a person would see: its panels, wherever they are, and what their queries give."""
    result = asked(Grafana(dashboards, data), uids=["d"], **params)
    found = headline in raw(result) or headline == "[]"
    assert (result.verdict, found) == (verdict, True), result.headline


def test_library_panel_is_asked_by_its_own_queries() -> None:
    """A panel of the library has its queries elsewhere, and counts as empty without data."""
    grafana = Grafana(one(LIBRARY))
    grafana.library["lib"] = panel("Model", "up")
    assert asked(grafana, uids=["d"], require_data=True).verdict is F
    filled = Grafana(one(LIBRARY), UP)
    filled.library["lib"] = panel("Model", "up")
    assert asked(filled, uids=["d"], require_data=True).verdict is P


def test_folder_is_no_dashboard() -> None:
    """Grafana answers for a folder's uid too, and says that it is one."""

    class Folders(Grafana):
        async def _dashboard(self, _request: web.Request) -> web.Response:
            answer = {"meta": {"isFolder": True}, "dashboard": {"uid": "d", "title": "Launch"}}
            return web.json_response(answer)

    result = asked(Folders(one(FULL)), uids=["d"], min_panels=0)
    assert (result.verdict, "exists = false" in raw(result)) == (F, True), result.headline


def test_window_is_what_is_asked_for() -> None:
    """The queries cover the item's window, or the panel's own."""
    grafana = Grafana(one(FULL, panel("Day", "up", timeFrom="24h")), UP)
    asked(grafana, uids=["d"], require_data=True, window="15m")
    spans = {int(q["to"]) - int(q["from"]) for q in grafana.asked}
    assert spans == {15 * 60 * 1000, 24 * 3600 * 1000}


@pytest.mark.parametrize(
    ("status", "verdict"), [(400, F), (404, F), (403, Q), (401, Q), (429, Q), (500, Q), (503, Q)]
)
def test_query_without_results(status: int, verdict: Verdict) -> None:
    """A query that Grafana refuses is a panel without data; one that it does not answer is not."""
    grafana = Grafana(one(FULL), UP)
    grafana.query_status = status
    assert asked(grafana, uids=["d"], require_data=True).verdict is verdict


def test_every_dashboard_counts() -> None:
    """One that is not there is named among those that are."""
    result = asked(Grafana({"a": {"panels": [FULL]}, "b": {"panels": [FULL]}}), uids=["a", "b", "c"])
    assert (result.verdict, "c: exists = false" in raw(result)) == (F, True), result.headline


TEAM = {"team": "azora-team", "teamId": 1, "permission": 1, "permissionName": "View"}
VIEWERS = {"role": "Viewer", "permission": 1, "permissionName": "View"}
PERMISSIONS: dict[str, tuple[list[dict[str, Any]], list[str], Verdict]] = {
    "the team by name": ([TEAM], [], P),
    "another team": ([{**TEAM, "team": "others"}], ["azora-team"], F),
    "without the right": ([{**TEAM, "permission": 0}], ["azora-team"], F),
    "every viewer, so the team too": ([VIEWERS], ["azora-team"], P),
    "every viewer, but no such team": ([VIEWERS], ["others"], F),
    "editors only": ([{**VIEWERS, "role": "Editor", "permission": 2}], ["azora-team"], F),
    "nobody": ([], ["azora-team"], F),
}


@pytest.mark.parametrize(("entries", "teams", "verdict"), PERMISSIONS.values(), ids=PERMISSIONS.keys())
def test_viewers(entries: list[dict[str, Any]], teams: list[str], verdict: Verdict) -> None:
    """A team sees the dashboard by its own right or by every viewer's, if there is such a team."""
    grafana = Grafana(one(FULL))
    grafana.permissions, grafana.teams = entries, teams
    assert asked(grafana, uids=["d"], viewers=["azora-team"]).verdict is verdict


@pytest.mark.parametrize(
    ("entries", "members", "verdict"), [([TEAM], 4, P), ([TEAM], 0, F), ([TEAM, VIEWERS], 0, P)]
)
def test_team_without_members_sees_nothing(
    entries: list[dict[str, Any]], members: int, verdict: Verdict
) -> None:
    """The right of a team that nobody is in lets nobody see the dashboard; every viewer sees it all the same."""
    grafana = Grafana(one(FULL))
    grafana.permissions, grafana.teams, grafana.members = entries, ["azora-team"], members
    assert asked(grafana, uids=["d"], viewers=["azora-team"]).verdict is verdict


def test_wrong_token_is_inconclusive_and_unsaid() -> None:
    """Refused credentials say nothing about the dashboard, and the token stays ours."""
    result = asked(Grafana(one(FULL)), token="glsa_wrong-token-here", uids=["d"])
    assert (result.verdict, "credentials" in raw(result)) == (Q, True), result.headline
    assert "glsa_wrong" not in result.model_dump_json()


FORMS = {
    "${v}": "(a|b)", "$v": "(a|b)", "[[v]]": "(a|b)", "${v:csv}": "a,b", "${v:pipe}": "a|b", "${v:raw}": "a,b",
    "${v:singlequote}": "'a','b'", "$1": "$1", "${__from}": "${__from}", "a$": "a$",
}  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), FORMS.items())
def test_forms_of_a_variable(text: str, wanted: str) -> None:
    """Every way to write a variable and its format; a pattern's group and Grafana's own are left."""
    values = saved_values({"templating": {"list": [variable("v", ["a", "b"])]}})
    assert replaced(text, values) == wanted


def test_sql_lists_are_quoted() -> None:
    """In SQL several values are a list of texts."""
    assert replaced("x IN ($v)", {"v": ["a", "b"]}, "grafana-postgresql-datasource") == "x IN ('a','b')"
