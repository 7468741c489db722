"""Move, amend, hold and end a launch, as the person who is signed in to Airflow.

The ledger's row names the account that signed in and says that the change came through Airflow; the request
cannot name another one. Who may do what: accounts that may start runs of the Dag ``launch`` postpone, abort,
hold and resume; people whose role the policy names amend and retarget, or hold and resume.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from launch_pipeline.airflow.api_server.amending import Amending, begun_dags, read_amendable
from launch_pipeline.airflow.api_server.database import ApiDatabase, ledger_dsn
from launch_pipeline.airflow.api_server.door import Door
from launch_pipeline.airflow.api_server.launch_rights import (
    Caller,
    may_amend,
    may_hold,
    may_see,
    may_start,
    rights_of,
)
from launch_pipeline.checks.redaction import redact
from launch_pipeline.errors import (
    ChangeForbidden,
    ConfigurationError,
    InvalidChecklist,
    LaunchError,
    LaunchRefused,
)
from launch_pipeline.launch.stale_after import stale_by
from launch_pipeline.ledger.changes import By, Changes
from launch_pipeline.ledger.launch import Via
from launch_pipeline.ledger.launches import Launches

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from launch_pipeline.airflow.api_server.amending import Amendable
    from launch_pipeline.airflow.api_server.asgi import App, Scope
    from launch_pipeline.ledger.launch import Launch

    Endpoint = Callable[[Request], Awaitable[Response]]

log = logging.getLogger(__name__)

PERSON = "launch.person"
"""Scope key: the admitted Airflow account. Clients cannot set scope keys."""
MAX_BODY = 16 * 1024
_TRY_AGAIN = "Airflow's database or the ledger does not answer. Try again shortly."


class Abortion(BaseModel):
    """The body of an abort: why the launch ends for good."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=4000)]


class Holding(Abortion):
    """The body of a hold and of its end: why."""


class Postponement(Abortion):
    """The body of a postponement: the new launch time, and why."""

    to: AwareDatetime


class Retargeting(Abortion):
    """The body of a move to another commit: the commit, its release if that changes too, and why."""

    release_sha: Annotated[str, Field(max_length=100)]
    release: Annotated[str, Field(max_length=100)] | None = None


class Amends(Abortion):
    """The body of an amendment: why, and the digest of what the person saw."""

    digest: Annotated[str, Field(max_length=100)] | None = None


class Confirmation(BaseModel):
    """The body of a confirmation: exactly which amendment."""

    model_config = ConfigDict(extra="forbid")

    digest: Annotated[str, Field(max_length=100)]


Asked = TypeVar("Asked", bound=BaseModel)


def make_app() -> App:
    """Build the routes behind their door."""
    return LaunchDoor(routes(ApiDatabase()))


def routes(database: ApiDatabase) -> Starlette:
    """Build the routes, each with the right that it needs, without their door."""
    amending = _Amending(database)
    posts: dict[str, tuple[Callable[[Caller], None], Endpoint]] = {
        "postpone": (may_start("postpone"), _postpone),
        "abort": (may_start("abort"), _abort),
        "hold": (may_hold("hold"), _hold),
        "resume": (may_hold("resume"), _resume),
        "retarget": (may_amend("retarget"), _retarget),
        "amend": (may_amend("amend"), amending.amend),
        "confirm": (may_amend("amend"), amending.confirm),
    }
    found = [
        Route(f"/{{launch_id}}/{what}", _needing(right, do), methods=["POST"])
        for what, (right, do) in posts.items()
    ]
    see = Route("/{launch_id}/amendment", _needing(may_see, amending.show), methods=["GET"])
    return Starlette(
        routes=[*found, see],
        exception_handlers={LaunchError: _refused, HTTPException: _no_route, SQLAlchemyError: _away},
    )


class LaunchDoor(Door):
    """Admits the accounts that may see or change launches; each route says what it needs besides."""

    sign_in = "Sign in with a token of your Airflow account in the header Authorization: Bearer."
    try_again = _TRY_AGAIN

    async def admit(self, scope: Scope, user: BaseUser) -> Scope | Response:
        """Put the account and its rights into the scope, or refuse it."""
        caller = await asyncio.to_thread(rights_of, user)
        if caller.sees or caller.starts:
            return {**scope, PERSON: caller}
        log.warning("Airflow user %r, who may not see launches, called %r.", caller.name, scope["path"])
        sentence = f"The account {caller.name!r} may not start or see launches, so it may not change one."
        return self.refusal(HTTPStatus.FORBIDDEN, "no_launcher", sentence)

    def refusal(self, status: HTTPStatus, code: str, detail: str) -> Response:
        """Write code and sentence as JSON."""
        return _reply(status, code, detail)


def _needing(right: Callable[[Caller], None], do: Endpoint) -> Endpoint:
    """Ask for a right before anything of the request is read."""

    async def endpoint(request: Request) -> Response:
        await asyncio.to_thread(right, request.scope[PERSON])
        return await do(request)

    return endpoint


