"""Build a launch's status from Airflow's runs, tasks and requests, and from the ledger's records.

Airflow knows what happens now; the ledger knows the outcome of items that ended. Without the ledger a green
item is only ``done``, because Airflow does not know whether it was approved, or by whom.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import Field

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.sequence import ALL_PHASES, CONDUCTOR
from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.cli.commands.launches import UNFINISHED
from launch_pipeline.cli.commands.status.timeline import NOT_STARTED, Window, windows
from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.routes import REPORTS

if TYPE_CHECKING:
    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.checklist.plan import DagPlan, PlannedItem

    Found = Sequence[tuple[DagPlan, Sequence[tuple[PlannedItem, "ItemState"]]]]

Json = Mapping[str, Any]


class ItemState(StrEnum):
    """State of one item as people read it: an outcome, or what it is doing."""

    PASSED = "passed"
    APPROVED = "approved"
    GO = "go"
    SIGNED = "signed"
    WAIVED = "waived"
    NOT_APPLICABLE = "not applicable"
    NOT_MET = "not met"
    REJECTED = "rejected"
    NO_GO = "no go"
    DECLINED = "declined"
    FAILED = "failed without a record"
    NOT_REACHED = "not reached"
    DONE = "done"
    SKIPPED = "skipped"
    UNRECORDED = "green without a record"
    ASKING = "asking"
    WORKING = "working"
    PENDING = "pending"
    AGAIN = "to be verified again"
    NO_LONGER_TRUE = "no longer true"


NOES = frozenset({ItemState.REJECTED, ItemState.NO_GO, ItemState.DECLINED})
BLOCKING = NOES | {
    ItemState.FAILED,
    ItemState.NOT_REACHED,
    ItemState.UNRECORDED,
    ItemState.NO_LONGER_TRUE,
}
_ENDED = frozenset({ItemState.DONE, ItemState.SKIPPED, ItemState.FAILED})
_WAIVED = frozenset({ItemState.WAIVED, ItemState.NOT_APPLICABLE})
_BY_TASK_STATE = {
    "success": ItemState.DONE,
    "skipped": ItemState.SKIPPED,
    "failed": ItemState.FAILED,
    "upstream_failed": ItemState.NOT_REACHED,
    "removed": ItemState.NOT_REACHED,
    "running": ItemState.WORKING,
    "queued": ItemState.WORKING,
    "scheduled": ItemState.WORKING,
    "deferred": ItemState.WORKING,
    "up_for_retry": ItemState.WORKING,
    "restarting": ItemState.WORKING,
    "awaiting_input": ItemState.ASKING,
}


class Request(Frozen):
    """A question that waits for an answer."""

    dag_id: str
    task_id: str
    text: str
    role: str
    people: tuple[str, ...]
    """Names of those who may answer; empty if the contacts are not known."""
    since: str
    url: str


class PhaseStatus(Frozen):
    """One Dag of the launch."""

    dag_id: str
    title: str
    state: str
    items: int
    counts: dict[str, int]
    """Number of items by :class:`ItemState`, without zeros."""


class Blocker(Frozen):
    """Something that stops the launch from continuing."""

    dag_id: str
    task_id: str
    text: str
    why: str


class Waiver(Frozen):
    """An item that was waived or is not applicable."""

    dag_id: str
    task_id: str
    text: str
    outcome: str
    by: str
    reason: str


class Voice(Frozen):
    """The go/no-go answer of one role."""

    role: str
    state: str
    """``go``, ``no go``, ``asking`` or ``pending``."""
    by: str = ""


class Hold(Frozen):
    """The hold of a launch."""

    since: str
    by: str
    reason: str


class AgainItem(Frozen):
    """An item whose latest record no longer counts."""

    dag_id: str
    task_id: str
    text: str
    role: str
    """The label of its owner's role."""
    people: tuple[str, ...] = ()
    """Names of the owner's holders; empty if the contacts are not known."""
    why: tuple[str, ...]
    no_longer_true: bool = False
    """Whether its checks had passed, and fail now."""
    since: str = ""
    """When it was reopened; empty if that is still to come."""


