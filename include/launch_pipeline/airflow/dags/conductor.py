"""Build the conductor, the Dag that admits a launch and runs its phases in order (design, section 3)."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, chain

from launch_pipeline.airflow.dags.phase import TAG
from launch_pipeline.airflow.operators.admit_and_complete import AdmitOperator, CompleteOperator
from launch_pipeline.airflow.operators.run_phase import (
    GoNoGoOperator,
    OfferRollbackOperator,
    RunPhaseOperator,
)
from launch_pipeline.airflow.operators.start_watch import StartWatchOperator
from launch_pipeline.checklist.sequence import (
    AFTER_GO,
    BEFORE,
    CONDUCTOR,
    GO_NO_GO,
    ROLLBACK,
    SIDE_BY_SIDE,
    SIGN_OFF,
    T_MINUS_2H,
    WATCH,
    WEEK_4,
    title,
)
from launch_pipeline.launch.environments import environment_files

DOC = """
## Launch

Runs the whole checklist: three weeks of preparation, the launch day in four windows, go/no-go, the week
after, and the sign-off. Each step runs a phase under this run's id and goes on when the phase is **sealed
complete**; marking a run green by hand opens nothing.

*Repair*: open the failed phase, clear the item with *downstream*, answer it; then clear the failed step here.
*Move it*: `launch postpone`. *Another commit*: `launch retarget`. *Another checklist*: `launch amend`.
*Hold it*: `launch hold`. *End it*: `launch abort`.
"""


ADMIT = "admit"


def build_launch_dag() -> DAG:
    """Build the conductor: the only Dag with a form."""
    with DAG(
        CONDUCTOR,
        dag_display_name=title(CONDUCTOR),
        schedule=None,
        description="The whole launch: every phase in order, each opened by the seal of the one before",
        doc_md=DOC,
        params=form(),
        tags=[TAG, "start here"],
        is_paused_upon_creation=False,
        max_active_runs=64,
        # A person starts it from the form; a run of another type names no one who started it.
        allowed_run_types=["manual"],  # type: ignore[list-item]  # Airflow takes names
    ) as dag:
        _wire()
    return dag


def _wire() -> None:
    step: Any = AdmitOperator(task_id=ADMIT, task_display_name="Admit the launch")
    step >> StartWatchOperator(**_names(WATCH))
    for dag_id in BEFORE:
        step = step >> _run(dag_id)
    t_minus_2h, go = _run(T_MINUS_2H), GoNoGoOperator(**_names(GO_NO_GO))
    windows = [_run(dag_id) for dag_id in AFTER_GO]
    step >> [_run(dag_id) for dag_id in SIDE_BY_SIDE] >> t_minus_2h >> go >> windows[0]
    chain(*windows, _run(WEEK_4), _run(SIGN_OFF), _complete())
    [go, *windows] >> OfferRollbackOperator(**_names(ROLLBACK), after=list(AFTER_GO))


def _run(dag_id: str) -> RunPhaseOperator:
    return RunPhaseOperator(**_names(dag_id))


def _complete() -> CompleteOperator:
    return CompleteOperator(task_id="complete", task_display_name="Launch complete")


def _names(dag_id: str) -> dict[str, str]:
    return {"task_id": dag_id, "trigger_dag_id": dag_id, "task_display_name": title(dag_id)}


VERSION = r"^v?\d+\.\d+\.\d+([-+][0-9A-Za-z.-]+)?$"
"""A release as semantic versioning writes it."""


def form() -> dict[str, Param]:
    """Return the fields of the trigger form. The first task refuses what JSON schema cannot express."""
    environments = list(environment_files())
    return {
        "release": Param(
            "1.0.0",
            type="string",
            title="Release",
            description="Version that is launched, such as 1.0.0 or 1.0.0-rc.1.",
            pattern=VERSION,
        ),
        "release_sha": Param(
            "",
            type="string",
            title="Release commit",
            description="Full commit id (40 hexadecimal digits) that was built; reports must be about it.",
            pattern=r"^[0-9a-f]{40}$",
        ),
        "previous_release": Param(
            None,
            type=["null", "string"],
            title="Previous release",
            description="What a rollback goes back to. Empty for a first launch.",
            pattern=VERSION,
        ),
        "launch_at": Param(
            "",
            type="string",
            format="date-time",
            title="Launch time (T-0)",
            description="In the future, with a zone. `launch postpone` moves it later.",
        ),
        "environment": Param(
            # Never default to the rehearsal: a person who skips the field must not rehearse by accident.
            min(environments, key=lambda name: name == "rehearsal", default=""),
            type="string",
            enum=environments or [""],
            title="Environment",
            description="A file in include/environments; one launch per environment at a time.",
        ),
        "rehearsal": Param(
            False,
            type="boolean",
            title="Rehearsal",
            description="Marks everything REHEARSAL; does not block a real launch to this environment.",
        ),
    }
