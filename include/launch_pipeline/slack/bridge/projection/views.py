"""Build views from the board: texts and roles from the checklist, people from the contacts.

The same board, files and ledger view give the same views.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.moments import zoned_time
from launch_pipeline.checklist.sequence import ALL_PHASES, CONDUCTOR, ROLLBACK, title
from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.checks.engine.product import with_readable_product
from launch_pipeline.checks.language.variables import in_prose
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.notifications.links import item_url, run_url, section_url
from launch_pipeline.notifications.model import LaunchFacts
from launch_pipeline.notifications.phase_notes import set_aside_of
from launch_pipeline.slack.bridge.projection.changing import changes_of, hold_of, look_of, regressions_of
from launch_pipeline.slack.bridge.projection.ledger_view import LedgerView
from launch_pipeline.slack.messages.views import ItemView, LaunchView, PhaseLine, PhaseState, SectionView

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from launch_pipeline.checklist.model import Section
    from launch_pipeline.checklist.plan import DagPlan, PlannedItem
    from launch_pipeline.slack.bridge.projection.deployment import Deployment
    from launch_pipeline.slack.protocol import BoardItem, BoardLaunch, BoardRun

_NOTHING = LedgerView()
_ENDED = frozenset({"success", "failed"})


def sections_of(
    launch: BoardLaunch, deployment: Deployment, ledger: LedgerView = _NOTHING
) -> tuple[SectionView, ...]:
    """Return the sections of a launch's runs in the document's order, with the items that the runs have.

    Without a ledger view, go/no-go lists nothing that was set aside, and questions keep the variables that
    only the launch's form knows.
    """
    runs = {run.dag_id: run for run in launch.runs}
    variables = _variables(launch, ledger)
    views = []
    for dag_id, plan in (ledger.plans or deployment.plans).items():
        board = {item.task_id: item for item in runs[dag_id].items} if dag_id in runs else {}
        for section, planned in plan.sections:
            there = [(one, board[one.task_id]) for one in planned if one.task_id in board]
            items = tuple(
                reopened(_item(launch, dag_id, *one, deployment, variables), ledger) for one in there
            )
            if items:
                views.append(_section(launch, plan, section, items, deployment, ledger))
    return tuple(views)


def _section(
    launch: BoardLaunch,
    plan: DagPlan,
    section: Section,
    items: tuple[ItemView, ...],
    deployment: Deployment,
    ledger: LedgerView,
) -> SectionView:
    decides = items[0].gate is not RequestKind.APPROVAL
    earlier = [record for record in ledger.set_aside if record.dag_id != plan.dag_id]
    url = deployment.public_url
    return SectionView(
        launch_id=launch.launch_id,
        dag_id=plan.dag_id,
        section_id=section.id,
        rehearsal=launch.rehearsal,
        phase_title=plan.phase.title,
        section_title=section.title,
        items=items,
        url=section_url(url, plan.dag_id, launch.launch_id, section.id),
        set_aside=set_aside_of(url, earlier) if decides else (),
        **(_for_deciders(launch, deployment, ledger) if decides else {}),
    )


def _for_deciders(launch: BoardLaunch, deployment: Deployment, ledger: LedgerView) -> dict[str, Any]:
    return {
        "regressions": regressions_of(ledger, deployment, launch.launch_id),
        "look": look_of(ledger, deployment),
        "changes": changes_of(ledger, deployment),
    }


def _item(
    launch: BoardLaunch,
    dag_id: str,
    planned: PlannedItem,
    found: BoardItem,
    deployment: Deployment,
    variables: Mapping[str, Any],
) -> ItemView:
    item = planned.item
    return ItemView(
        ref=planned.ref,
        text=item.text,
        dag_id=dag_id,
        owner=item.owner,
        may_answer=deployment.asked_first(item, launch.triggered_by),
        may_waive=deployment.may_waive(item),
        mode=item.mode,
        gate=item.gate,
        severity=item.severity,
        options=deployment.options(item),
        question=in_prose(item.question or "", variables),
        repair=in_prose(item.on_failure, variables),
        url=item_url(deployment.public_url, dag_id, launch.launch_id, planned.task_id),
        **found.model_dump(exclude={"answered_by", "recorded_by"}),
        answered_by=deployment.name_of(found.answered_by) if found.answered_by else "",
    )


def reopened(item: ItemView, ledger: LedgerView) -> ItemView:
    """Return an item with the reason why it is verified again, without the record that no longer counts."""
    again = ledger.again.get(item.ref)
    if again is None:
        return item
    old = again.item.task_instance_id == item.task_instance_id
    gone = {"outcome": None, "decided_by": "", "decided_at": None, "reason": "", "state": None}
    said = {"again": again.why or "its record no longer counts", "no_longer_true": again.no_longer_true}
    return item.model_copy(update={**said, **(gone if old and item.outcome else {})})


def closed(view: SectionView) -> SectionView:
    """Return a section without open requests, for a launch that is over."""
    items = tuple(item.model_copy(update={"waits": False}) for item in view.items)
    return view.model_copy(update={"items": items})


def _variables(launch: BoardLaunch, ledger: LedgerView) -> dict[str, Any]:
    """Return the variables of questions, as the request in Airflow fills them in."""
    if ledger.variables:
        return ledger.variables
    if ledger.launch is not None:
        return with_readable_product(LaunchContext.of_launch(ledger.launch).variables())
    at = launch.launch_at
    given = {
        "launch_id": launch.launch_id,
        "release": launch.release,
        "launch_at": at,
        "launch_date": at[:10],
    }
    return with_readable_product({name: value for name, value in given.items() if value})


# ---- the root of the thread ------------------------------------------------------------------------


def facts_of(launch: BoardLaunch, deployment: Deployment, ledger: LedgerView) -> LaunchFacts:
    """Return what every message says about a launch; the ledger's launch time counts before the board's."""
    return LaunchFacts(
        launch_id=launch.launch_id,
        rehearsal=launch.rehearsal,
        airflow_url=deployment.public_url,
        release=launch.release,
        environment=launch.environment,
        launch_at=ledger.launch.launch_at if ledger.launch else zoned_time(launch.launch_at),
        started_by=deployment.name_of(launch.triggered_by),
    )


def launch_view_of(launch: BoardLaunch, deployment: Deployment, ledger: LedgerView = _NOTHING) -> LaunchView:
    """Build the root of a launch's thread: all phases in order, or the one that was run on its own."""
    first = CONDUCTOR if _conducted(launch, ledger) else next((r.dag_id for r in launch.runs), CONDUCTOR)
    phases = tuple(
        _phase(launch, dag_id, deployment, ledger)
        for dag_id in _shown(launch, ledger)
        if dag_id in deployment.plans
    )
    state, failed = _state(launch, ledger, phases)
    facts = facts_of(launch, deployment, ledger)
    return LaunchView.of(
        facts,
        first,
        state=state,
        failed=failed,
        phases=phases,
        release_sha=ledger.launch.release_sha if ledger.launch else "",
        hold=hold_of(ledger, deployment),
        regressions=regressions_of(ledger, deployment, launch.launch_id),
        look=look_of(ledger, deployment),
        can_be_held=ledger.launch is not None and not ledger.over,
    )


