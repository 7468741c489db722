"""What the bridge may ask of Airflow: the board, evidence, and to answer in a person's name.

Airflow leaves the authentication of a plugin's routes to the plugin. Here a door stands before all of them,
those of later days and those that do not exist included: it opens to the bridge's service account alone, and
only to a Bearer token, since a browser sends cookies along with whatever page asks it to.
"""

from __future__ import annotations

import logging
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from airflow.api_fastapi.app import get_auth_manager
from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from launch_pipeline.airflow.api_server.answers.answer_guard import MAX_BODY
from launch_pipeline.airflow.api_server.bearer import signed_in
from launch_pipeline.airflow.api_server.bridge.board import BoardReading
from launch_pipeline.airflow.api_server.bridge.delegated_answers import DelegatedAnswers
from launch_pipeline.airflow.api_server.bridge.refusals import NotTaken
from launch_pipeline.airflow.api_server.database import ApiDatabase
from launch_pipeline.airflow.policies.sign_in import refuse_open_door
from launch_pipeline.errors import (
    AnswerRefused,
    ConfigurationError,
    InvalidChecklist,
    LaunchError,
)
from launch_pipeline.routes import BOARD_PATH, DECIDE_PATH, EVIDENCE_PATH, ROOT
from launch_pipeline.slack.protocol import SERVICE_USER, DecideRequest, EvidenceRequest, ItemEvidence, Refusal

if TYPE_CHECKING:
    from launch_pipeline.airflow.api_server.asgi import App, Receive, Scope, Send

log = logging.getLogger(__name__)

USER_VARIABLE = "LAUNCH_SLACK_USER"
AIRFLOW = "launch.airflow"
"""Key of the scope: the running api-server, through which people's answers go."""
_EVIDENCE = TypeAdapter(tuple[ItemEvidence, ...])
_TRY_AGAIN = "Airflow's database does not answer; try again shortly."

Body = TypeVar("Body", bound=BaseModel)


def make_app() -> App:
    """The routes behind their door, with a database of their own."""
    database = ApiDatabase()
    return Door(routes(BoardReading(database), DelegatedAnswers(database)))


def routes(reading: BoardReading, acting: DelegatedAnswers) -> Starlette:
    """The three routes, without their door. What goes wrong becomes a Refusal, never a bare 500."""

    async def board(_request: Request) -> Response:
        return _json((await reading.board()).model_dump_json())

    async def evidence(request: Request) -> Response:
        return _json(_EVIDENCE.dump_json(await reading.evidence(await _sent(request, EvidenceRequest))))

    async def decide(request: Request) -> Response:
        asked = await _sent(request, DecideRequest)
        return _json((await acting.decide(asked, request.scope[AIRFLOW])).model_dump_json())

    found = [
        Route(BOARD_PATH.removeprefix(ROOT), board, methods=["GET"]),
        Route(EVIDENCE_PATH.removeprefix(ROOT), evidence, methods=["POST"]),
        Route(DECIDE_PATH.removeprefix(ROOT), decide, methods=["POST"]),
    ]
    return Starlette(
        routes=found,
        exception_handlers={LaunchError: _refused, HTTPException: _no_route, SQLAlchemyError: _away},
    )


class Door:
    """ASGI middleware: lets the bridge's service account in, and nobody else."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if refusal := await self._refusal(scope):
            await refusal(scope, receive, send)
            return
        await self._app({**scope, AIRFLOW: scope.get("app")}, receive, send)

    async def _refusal(self, scope: Scope) -> Response | None:
        try:
            refuse_open_door()
            user = await signed_in(scope, get_auth_manager())
            name = user.get_name() if user is not None else None
        except ConfigurationError as error:
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "configuration", str(error))
        except SQLAlchemyError:
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "airflow", _TRY_AGAIN)
        if name is None:
            sentence = "Sign in with the token of the bridge's account in the header Authorization: Bearer."
            return _refusal(HTTPStatus.UNAUTHORIZED, "not_signed_in", sentence)
        if name != (os.environ.get(USER_VARIABLE) or SERVICE_USER):
            log.warning("Airflow user %r called %r, which is the bridge's alone.", name, scope["path"])
            sentence = f"Only the bridge's account may call this; it is named by {USER_VARIABLE}."
            return _refusal(HTTPStatus.FORBIDDEN, "not_the_bridge", sentence)
        return None


async def _sent(request: Request, model: type[Body]) -> Body:
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY:
                sentence = f"A request has at most {MAX_BODY} bytes."
                raise NotTaken("too_long", sentence, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return model.model_validate_json(body)
    except ClientDisconnect as gone:
        raise NotTaken("unreadable", "The request ended early.", status=HTTPStatus.BAD_REQUEST) from gone
    except ValidationError as error:
        # What was sent is not repeated: it may be anything.
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        sentence = f"Bridge and api-server must be of one version. {wrong}"
        raise NotTaken("unreadable", sentence, status=HTTPStatus.UNPROCESSABLE_ENTITY) from error


# ---- replies ---------------------------------------------------------------------------------------


def _json(body: str | bytes, status: int = HTTPStatus.OK) -> Response:
    return Response(body, int(status), media_type="application/json")


def _refusal(status: int, code: str, detail: str, **more: str) -> Response:
    return _json(Refusal(code=code, detail=detail, **more).model_dump_json(), status)


async def _refused(_request: Request, error: Exception) -> Response:
    if isinstance(error, NotTaken):
        return _refusal(error.status, error.code, error.reason, person=error.person, answer=error.answer)
    if isinstance(error, AnswerRefused):
        return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, error.code, error.reason)
    wrong = isinstance(error, ConfigurationError | InvalidChecklist)
    return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "configuration" if wrong else "airflow", str(error))


async def _no_route(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    return _refusal(status, "no_route", "The launch plugin has no such route.")


async def _away(_request: Request, error: Exception) -> Response:
    log.warning("Airflow's database does not answer: %s", error)
    return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "airflow", _TRY_AGAIN)
