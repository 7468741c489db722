"""The guard: every answer to an item's request passes it, whether it comes from the UI, REST or Slack.

Airflow alone lets several simultaneous answers win, accepts answers to requests that no longer wait, and
loses an answer that comes within half a second of parking. So the guard does this first:

1. check who is asking: an answer that cannot count, whatever the evidence is, is refused at once and delays
   no other;
2. wait, holding nothing, until the task has been waiting for the settle time;
3. wait in turn for the request's advisory lock (409 ``busy`` if earlier answers hold it for too long);
4. look again under the lock: does the task still wait, does the answer count (role, reason, checks), and is
   the evidence still what the person saw?
5. stamp the way in, the account and the evidence's digest, pass the answer to Airflow, and hold the lock
   until Airflow's transaction is through. The reply is sent after that, so a slow client holds no lock.

One account may have a few answers in progress; more wait in turn, and too many are refused (429). Refused
answers are appended to the ledger after the reply (``refused.py``).

The locks use a small engine of the guard's own. Waiting for a lock on a connection of Airflow's pool
deadlocks as soon as every connection waits for the one that the answer itself needs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from launch_pipeline.airflow.api_server.answers.request_key import BUSY, SUPERSEDED, Asked, RequestKey
from launch_pipeline.airflow.api_server.answers.turns import AccountLimit
from launch_pipeline.airflow.api_server.asgi import replay, send_json
from launch_pipeline.airflow.policies.refusal_codes import NO_LONGER_TRUE, NOT_LOOKED
from launch_pipeline.airflow.policies.responders import stamp_of
from launch_pipeline.errors import (
    AnswerRefused,
    ConfigurationError,
    InvalidChecklist,
    LaunchRefused,
    LedgerError,
    LedgerUnavailable,
)
from launch_pipeline.ledger.schema import RecordedBy

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from launch_pipeline.airflow.api_server.answers.request_key import SignedIn
    from launch_pipeline.airflow.api_server.answers.request_state import OpenRequests
    from launch_pipeline.airflow.api_server.asgi import App, Message, Receive, Scope, Send
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.slack.messages.button_values import RequestPin

log = logging.getLogger(__name__)

T = TypeVar("T")

ANSWER_PATH = re.compile(
    r"/api/v2/dags/(?P<dag_id>[^/]+)/dagRuns/(?P<run_id>[^/]+)"
    r"/taskInstances/(?P<task_id>[^/]+)/(?P<map_index>[^/]+)/hitlDetails/?$"
)
_MAP_INDEX = TypeAdapter(int)
"""Reads ``-1.0``, ``-01`` and the like as Airflow's route does; what that route accepts must be checked."""
_DIGEST = re.compile(r"(?:sha256:)?[0-9a-f]{12,64}")
_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")
EARLY_SECONDS = 0.1
"""How early a sleep may end. A request that was opened again while we slept has a second or more left."""
MAX_BODY = 64 * 1024
"""An answer is an option and a reason."""
VIA = "launch.via"
"""Scope key under which the plugin says how an answer came in. Clients cannot set scope keys."""
PIN = "launch.pin"
"""Scope key of the ``RequestPin`` that the person saw."""
EVIDENCE_FIELD = "evidence"
"""Field of an answer with the evidence's digest or its first digits; the guard stamps the whole digest."""
ACCOUNT_AT_ONCE = 4
"""Answers of one account that are processed side by side, of the guard's ten."""
ACCOUNT_MOST = 64
"""Answers of one account that are processed or wait for their turn."""
TOO_MANY = f"Your account already has {ACCOUNT_MOST} answers in progress. Send this one again in a moment."
RETRY_SECONDS = 2


