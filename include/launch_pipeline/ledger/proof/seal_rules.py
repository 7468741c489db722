"""Check a seal against the records it lists, the items of its checklist and the phases before it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.ledger.schema import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.ledger.facts import Started
    from launch_pipeline.ledger.proof.past import Past
    from launch_pipeline.ledger.schema import Seal, SealedRecord


def seal_problem(seal: Seal, started: Started, past: Past) -> str | None:
    """Return the first rule that a seal breaks, or None."""
    return next(_problems(seal, started, past), None)


def _problems(seal: Seal, started: Started, past: Past) -> Iterator[str]:
    if seal.dag_id not in started.plan.items:
        yield f"the launch has no phase {seal.dag_id!r}"
        return
    for sealed in seal.records:
        yield from _of_a_record(sealed, seal, past)
    yield from _of_the_items(seal, started)
    if seal.counts != dict(Counter(sealed.outcome for sealed in seal.records)):
        yield "its counts do not match the records that it lists"
    yield from _of_the_bypasses(seal, past)
    if seal.complete == bool(seal.problems):
        yield "it is complete with problems" if seal.complete else "it is not complete, but names no problem"
    if seal.complete:
        yield from _of_completeness(seal, started, past)


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


def _of_the_items(seal: Seal, started: Started) -> Iterator[str]:
    refs = [sealed.item_ref for sealed in seal.records]
    if len(set(refs)) < len(refs):
        yield "it lists an item twice"
    if any(ref.partition(".")[0] != seal.phase_id for ref in refs):
        yield f"it lists an item that is not of the phase {seal.phase_id!r}"
    if seal.checklist_digest != started.checklist_digests[seal.dag_id]:
        if seal.complete:
            yield "it is complete, but not by the checklist that the launch began with"
        return
    items = {item.ref for item in started.plan.items[seal.dag_id]}
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


def _of_completeness(seal: Seal, started: Started, past: Past) -> Iterator[str]:
    if seal.bypasses:
        yield f"it is complete, but {seal.bypasses[0]} was bypassed"
    for sealed in seal.records:
        if not sealed.outcome.lets_pass:
            yield f"it is complete, but {sealed.item_ref} is '{sealed.outcome}'"
        latest = past.latest(seal.dag_id, sealed.item_ref)
        if latest is None or latest.checklist_digest != seal.checklist_digest:
            yield f"it is complete, but {sealed.item_ref} was decided under another version of the checklist"
    yield from _of_the_people(seal, started, past)
    for dag_id in started.plan.before(seal.dag_id):
        if not past.stands(dag_id):
            yield f"it is complete, but the earlier phase {dag_id} is not"


def _of_the_people(seal: Seal, started: Started, past: Past) -> Iterator[str]:
    if started.plan.rules.two_roles_one_person:
        return
    gates = [i.ref for i in started.plan.items[seal.dag_id] if i.gate is not RequestKind.APPROVAL]
    records = [past.latest(seal.dag_id, ref) for ref in gates]
    people = Counter(record.decided_by.id for record in records if record and record.decided_by)
    for person, count in people.items():
        if count > 1:
            yield f"{person} decided {count} of its items, which the rules of the launch forbid"
