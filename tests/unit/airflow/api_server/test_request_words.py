"""The words of a request that is asked anew: stored only where Airflow took the task's call."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from launch_pipeline.airflow.api_server.answers.request_words import RequestWords
from launch_pipeline.airflow.api_server.asgi import call, request_scope, send_json

ID = "019f2a6e-1111-7222-8333-444455556666"
PATH = f"/execution/hitlDetails/{ID}"
SENT = {"subject": "Ready?", "body": "**Ready?**", "options": ["Approve"], "params": {}, "ti_id": "another"}


class Airflow:
    """Answers with a status, and keeps what it was sent."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.bodies: list[bytes] = []

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        self.bodies.append((await receive())["body"])
        await send_json(send, self.status, {"taken": self.status})


def asked(method: str = "POST", path: str = PATH, *, status: int = 201, fails: bool = False) -> Any:
    """Send a task's call; return the status that it gets, what was stored, and what Airflow was sent."""
    stored: list[tuple[str, dict[str, Any]]] = []

    def store(task_instance_id: str, words: dict[str, Any]) -> None:
        if fails:
            message = "no database"
            raise OSError(message)
        stored.append((task_instance_id, words))

    airflow = Airflow(status)
    words = RequestWords(airflow, store)
    reply = asyncio.run(call(words, request_scope(method, path, []), json.dumps(SENT).encode()))
    return reply.status, stored, airflow.bodies


NOT_OURS: dict[str, dict[str, Any]] = {
    "refused by Airflow": {"status": 403},
    "broken in Airflow": {"status": 500},
    "an answer": {"method": "PATCH", "status": 200},
    "another route": {"path": "/api/v2/dags", "status": 200},
    "no id": {"path": "/execution/hitlDetails/../x", "status": 200},
}


@pytest.mark.parametrize("changes", NOT_OURS.values(), ids=NOT_OURS)
def test_nothing_else_is_stored(changes: dict[str, Any]) -> None:
    """Airflow's reply passes as it is."""
    status, stored, bodies = asked(**changes)
    assert (status, stored, len(bodies)) == (changes["status"], [], 1)


def test_words_that_cannot_be_stored_are_asked_again() -> None:
    """The task hears that it has not asked: no person answers old words."""
    status, stored, _ = asked(fails=True)
    assert (status, stored) == (503, [])


def test_words_that_airflow_took_are_stored() -> None:
    """Subject, body, options and fields, and nothing else of what was sent."""
    status, stored, bodies = asked()
    words = {name: SENT[name] for name in ("subject", "body", "options", "params")}
    assert (status, stored) == (201, [(ID, words)])
    assert json.loads(bodies[0]) == SENT