# ---- move, hold and end --------------------------------------------------------------------------------


async def _postpone(request: Request) -> Response:
    asked, by, launch_id = await _sent(request, Postponement), _who(request), _launch_id(request)
    return await _moved(
        launch_id,
        lambda dsn: Launches(dsn).postpone(launch_id, asked.to, by, asked.reason, via=Via.AIRFLOW),
    )


async def _retarget(request: Request) -> Response:
    asked, launch_id = await _sent(request, Retargeting), _launch_id(request)
    by = By(_who(request), asked.reason, Via.AIRFLOW)
    return await _moved(
        launch_id,
        lambda dsn: Changes(dsn).retarget(launch_id, asked.release_sha, by, release=asked.release),
    )


async def _abort(request: Request) -> Response:
    asked, by, launch_id = await _sent(request, Abortion), _who(request), _launch_id(request)
    return await _done(lambda dsn: Launches(dsn).abort(launch_id, by, asked.reason, via=Via.AIRFLOW))


async def _hold(request: Request) -> Response:
    asked, launch_id = await _sent(request, Holding), _launch_id(request)
    by = By(_who(request), asked.reason, Via.AIRFLOW)
    return await _done(lambda dsn: Changes(dsn).hold(launch_id, by))


async def _resume(request: Request) -> Response:
    asked, launch_id = await _sent(request, Holding), _launch_id(request)
    by = By(_who(request), asked.reason, Via.AIRFLOW)
    return await _done(lambda dsn: Changes(dsn).resume(launch_id, by))


async def _done(change: Callable[[str], Launch]) -> Response:
    launch = await asyncio.to_thread(lambda: change(ledger_dsn()))
    return JSONResponse(_told(launch))


async def _moved(launch_id: str, change: Callable[[str], Launch]) -> Response:
    """Make a change, and reply with the items whose answers it has made stale."""

    def made() -> dict[str, Any]:
        dsn = ledger_dsn()
        before = Launches(dsn).get(launch_id)
        after = change(dsn)
        return {**_told(after), **stale_by(dsn, before, after)}

    return JSONResponse(await asyncio.to_thread(made))


def _told(launch: Launch) -> dict[str, Any]:
    return {
        "launch_id": launch.launch_id,
        "launch_at": launch.launch_at.isoformat(),
        "release": launch.release,
        "release_sha": launch.release_sha,
        "held_at": launch.held_at.isoformat() if launch.held_at else None,
        "state": launch.state,
    }


# ---- amend ---------------------------------------------------------------------------------------------


class _Amending:
    """The routes that compare a launch with today's files."""

    def __init__(self, database: ApiDatabase) -> None:
        self._database = database

    async def show(self, request: Request) -> Response:
        """Say what differs, and what an amendment would make of it."""
        found = await self._read(_launch_id(request))
        return JSONResponse(await asyncio.to_thread(found.told))

    async def amend(self, request: Request) -> Response:
        """Amend, or ask a second person to confirm it."""
        asked = await _sent(request, Amends)
        acting = await self._acting(request)
        launch = await asyncio.to_thread(acting.amend, asked.reason, asked.digest)
        if launch is not None:
            return self._amended(acting, launch)
        waiting = {"launch_id": _launch_id(request), "proposed": acting.found.plan.digest, "by": acting.by}
        return JSONResponse(waiting, HTTPStatus.ACCEPTED)

    async def confirm(self, request: Request) -> Response:
        """Amend as another person asked for."""
        asked = await _sent(request, Confirmation)
        acting = await self._acting(request)
        launch = await asyncio.to_thread(acting.confirm, asked.digest)
        return self._amended(acting, launch)

    @staticmethod
    def _amended(acting: Amending, launch: Launch) -> Response:
        return JSONResponse({**_told(launch), "stale": acting.stale()})

    async def _acting(self, request: Request) -> Amending:
        return Amending(ledger_dsn(), await self._read(_launch_id(request)), _who(request))

    async def _read(self, launch_id: str) -> Amendable:
        begun = await self._database.read(begun_dags, launch_id)
        return await self._database.run(lambda: read_amendable(ledger_dsn(), launch_id, begun))


# ---- requests ------------------------------------------------------------------------------------------


def _who(request: Request) -> str:
    caller: Caller = request.scope[PERSON]
    return caller.name


def _launch_id(request: Request) -> str:
    found: str = request.path_params["launch_id"]
    return found


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
    if isinstance(error, ChangeForbidden):
        return _reply(HTTPStatus.FORBIDDEN, error.code, str(error))
    if isinstance(error, ConfigurationError | InvalidChecklist):
        # A value that is wrong may be a secret in the wrong place.
        return _reply(HTTPStatus.CONFLICT, "invalid", redact(str(error)))
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
