"""From the board to what a card shows: texts and roles from the checklist, people from the contacts.

Pure: the same board, checklist, contacts and memory give the same views.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from launch_pipeline.approvals.rules import who_may_waive
from launch_pipeline.checklist.options import options_of
from launch_pipeline.checklist.sequence import ALL_PHASES, CONDUCTOR, ROLLBACK, title
from launch_pipeline.checklist.vocabulary import Answer, RequestKind, Role, Severity
from launch_pipeline.checks.language.variables import substitute
from launch_pipeline.errors import Inconclusive
from launch_pipeline.ledger.launch import LaunchState as Kept
from launch_pipeline.notifications.links import item_url, run_url, section_url
from launch_pipeline.notifications.model import PersonView, SetAside
from launch_pipeline.slack.bridge.projection.ledger_view import Memory
from launch_pipeline.slack.messages.views import (
    ItemView,
    LaunchState,
    LaunchView,
    PhaseLine,
    PhaseState,
    SectionView,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.approvals.policy import Policy
    from launch_pipeline.checklist.model import Item, Section
    from launch_pipeline.checklist.plan import DagPlan, PlannedItem
    from launch_pipeline.ledger.schema import Record
    from launch_pipeline.slack.protocol import BoardItem, BoardLaunch, BoardRun

_NOTHING = Memory()
_ENDED = frozenset({"success", "failed"})
_STATES = {
    Kept.ACTIVE: LaunchState.RUNNING,
    Kept.COMPLETE: LaunchState.COMPLETE,
    Kept.ABORTED: LaunchState.ABORTED,
    Kept.NO_GO: LaunchState.NO_GO,
    Kept.ROLLED_BACK: LaunchState.ROLLED_BACK,
}


@dataclass(frozen=True)
class Deployment:
    """What the board does not say: the checklists, the people, the rules, and where people open Airflow."""

    plans: Mapping[str, DagPlan]
    contacts: Contacts
    policy: Policy
    public_url: str

    def name_of(self, airflow_user: str) -> str:
        """A person's name; the user name itself where the contacts do not know it."""
        person = self.contacts.by_airflow_user(airflow_user)
        return person.name if person else airflow_user

    @cached_property
    def _may_answer(self) -> dict[Role, tuple[PersonView, ...]]:
        return {
            role: tuple(PersonView(name=p.name, slack_id=p.slack_id) for p in self.contacts.holders(role))
            for role in Role
        }

    def may_answer(self, owner: Role) -> tuple[PersonView, ...]:
        """The owner role's holders, primary first."""
        return self._may_answer[owner]

    @cached_property
    def _may_waive(self) -> dict[tuple[Role, Severity], tuple[PersonView, ...]]:
        """Filled as it is asked for: a click looks at one section."""
        return {}

    def may_waive(self, item: Item) -> tuple[PersonView, ...]:
        """Everybody who may set an item aside, in the policy's order."""
        key = (item.owner, item.severity)
        if key not in self._may_waive:
            may = who_may_waive(self.contacts, self.policy, *key)
            self._may_waive[key] = tuple(PersonView(name=p.name, slack_id=p.slack_id) for p in may)
        return self._may_waive[key]

    def asked_first(self, item: Item, triggered_by: str) -> tuple[PersonView, ...]:
        """The owner role's holders; who triggered the launch comes last, since somebody else is to answer."""
        holders = self.may_answer(item.owner)
        starter = self.contacts.by_airflow_user(triggered_by)
        if starter is None or self._may_approve_own(item):
            return holders
        return tuple(
            sorted(holders, key=lambda one: (one.name, one.slack_id) == (starter.name, starter.slack_id))
        )

    def _may_approve_own(self, item: Item) -> bool:
        ordinary = item.gate is RequestKind.APPROVAL
        return self.policy.self_approval_of_items if ordinary else self.policy.self_approval

    def options(self, item: Item) -> tuple[Answer, ...]:
        """The answers of an item that the policy leaves open at all."""
        never = item.severity is Severity.BLOCKING and not self.policy.waive_blocking_items
        return tuple(o for o in options_of(item) if not (never and o is Answer.WAIVE))


def sections_of(
    launch: BoardLaunch, deployment: Deployment, memory: Memory = _NOTHING
) -> tuple[SectionView, ...]:
    """Every section of a launch's runs, in the document's order; items that a run does not have are left out.

    Without a memory go/no-go shows nothing that was let pass, and questions keep the variables that only
    the launch's form knows.
    """
    runs = {run.dag_id: run for run in launch.runs}
    variables = _variables(launch, memory)
    views = []
    for dag_id, plan in deployment.plans.items():
        board = {item.task_id: item for item in runs[dag_id].items} if dag_id in runs else {}
        for section, planned in plan.sections:
            there = [(one, board[one.task_id]) for one in planned if one.task_id in board]
            items = tuple(_item(launch, dag_id, *one, deployment, variables) for one in there)
            if items:
                views.append(_section(launch, plan, section, items, deployment, memory))
    return tuple(views)


def _section(
    launch: BoardLaunch,
    plan: DagPlan,
    section: Section,
    items: tuple[ItemView, ...],
    deployment: Deployment,
    memory: Memory,
) -> SectionView:
    decides = items[0].gate is not RequestKind.APPROVAL
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
        set_aside=aside_of(memory, url, but=plan.dag_id) if decides else (),
    )


