"""Plan an amendment: what it changes, and what it makes of every item of the launch. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.sequence import ALL_PHASES, title
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.checks.canonical import digest, plain
from launch_pipeline.errors import LaunchRefused
from launch_pipeline.launch.basis import CHECKS, asked_alike, rests_on
from launch_pipeline.launch.differing import Definitions, Difference, differences
from launch_pipeline.launch.stale_after import made_stale
from launch_pipeline.launch.standing import InForce, latest_records
from launch_pipeline.ledger.changes import Amendment
from launch_pipeline.ledger.plan import LaunchPlan
from launch_pipeline.ledger.reopened import open_again
from launch_pipeline.ledger.schema import EntryKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.deployed_checklists import DeployedDag
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.ledger.plan import PlannedItem
    from launch_pipeline.ledger.schema import LedgerEntry, Record


class PhaseState(StrEnum):
    """How far a phase is."""

    NOT_BEGUN = "not begun"
    RUNNING = "running"
    SEALED = "sealed"


class Effect(StrEnum):
    """What an amendment makes of an item."""

    NOTHING = "nothing"
    """No record rests on what changed."""
    FROM_NOW_ON = "from_now_on"
    """It runs by it from now on."""
    VERIFIED = "verified"
    """It is verified again by itself."""
    MAYBE_ASKED = "maybe_asked"
    """It is verified again; its person is asked only if that shows something else."""
    ASKED = "asked"
    """Its person is asked again."""
    ADDED = "added"
    REMOVED = "removed"


_RUNNING = {
    Effect.NOTHING: "nothing: no answer rests on it",
    Effect.FROM_NOW_ON: "runs by it from now on",
    Effect.VERIFIED: "is verified again by itself",
    Effect.MAYBE_ASKED: "is verified again; {owner} is asked only if that shows something else",
    Effect.ASKED: "{owner} is asked again",
    Effect.ADDED: "runs as well",
    Effect.REMOVED: "is no longer needed",
}
_NOT_BEGUN = {
    Effect.NOTHING: "runs by it when its phase begins",
    Effect.ADDED: "runs when its phase begins",
    Effect.REMOVED: "does not run",
}


class Consequence(Frozen):
    """What an amendment makes of one item."""

    dag_id: str
    item_ref: str
    text: str
    owner: Role
    phase: PhaseState
    effect: Effect
    why: tuple[str, ...] = ()
    """Why its answer no longer counts, as sentences without a full stop."""

    @property
    def words(self) -> str:
        """The effect in words."""
        if self.phase is PhaseState.NOT_BEGUN:
            return _NOT_BEGUN.get(self.effect, _NOT_BEGUN[Effect.NOTHING])
        said = _RUNNING[self.effect].format(owner=self.owner.label)
        sealed = self.phase is PhaseState.SEALED and self.effect not in {Effect.NOTHING, Effect.FROM_NOW_ON}
        return f"{said}; its phase is sealed again" if sealed else said


@dataclass(frozen=True)
class Plan:
    """An amendment that could be made now, and what would come of it."""

    amendment: Amendment
    differences: tuple[Difference, ...]
    consequences: tuple[Consequence, ...]
    digest: str
    """Names exactly this amendment of this launch."""


def plan_amendment(
    launch: Launch,
    entries: Sequence[LedgerEntry],
    before: Definitions,
    after: Definitions,
    *,
    context: LaunchContext,
    contacts: Contacts | None,
    begun: Collection[str] = (),
) -> Plan:
    """Return what adopting ``after`` would change in a launch that runs by ``before``.

    ``begun`` are the Dags that have a run of this launch. Nothing differs if ``differences`` is empty.
    """
    found = differences(before, after)
    digests = {dag_id: _digest_for(launch, dag_id, dag) for dag_id, dag in after.dags.items()}
    settings = after.settings.document
    amendment = Amendment(
        plan=after.plan.model_copy(update={"rules": before.plan.rules}),
        checklist_digests=digests,
        environment_digest=digest(settings),
        changes=tuple(one.changed for one in found),
        definitions=(
            *(dag.definition for dag_id, dag in after.dags.items() if digests[dag_id] == dag.digest),
            settings,
        ),
        replaces=(launch.checklist_digests, launch.environment_digest),
    )
    then, now = (InForce(context, each.dags, each.settings, contacts) for each in (before, after))
    states = phase_states(entries, set(begun), ALL_PHASES)
    effects = tuple(_consequences(entries, then, now, states, {d.where for d in found}, before.plan))
    return Plan(amendment, found, effects, _digest_of(launch.launch_id, amendment))


def _digest_for(launch: Launch, dag_id: str, dag: DeployedDag) -> str:
    """Return the digest to run a Dag by: of a checklist that an older package began with, its own.

    Records of that package name the digest of the file; the file is still the same.
    """
    began = launch.checklist_digests.get(dag_id)
    return began if began and began == dag.file_digest else dag.digest


def _digest_of(launch_id: str, amendment: Amendment) -> str:
    said = {
        "launch_id": launch_id,
        "replaces": amendment.replaces,
        "checklist_digests": amendment.checklist_digests,
        "environment_digest": amendment.environment_digest,
        "plan": amendment.plan.model_dump(mode="json"),
        "changes": [change.model_dump(mode="json") for change in amendment.changes],
    }
    return digest(plain(said))


def plan_in_force(entries: Sequence[LedgerEntry]) -> LaunchPlan:
    """Return the plan of a launch's latest amendment, or of its start. Raises LaunchRefused without one."""
    for entry in reversed(entries):
        if entry.kind in {EntryKind.LAUNCH_AMENDED, EntryKind.LAUNCH_STARTED}:
            return LaunchPlan.model_validate(entry.content.get("plan") or {})
    message = "The ledger has no start of this launch, so nothing of it can be amended."
    raise LaunchRefused(message)


