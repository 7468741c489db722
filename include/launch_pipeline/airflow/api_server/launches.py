"""Postpone and abort a launch, as the person who is signed in to Airflow.

A door stands before every path: it opens to a Bearer token of an account that may start runs of the Dag
``launch``, and to nothing that a browser sends along by itself. The ledger's row names that account, and says
that it came through Airflow; nobody names another.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, TypeVar

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from launch_pipeline.airflow.api_server.bearer import signed_in
from launch_pipeline.airflow.api_server.ledger import ledger_dsn
from launch_pipeline.airflow.policies.sign_in import refuse_open_door
from launch_pipeline.checklist.sequence import CONDUCTOR
from launch_pipeline.errors import ConfigurationError, LaunchError, LaunchRefused
from launch_pipeline.ledger.launch import Via
from launch_pipeline.ledger.launches import Launches

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from launch_pipeline.airflow.api_server.asgi import App, Receive, Scope, Send
    from launch_pipeline.ledger.launch import Launch

log = logging.getLogger(__name__)

PERSON = "launch.person"
"""Key of the scope: the Airflow account that was let in. No client can set such a key."""
MAX_BODY = 16 * 1024
_TRY_AGAIN = "Airflow's database or the ledger does not answer; try again shortly."


class Abortion(BaseModel):
    """Why a launch ends for good."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=4000)]


class Postponement(Abortion):
    """To when a launch moves, and why."""

    to: AwareDatetime


Asked = TypeVar("Asked", bound=Abortion)


def make_app() -> App:
    """The routes behind their door."""
    return Door(routes())


def routes() -> Starlette:
    """The two routes, without their door."""
    found = [
        Route("/{launch_id}/postpone", _postpone, methods=["POST"]),
        Route("/{launch_id}/abort", _abort, methods=["POST"]),
    ]
    return Starlette(
        routes=found,
        exception_handlers={LaunchError: _refused, HTTPException: _no_route, SQLAlchemyError: _away},
    )


class Door:
    """ASGI middleware: lets people in who may start a launch, before a byte of what they send is read."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        let_in = await self._let_in(scope)
        if isinstance(let_in, Response):
            await let_in(scope, receive, send)
            return
        await self._app({**scope, PERSON: let_in}, receive, send)

    async def _let_in(self, scope: Scope) -> str | Response:
        try:
            refuse_open_door()
            user = await signed_in(scope, get_auth_manager())
            may = user is not None and await asyncio.to_thread(_may_start, user)
        except ConfigurationError as error:
            return _said(HTTPStatus.SERVICE_UNAVAILABLE, "configuration", str(error))
        except SQLAlchemyError:
            return _said(HTTPStatus.SERVICE_UNAVAILABLE, "airflow", _TRY_AGAIN)
        if user is None:
            sentence = "Sign in with a token of your Airflow account in the header Authorization: Bearer."
            return _said(HTTPStatus.UNAUTHORIZED, "not_signed_in", sentence)
        if not may:
            log.warning(
                "Airflow user %r, who may start no launch, called %r.", user.get_name(), scope["path"]
            )
            sentence = f"The account {user.get_name()!r} may not start launches, so it moves and ends none."
            return _said(HTTPStatus.FORBIDDEN, "no_launcher", sentence)
        return user.get_name()


def _may_start(user: BaseUser) -> bool:
    entity, launch = DagAccessEntity.RUN, DagDetails(id=CONDUCTOR)
    manager = get_auth_manager()
    return bool(manager.is_authorized_dag(method="POST", access_entity=entity, details=launch, user=user))


async def _postpone(request: Request) -> Response:
    asked, by = await _sent(request, Postponement), request.scope[PERSON]
    launch_id = request.path_params["launch_id"]
    return await _done(lambda kept: kept.postpone(launch_id, asked.to, by, asked.reason, via=Via.AIRFLOW))


async def _abort(request: Request) -> Response:
    asked, by = await _sent(request, Abortion), request.scope[PERSON]
    launch_id = request.path_params["launch_id"]
    return await _done(lambda kept: kept.abort(launch_id, by, asked.reason, via=Via.AIRFLOW))


async def _done(change: Callable[[Launches], Launch]) -> Response:
    launch = await asyncio.to_thread(lambda: change(Launches(ledger_dsn())))
    return JSONResponse(
        {"launch_id": launch.launch_id, "launch_at": launch.launch_at.isoformat(), "state": launch.state}
    )


async def _sent(request: Request, model: type[Asked]) -> Asked:
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"Send at most {MAX_BODY} bytes.")
        return model.model_validate_json(body)
    except ClientDisconnect as gone:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The request ended early.") from gone
    except ValidationError as error:
        # What was sent is not repeated: it may be anything.
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"The request cannot be read: {wrong}"
        ) from error


# ---- replies ---------------------------------------------------------------------------------------


def _said(status: int, code: str, detail: str) -> Response:
    return JSONResponse({"code": code, "detail": detail}, int(status))


async def _refused(_request: Request, error: Exception) -> Response:
    if isinstance(error, LaunchRefused):
        return _said(HTTPStatus.CONFLICT, "refused", str(error))
    # The ledger's own words may name its address.
    log.warning("A launch could not be changed: %s", error)
    return _said(HTTPStatus.SERVICE_UNAVAILABLE, "ledger", _TRY_AGAIN)


async def _no_route(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    known = status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
    detail = "The launch plugin has no such route." if known else str(getattr(error, "detail", ""))
    return _said(status, "no_route" if known else "unreadable", detail)


async def _away(_request: Request, error: Exception) -> Response:
    log.warning("Airflow's database does not answer: %s", error)
    return _said(HTTPStatus.SERVICE_UNAVAILABLE, "airflow", _TRY_AGAIN)
