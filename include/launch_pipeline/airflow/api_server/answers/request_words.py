"""Keep the words of an item's request current: Airflow 3.3 keeps those of the first time that a task asked.

After an amendment or a retarget a task asks something else, with other options perhaps. Airflow 3.4 stores
what a task asks anew; for 3.3 this middleware does. Airflow judges the task's call first, by the task's own
token. What the task sent is stored only if Airflow took it, before the task hears of that.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.api_server.asgi import replay, send_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.airflow.api_server.asgi import App, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

ASK_PATH = re.compile(r"/execution/hitlDetails/(?P<id>[0-9a-f-]{36})/?$")
"""Where a task asks, in the Execution API of Airflow 3.3 and 3.4."""
MAX_BODY = 1024 * 1024
_WORDS = ("subject", "body", "options", "params")
_TAKEN = range(200, 300)
_NOT_STORED = "The words of the request could not be stored. Ask again."


class RequestWords:
    """ASGI middleware around the whole api-server. It touches nothing but the requests of items."""

    def __init__(self, app: App, store: Callable[[str, dict[str, Any]], None] | None = None) -> None:
        self.app = app
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let Airflow take a request, and store its words."""
        match = ASK_PATH.search(scope.get("path", "")) if scope.get("method") == "POST" else None
        if scope["type"] != "http" or match is None:
            await self.app(scope, receive, send)
            return
        body = await _read(receive)
        reply: list[Message] = []
        await self.app(scope, replay(body, receive), _kept_in(reply))
        if reply and reply[0].get("status") in _TAKEN and not await self._stored(match["id"], body):
            await send_json(send, 503, {"detail": _NOT_STORED})
            return
        for message in reply:
            await send(message)

    async def _stored(self, task_instance_id: str, body: bytes) -> bool:
        try:
            sent = json.loads(body)
            words = {name: sent[name] for name in _WORDS if name in sent}
            await asyncio.to_thread(self._store or store_words, task_instance_id, words)
        except Exception:  # any error of the database; the task asks again
            log.exception("The words of the request of %s could not be stored.", task_instance_id)
            return False
        return True


def store_words(task_instance_id: str, words: dict[str, Any]) -> None:
    """Store the words of an item's request in Airflow's table; a request of any other Dag stays as it is."""
    # Airflow's ORM is heavy, and every component loads this module with the plugin.
    from airflow.models.hitl import HITLDetail  # noqa: PLC0415
    from airflow.models.taskinstance import TaskInstance  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415
    from sqlalchemy import select, update  # noqa: PLC0415

    from launch_pipeline.launch.deployed_checklists import deployed_dags  # noqa: PLC0415

    ours = select(TaskInstance.id).where(TaskInstance.dag_id.in_(list(deployed_dags())))
    with create_session() as session:
        session.execute(
            update(HITLDetail)
            .where(HITLDetail.ti_id == task_instance_id, HITLDetail.ti_id.in_(ours))
            .values(words)
        )


async def _read(receive: Receive) -> bytes:
    body = b""
    while len(body) <= MAX_BODY:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            break
    return bytes(body)


def _kept_in(reply: list[Message]) -> Send:
    async def keep(message: Message) -> None:
        reply.append(message)

    return keep