def phase_states(
    entries: Sequence[LedgerEntry], begun: Collection[str], dag_ids: Sequence[str]
) -> dict[str, PhaseState]:
    """Return how far each phase is: by the rows of the launch, and by its runs in Airflow."""
    seals = {e.dag_id: e.content.get("complete") is True for e in entries if e.kind is EntryKind.SEAL}
    again = {one.dag_id for one in open_again(entries)}
    known = {*begun, *(entry.dag_id for entry in entries)}
    return {
        dag_id: PhaseState.SEALED
        if seals.get(dag_id) and dag_id not in again
        else PhaseState.RUNNING
        if dag_id in known
        else PhaseState.NOT_BEGUN
        for dag_id in dag_ids
    }


def _consequences(
    entries: Sequence[LedgerEntry],
    before: InForce,
    after: InForce,
    states: Mapping[str, PhaseState],
    differing: Collection[str],
    plan: LaunchPlan,
) -> Iterator[Consequence]:
    seen = _Seen(before, after, latest_records(entries), made_stale(entries, before, after))
    then = {s.ref: (dag_id, s) for dag_id, dag in before.dags.items() for s in dag.specs.values()}
    known = {*then, *(item.ref for items in plan.items.values() for item in items)}
    now = {s.ref: (dag_id, s) for dag_id, dag in after.dags.items() for s in dag.specs.values()}
    for ref, (dag_id, spec) in now.items():
        effect = Effect.ADDED if ref not in known else seen.effect(then.get(ref, ("", None))[1], spec)
        if effect is not Effect.NOTHING or ref in differing:
            yield _consequence(dag_id, spec, states, effect, seen.why.get(ref, ()))
    for ref, (dag_id, spec) in then.items():
        if ref not in now:
            yield _consequence(dag_id, spec, states, Effect.REMOVED)
    for dag_id, items in plan.items.items():
        for item in items:
            if item.ref not in now and item.ref not in then:
                yield _removed(dag_id, item, states)


