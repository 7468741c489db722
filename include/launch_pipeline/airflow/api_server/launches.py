"""Postpone and abort a launch, as the person who is signed in to Airflow.

Only an account that may start runs of the Dag ``launch`` is admitted. The ledger's row names that account and
says that the change came through Airflow; the request cannot name another one.
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

from launch_pipeline.airflow.api_server.database import ledger_dsn
from launch_pipeline.airflow.api_server.door import Door
from launch_pipeline.checklist.sequence import CONDUCTOR
from launch_pipeline.errors import LaunchError, LaunchRefused
from launch_pipeline.ledger.launch import Via
from launch_pipeline.ledger.launches import Launches

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from launch_pipeline.airflow.api_server.asgi import App, Scope
    from launch_pipeline.ledger.launch import Launch

log = logging.getLogger(__name__)

PERSON = "launch.person"
"""Scope key: name of the admitted Airflow account. Clients cannot set scope keys."""
MAX_BODY = 16 * 1024
_TRY_AGAIN = "Airflow's database or the ledger does not answer. Try again shortly."


class Abortion(BaseModel):
    """The body of an abort: why the launch ends for good."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=4000)]


class Postponement(Abortion):
    """The body of a postponement: the new launch time, and why."""

    to: AwareDatetime


Asked = TypeVar("Asked", bound=Abortion)


def make_app() -> App:
    """Build the routes behind their door."""
    return LauncherDoor(routes())


def routes() -> Starlette:
    """Build the two routes, without their door."""
    found = [
        Route("/{launch_id}/postpone", _postpone, methods=["POST"]),
        Route("/{launch_id}/abort", _abort, methods=["POST"]),
    ]
    return Starlette(
        routes=found,
        exception_handlers={LaunchError: _refused, HTTPException: _no_route, SQLAlchemyError: _away},
    )


class LauncherDoor(Door):
    """Admits the accounts that may start a launch."""

    sign_in = "Sign in with a token of your Airflow account in the header Authorization: Bearer."
    try_again = _TRY_AGAIN

    async def admit(self, scope: Scope, user: BaseUser) -> Scope | Response:
        """Name the account in the scope, or refuse it."""
        name = user.get_name()
        if await asyncio.to_thread(_may_start, user):
            return {**scope, PERSON: name}
        log.warning("Airflow user %r, who may not start launches, called %r.", name, scope["path"])
        sentence = f"The account {name!r} may not start launches, so it may not postpone or abort one."
        return self.refusal(HTTPStatus.FORBIDDEN, "no_launcher", sentence)

    def refusal(self, status: HTTPStatus, code: str, detail: str) -> Response:
        """Write code and sentence as JSON."""
        return _reply(status, code, detail)


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
        raise HTTPException(
            HTTPStatus.BAD_REQUEST, "The connection closed before the request was complete."
        ) from gone
    except ValidationError as error:
        # Do not echo the input: it may be anything.
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"The request cannot be read: {wrong}"
        ) from error


# ---- replies ---------------------------------------------------------------------------------------


def _reply(status: int, code: str, detail: str) -> Response:
    return JSONResponse({"code": code, "detail": detail}, int(status))


async def _refused(_request: Request, error: Exception) -> Response:
    if isinstance(error, LaunchRefused):
        return _reply(HTTPStatus.CONFLICT, "refused", str(error))
    # The ledger's message may contain its address.
    log.warning("A launch could not be changed: %s", error)
    return _reply(HTTPStatus.SERVICE_UNAVAILABLE, "ledger", _TRY_AGAIN)


async def _no_route(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    known = status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
    detail = "The launch plugin has no such route." if known else str(getattr(error, "detail", ""))
    return _reply(status, "no_route" if known else "unreadable", detail)


async def _away(_request: Request, error: Exception) -> Response:
    log.warning("Airflow's database does not answer: %s", error)
    return _reply(HTTPStatus.SERVICE_UNAVAILABLE, "airflow", _TRY_AGAIN)
