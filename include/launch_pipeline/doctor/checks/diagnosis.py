"""Diagnose what the checks need: connections, variables, people, policy and ledger."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checklist.plan import plan_dags
from launch_pipeline.checks.engine.client_pool import close_clients
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.doctor.checks.needs import COMMANDS, SIDE_EFFECTS, needs_of
from launch_pipeline.doctor.checks.probing import Probe, probe_all
from launch_pipeline.doctor.checks.questions import Advice, Known, Question, advice, questions, shown
from launch_pipeline.doctor.checks.unset import Variables, is_placeholder
from launch_pipeline.doctor.rows import Row, ok, problem, unused
from launch_pipeline.errors import ConfigurationError, LaunchError
from launch_pipeline.launch.context import launch_variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from launch_pipeline.checklist.plan import PlannedItem
    from launch_pipeline.checks.engine.context import CheckContext, Environment
    from launch_pipeline.doctor.checks.needs import Needs
    from launch_pipeline.doctor.context import CheckSetup


class ConnectionState(Frozen):
    """One connection that checks use."""

    conn_id: str
    configured: bool
    source: str
    """Where it was found."""
    reachable: bool | None
    permitted: bool | None
    """Whether our credentials are accepted; None if no cheap read can tell."""
    says: str
    wrong: bool
    """Whether it is configured and does not work."""
    items: tuple[str, ...]
    """The items that use it."""
    alone: int
    """How many of these items lack nothing else."""


class VariableState(Frozen):
    """A variable that the environment does not set, or only to the example's value."""

    name: str
    items: tuple[str, ...]
    """The items that cannot be checked without it."""
    example: str = ""
    """The example's value, if it still has that."""


class Diagnosis(Frozen):
    """Everything that ``launch doctor`` shows. The field names are the keys of ``--json``."""

    environment: str
    items: int
    """Number of items with checks."""
    automated: int
    """Number of these items for which nothing is missing: their checks run by themselves."""
    approved_too: int
    """Number of the automated items that a person approves as well."""
    without_checks: int
    """Number of items that people alone answer."""
    questions: tuple[Question, ...]
    """The items with checks that ask a person for want of something."""
    advice: Advice | None
    """What would automate most items next."""
    connections: tuple[ConnectionState, ...]
    missing_variables: tuple[VariableState, ...]
    findings: tuple[Row, ...]
    """Everything beside connections and variables."""

    @property
    def wrong(self) -> int:
        """Number of things that are configured and do not work."""
        return sum(c.wrong for c in self.connections) + sum(f.wrong for f in self.findings)


def diagnose(setup: CheckSetup, ledger_dsn: str | None) -> Diagnosis:
    """Look at everything once. Raises InvalidChecklist or ConfigurationError for unreadable files."""
    plans = plan_dags(load_phases(parameter_models()))
    planned = [item for plan in plans.values() for item in plan.items]
    checked = [item for item in planned if item.item.checks]
    needs = needs_of(checked)
    variables = Variables.of(setup.environment.variables, needs.variables)
    probes = asyncio.run(_probed(needs, setup.context(launch_variables({}))))
    known = Known(
        needs=needs,
        probes=probes,
        variables=variables,
        allowed=_allowed(setup.environment),
        contacts=setup.contacts_file is not None,
        file=setup.environment_file,
    )
    asked = questions(known)
    asking = {question.item for question in asked}
    return Diagnosis(
        environment=setup.environment.name,
        items=len(checked),
        automated=len(checked) - len(asked),
        approved_too=sum(item.needs_person and item.ref not in asking for item in needs.items),
        without_checks=len(planned) - len(checked),
        questions=asked,
        advice=advice(asked, known),
        connections=tuple(_connections(needs, probes, asked, setup.connections.sources)),
        missing_variables=tuple(_unset(needs, variables)),
        findings=(
            *_airflow(setup),
            *_people(setup.contacts_file, planned),
            _policy(),
            *_ledger(ledger_dsn),
        ),
    )


async def _probed(needs: Needs, ctx: CheckContext) -> dict[str, Probe]:
    try:
        return await probe_all(needs.kinds, ctx)
    finally:
        await close_clients()


def _allowed(environment: Environment) -> frozenset[str]:
    """Return the permissions that the environment gives."""
    return frozenset(name for name in (SIDE_EFFECTS, COMMANDS) if getattr(environment, name))


def _unset(needs: Needs, variables: Variables) -> Iterator[VariableState]:
    found: dict[str, list[str]] = defaultdict(list)
    for item in needs.items:
        for name in variables.all_missing(item.variables):
            found[name].append(item.ref)
    for name, refs in sorted(found.items()):
        value = variables.given.get(name)
        example = shown(value) if is_placeholder(value) else ""
        yield VariableState(name=name, items=tuple(refs), example=example)


def _connections(
    needs: Needs, probes: dict[str, Probe], asked: Sequence[Question], sources: dict[str, str]
) -> Iterator[ConnectionState]:
    lacks = {question.item: {lack.name for lack in question.lacks} for question in asked}
    for conn_id, state in probes.items():
        if conn_id in needs.optional and not state.configured:
            continue
        refs = needs.connections[conn_id]
        yield ConnectionState(
            conn_id=conn_id,
            configured=state.configured,
            source=sources.get(conn_id, ""),
            reachable=state.reachable,
            permitted=state.permitted,
            says=state.says,
            wrong=state.wrong,
            items=refs,
            alone=sum(lacks.get(ref, set()) <= {conn_id} for ref in refs),
        )


def _airflow(setup: CheckSetup) -> Iterator[Row]:
    if setup.connections.trouble:
        yield problem("airflow", f"its connections are unknown: {setup.connections.trouble}")


def _people(path: Path | None, planned: Sequence[PlannedItem]) -> Iterator[Row]:
    from launch_pipeline.approvals.contacts import load_contacts  # noqa: PLC0415

    if path is None:
        yield unused(
            "contacts", "none yet, so no request can be answered. Copy include/contacts.example.yaml."
        )
        return
    try:
        contacts = load_contacts(path)
    except ConfigurationError as error:
        yield problem("contacts", str(error))
        return
    yield ok("contacts", f"{len(contacts.people)} people in {path.name}")
    roles = list(dict.fromkeys(item.item.owner for item in planned))
    if unstaffed := contacts.unstaffed(roles):
        names = ", ".join(role.label for role in unstaffed)
        yield problem("roles", f"no active person holds {names}", f"name a person for each in {path.name}.")
    else:
        yield ok("roles", f"all {len(roles)} have a holder")


def _policy() -> Row:
    from launch_pipeline.approvals.policy import load_policy  # noqa: PLC0415
    from launch_pipeline.checklist.files import checklist_folder  # noqa: PLC0415

    try:
        load_policy(checklist_folder() / "policy.yaml")
    except ConfigurationError as error:
        return problem("policy", str(error))
    return ok("policy", "readable")


def _ledger(dsn: str | None) -> Iterator[Row]:
    from launch_pipeline.ledger.launches import Launches  # noqa: PLC0415

    if dsn is None:
        yield unused("ledger", "not asked: no stack runs here, and no --ledger is given")
        return
    try:
        Launches(dsn).find("")
    except LaunchError as error:
        yield problem("ledger", str(error))
        return
    yield ok("ledger", "answers")