class LaunchStatus(Frozen):
    """The status of a launch. The field names are the keys of ``--json``."""

    launch_id: str
    url: str = ""
    """The conductor's run in Airflow."""
    report: str = ""
    """The report."""
    state: str
    """The recorded end; until then the state of the conductor's run."""
    release: str = ""
    release_sha: str = ""
    """The commit in force, from the ledger."""
    environment: str = ""
    launch_at: str = ""
    rehearsal: bool = False
    hold: Hold | None = None
    again: tuple[AgainItem, ...] = ()
    """Items that are verified again, or will be."""
    phases: tuple[PhaseStatus, ...]
    """In the order of the launch."""
    windows: tuple[Window, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    go_no_go: tuple[Voice, ...] = ()
    blockers: tuple[Blocker, ...]
    requests: tuple[Request, ...]
    notes: tuple[str, ...] = ()
    """What could not be read, and what that means for this status."""

    @property
    def over(self) -> bool:
        """Whether the launch has ended."""
        return self.state not in UNFINISHED | {NOT_STARTED}


class Sources(Frozen):
    """Everything that was read, not yet interpreted."""

    launch_id: str
    url: str
    runs: dict[str, Any]
    """Dag id to run."""
    tasks: dict[str, list[Any]]
    """Dag id to task instances."""
    requests: list[Any]
    outcomes: dict[str, str] | None
    """Task instance id to outcome, from the ledger; None if the ledger could not be read."""
    decided: dict[str, tuple[str, str]] = Field(default_factory=dict)
    """Task instance id to who decided and why, from the ledger."""
    launch_at: str = ""
    """From the ledger, because the launch may have been postponed."""
    t_0_sealed_at: str = ""
    """From the ledger. The later windows are timed from then."""
    pace: float = 1.0
    """The time scale of the launch's environment, less than 1 in a rehearsal."""
    ended_as: str = ""
    """How the launch ended, from the ledger; empty while it has not."""
    release: str = ""
    release_sha: str = ""
    """From the ledger, because the launch may have been retargeted."""
    hold: Hold | None = None
    again: tuple[AgainItem, ...] = ()
    notes: tuple[str, ...] = ()


def read_status(sources: Sources, plans: Mapping[str, DagPlan], contacts: Contacts | None) -> LaunchStatus:
    """Build the status. Dags that are in no checklist are left out, except the conductor."""
    conductor = sources.runs.get(CONDUCTOR) or {}
    conf = conductor.get("conf") or {}
    asking = {(r["task_instance"]["dag_id"], r["task_instance"]["task_id"]) for r in sources.requests}
    found = [(plan, item_states(sources, plan, asking)) for plan in in_order(plans)]
    launch_at = sources.launch_at or conf.get("launch_at") or ""
    run = f"{sources.url}/dags/{CONDUCTOR}/runs/{sources.launch_id}"
    return LaunchStatus(
        launch_id=sources.launch_id,
        url=run if conductor else "",
        report=f"{sources.url}{REPORTS}/{sources.launch_id}",
        state=sources.ended_as or conductor.get("state") or NOT_STARTED,
        release=sources.release or conf.get("release") or "",
        release_sha=sources.release_sha,
        environment=conf.get("environment") or "",
        launch_at=launch_at,
        rehearsal=bool(conf.get("rehearsal")),
        hold=sources.hold,
        again=tuple(_named(one, plans, contacts) for one in sources.again),
        phases=tuple(_phase(sources, plan, states) for plan, states in found),
        windows=windows(
            plans, sources.runs, launch_at, t_0_sealed_at=sources.t_0_sealed_at, pace=sources.pace
        ),
        waivers=tuple(_waivers(sources, found)),
        go_no_go=tuple(_voices(sources, found)),
        blockers=(*_blockers(found), *_operational(sources, plans)),
        requests=tuple(_requests(sources, plans, contacts)),
        notes=sources.notes,
    )


def in_order(plans: Mapping[str, DagPlan]) -> list[DagPlan]:
    """Return the plans in the order of a launch; those that the conductor does not run come last."""
    places = {dag_id: number for number, dag_id in enumerate(ALL_PHASES)}
    return sorted(plans.values(), key=lambda plan: places.get(plan.dag_id, len(places)))


def item_states(
    sources: Sources,
    plan: DagPlan,
    asking: set[tuple[str, str]],
) -> list[tuple[PlannedItem, ItemState]]:
    """Return the state of each item of a Dag, in the document's order."""
    tasks = {task["task_id"]: task for task in sources.tasks.get(plan.dag_id, [])}
    again = {one.task_id: one for one in sources.again if one.dag_id == plan.dag_id}
    found = []
    for item in plan.items:
        task = tasks.get(item.task_id)
        if (plan.dag_id, item.task_id) in asking:
            found.append((item, ItemState.ASKING))
        else:
            state = _item_state(item, task, sources.outcomes)
            found.append((item, _reopened(state, task, again.get(item.task_id))))
    return found


def _reopened(state: ItemState, task: Json | None, again: AgainItem | None) -> ItemState:
    """Return the state of an item; an outcome that no longer counts is not shown as one."""
    ended = _BY_TASK_STATE.get((task or {}).get("state") or "") in _ENDED
    if again is None or not ended or state in BLOCKING:
        return state
    return ItemState.NO_LONGER_TRUE if again.no_longer_true else ItemState.AGAIN


def _named(one: AgainItem, plans: Mapping[str, DagPlan], contacts: Contacts | None) -> AgainItem:
    plan = plans.get(one.dag_id)
    item = next((i.item for i in plan.items if i.task_id == one.task_id), None) if plan else None
    people = tuple(p.name for p in contacts.holders(item.owner)) if item and contacts else ()
    return one.model_copy(update={"people": people})


def _item_state(item: PlannedItem, task: Json | None, outcomes: Mapping[str, str] | None) -> ItemState:
    state = _BY_TASK_STATE.get((task or {}).get("state") or "", ItemState.PENDING)
    if task is None or state not in _ENDED:
        return state
    kept = (outcomes or {}).get(task["id"])
    if kept:
        return ItemState(Outcome(kept).words(item.item.gate))
    if state is ItemState.DONE and outcomes is not None:
        # A person's answer is in the ledger before its task ends; the phase gate records what checks passed.
        return ItemState.UNRECORDED if item.item.mode.needs_person else ItemState.PASSED
    return state


def _phase(sources: Sources, plan: DagPlan, states: Sequence[tuple[PlannedItem, ItemState]]) -> PhaseStatus:
    run = sources.runs.get(plan.dag_id)
    counts = Counter(state for _, state in states)
    return PhaseStatus(
        dag_id=plan.dag_id,
        title=plan.title,
        state=run["state"] if run else NOT_STARTED,
        items=len(states),
        counts={state.value: counts[state] for state in ItemState if counts[state]},
    )


def _blockers(found: Found) -> Iterable[Blocker]:
    for plan, states in found:
        for item, state in states:
            if state in BLOCKING:
                yield Blocker(dag_id=plan.dag_id, task_id=item.task_id, text=item.item.text, why=state.value)


def _said(sources: Sources, dag_id: str, task_id: str) -> tuple[str, str]:
    """Return who decided an item, and why."""
    ids = (task["id"] for task in sources.tasks.get(dag_id, []) if task["task_id"] == task_id)
    return next((sources.decided[each] for each in ids if each in sources.decided), ("", ""))


def _waivers(sources: Sources, found: Found) -> Iterable[Waiver]:
    for plan, states in found:
        for item, state in states:
            if state in _WAIVED:
                by, reason = _said(sources, plan.dag_id, item.task_id)
                yield Waiver(
                    dag_id=plan.dag_id,
                    task_id=item.task_id,
                    text=item.item.text,
                    outcome=state.value,
                    by=by,
                    reason=reason,
                )


def _voices(sources: Sources, found: Found) -> Iterable[Voice]:
    for plan, states in found:
        for item, state in states:
            if item.item.gate is RequestKind.DECISION:
                by, _ = _said(sources, plan.dag_id, item.task_id)
                yield Voice(role=item.item.owner.label, state=state.value, by=by)


def _operational(sources: Sources, plans: Mapping[str, DagPlan]) -> Iterable[Blocker]:
    """Yield failed tasks that are not items: phase gates, waits, tasks of the conductor."""
    for dag_id, tasks in sources.tasks.items():
        items = {item.task_id for item in plans[dag_id].items} if dag_id in plans else set()
        for task in tasks:
            if task["state"] == "failed" and task["task_id"] not in items:
                text = task.get("task_display_name") or task["task_id"]
                yield Blocker(dag_id=dag_id, task_id=task["task_id"], text=text, why="failed")


def _requests(
    sources: Sources,
    plans: Mapping[str, DagPlan],
    contacts: Contacts | None,
) -> Iterable[Request]:
    items = {(dag_id, item.task_id): item.item for dag_id, plan in plans.items() for item in plan.items}
    for request in sorted(sources.requests, key=lambda r: str(r["created_at"])):
        task = request["task_instance"]
        dag_id, task_id = task["dag_id"], task["task_id"]
        item = items.get((dag_id, task_id))
        yield Request(
            dag_id=dag_id,
            task_id=task_id,
            text=item.text if item else request["subject"],
            role=item.owner.label if item else "",
            people=tuple(p.name for p in contacts.holders(item.owner)) if item and contacts else (),
            since=str(request["created_at"]),
            url=f"{sources.url}/dags/{dag_id}/runs/{sources.launch_id}/tasks/{task_id}/required_actions",
        )