def _consequence(
    dag_id: str,
    spec: ItemSpec,
    states: Mapping[str, PhaseState],
    effect: Effect,
    why: tuple[str, ...] = (),
) -> Consequence:
    return Consequence(
        dag_id=dag_id,
        item_ref=spec.ref,
        text=spec.item.text,
        owner=spec.item.owner,
        phase=states.get(dag_id, PhaseState.NOT_BEGUN),
        effect=effect,
        why=why,
    )


def _removed(dag_id: str, item: PlannedItem, states: Mapping[str, PhaseState]) -> Consequence:
    """Return that an item leaves the launch, of which an older package stored no words."""
    return Consequence(
        dag_id=dag_id,
        item_ref=item.ref,
        text=item.ref,
        owner=item.owner,
        phase=states.get(dag_id, PhaseState.NOT_BEGUN),
        effect=Effect.REMOVED,
    )


class _Seen:
    """What is known of the items of a launch, before and after an amendment."""

    def __init__(
        self,
        before: InForce,
        after: InForce,
        records: Mapping[str, Record],
        why: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.why = why
        self._records = records
        self._contacts = after.contacts
        self._then = before.settings.lasting(before.launch.variables())
        self._now = after.settings.lasting(after.launch.variables())

    def effect(self, before: ItemSpec | None, after: ItemSpec) -> Effect:
        """Return what becomes of an item that stays in the launch."""
        record = self._records.get(after.ref)
        now = rests_on(after.item, self._now, self._contacts)
        if record is not None and record.outcome.lets_pass:
            return self._again(after, record.rests_on, now) if after.ref in self.why else Effect.NOTHING
        if before is None:
            return self._again(after, {}, now) if record is None else Effect.FROM_NOW_ON
        then = rests_on(before.item, self._then, self._contacts)
        if record is None and after.item.mode.needs_person and _asks_otherwise(then, now, after):
            return Effect.ASKED
        same = then == now and before.moments == after.moments and before.item.after == after.item.after
        return Effect.NOTHING if same else Effect.FROM_NOW_ON

    @staticmethod
    def _again(spec: ItemSpec, then: Mapping[str, str], now: Mapping[str, str]) -> Effect:
        if not spec.item.mode.needs_person:
            return Effect.VERIFIED
        carried = spec.item.mode.has_checks and bool(then) and asked_alike(then, now, spec.item)
        return Effect.MAYBE_ASKED if carried else Effect.ASKED


def _asks_otherwise(then: Mapping[str, str], now: Mapping[str, str], spec: ItemSpec) -> bool:
    """Return whether an open request is asked anew, as ``launch/reopening.py`` decides it."""
    return not asked_alike(then, now, spec.item) or then.get(CHECKS) != now.get(CHECKS)


def refuse_what_cannot_run(
    launch: Launch, after: Mapping[str, DeployedDag], rehearsal: bool, contacts: Contacts
) -> None:
    """Raise LaunchRefused with everything that keeps a launch from running by today's files."""
    problems: list[str] = []
    if rehearsal and not launch.rehearsal:
        problems.append(
            f"The environment {launch.environment!r} is for rehearsals now, but this launch is not one."
            " Remove 'rehearsal: true' from its file."
        )
    if missing := [title(dag_id) for dag_id in ALL_PHASES if dag_id not in after]:
        problems.append(f"No checklist has {', '.join(missing)}. Restore its file in include/checklists.")
    owners = {spec.item.owner for dag in after.values() for spec in dag.specs.values()}
    if unstaffed := contacts.unstaffed(sorted(owners)):
        roles = ", ".join(role.label for role in unstaffed)
        problems.append(f"No active person holds the role {roles}. Add one to the contacts file.")
    if problems:
        listed = "\n".join(f"- {problem}" for problem in problems)
        raise LaunchRefused(f"The launch {launch.launch_id!r} cannot run by today's files:\n{listed}")
