"""Diagnose what the checks need: connections, variables, people, policy and ledger."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checklist.plan import plan_dags
from launch_pipeline.checks.engine.client_pool import close_clients
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.doctor.checks.needs import needs_of
from launch_pipeline.doctor.checks.probing import Probe, probe_all
from launch_pipeline.doctor.rows import Row, ok, problem, unused
from launch_pipeline.errors import ConfigurationError, LaunchError
from launch_pipeline.launch.context import launch_variables

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from launch_pipeline.checklist.plan import PlannedItem
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.doctor.checks.needs import Needs
    from launch_pipeline.doctor.context import CheckSetup

LAUNCH_VARIABLES = frozenset(
    {
        "release",
        "release_sha",
        "previous_release",
        "launch_at",
        "launch_date",
        "launch_id",
        "today",
        "now",
        "run_nonce",
    }
)
"""Variables that every launch sets from its form and its clock."""


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
    """A variable that the environment does not set."""

    name: str
    items: tuple[str, ...]
    """The items that cannot be checked without it."""


class Diagnosis(Frozen):
    """Everything that ``launch doctor`` shows. The field names are the keys of ``--json``."""

    environment: str
    items: int
    """Number of items with checks."""
    automated: int
    """Number of these items for which nothing is missing."""
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
    ctx = setup.context(launch_variables({}))
    probes = asyncio.run(_probed(needs, ctx))
    set_here = {name for name, value in setup.environment.variables.items() if value is not None}
    unset = {name: refs for name, refs in needs.variables.items() if name not in set_here | LAUNCH_VARIABLES}
    lacking = {f"var:{name}" for name in unset} | {
        f"conn:{name}" for name, state in probes.items() if not state.configured
    }
    return Diagnosis(
        environment=setup.environment.name,
        items=len(checked),
        automated=sum(not needs.of_item(item.ref) & lacking for item in checked),
        connections=tuple(_connections(needs, probes, lacking, setup.connections.sources)),
        missing_variables=tuple(VariableState(name=name, items=refs) for name, refs in unset.items()),
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


def _connections(
    needs: Needs, probes: dict[str, Probe], lacking: Collection[str], sources: dict[str, str]
) -> Iterator[ConnectionState]:
    for conn_id, state in probes.items():
        if conn_id in needs.optional and not state.configured:
            continue
        refs = needs.connections[conn_id]
        others = set(lacking) - {f"conn:{conn_id}"}
        yield ConnectionState(
            conn_id=conn_id,
            configured=state.configured,
            source=sources.get(conn_id, ""),
            reachable=state.reachable,
            permitted=state.permitted,
            says=state.says,
            wrong=state.wrong,
            items=refs,
            alone=sum(not needs.of_item(ref) & others for ref in refs),
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
