"""Go is no answer while an earlier phase does not stand; No go always is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from launch_pipeline.airflow.operators.checklist_item import ChecklistItemOperator
from launch_pipeline.airflow.policies.before_go import refuse_go
from launch_pipeline.airflow.policies.refusal_codes import NO_LONGER_TRUE, NOT_LOOKED
from launch_pipeline.checklist.sequence import GO_NO_GO, T_0
from launch_pipeline.checklist.vocabulary import Answer
from launch_pipeline.checks.canonical import digest
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.launch.in_force import deployed_settings
from launch_pipeline.launch.looking import verified_again
from launch_pipeline.ledger.changes import By, Changes
from launch_pipeline.ledger.database import connected
from launch_pipeline.ledger.definitions import store_definitions
from launch_pipeline.ledger.launch import Via
from launch_pipeline.ledger.reopened import Cause
from launch_pipeline.ledger.schema import Entry, EntryKind, Outcome
from servers.airflow_task import Task
from servers.item_tasks import CONF, REASON, TOMORROW, change_launch, entries
from servers.passed_phases import PassedPhases
from servers.small_week import REF, WEEK_1, with_small_week

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.ledger.ledger import Ledger
    from servers.airflow_task import Supervisor
    from servers.include_folder import IncludeFolder

LAUNCH = "shop-1.2"
CTO = "sign_offs.go_no_go.cto_go"
BY = By("ada", REASON, Via.AIRFLOW)


@pytest.fixture(autouse=True)
def small(include: IncludeFolder) -> None:
    """Replace the first phase before the launch begins with it."""
    with_small_week(include)


@pytest.fixture
def phases(small: None, launched: Ledger, dsn: str) -> PassedPhases:
    """Give the first phase, sealed."""
    assert small is None
    made = PassedPhases(launched, dsn)
    made.seal(WEEK_1)
    return made


def refused(phases: PassedPhases, option: str = Answer.GO, dag_id: str = GO_NO_GO) -> tuple[str, str]:
    """Give code and sentence of the refusal; empty where the answer passes."""
    try:
        refuse_go(phases.dsn, phases.launch, dag_id, option)
    except AnswerRefused as error:
        return error.code, error.reason
    return "", ""


def look(phases: PassedPhases, number: int = 1) -> None:
    """Append that everything was looked at."""
    row = verified_again([], TOMORROW).entry(LAUNCH, GO_NO_GO, "look", number)
    phases.ledger.append(row)


def reopened(phases: PassedPhases) -> None:
    phases.reopen(WEEK_1, f"{REF}green", "the answer was 503")


def retargeted(phases: PassedPhases) -> None:
    Changes(phases.dsn).retarget(LAUNCH, "b" * 40, BY)


def sealed_incomplete(phases: PassedPhases) -> None:
    kept = [entry.record for entry in entries(phases.ledger) if entry.record]
    phases.seal_of(WEEK_1, kept, "Something is wrong.")


def rejected(phases: PassedPhases) -> None:
    record = phases.passed(WEEK_1, f"{REF}patient")
    change: dict[str, Any] = {
        "outcome": Outcome.REJECTED, "reason": REASON, "task_instance_id": "later", "try_number": 9,
    }  # fmt: skip
    phases.ledger.append(Entry.of_record(record.model_copy(update=change)))


DOES_NOT_STAND: dict[str, tuple[Callable[[PassedPhases], None], tuple[str, ...]]] = {
    "an item is no longer true": (
        reopened, ("The green service answers", "Technical Lead", "the answer was 503")),
    "an item rests on another commit": (
        retargeted, ("The released service answers", "the release commit was changed")),
    "a phase was sealed again, and not complete": (sealed_incomplete, ("is sealed, but not complete",)),
    "an item was rejected since": (rejected, (f"{REF}patient",)),
}  # fmt: skip


@pytest.mark.parametrize(("happens", "words"), DOES_NOT_STAND.values(), ids=DOES_NOT_STAND)
def test_go_is_refused_while_a_phase_does_not_stand(
    phases: PassedPhases, happens: Callable[[PassedPhases], None], words: tuple[str, ...]
) -> None:
    """The sentence names the item, its owner and what is seen; a No go passes, and so does another Dag."""
    happens(phases)
    code, sentence = refused(phases)
    assert code == NO_LONGER_TRUE
    assert [word for word in words if word not in sentence] == []
    assert refused(phases, Answer.NO_GO) == ("", "")
    assert refused(phases, dag_id=T_0) == ("", "")


def test_go_counts_again_once_the_phase_is_sealed_again(phases: PassedPhases) -> None:
    """A pass alone is not enough: the phase's gate has the word."""
    reopened(phases)
    phases.passed(WEEK_1, f"{REF}green")
    assert refused(phases)[0] == NO_LONGER_TRUE
    phases.seal(WEEK_1)
    assert refused(phases) == ("", "")


def test_go_counts_while_the_launch_is_on_hold(phases: PassedPhases) -> None:
    """A hold keeps windows closed, not decisions."""
    Changes(phases.dsn).hold(LAUNCH, BY)
    assert refused(phases) == ("", "")


def test_go_counts_only_after_a_look_at_everything(phases: PassedPhases) -> None:
    """Marked green by hand, a look has looked at nothing; after a Go was taken back it takes a new one."""
    with connected(phases.dsn) as connection:
        document = deployed_settings("test").document
        store_definitions(connection, [document])
    change_launch(phases.dsn, environment_digest=digest(document))
    assert refused(phases)[0] == NOT_LOOKED
    assert refused(phases, Answer.NO_GO) == ("", "")
    look(phases)
    assert refused(phases) == ("", "")
    phases.reopen(GO_NO_GO, CTO, "something is no longer true", Cause.GO_TAKEN_BACK)
    assert refused(phases)[0] == NOT_LOOKED
    look(phases, 2)
    assert refused(phases) == ("", "")


def test_task_refuses_what_the_guard_refuses(supervisor: Supervisor, phases: PassedPhases) -> None:
    """A Go that reached the task is asked again with the reason; a No go ends the launch."""
    reopened(phases)
    spec = next(spec for spec in deployed_dags()[GO_NO_GO].specs.values() if spec.ref == CTO)
    with DAG(GO_NO_GO, schedule=None):
        operator = ChecklistItemOperator(task_id=spec.task_id, spec=spec.payload())
    task = Task(supervisor, operator, conf=CONF)
    task.start()
    assert task.xcom("looked_at_again") == {}
    assert task.answer("Go", by="carla.cto").state in {"deferred", "awaiting_input"}
    assert "The green service answers" in task.xcom("refused")["why"]
    assert entries(phases.ledger, EntryKind.DECISION)[-1].dag_id == WEEK_1
    ended = task.answer("No go", by="carla.cto", reason=REASON)
    assert (ended.state, entries(phases.ledger, EntryKind.DECISION)[-1].item_ref) == ("failed", CTO)