def _item(
    launch: BoardLaunch,
    dag_id: str,
    planned: PlannedItem,
    found: BoardItem,
    deployment: Deployment,
    variables: Mapping[str, str],
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
        question=_filled(item.question or "", variables),
        url=item_url(deployment.public_url, dag_id, launch.launch_id, planned.task_id),
        **found.model_dump(exclude={"answered_by", "recorded_by"}),
        answered_by=deployment.name_of(found.answered_by) if found.answered_by else "",
    )


def closed(view: SectionView) -> SectionView:
    """The section of a launch that is over: what is still open there can be answered no more."""
    items = tuple(item.model_copy(update={"waits": False}) for item in view.items)
    return view.model_copy(update={"items": items})


def aside_of(memory: Memory, public_url: str, but: str = "") -> tuple[SetAside, ...]:
    """Everything of a launch that was let pass or is red, except of one Dag."""
    return tuple(_set_aside(record, public_url) for record in memory.aside if record.dag_id != but)


def _set_aside(record: Record, public_url: str) -> SetAside:
    return SetAside(
        text=record.text,
        outcome=record.outcome,
        by=record.decided_by.name if record.decided_by else "",
        reason=record.reason,
        headline=record.headline,
        url=item_url(public_url, record.dag_id, record.launch_id, record.task_id),
    )


def _variables(launch: BoardLaunch, memory: Memory) -> dict[str, str]:
    """Launch variables for questions, as the request in Airflow fills them in."""
    form = memory.launch.conf if memory.launch else {}
    at = memory.launch.launch_at.isoformat() if memory.launch else launch.launch_at
    given = {
        **{name: value for name, value in form.items() if isinstance(value, str)},
        "launch_id": launch.launch_id,
        "release": launch.release,
        "launch_at": at,
        "launch_date": at[:10],
    }
    return {name: value for name, value in given.items() if value}


def _filled(text: str, variables: Mapping[str, str]) -> str:
    """Fill in launch variables; a text with an unknown one stays as the checklist wrote it."""
    try:
        return str(substitute(text, variables))
    except Inconclusive:
        return text


# ---- the root of the thread ------------------------------------------------------------------------


def launch_view_of(launch: BoardLaunch, deployment: Deployment, memory: Memory = _NOTHING) -> LaunchView:
    """The launch as its root shows it: every phase in order; of a phase run on its own, that one."""
    kept = memory.launch
    first = CONDUCTOR if _conducted(launch, memory) else next((r.dag_id for r in launch.runs), CONDUCTOR)
    phases = tuple(
        _phase(launch, dag_id, deployment, memory)
        for dag_id in _shown(launch, memory)
        if dag_id in deployment.plans
    )
    return LaunchView(
        launch_id=launch.launch_id,
        release=launch.release or title(first),
        environment=launch.environment,
        rehearsal=launch.rehearsal,
        state=_state(launch, memory, phases),
        launch_time=kept.launch_at if kept else _moment(launch.launch_at),
        triggered_by=deployment.name_of(launch.triggered_by),
        phases=phases,
        url=run_url(deployment.public_url, first, launch.launch_id),
    )


def _conducted(launch: BoardLaunch, memory: Memory) -> bool:
    return memory.launch is not None or any(run.dag_id == CONDUCTOR for run in launch.runs)


def _shown(launch: BoardLaunch, memory: Memory) -> tuple[str, ...]:
    """Every phase of a whole launch; the rollback only once it has begun."""
    begun = {run.dag_id for run in launch.runs}
    if not _conducted(launch, memory):
        return tuple(dag_id for dag_id in ALL_PHASES if dag_id in begun)
    return tuple(dag_id for dag_id in ALL_PHASES if dag_id != ROLLBACK or dag_id in begun)


def _phase(launch: BoardLaunch, dag_id: str, deployment: Deployment, memory: Memory) -> PhaseLine:
    run = next((run for run in launch.runs if run.dag_id == dag_id), None)
    done = sum(item.outcome is not None for item in run.items) if run else 0
    return PhaseLine(
        title=title(dag_id),
        state=_phase_state(run, memory),
        done=done,
        total=len(run.items) if run and run.items else len(deployment.plans[dag_id].items),
        url=run_url(deployment.public_url, dag_id, launch.launch_id) if run else "",
    )


def _phase_state(run: BoardRun | None, memory: Memory) -> PhaseState:
    """Where a phase stands: what ended is complete by its seal alone, however green its run is."""
    if run is None:
        return PhaseState.NOT_STARTED
    if run.state in _ENDED:
        seal = memory.seal_of(run)
        return PhaseState.COMPLETE if seal and seal.complete else PhaseState.FAILED
    asks = any(item.waits and item.outcome is None and not item.answered_by for item in run.items)
    return PhaseState.WAITING if asks else PhaseState.RUNNING


def _state(launch: BoardLaunch, memory: Memory, phases: Sequence[PhaseLine]) -> LaunchState:
    if memory.launch and memory.launch.over:
        return _STATES[memory.launch.state]
    conductor = next((run for run in launch.runs if run.dag_id == CONDUCTOR), None)
    if conductor is not None:
        return LaunchState.FAILED if conductor.state == "failed" else LaunchState.RUNNING
    states = {phase.state for phase in phases}
    if states & {PhaseState.RUNNING, PhaseState.WAITING}:
        return LaunchState.RUNNING
    return LaunchState.FAILED if PhaseState.FAILED in states else LaunchState.COMPLETE


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
