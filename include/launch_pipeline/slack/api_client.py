"""Call the four routes of the launch plugin in Airflow, with the bridge's service account.

The account has no rights beyond these routes: the plugin maps the Slack user to an Airflow user, checks the
answer, and gives it in that user's name.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
from pydantic import BaseModel, TypeAdapter, ValidationError

from launch_pipeline.errors import AnswerRefused, OperationError
from launch_pipeline.routes import BOARD_PATH, DECIDE_PATH, EVIDENCE_PATH, HOLD_PATH
from launch_pipeline.slack.protocol import Board, Decided, HoldChanged, ItemEvidence, Refusal

if TYPE_CHECKING:
    from launch_pipeline.slack.protocol import DecideRequest, EvidenceRequest, HoldRequest

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 20.0
_DECIDE_SECONDS = 60.0
"""The guard may wait for the settle time, then up to 20 s for the scheduler."""
_UNAUTHORIZED = 401
_REFUSING = range(400, 500)
_SERVER_TROUBLE = 500
_SOON_AGAIN = frozenset({408, 429, 502, 503, 504})
_BUSY = "busy"
"""The guard's code for a request that another answer holds at this moment."""
_OURS = frozenset({"not_signed_in", "not_the_bridge", "no_route", "too_long", "unreadable"})
"""The plugin's codes for errors of the bridge, not of a person."""
_PERMANENT = "configuration"
"""The guard's code for errors that no retry can fix."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_HINTS = {
    401: "is LAUNCH_SLACK_USER the same for the bridge and the api-server?",
    403: "is LAUNCH_SLACK_USER the same for the bridge and the api-server?",
    404: "is the launch plugin loaded there?",
}
_EVIDENCE = TypeAdapter(tuple[ItemEvidence, ...])

Model = TypeVar("Model", bound=BaseModel)


class Unanswered(OperationError):
    """Airflow did not answer, or could not: worth another attempt.

    If the response was ``lost``, the answer may have been taken all the same.
    """

    def __init__(self, message: str, *, lost: bool = True) -> None:
        super().__init__(message)
        self.lost = lost


class AnsweredBefore(AnswerRefused):
    """The request has an answer already."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code, refusal.detail)
        self.person = refusal.person
        self.answer = refusal.answer


class Airflow:
    """Call the api-server; use it as an async context manager."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url.rstrip("/")
        self._user = user
        self._password = password
        self._token = ""
        self._signing_in = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session; this sends no request."""
        # A proxy of the environment is not for this machine.
        remote = urlsplit(self._url).hostname not in LOOPBACK
        self._session = aiohttp.ClientSession(trust_env=remote, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def board(self) -> Board:
        """Return the launches that are under way. Raises OperationError if Airflow does not answer."""
        return _read(Board, await self._fetch("GET", BOARD_PATH))

    async def evidence(self, request: EvidenceRequest) -> tuple[ItemEvidence, ...]:
        """Return the latest evidence of some items. Raises OperationError if Airflow does not answer."""
        body = await self._fetch("POST", EVIDENCE_PATH, request)
        try:
            return _EVIDENCE.validate_json(body)
        except ValidationError:
            raise _other_version(EVIDENCE_PATH) from None

    async def decide(self, request: DecideRequest) -> Decided:
        """Answer in a person's name.

        Raises AnswerRefused with the plugin's code and sentence (AnsweredBefore if the request has an
        answer already), Unanswered if another attempt may help, OperationError if none will.
        """
        return _read(Decided, await self._act(DECIDE_PATH, request))

    async def hold(self, request: HoldRequest) -> HoldChanged:
        """Hold or resume a launch in a person's name. Raises what ``decide`` does."""
        return _read(HoldChanged, await self._act(HOLD_PATH, request))

    async def _act(self, path: str, request: BaseModel) -> bytes:
        status, body = await self._call("POST", path, request, _DECIDE_SECONDS)
        if status < _REFUSING.start:
            return body
        refusal = _refusal(body)
        if refusal is None or refusal.code in _OURS:
            raise _failed(status, path, refusal)
        if refusal.code == _BUSY or (status in _SOON_AGAIN and refusal.code != _PERMANENT):
            raise Unanswered(refusal.detail, lost=refusal.code != _BUSY)
        if refusal.code == "already_decided":
            raise AnsweredBefore(refusal)
        raise AnswerRefused(refusal.code, refusal.detail)

    async def _fetch(self, method: str, path: str, sent: BaseModel | None = None) -> bytes:
        status, body = await self._call(method, path, sent, _READ_SECONDS)
        if status >= _REFUSING.start:
            raise _failed(status, path, _refusal(body))
        return body

    async def _call(
        self, method: str, path: str, sent: BaseModel | None, seconds: float
    ) -> tuple[int, bytes]:
        """Call with a token; call again with a new one if it expired or the server's secret changed."""
        token = await self._token_but("")
        status, body = await self._send(method, path, sent, seconds, token)
        if status == _UNAUTHORIZED:
            token = await self._token_but(token)
            status, body = await self._send(method, path, sent, seconds, token)
        return status, body

    async def _token_but(self, refused: str) -> str:
        """Return a token other than the refused one; concurrent callers share one sign-in."""
        async with self._signing_in:
            if not self._token or self._token == refused:
                self._token = ""
                self._token = await self._sign_in()
            return self._token

    async def _sign_in(self) -> str:
        account = {"username": self._user, "password": self._password}
        status, body = await self._send("POST", "/auth/token", account, _READ_SECONDS)
        if status in {_UNAUTHORIZED, 403}:
            message = (
                f"Airflow refuses the bridge's account {self._user!r}; "
                "check LAUNCH_SLACK_USER and LAUNCH_SLACK_PASSWORD."
            )
            raise OperationError(message)
        if status >= _REFUSING.start:
            raise _failed(status, "/auth/token")
        return _read(_Token, body).access_token

    async def _send(
        self, method: str, path: str, sent: BaseModel | dict[str, str] | None, seconds: float, token: str = ""
    ) -> tuple[int, bytes]:
        options: dict[str, Any] = {
            "json": sent.model_dump(mode="json") if isinstance(sent, BaseModel) else sent,
            "headers": {"Authorization": f"Bearer {token}"} if token else {},
            "timeout": aiohttp.ClientTimeout(total=seconds, connect=_CONNECT_SECONDS),
            "allow_redirects": False,
        }
        try:
            async with self._open_session().request(method, self._url + path, **options) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.debug("%s %s failed: %s", method, path, type(error).__name__)
            raise Unanswered(f"Airflow at {self._url} does not answer. Is the api-server up?") from error

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise OperationError("enter Airflow as a context manager first.")
        return self._session


class _Token(BaseModel):
    access_token: str


def _read(model: type[Model], body: bytes) -> Model:
    try:
        return model.model_validate_json(body)
    except ValidationError:
        raise _other_version(model.__name__) from None


def _other_version(what: str) -> OperationError:
    message = f"Airflow's answer ({what}) cannot be read; run the bridge and the api-server of one version."
    return OperationError(message)


def _refusal(body: bytes) -> Refusal | None:
    try:
        return Refusal.model_validate_json(body)
    except ValidationError:
        return None


def _failed(status: int, path: str, refusal: Refusal | None = None) -> OperationError:
    if status >= _SERVER_TROUBLE or status in _SOON_AGAIN:
        return Unanswered(refusal.detail if refusal else f"Airflow could not answer {path} ({status}).")
    hint = _HINTS.get(status, "are bridge and api-server of one version?")
    return OperationError(f"Airflow refused {path} ({status}); {hint}")
