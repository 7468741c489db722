"""What ``launch doctor`` finds: connections, variables, people, policy and ledger."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checklist.plan import plan_dags
from launch_pipeline.checks.engine.client_pool import close_clients
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.doctor.checks.needs import needs_of
from launch_pipeline.doctor.checks.probing import Touched, touch_all
from launch_pipeline.errors import ConfigurationError, LaunchError
from launch_pipeline.launch.context import launch_variables

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from launch_pipeline.checklist.plan import PlannedItem
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.doctor.checks.needs import Needs
    from launch_pipeline.doctor.context import Surroundings

LAUNCH_VARIABLES = frozenset(
    {
        "release",
        "release_sha",
        "previous_release",
        "launch_at",
        "launch_date",
        "launch_id",
        "today",
        "run_nonce",
    }
)
"""What every launch sets by itself, from its form and its clock."""


class ConnectionState(Frozen):
    """One connection that checks use."""

    conn_id: str
    configured: bool
    source: str
    """Where it was found."""
    reachable: bool | None
    permitted: bool | None
    """Whether we are let in; None where there is no cheap way to know."""
    says: str
    wrong: bool
    """Configured, and does not work."""
    items: tuple[str, ...]
    """Those that use it."""
    alone: int
    """How many of them lack nothing else."""


class VariableState(Frozen):
    """A variable that the environment does not set."""

    name: str
    items: tuple[str, ...]
    """Those that it holds back."""


class Finding(Frozen):
    """One thing beside connections and variables."""

    what: str
    says: str
    wrong: bool = False


class Diagnosis(Frozen):
    """Everything."""

    environment: str
    items: int
    """With checks."""
    automated: int
    """Those of them for which nothing is missing."""
    connections: tuple[ConnectionState, ...]
    missing_variables: tuple[VariableState, ...]
    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> int:
        """How many things are configured and do not work."""
        return sum(c.wrong for c in self.connections) + sum(f.wrong for f in self.findings)


def diagnose(around: Surroundings, ledger_dsn: str | None) -> Diagnosis:
    """Look at everything once. Raises InvalidChecklist and ConfigurationError for what cannot be read."""
    plans = plan_dags(load_phases(parameter_models()))
    planned = [item for plan in plans.values() for item in plan.items]
    checked = [item for item in planned if item.item.checks]
    needs = needs_of(checked)
    ctx = around.context(launch_variables({}))
    touched = asyncio.run(_touched(needs, ctx))
    set_here = {name for name, value in around.environment.variables.items() if value is not None}
    unset = {name: refs for name, refs in needs.variables.items() if name not in set_here | LAUNCH_VARIABLES}
    lacking = {f"var:{name}" for name in unset} | {
        f"conn:{name}" for name, state in touched.items() if not state.configured
    }
    return Diagnosis(
        environment=around.environment.name,
        items=len(checked),
        automated=sum(not needs.of_item(item.ref) & lacking for item in checked),
        connections=tuple(_connections(needs, touched, lacking, around.connections.sources)),
        missing_variables=tuple(VariableState(name=name, items=refs) for name, refs in unset.items()),
        findings=(
            *_airflow(around),
            *_people(around.contacts_file, planned),
            _policy(),
            *_ledger(ledger_dsn),
        ),
    )


async def _touched(needs: Needs, ctx: CheckContext) -> dict[str, Touched]:
    try:
        return await touch_all(needs.kinds, ctx)
    finally:
        await close_clients()


def _connections(
    needs: Needs, touched: dict[str, Touched], lacking: Collection[str], sources: dict[str, str]
) -> Iterator[ConnectionState]:
    for conn_id, state in touched.items():
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


def _airflow(around: Surroundings) -> Iterator[Finding]:
    if around.connections.trouble:
        yield Finding(
            what="airflow", says=f"its connections are unknown: {around.connections.trouble}", wrong=True
        )


def _people(path: Path | None, planned: Sequence[PlannedItem]) -> Iterator[Finding]:
    from launch_pipeline.approvals.contacts import load_contacts  # noqa: PLC0415

    if path is None:
        yield Finding(
            what="contacts", says="none yet: nobody can answer. Copy include/contacts.example.yaml."
        )
        return
    try:
        contacts = load_contacts(path)
    except ConfigurationError as error:
        yield Finding(what="contacts", says=str(error), wrong=True)
        return
    yield Finding(what="contacts", says=f"{len(contacts.people)} people in {path.name}")
    roles = list(dict.fromkeys(item.item.owner for item in planned))
    unstaffed = contacts.unstaffed(roles)
    names = ", ".join(role.label for role in unstaffed)
    says = f"nobody holds {names}" if unstaffed else f"all {len(roles)} are held by somebody"
    yield Finding(what="roles", says=says, wrong=bool(unstaffed))


def _policy() -> Finding:
    from launch_pipeline.approvals.policy import load_policy  # noqa: PLC0415
    from launch_pipeline.checklist.files import checklist_folder  # noqa: PLC0415

    try:
        load_policy(checklist_folder() / "policy.yaml")
    except ConfigurationError as error:
        return Finding(what="policy", says=str(error), wrong=True)
    return Finding(what="policy", says="readable")


def _ledger(dsn: str | None) -> Iterator[Finding]:
    from launch_pipeline.ledger.launches import Launches  # noqa: PLC0415

    if dsn is None:
        yield Finding(what="ledger", says="not asked: no stack runs here, and --ledger names none")
        return
    try:
        Launches(dsn).find("")
    except LaunchError as error:
        yield Finding(what="ledger", says=str(error), wrong=True)
        return
    yield Finding(what="ledger", says="answers")