class Refused(Exception):  # a reply, not an error
    """An HTTP reply that refuses an answer."""

    def __init__(self, status: int, detail: str, code: str = "", retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.body = {"detail": detail, "code": code}


class AnswerGuard:
    """ASGI middleware around the whole api-server. It touches nothing but answers to items' requests."""

    def __init__(self, app: App, requests: OpenRequests | None = None) -> None:
        self.app = app
        self._requests = requests
        self._accounts = AccountLimit(ACCOUNT_AT_ONCE, ACCOUNT_MOST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check an answer to a request before Airflow sees it."""
        key = _key(scope)
        try:
            spec = await _checked(self.requests().spec(key)) if key else None
        except Refused as refused:
            # What the request asks about cannot be told, so nothing passes.
            await _reply(send, refused)
            return
        if key is None or spec is None:
            await self.app(scope, receive, send)
            return
        user, asked = await self.requests().user(scope), None
        try:
            payload = _payload(await _read(receive))
            if user is None:
                # Airflow refuses callers who are not signed in by its own reply. It gets an empty answer, so
                # nothing happens even if it finds an account for the request after all.
                await self.app(_with_length(scope, b"{}"), replay(b"{}", receive), send)
                return
            asked = _asked(scope, key, spec, payload, user)
            await self._answer(scope, receive, send, payload, asked)
        except Refused as refused:
            log.info("Answer of %r to %s/%s refused: %s", user, key.dag_id, key.task_id, refused)
            await _reply(send, refused)
            if asked is not None:
                self.requests().append_refused(asked, refused.code, str(refused))

    def requests(self) -> OpenRequests:
        """Return the open requests of this api-server, made at the first answer."""
        if self._requests is None:
            # Airflow's ORM and settings are heavy, and not ready while plugins are loaded.
            from launch_pipeline.airflow.api_server.answers.request_state import OpenRequests  # noqa: PLC0415

            self._requests = OpenRequests()
        return self._requests

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, payload: dict[str, Any], asked: Asked
    ) -> None:
        async with self._accounts.counted(asked.user) as few:
            if not few:
                raise Refused(429, TOO_MANY, "too_many", RETRY_SECONDS)
            async with self._accounts.place(asked.user):
                await _checked(self.requests().check_answerer(asked))
            await self._settle(asked.key)
            reply: list[Message] = []
            async with self._accounts.place(asked.user), self.requests().alone(asked.key) as free:
                digest = await self._check(asked, free=free)
                stamped = _stamped(payload, asked, digest)
                await self.app(_with_length(scope, stamped), replay(stamped, receive), _kept_in(reply))
            # Send without the lock: the client may read slowly.
            for message in reply:
                await send(message)

    async def _settle(self, key: RequestKey) -> None:
        """Wait, without any lock, until the task has been waiting long enough to take an answer."""
        # 0 for a task that does not wait. No event exists: what is awaited happens in other processes.
        while (left := await self.requests().settle_seconds(key)) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)

    async def _check(self, asked: Asked, *, free: bool) -> str:
        """Check an answer under the lock; return the digest of the evidence that it counts for."""
        if not free:
            raise _refused(409, BUSY)
        if await self.requests().settle_seconds(asked.key) > EARLY_SECONDS:
            raise Refused(409, "This item was just asked again. Look at it and answer again.", "busy")
        await self._same_try(asked.key, asked.pin)
        return await _checked(self.requests().check_answer(asked))

    async def _same_try(self, key: RequestKey, pin: RequestPin | None) -> None:
        """Refuse an answer to a try that has been replaced since the person saw its card."""
        if pin is not None and await self.requests().pin(key) != pin.request:
            raise _refused(409, SUPERSEDED)


def _refused(status: int, why: tuple[str, str]) -> Refused:
    code, sentence = why
    return Refused(status, sentence, code)


async def _checked(check: Awaitable[T]) -> T:
    """Turn the errors of a check into replies."""
    try:
        return await check
    except AnswerRefused as refused:
        raise Refused(_STATUSES.get(refused.code, 422), refused.reason, refused.code) from refused
    except LedgerUnavailable as error:
        sentence = f"The answer cannot be checked now. Try again shortly. {error}"
        raise Refused(503, sentence, "ledger") from error
    except (ConfigurationError, InvalidChecklist, LaunchRefused, LedgerError) as error:
        raise Refused(503, f"The answer cannot be checked: {error}", "configuration") from error


_STATUSES = {
    **dict.fromkeys(("not_waiting", "launch_over", "evidence_changed", NO_LONGER_TRUE, NOT_LOOKED), 409),
    **dict.fromkeys(("not_your_role", "unknown_person", "inactive"), 403),
    "too_soon": 429,
}
"""HTTP status by refusal code; other codes are 422."""


def _asked(scope: Scope, key: RequestKey, spec: ItemSpec, payload: dict[str, Any], by: SignedIn) -> Asked:
    fields, pin = dict(payload.get("params_input") or {}), scope.get(PIN)
    named = fields.pop(EVIDENCE_FIELD, None) or None
    evidence = pin.evidence if pin is not None else named
    option = str(payload["chosen_options"][0])
    return Asked(key, spec, by.user, option, fields, _way_in(scope), pin, evidence, by.user_id)


def _key(scope: Scope) -> RequestKey | None:
    if scope["type"] != "http" or scope.get("method") != "PATCH":
        return None
    match = ANSWER_PATH.search(scope.get("path", ""))
    if match is None:
        return None
    try:
        # The server has decoded the path already.
        map_index = _MAP_INDEX.validate_python(match["map_index"])
    except ValidationError:
        return None
    return RequestKey(match["dag_id"], match["run_id"], match["task_id"], map_index)


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "The connection closed before the answer was complete.")
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise Refused(413, f"An answer has at most {MAX_BODY} bytes.")
        if not message.get("more_body"):
            return bytes(body)


def _payload(body: bytes) -> dict[str, Any]:
    try:
        payload: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "The answer is not JSON.") from None
    options = payload.get("chosen_options") if isinstance(payload, dict) else None
    fields = payload.get("params_input") if isinstance(payload, dict) else None
    if not isinstance(options, list) or len(options) != 1 or not isinstance(fields or {}, dict):
        raise Refused(422, 'Send {"chosen_options": ["…"], "params_input": {"reason": "…"}} with one option.')
    unknown = set(fields or {}) - {"reason", "signature", EVIDENCE_FIELD}
    if unknown:
        known = f"Allowed are reason, signature and {EVIDENCE_FIELD}."
        raise Refused(422, f"Unknown fields: {', '.join(sorted(unknown))}. {known}")
    if not all(map(_storable, [*options, *(fields or {}).values()])):
        sentence = "Reason, signature and evidence must be text without NUL and lone surrogates."
        raise Refused(422, sentence)
    pinned = (fields or {}).get(EVIDENCE_FIELD) or ""
    if pinned and not _DIGEST.fullmatch(pinned):
        raise Refused(
            422, "'evidence' must be a digest as in the XCom 'evidence', or its first 12 or more digits."
        )
    return dict(payload)


def _storable(value: Any) -> bool:
    """Whether PostgreSQL can store a value: it would refuse it only after Airflow has taken the answer."""
    return value is None or (isinstance(value, str) and not _NOT_STORABLE.search(value))


def _way_in(scope: Scope) -> RecordedBy:
    """Return how an answer came in: the plugin marks Slack, scripts send a Bearer token, the UI a cookie."""
    if scope.get(VIA) is RecordedBy.SLACK:
        return RecordedBy.SLACK
    names = {name.lower() for name, _ in scope.get("headers", [])}
    return RecordedBy.API if b"authorization" in names else RecordedBy.AIRFLOW_UI


def _stamped(payload: dict[str, Any], asked: Asked, digest: str) -> bytes:
    sent = {k: v for k, v in (payload.get("params_input") or {}).items() if k != EVIDENCE_FIELD}
    guards = {"via": asked.via.value, **stamp_of(asked.user, asked.user_id)}
    fields = {**sent, **guards, **({EVIDENCE_FIELD: digest} if digest else {})}
    stamped: str = json.dumps({**payload, "params_input": fields})
    return stamped.encode()


def _with_length(scope: Scope, body: bytes) -> Scope:
    headers = [(n, v) for n, v in scope["headers"] if n.lower() != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", str(len(body)).encode())]}


def _kept_in(reply: list[Message]) -> Send:
    async def keep(message: Message) -> None:
        reply.append(message)

    return keep


async def _reply(send: Send, refused: Refused) -> None:
    again = [(b"retry-after", str(refused.retry_after).encode())] if refused.retry_after else []
    await send_json(send, refused.status, refused.body, again)
