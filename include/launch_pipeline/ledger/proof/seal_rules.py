"""Check a seal against the records it lists, the items of its checklist and the phases before it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.ledger.proof.counting import why_not
from launch_pipeline.ledger.proof.record_rules import item_problem
from launch_pipeline.ledger.schema import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.ledger.facts import Derived
    from launch_pipeline.ledger.proof.past import Past
    from launch_pipeline.ledger.schema import Seal, SealedRecord


def seal_problem(seal: Seal, launch: Derived, past: Past) -> str | None:
    """Return the first rule that a seal breaks, or None."""
    return next(_problems(seal, launch, past), None)


def _problems(seal: Seal, launch: Derived, past: Past) -> Iterator[str]:
    if seal.dag_id not in launch.plan.items:
        yield f"the launch has no phase {seal.dag_id!r}"
        return
    for sealed in seal.records:
        yield from _of_a_record(sealed, seal, past)
    yield from _of_the_items(seal, launch)
    if seal.counts != dict(Counter(sealed.outcome for sealed in seal.records)):
        yield "its counts do not match the records that it lists"
    yield from _of_the_bypasses(seal, past)
    if seal.complete == bool(seal.problems):
        yield "it is complete with problems" if seal.complete else "it is not complete, but names no problem"
    if seal.complete:
        yield from _of_completeness(seal, launch, past)


def _of_a_record(sealed: SealedRecord, seal: Seal, past: Past) -> Iterator[str]:
    of = f"{sealed.item_ref} ({sealed.digest})"
    earlier = past.sealable(seal.dag_id, sealed.item_ref)
    wanted = (sealed.task_instance_id, sealed.digest)
    same = [one for one in earlier if (one.task_instance_id, one.digest) == wanted]
    if not same:
        yield f"it seals a record of {of} that no earlier row has"
    elif same[-1] is not earlier[-1]:
        yield f"it seals a record of {of} that is not the latest of its item"
    elif same[-1].outcome is not sealed.outcome:
        said = same[-1].outcome
        yield f"it says that {sealed.item_ref} is '{sealed.outcome}', but its record says '{said}'"


def _of_the_items(seal: Seal, launch: Derived) -> Iterator[str]:
    refs = [sealed.item_ref for sealed in seal.records]
    if len(set(refs)) < len(refs):
        yield "it lists an item twice"
    if any(ref.partition(".")[0] != seal.phase_id for ref in refs):
        yield f"it lists an item that is not of the phase {seal.phase_id!r}"
    if seal.checklist_digest != launch.checklist_digests[seal.dag_id]:
        return
    items = {item.ref for item in launch.plan.items[seal.dag_id]}
    if missing := sorted(items - set(refs)):
        yield f"it leaves out {missing[0]}, an item of its checklist"
    if more := sorted(set(refs) - items):
        yield f"it lists {more[0]}, which is not an item of its checklist"


def _of_the_bypasses(seal: Seal, past: Past) -> Iterator[str]:
    listed = {sealed.item_ref: sealed for sealed in seal.records}
    if len(set(seal.bypasses)) < len(seal.bypasses):
        yield "it names a bypass twice"
    for ref in seal.bypasses:
        sealed = listed.get(ref)
        if sealed is None or sealed.outcome is not Outcome.NOT_REACHED:
            yield f"it names {ref} as a bypass, but does not list it as not reached"
        elif not past.bypassed(seal.dag_id, ref, sealed.task_instance_id):
            yield f"it names {ref} as a bypass, but no earlier row says so"


def _of_completeness(seal: Seal, launch: Derived, past: Past) -> Iterator[str]:
    if seal.bypasses:
        yield f"it is complete, but {seal.bypasses[0]} was bypassed"
    for sealed in seal.records:
        if not sealed.outcome.lets_pass:
            yield f"it is complete, but {sealed.item_ref} is '{sealed.outcome}'"
    yield from not_in_force(seal, launch, past)
    yield from _of_the_people(seal, launch, past)


def not_in_force(seal: Seal, launch: Derived, past: Past) -> Iterator[str]:
    """Yield why a complete seal does not follow from what is in force; what was so may change at any row."""
    if seal.checklist_digest != launch.checklist_digests[seal.dag_id]:
        yield "it is complete, but not by the checklist in force"
    for sealed in seal.records:
        if problem := _why_it_does_not_count(sealed.item_ref, seal.dag_id, launch, past):
            yield f"it is complete, but {sealed.item_ref} {problem}"
    for dag_id in launch.plan.before(seal.dag_id):
        if not past.stands(dag_id, launch):
            yield f"it is complete, but the earlier phase {dag_id} is not"


def _why_it_does_not_count(ref: str, dag_id: str, launch: Derived, past: Past) -> str | None:
    latest = past.latest(dag_id, ref)
    if latest is None or len(past.records[dag_id, ref]) <= past.before_reopening(dag_id, ref):
        return "was not verified again since it was reopened"
    if problem := why_not(latest, launch):
        return problem
    problem = item_problem(latest, launch)
    return f"does not fit its item: {problem}" if problem else None


def _of_the_people(seal: Seal, launch: Derived, past: Past) -> Iterator[str]:
    if launch.plan.rules.two_roles_one_person:
        return
    gates = [i.ref for i in launch.plan.items[seal.dag_id] if i.gate is not RequestKind.APPROVAL]
    records = [past.latest(seal.dag_id, ref) for ref in gates]
    people = Counter(record.decided_by.id for record in records if record and record.decided_by)
    for person, count in people.items():
        if count > 1:
            yield f"{person} decided {count} of its items, which the rules of the launch forbid"
