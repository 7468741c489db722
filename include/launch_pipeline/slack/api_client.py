"""The bridge's way to Airflow: the three routes of the launch plugin, as its own service account.

The account may call these routes and nothing follows from them alone: the plugin maps the Slack user to an
Airflow user, judges, and answers in that user's name.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
from pydantic import BaseModel, TypeAdapter, ValidationError

from launch_pipeline.errors import AnswerRefused, OperationError
from launch_pipeline.routes import BOARD_PATH, DECIDE_PATH, EVIDENCE_PATH
from launch_pipeline.slack.protocol import Board, Decided, ItemEvidence, Refusal

if TYPE_CHECKING:
    from launch_pipeline.slack.protocol import DecideRequest, EvidenceRequest

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 20.0
_DECIDE_SECONDS = 60.0
"""The guard may wait for the settle time, then up to 20 s for a scheduler that is away."""
_UNAUTHORIZED = 401
_REFUSING = range(400, 500)
_SERVER_TROUBLE = 500
_SOON_AGAIN = frozenset({408, 429, 502, 503, 504})
_BUSY = "busy"
"""The guard's word for a gate that somebody else is answering at this moment."""
_OURS = frozenset({"not_signed_in", "not_the_bridge", "no_route", "too_long", "unreadable"})
"""The plugin's words for what is the bridge's fault, not a person's."""
_FOR_GOOD = "configuration"
"""The guard's word for what no later attempt mends."""
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_HINTS = {
    401: "is LAUNCH_SLACK_USER the same for the bridge and the api-server?",
    403: "is LAUNCH_SLACK_USER the same for the bridge and the api-server?",
    404: "is the launch plugin loaded there?",
}
_EVIDENCE = TypeAdapter(tuple[ItemEvidence, ...])

Model = TypeVar("Model", bound=BaseModel)


class Unanswered(OperationError):
    """Airflow could not be asked now, or could not answer: worth another attempt.

    A decision that was ``lost`` on the way may have been taken all the same.
    """

    def __init__(self, message: str, *, lost: bool = True) -> None:
        super().__init__(message)
        self.lost = lost


class AnsweredBefore(AnswerRefused):
    """Somebody's answer to this very request stands already."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code, refusal.detail)
        self.person = refusal.person
        self.answer = refusal.answer


class Airflow:
    """One signed-in client of the api-server; enter it as a context manager of its event loop."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url.rstrip("/")
        self._user = user
        self._password = password
        self._token = ""
        self._signing_in = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Make the session; nobody is called yet."""
        # A proxy of the environment is for the outside, not for this machine.
        outside = urlsplit(self._url).hostname not in _LOOPBACK
        self._session = aiohttp.ClientSession(trust_env=outside, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def board(self) -> Board:
        """Every launch that is under way. Raises OperationError where Airflow cannot be asked."""
        return _read(Board, await self._asked("GET", BOARD_PATH))

    async def evidence(self, request: EvidenceRequest) -> tuple[ItemEvidence, ...]:
        """What the checks of some items saw last. Raises OperationError where Airflow cannot be asked."""
        body = await self._asked("POST", EVIDENCE_PATH, request)
        try:
            return _EVIDENCE.validate_json(body)
        except ValidationError:
            raise _other_version(EVIDENCE_PATH) from None

    async def decide(self, request: DecideRequest) -> Decided:
        """Answer in a person's name.

        Raises AnswerRefused with the plugin's code and sentence (AnsweredBefore where somebody has answered
        already), Unanswered where another attempt may help, OperationError where none will.
        """
        status, body = await self._signed("POST", DECIDE_PATH, request, _DECIDE_SECONDS)
        if status < _REFUSING.start:
            return _read(Decided, body)
        refusal = _refusal(body)
        if refusal is None or refusal.code in _OURS:
            raise _failed(status, DECIDE_PATH, refusal)
        if refusal.code == _BUSY or (status in _SOON_AGAIN and refusal.code != _FOR_GOOD):
            raise Unanswered(refusal.detail, lost=refusal.code != _BUSY)
        if refusal.code == "already_decided":
            raise AnsweredBefore(refusal)
        raise AnswerRefused(refusal.code, refusal.detail)

    async def _asked(self, method: str, path: str, sent: BaseModel | None = None) -> bytes:
        status, body = await self._signed(method, path, sent, _READ_SECONDS)
        if status >= _REFUSING.start:
            raise _failed(status, path, _refusal(body))
        return body

    async def _signed(
        self, method: str, path: str, sent: BaseModel | None, seconds: float
    ) -> tuple[int, bytes]:
        """Call with a token; with a new one where the token has ended, or the api-server its secret."""
        token = await self._signed_in("")
        status, body = await self._send(method, path, sent, seconds, token)
        if status == _UNAUTHORIZED:
            token = await self._signed_in(token)
            status, body = await self._send(method, path, sent, seconds, token)
        return status, body

    async def _signed_in(self, refused: str) -> str:
        """Give a token other than the refused one; all who need one wait for the same sign-in."""
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
            log.debug("%s %s did not come through: %s", method, path, type(error).__name__)
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
