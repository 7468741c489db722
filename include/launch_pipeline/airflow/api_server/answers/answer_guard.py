"""The guard: every answer to a gate passes here, from wherever it comes (UI, REST, Slack).

Airflow alone lets several simultaneous answers win, takes answers to gates that do not wait, and loses an
answer that comes within half a second of parking. So, before an answer is spent:

1. judge who is asking: what cannot count whatever the evidence is refused at once, and holds up nobody;
2. wait until the task has been waiting for the settle time, holding nothing;
3. wait in turn for the gate's advisory lock (busy: 409, somebody has been answering all the while);
4. look again under the lock: is it still waiting, and does the answer count (role, reason, checks)? Is the
   evidence still what the person had on the screen?
5. stamp the way it came in and the evidence's digest, let Airflow take it, and hold the lock until Airflow's
   transaction is through. The reply is sent after that, however slowly the client reads.

One account has only a few answers at work at the same time, the others wait in turn, and what is too many is
sent away (429). What was refused is kept in the ledger, after the reply (``refused_answers``).

Locks are taken on a small engine of the guard's own: waiting for a lock on a connection of Airflow's pool
deadlocks it as soon as every connection waits for the one that the answer itself needs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from launch_pipeline.airflow.api_server.answers.request_key import Asked, Pin, RequestKey
from launch_pipeline.airflow.api_server.answers.turns import Account
from launch_pipeline.errors import AnswerRefused, ConfigurationError, InvalidChecklist, LedgerUnavailable
from launch_pipeline.ledger.schema import RecordedBy

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from launch_pipeline.airflow.api_server.answers.request_state import OpenRequests
    from launch_pipeline.airflow.api_server.asgi import App, Message, Receive, Scope, Send
    from launch_pipeline.launch.item_records import ItemSpec

log = logging.getLogger(__name__)

T = TypeVar("T")

ANSWER_PATH = re.compile(
    r"/api/v2/dags/(?P<dag_id>[^/]+)/dagRuns/(?P<run_id>[^/]+)"
    r"/taskInstances/(?P<task_id>[^/]+)/(?P<map_index>[^/]+)/hitlDetails/?$"
)
_MAP_INDEX = TypeAdapter(int)
"""Reads ``-1.0``, ``-01`` and the like as Airflow's route does: what it takes must not pass unjudged."""
_DIGEST = re.compile(r"(?:sha256:)?[0-9a-f]{12,64}")
_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")
EARLY_SECONDS = 0.1
"""By how much a sleep may end early; a gate that was opened anew while we slept is off by a second."""
MAX_BODY = 64 * 1024
"""An answer is an option and a reason."""
VIA = "launch.via"
"""Key of the scope under which the plugin says how an answer came in. No client can set such a key."""
PIN = "launch.pin"
"""Likewise: the try that was shown to the person, as a ``Pin``."""
EVIDENCE_FIELD = "evidence"
"""Field of an answer that names the digest of the evidence, or its begin; the guard stamps the whole one."""
ACCOUNT_AT_ONCE = 4
"""Answers of one account that are at work side by side; the guard takes ten of everybody."""
ACCOUNT_MOST = 64
"""Answers of one account that may wait for their turn, those at work included."""
TOO_MANY = f"Your account has {ACCOUNT_MOST} answers under way already; send this one again in a moment."
RETRY_SECONDS = 2
SUPERSEDED = "This card is of an earlier try; answer on the newest one, which shows what is asked now."


