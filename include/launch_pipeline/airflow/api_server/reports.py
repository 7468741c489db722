"""Reports of launches, for accounts that may read the runs of the Dag ``launch``.

Airflow's own dependency finds the account, so a browser's session counts (adr/0011). These routes change
nothing, and the headers of their pages forbid scripts and foreign frames.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.dagrun import DagRun, DagRunNote
from fastapi import Depends, FastAPI
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from launch_pipeline.airflow.api_server.database import ApiDatabase, ledger_dsn
from launch_pipeline.airflow.policies.sign_in import refuse_open_door
from launch_pipeline.approvals.deployed import contacts
from launch_pipeline.checklist.sequence import CONDUCTOR, title
from launch_pipeline.errors import LaunchError, LaunchRefused, LedgerUnavailable
from launch_pipeline.report import markdown, page
from launch_pipeline.report.document import read_document
from launch_pipeline.report.model import Note, Report
from launch_pipeline.report.source import make_report

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection as DatabaseConnection
    from starlette.requests import Request

    from launch_pipeline.airflow.api_server.asgi import App, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

_FRAMED = "frame-ancestors 'self'"
"""Only Airflow may show the page in a frame."""
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store, private",
}
_TRY_AGAIN = "The ledger cannot be read now. Try again shortly."


def make_app() -> App:
    """Build the routes, with the headers on every reply."""
    return _Careful(routes(ApiDatabase()))


def routes(database: ApiDatabase) -> FastAPI:
    """Build the one route, which checks the account first. Every error is replied as a sentence."""
    may_read = requires_access_dag("GET", DagAccessEntity.RUN, CONDUCTOR)
    app = FastAPI(
        openapi_url=None,
        dependencies=[Depends(_require_sign_in), Depends(may_read)],
        exception_handlers={LaunchError: _said, HTTPException: _turned_away, SQLAlchemyError: _away},
    )

    @app.get("/{name}")
    async def report(name: str) -> Response:
        launch_id, form = _form_of(name)
        notes = await database.read(_notes, launch_id)
        return await database.run(_report, launch_id, form, notes)

    return app


def _require_sign_in() -> None:
    refuse_open_door()


def _form_of(name: str) -> tuple[str, str]:
    """Return launch and form of a report's name: a page, unless the name ends in .md or .json."""
    for form in ("md", "json", "html"):
        if name.endswith(f".{form}"):
            return name.removesuffix(f".{form}"), form
    return name, "html"


def _report(launch_id: str, form: str, notes: tuple[Note, ...]) -> Response:
    made = make_report(ledger_dsn(), launch_id, contacts, notes=notes)
    if form == "html":
        response = Response(page.render(made), media_type="text/html")
        response.headers["content-security-policy"] = f"{page.policy()}; {_FRAMED}"
        return response
    name = quote(f"{launch_id}.{form}", safe="")
    attached = {"content-disposition": f"attachment; filename*=UTF-8''{name}"}
    return Response(_written(made, form), media_type=_TYPES[form], headers=attached)


_TYPES = {"md": "text/markdown", "json": "application/json"}


def _written(made: Report, form: str) -> str:
    return made.model_dump_json(indent=1) if form == "json" else markdown.render(made, read_document())


def _notes(connection: DatabaseConnection, launch_id: str) -> tuple[Note, ...]:
    query = (
        select(DagRun.dag_id, DagRunNote.content)
        .join(DagRunNote, DagRunNote.dag_run_id == DagRun.id)
        .where(DagRun.run_id == launch_id)
    )
    found = {dag_id: text for dag_id, text in connection.execute(query) if text}
    return tuple(Note(of=title(dag_id), text=found[dag_id]) for dag_id in sorted(found, key=title))


# ---- what goes wrong -------------------------------------------------------------------------------


async def _said(_request: Request, error: Exception) -> Response:
    if isinstance(error, LaunchRefused):
        return PlainTextResponse(str(error), HTTPStatus.NOT_FOUND)
    log.warning("A report could not be made: %s", error)
    # The ledger's message may contain its address.
    told = _TRY_AGAIN if isinstance(error, LedgerUnavailable) else str(error)
    return PlainTextResponse(told, HTTPStatus.SERVICE_UNAVAILABLE)


async def _turned_away(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    if status == HTTPStatus.UNAUTHORIZED and "text/html" in request.headers.get("accept", ""):
        # Relative to Airflow's mount point. Its login route refuses a 'next' that leads elsewhere.
        back = quote(str(request.url), safe="")
        root = str(request.scope.get("app_root_path", "")).rstrip("/")
        return RedirectResponse(f"{root}/api/v2/auth/login?next={back}", HTTPStatus.SEE_OTHER)
    detail = str(getattr(error, "detail", "")) or "There is no such page."
    return PlainTextResponse(detail, status)


async def _away(_request: Request, error: Exception) -> Response:
    log.warning("Airflow's database does not answer: %s", error)
    return PlainTextResponse(_TRY_AGAIN, HTTPStatus.SERVICE_UNAVAILABLE)


class _Careful:
    """ASGI middleware: adds the security headers to every reply."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", f"default-src 'none'; {_FRAMED}")
                headers.update(_HEADERS)
            await send(message)

        await self._app(scope, receive, with_headers)
