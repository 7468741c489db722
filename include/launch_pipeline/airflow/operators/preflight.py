"""Decide whether a launch may begin, and list every problem at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from launch_pipeline.airflow.hooks.ledger import launches
from launch_pipeline.airflow.policies.sign_in import refuse_open_door
from launch_pipeline.approvals.deployed import contacts, policy
from launch_pipeline.checklist.sequence import ALL_PHASES
from launch_pipeline.checks.canonical import digest
from launch_pipeline.errors import ConfigurationError, InvalidChecklist, LaunchRefused
from launch_pipeline.launch.deployed_checklists import deployed_dags, launch_plan
from launch_pipeline.launch.environments import environment_named
from launch_pipeline.launch.in_force import deployed_settings
from launch_pipeline.ledger.launch import Launch
from launch_pipeline.ledger.launches import FARTHEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.launch.context import LaunchContext


def admit(asked: LaunchContext, *, paused: list[str]) -> LaunchContext:
    """Record the start of a launch and return its configuration.

    Raises LaunchRefused with every reason at once, or naming the launch that holds the environment.
    """
    problems = [*_time_problems(asked.launch_at), *_setting_problems(asked, paused)]
    if problems:
        raise LaunchRefused("This launch cannot start:\n" + "\n".join(f"- {p}" for p in problems))
    rehearsal = asked.rehearsal or environment_named(asked.environment).rehearsal
    admitted, dags = asked.model_copy(update={"rehearsal": rehearsal}), deployed_dags()
    settings = deployed_settings(admitted.environment)
    launch = launches().start(
        Launch(
            launch_id=admitted.launch_id,
            environment=admitted.environment,
            rehearsal=rehearsal,
            release=admitted.release,
            release_sha=admitted.release_sha,
            launch_at=datetime.fromisoformat(admitted.launch_at),
            started_by=admitted.started_by or "nobody",
            conf=admitted.conf(),
            checklist_digests={dag_id: dag.digest for dag_id, dag in dags.items()},
            environment_digest=digest(settings.document),
        ),
        launch_plan(dags, policy(), settings.lasting(admitted.variables())),
        [*(dag.definition for dag in dags.values()), settings.document],
    )
    if launch.over:
        message = f"The launch {launch.launch_id!r} is over ({launch.state}). Start another one."
        raise LaunchRefused(message)
    return admitted


def _time_problems(launch_at: str) -> Iterator[str]:
    try:
        moment = datetime.fromisoformat(launch_at)
    except ValueError:
        yield f"The launch time {launch_at!r} is not a date and time. Write it as 2030-01-31T09:00:00+01:00."
        return
    if moment.tzinfo is None:
        written = f"{moment.isoformat()}+00:00"
        yield f"The launch time {launch_at} has no time zone. Write {written}, or use your own zone."
    elif moment <= datetime.now(UTC):
        yield f"The launch time {launch_at} has passed. Choose one in the future."
    elif moment - datetime.now(UTC) > FARTHEST:
        years = FARTHEST.days // 365
        yield f"The launch time {launch_at} is more than {years} years away. Choose an earlier one."


def _door_problems() -> Iterator[str]:
    try:
        refuse_open_door()
    except ConfigurationError as error:
        yield str(error)


def _setting_problems(asked: LaunchContext, paused: list[str]) -> Iterator[str]:
    if not asked.rehearsal:
        yield from _door_problems()
    if paused:
        yield f"These Dags are paused: {', '.join(paused)}. Switch them on."
    if not asked.environment:
        yield "No environment is chosen. Add a file to include/environments and choose it."
    try:
        environment_named(asked.environment)
        policy()
    except ConfigurationError as error:
        yield str(error)
    try:
        dags = deployed_dags()
        if missing := [dag_id for dag_id in ALL_PHASES if dag_id not in dags]:
            yield f"No checklist has the phase {', '.join(missing)}. Restore its file in include/checklists."
        specs = [spec for dag in dags.values() for spec in dag.specs.values()]
        unstaffed = contacts().unstaffed({spec.item.owner for spec in specs})
    except (ConfigurationError, InvalidChecklist) as error:
        yield str(error)
        return
    if unstaffed:
        roles = ", ".join(role.label for role in unstaffed)
        yield f"No active person holds the role {roles}. Add one to the contacts file."
