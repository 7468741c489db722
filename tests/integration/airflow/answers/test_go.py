"""The guard refuses a Go while an earlier phase does not stand, before Airflow takes the answer."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.airflow.api_server.answers.request_key import Asked, RequestKey
from launch_pipeline.airflow.api_server.answers.request_state import OpenRequests
from launch_pipeline.checklist.sequence import GO_NO_GO
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.reopened import Cause, Reopened
from launch_pipeline.ledger.schema import Entry, RecordedBy
from servers.item_tasks import REASON
from servers.records import a_seal
from servers.request_keys import place

if TYPE_CHECKING:
    from servers.airflow_database import GateRows

pytestmark = pytest.mark.integration
WEEK_1 = "week_1_pre_launch_requirements"
SOON = 60.0
BEGAN = "UPDATE launch.launches SET checklist_digests = %s WHERE launch_id = %s"


def a_decision(rows: GateRows) -> RequestKey:
    """Let the CTO's decision wait in a launch that began with today's checklists."""
    key = RequestKey(GO_NO_GO, f"run-{uuid.uuid4().hex}", "go_no_go.cto_go", -1)
    place(rows, key)
    digests = {dag_id: dag.digest for dag_id, dag in deployed_dags().items()}
    rows.execute(BEGAN, json.dumps(digests), key.run_id)
    return key


def judged(key: RequestKey, option: str, by: str = "carla.cto") -> tuple[str, str]:
    """Give code and sentence of the guard's refusal; empty where the answer counts."""

    async def asking() -> tuple[str, str]:
        requests = OpenRequests()
        try:
            spec = await requests.spec(key)
            assert spec is not None
            asked = Asked(key, spec, by, option, {"reason": REASON}, RecordedBy.API)
            await requests.check_answer(asked)
        except AnswerRefused as refused:
            return refused.code, refused.reason
        finally:
            requests._engine.dispose()
            requests._threads.shutdown()
        return "", ""

    return asyncio.run(asyncio.wait_for(asking(), SOON))


def test_go_is_refused_while_something_is_no_longer_true(rows: GateRows) -> None:
    """The sentence names the item, its owner and the headline; another's role and a No go are as before."""
    key = a_decision(rows)
    book = Ledger(rows.ledger_dsn)
    specs = list(deployed_dags()[WEEK_1].specs.values())
    book.append(Entry.of_seal(a_seal(launch_id=key.run_id, dag_id=WEEK_1), "gate-1"))
    wrong = Reopened(
        dag_id=WEEK_1, item_ref=specs[0].ref, text=specs[0].item.text, owner=Role.DATABASE_ADMIN,
        cause=Cause.NO_LONGER_TRUE, why=("the answer was 503",), task_instance_id="ti",
    )  # fmt: skip
    book.append(wrong.entry(key.run_id, 1))
    code, sentence = judged(key, "Go")
    assert code == "no_longer_true"
    for word in (specs[0].item.text, "Database Admin", "the answer was 503", "No go is an answer now"):
        assert word in sentence
    assert judged(key, "Go", "noor.network")[0] == "not_your_role"
    assert judged(key, "No go") == ("", "")


def test_go_of_a_launch_whose_phases_stand_counts(rows: GateRows) -> None:
    """Nothing was reopened, and nothing rests on what has changed."""
    assert judged(a_decision(rows), "Go") == ("", "")
