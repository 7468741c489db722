"""Reports in Airflow: whoever may read the launch's runs may read its report, and nobody can do more."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api import security
from airflow.models.dag import DagModel
from starlette.testclient import TestClient

from launch_pipeline.airflow.api_server.reports import _said, routes
from launch_pipeline.checklist.sequence import CONDUCTOR
from launch_pipeline.errors import LedgerUnavailable
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import Entry, Outcome
from launch_pipeline.report.marks import stripped
from launch_pipeline.report.schema import schema_path
from servers.plugin_server import ADMIN, BRIDGE
from servers.reported import LAUNCH, document_places, record_of, shipped_document

if TYPE_CHECKING:
    import httpx

    from servers.plugin_server import PluginServer

pytestmark = pytest.mark.integration
PAGE = f"/launch/report/{LAUNCH}"
FORMS = [PAGE, f"{PAGE}.html", f"{PAGE}.md", f"{PAGE}.json"]
FIRST = document_places()[0]


@pytest.fixture(autouse=True, scope="module")
def kept(airflow_dsn: str) -> None:
    """Keep one decision of a launch."""
    record = record_of(FIRST, Outcome.WAIVED, reason="<b>next week</b>")
    Ledger(airflow_dsn).append(Entry.of_record(record))


def get(server: PluginServer, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    with server.client() as client:
        return client.get(path, headers=headers or {})


def session(server: PluginServer, user: str) -> dict[str, str]:
    """Return the headers that a signed-in browser sends."""
    return {"Cookie": f"_token={server.token(user)}", "Accept": "text/html"}


@pytest.mark.parametrize("path", [*FORMS, "/launch/report/nothing", "/launch/report/"])
def test_nobody_in_particular_reads_nothing(server: PluginServer, path: str) -> None:
    """Without signing in every path says 401, or 404 where there is none; no word of any launch."""
    for headers in ({}, {"Cookie": "_token="}, {"Authorization": "Basic YTpi"}):
        reply = get(server, path, headers)
        assert reply.status_code == (404 if path.endswith("/") else 401)
        assert LAUNCH not in reply.text
    assert get(server, path, {"Authorization": "Bearer a.b.c"}).status_code in {403, 404}


def test_browser_is_sent_to_sign_in_and_back(server: PluginServer) -> None:
    """Whoever follows the link in Slack signs in and then sees the report."""
    reply = get(server, PAGE, {"Accept": "text/html,*/*"})
    where = urlsplit(reply.headers["location"])
    assert (reply.status_code, where.path, where.netloc) == (303, "/api/v2/auth/login", "")
    assert parse_qs(where.query) == {"next": [f"{server.url}{PAGE}"]}
    assert get(server, reply.headers["location"]).status_code == 307


@pytest.mark.parametrize("user", [ADMIN, BRIDGE, "selma.officer", "ada.technical"])
def test_whoever_may_read_the_launch_reads_its_report(server: PluginServer, user: str) -> None:
    """A browser's session is enough, and so is a token."""
    for headers in (session(server, user), server.bearer(user)):
        reply = get(server, PAGE, headers)
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        assert "&lt;b&gt;next week&lt;/b&gt;" in reply.text
        assert "555 01" not in reply.text


def test_every_form_is_the_same_report(server: PluginServer) -> None:
    """Markdown strips to the document, data keep to the schema."""
    markdown, data = (get(server, f"{PAGE}.{form}", server.bearer()) for form in ("md", "json"))
    assert stripped(markdown.text).encode() == shipped_document()
    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    assert f"filename*=UTF-8''{LAUNCH}.md" in markdown.headers["content-disposition"]
    jsonschema.Draft202012Validator(json.loads(schema_path().read_text())).validate(data.json())
    assert data.json()["counts"] == {"waived": 1, "not reached yet": 271}


def test_notes_of_the_runs_are_in_it(server: PluginServer, rows: Any) -> None:
    """What people wrote at the launch's runs in Airflow are the document's Notes."""
    rows.waiting(CONDUCTOR, LAUNCH, "admit")
    (run,) = rows.execute("SELECT id FROM dag_run WHERE dag_id = %s AND run_id = %s", CONDUCTOR, LAUNCH)
    rows.execute(
        "INSERT INTO dag_run_note (dag_run_id, content, created_at, updated_at)"
        " VALUES (%s, 'We were <late>', now(), now())", run[0],
    )  # fmt: skip
    notes = get(server, f"{PAGE}.json", server.bearer()).json()["notes"]
    assert notes == [{"of": "00 Launch", "text": "We were <late>"}]
    assert "We were &lt;late&gt;" in get(server, PAGE, server.bearer()).text


@pytest.mark.parametrize("path", [*FORMS, "/launch/report/nothing"])
@pytest.mark.parametrize("signed_in", [True, False])
def test_answers_are_pages_to_look_at(server: PluginServer, path: str, signed_in: bool) -> None:
    """Nothing is sniffed, kept by anybody between, framed elsewhere, or allowed to run."""
    headers = get(server, path, server.bearer() if signed_in else {}).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store, private"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith("frame-ancestors 'self'")
    assert "unsafe" not in policy


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_there_is_nothing_but_reading(server: PluginServer, method: str) -> None:
    """With whatever right: the session's cookie counts here, so nothing may be done with it."""
    with server.client() as client:
        assert client.request(method, PAGE, headers=session(server, ADMIN)).status_code == 405


def test_unknown_launch_names_those_there_are(server: PluginServer) -> None:
    """For whoever is signed in."""
    reply = get(server, "/launch/report/nothing", server.bearer())
    assert reply.status_code == 404
    assert reply.headers["content-type"].startswith("text/plain")
    assert repr(LAUNCH) in reply.text


def test_every_run_has_a_tab_with_its_report(server: PluginServer) -> None:
    """Airflow shows the page of a run with what its plugins add."""
    found = get(server, "/api/v2/plugins", server.bearer(ADMIN)).json()["plugins"]
    (view,) = [view for plugin in found for view in plugin["external_views"]]
    assert (view["destination"], view["url_route"]) == ("dag_run", "report")
    assert f"/{view['href'].format(RUN_ID=LAUNCH)}" == PAGE


class OtherPeoplesDags:
    """An auth manager, as far as it is asked: nobody may read anything."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def is_authorized_dag(self, *, method: str, access_entity: Any, details: Any, user: Any) -> bool:
        self.asked.append((method, access_entity, details.id, user))
        return False


def test_whoever_may_not_read_the_launchs_runs_reads_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's auth manager is asked for the runs of the Dag 'launch', whatever launch is wanted."""
    manager = OtherPeoplesDags()
    monkeypatch.setattr(security, "get_auth_manager", lambda: manager)
    monkeypatch.setattr(DagModel, "get_team_name", lambda _dag_id: None)
    app = routes(SimpleNamespace())  # type: ignore[arg-type]
    app.dependency_overrides[security.get_user] = lambda: "somebody"
    reply = TestClient(app).get(f"/{LAUNCH}?dag_id=other")
    assert (reply.status_code, reply.text) == (403, "Forbidden")
    assert manager.asked == [("GET", DagAccessEntity.RUN, CONDUCTOR, "somebody")]


def test_ledger_that_is_away_is_not_named_to_readers() -> None:
    """Its address is nobody's business who reads a report; the api-server's log has it."""
    trouble = LedgerUnavailable("The ledger cannot be reached: host ledger.internal.")
    reply = asyncio.run(_said(SimpleNamespace(), trouble))  # type: ignore[arg-type]
    assert reply.status_code == 503
    assert bytes(reply.body) == b"The ledger cannot be read now. Try again shortly."
