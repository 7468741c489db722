"""The routes of the bridge to Slack: the board, evidence, and answers and holds in a person's name.

All of them require a Bearer token of the bridge's service account.
"""

from __future__ import annotations

import logging
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from launch_pipeline.airflow.api_server.answers.answer_guard import MAX_BODY
from launch_pipeline.airflow.api_server.bridge.board import BoardReading
from launch_pipeline.airflow.api_server.bridge.delegated_answers import DelegatedAnswers
from launch_pipeline.airflow.api_server.bridge.delegated_holds import DelegatedHolds
from launch_pipeline.airflow.api_server.bridge.refusals import NotTaken
from launch_pipeline.airflow.api_server.database import ApiDatabase
from launch_pipeline.airflow.api_server.door import TRY_AGAIN, Door
from launch_pipeline.errors import (
    AnswerRefused,
    ConfigurationError,
    InvalidChecklist,
    LaunchError,
)
from launch_pipeline.routes import BOARD_PATH, DECIDE_PATH, EVIDENCE_PATH, HOLD_PATH, ROOT
from launch_pipeline.slack.protocol import (
    SERVICE_USER,
    DecideRequest,
    EvidenceRequest,
    HoldRequest,
    ItemEvidence,
    Refusal,
)

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from launch_pipeline.airflow.api_server.asgi import App, Scope

log = logging.getLogger(__name__)

USER_VARIABLE = "LAUNCH_SLACK_USER"
AIRFLOW = "launch.airflow"
"""Scope key: the running api-server, through which people's answers are sent."""
_EVIDENCE = TypeAdapter(tuple[ItemEvidence, ...])

Body = TypeVar("Body", bound=BaseModel)


def make_app() -> App:
    """Build the routes behind their door, with database connections of their own."""
    database = ApiDatabase()
    return BridgeDoor(routes(BoardReading(database), DelegatedAnswers(database), DelegatedHolds(database)))


def routes(reading: BoardReading, acting: DelegatedAnswers, holding: DelegatedHolds) -> Starlette:
    """Build the four routes, without their door. Every error becomes a Refusal, never a bare 500."""

    async def board(_request: Request) -> Response:
        return _json((await reading.board()).model_dump_json())

    async def evidence(request: Request) -> Response:
        return _json(_EVIDENCE.dump_json(await reading.evidence(await _sent(request, EvidenceRequest))))

    async def decide(request: Request) -> Response:
        asked = await _sent(request, DecideRequest)
        return _json((await acting.decide(asked, request.scope[AIRFLOW])).model_dump_json())

    async def hold(request: Request) -> Response:
        return _json((await holding.change(await _sent(request, HoldRequest))).model_dump_json())

    found = [
        Route(BOARD_PATH.removeprefix(ROOT), board, methods=["GET"]),
        Route(EVIDENCE_PATH.removeprefix(ROOT), evidence, methods=["POST"]),
        Route(DECIDE_PATH.removeprefix(ROOT), decide, methods=["POST"]),
        Route(HOLD_PATH.removeprefix(ROOT), hold, methods=["POST"]),
    ]
    return Starlette(
        routes=found,
        exception_handlers={LaunchError: _refused, HTTPException: _no_route, SQLAlchemyError: _away},
    )


class BridgeDoor(Door):
    """Admits the bridge's service account alone."""

    sign_in = "Sign in with the token of the bridge's account in the header Authorization: Bearer."

    async def admit(self, scope: Scope, user: BaseUser) -> Scope | Response:
        """Put the running api-server into the scope, or refuse the account."""
        name = user.get_name()
        if name == (os.environ.get(USER_VARIABLE) or SERVICE_USER):
            return {**scope, AIRFLOW: scope.get("app")}
        log.warning(
            "Airflow user %r called %r, which only the bridge's account may call.", name, scope["path"]
        )
        sentence = f"Only the bridge's service account may call this. {USER_VARIABLE} names that account."
        return self.refusal(HTTPStatus.FORBIDDEN, "not_the_bridge", sentence)

    def refusal(self, status: HTTPStatus, code: str, detail: str) -> Response:
        """Write a ``Refusal``."""
        return _refusal(status, code, detail)


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
        raise NotTaken(
            "unreadable",
            "The connection closed before the request was complete.",
            status=HTTPStatus.BAD_REQUEST,
        ) from gone
    except ValidationError as error:
        # Do not echo the input: it may be anything.
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        sentence = f"The bridge and the api-server must run the same version. {wrong}"
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
    return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "airflow", TRY_AGAIN)