class Refused(Exception):  # a reply, not an error
    """An HTTP reply that says no."""

    def __init__(self, status: int, detail: str, code: str = "", retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.body = {"detail": detail, "code": code}


class AnswerGuard:
    """ASGI middleware around the whole api-server; everything but answers to our gates passes untouched."""

    def __init__(self, app: App, gates: OpenRequests | None = None) -> None:
        self.app = app
        self._gates = gates
        self._accounts = Account(ACCOUNT_AT_ONCE, ACCOUNT_MOST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge an answer to a gate before Airflow sees it."""
        key = _key(scope)
        spec = await self.gates().spec(key) if key else None
        if key is None or spec is None:
            await self.app(scope, receive, send)
            return
        user, asked = await self.gates().user(scope), None
        try:
            payload = _payload(await _read(receive))
            if user is None:
                # Not signed in as far as we can see: Airflow says so in its own words. It gets no answer, so
                # that one it would take for somebody's after all has no effect.
                await self.app(_with_length(scope, b"{}"), _replay(b"{}", receive), send)
                return
            asked = _asked(scope, key, spec, payload, user)
            await self._answer(scope, receive, send, payload, asked)
        except Refused as refused:
            log.info("Answer of %r to %s/%s refused: %s", user, key.dag_id, key.task_id, refused)
            await _reply(send, refused)
            if asked is not None:
                self.gates().keep_refused(asked, refused.code, str(refused))

    def gates(self) -> OpenRequests:
        """The gates of this api-server, made at the first answer."""
        if self._gates is None:
            # Airflow's ORM and settings are heavy, and not ready while plugins are loaded.
            from launch_pipeline.airflow.api_server.answers.request_state import OpenRequests  # noqa: PLC0415

            self._gates = OpenRequests()
        return self._gates

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, payload: dict[str, Any], asked: Asked
    ) -> None:
        async with self._accounts.counted(asked.user) as few:
            if not few:
                raise Refused(429, TOO_MANY, "too_many", RETRY_SECONDS)
            async with self._accounts.place(asked.user):
                await _judged(self.gates().judge_who(asked))
            await self._settle(asked.key)
            reply: list[Message] = []
            async with self._accounts.place(asked.user), self.gates().alone(asked.key) as free:
                digest = await self._judge(asked, free=free)
                stamped = _stamped(payload, asked.via, digest)
                await self.app(_with_length(scope, stamped), _replay(stamped, receive), _kept_in(reply))
            # Sending takes as long as the client likes to read: nothing is held meanwhile.
            for message in reply:
                await send(message)

    async def _settle(self, key: RequestKey) -> None:
        """Wait, without any lock, until the task has been waiting long enough to take an answer."""
        # 0 for a task that does not wait; nobody could set an event, what is awaited happens elsewhere.
        while (left := await self.gates().settle_seconds(key)) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)

    async def _judge(self, asked: Asked, *, free: bool) -> str:
        """Judge under the lock; gives the digest of the evidence that the answer counts for."""
        if not free:
            raise Refused(409, "Somebody is answering this gate at this moment. Look again.", "busy")
        if await self.gates().settle_seconds(asked.key) > EARLY_SECONDS:
            raise Refused(409, "This gate was opened again a moment ago. Look again.", "busy")
        await self._same_try(asked.key, asked.pin)
        return await _judged(self.gates().judge(asked))

    async def _same_try(self, key: RequestKey, pin: Pin | None) -> None:
        """Refuse an answer to a try that was replaced while its card was looked at, or while we settled."""
        if pin is not None and await self.gates().pin(key) != pin._replace(evidence=None):
            raise Refused(409, SUPERSEDED, "superseded")


async def _judged(judgement: Awaitable[T]) -> T:
    """Turn what a judgement raises into a reply."""
    try:
        return await judgement
    except AnswerRefused as refused:
        raise Refused(_STATUSES.get(refused.code, 422), refused.reason, refused.code) from refused
    except LedgerUnavailable as error:
        raise Refused(
            503, f"The answer cannot be judged now, try again shortly. {error}", "ledger"
        ) from error
    except (ConfigurationError, InvalidChecklist) as error:
        raise Refused(503, f"The answer cannot be judged: {error}", "configuration") from error


_STATUSES = {
    **dict.fromkeys(("not_waiting", "launch_over", "evidence_changed"), 409),
    **dict.fromkeys(("not_your_role", "unknown_person", "inactive"), 403),
    "too_soon": 429,
}
"""Of refusals that are not 422."""


def _asked(scope: Scope, key: RequestKey, spec: ItemSpec, payload: dict[str, Any], user: str) -> Asked:
    fields, pin = dict(payload.get("params_input") or {}), scope.get(PIN)
    named = fields.pop(EVIDENCE_FIELD, None) or None
    evidence = pin.evidence if pin is not None and pin.evidence is not None else named
    option = str(payload["chosen_options"][0])
    return Asked(key, spec, user, option, fields, _way_in(scope), pin, evidence)


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
            raise Refused(400, "The request ended before it was complete.")
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
        known = f"Known are reason, signature and {EVIDENCE_FIELD}."
        raise Refused(422, f"Unknown fields: {', '.join(sorted(unknown))}. {known}")
    if not all(map(_can_be_kept, [*options, *(fields or {}).values()])):
        raise Refused(
            422, "Reason, signature and evidence must be text without NUL and without half characters."
        )
    pinned = (fields or {}).get(EVIDENCE_FIELD) or ""
    if pinned and not _DIGEST.fullmatch(pinned):
        raise Refused(
            422, "'evidence' is a digest as the XCom 'evidence' shows it, or 12 or more of its digits."
        )
    return dict(payload)


def _can_be_kept(value: Any) -> bool:
    """Whether PostgreSQL takes it: what it refuses would be noticed after the answer is spent."""
    if value is None:
        return True
    return isinstance(value, str) and not _UNKEEPABLE.search(value)


def _way_in(scope: Scope) -> RecordedBy:
    """The UI sends the session's cookie; scripts send a Bearer token; the plugin says so itself."""
    if scope.get(VIA) is RecordedBy.SLACK:
        return RecordedBy.SLACK
    names = {name.lower() for name, _ in scope.get("headers", [])}
    return RecordedBy.API if b"authorization" in names else RecordedBy.AIRFLOW_UI


def _stamped(payload: dict[str, Any], via: RecordedBy, digest: str) -> bytes:
    sent = {k: v for k, v in (payload.get("params_input") or {}).items() if k != EVIDENCE_FIELD}
    fields = {**sent, "via": via.value, **({EVIDENCE_FIELD: digest} if digest else {})}
    stamped: str = json.dumps({**payload, "params_input": fields})
    return stamped.encode()


def _with_length(scope: Scope, body: bytes) -> Scope:
    headers = [(n, v) for n, v in scope["headers"] if n.lower() != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", str(len(body)).encode())]}


def _replay(body: bytes, rest: Receive) -> Receive:
    """Give the body once, then whatever the client does: saying "gone" would end Airflow's reply."""
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return await rest()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _kept_in(reply: list[Message]) -> Send:
    async def keep(message: Message) -> None:
        reply.append(message)

    return keep


async def _reply(send: Send, refused: Refused) -> None:
    again = [(b"retry-after", str(refused.retry_after).encode())] if refused.retry_after else []
    headers = [(b"content-type", b"application/json"), *again]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(refused.body).encode()})