def _conducted(launch: BoardLaunch, ledger: LedgerView) -> bool:
    return ledger.launch is not None or any(run.dag_id == CONDUCTOR for run in launch.runs)


def _shown(launch: BoardLaunch, ledger: LedgerView) -> tuple[str, ...]:
    """Return the phases that the root lists; the rollback only after it has begun."""
    begun = {run.dag_id for run in launch.runs}
    if not _conducted(launch, ledger):
        return tuple(dag_id for dag_id in ALL_PHASES if dag_id in begun)
    return tuple(dag_id for dag_id in ALL_PHASES if dag_id != ROLLBACK or dag_id in begun)


def _phase(launch: BoardLaunch, dag_id: str, deployment: Deployment, ledger: LedgerView) -> PhaseLine:
    run = next((run for run in launch.runs if run.dag_id == dag_id), None)
    done = sum(item.outcome is not None for item in run.items) if run else 0
    again = sum(one.item.dag_id == dag_id for one in ledger.again.values())
    state = _phase_state(run, ledger)
    stands = not (again and state is PhaseState.COMPLETE)
    return PhaseLine(
        title=title(dag_id),
        state=state if stands else PhaseState.RUNNING,
        again=0 if ledger.over else again,
        done=done,
        total=len(run.items) if run and run.items else len(deployment.plans[dag_id].items),
        url=run_url(deployment.public_url, dag_id, launch.launch_id) if run else "",
    )


def _phase_state(run: BoardRun | None, ledger: LedgerView) -> PhaseState:
    """Return the state of a phase. A run that ended is complete only by its seal, even if it is green."""
    if run is None:
        return PhaseState.NOT_STARTED
    if run.state in _ENDED:
        seal = ledger.seal_of(run)
        return PhaseState.COMPLETE if seal and seal.complete else PhaseState.FAILED
    asks = any(item.waits and item.outcome is None and not item.answered_by for item in run.items)
    return PhaseState.WAITING if asks else PhaseState.RUNNING


def _state(launch: BoardLaunch, ledger: LedgerView, phases: Sequence[PhaseLine]) -> tuple[LaunchState, bool]:
    """Return the state of a launch, and whether it stopped with a failure that can be repaired."""
    if ledger.launch and ledger.launch.over:
        return ledger.launch.state, False
    conductor = next((run for run in launch.runs if run.dag_id == CONDUCTOR), None)
    if conductor is not None:
        return LaunchState.ACTIVE, conductor.state == "failed"
    states = {phase.state for phase in phases}
    if states & {PhaseState.RUNNING, PhaseState.WAITING}:
        return LaunchState.ACTIVE, False
    failed = PhaseState.FAILED in states
    return LaunchState.ACTIVE if failed else LaunchState.COMPLETE, failed
