"""Say which answers a change of a launch has made stale, for the person who made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.approvals.deployed import known_contacts
from launch_pipeline.checklist.sequence import title
from launch_pipeline.checks.redaction import redact
from launch_pipeline.errors import ConfigurationError, InvalidChecklist, LaunchRefused, LedgerError
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.in_force import dag_in_force, settings_in_force
from launch_pipeline.launch.standing import InForce, stale
from launch_pipeline.ledger.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.launch.deployed_checklists import DeployedDag
    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.ledger.schema import LedgerEntry


def made_stale(entries: Sequence[LedgerEntry], before: InForce, after: InForce) -> dict[str, tuple[str, ...]]:
    """Return the items whose records a change makes stale, by ref, each with its new reasons."""
    earlier = {one.spec.ref: set(one.why) for one in stale(entries, before)}
    found = {one.spec.ref: one.why for one in stale(entries, after)}
    new = {ref: tuple(w for w in why if w not in earlier.get(ref, ())) for ref, why in found.items()}
    return {ref: why for ref, why in new.items() if why}


def stale_by(dsn: str, before: Launch, after: Launch) -> dict[str, Any]:
    """Return the items whose answers a change has made stale, as fields of a reply.

    The change is made already, so whatever keeps this from being known is said, not raised.
    """
    if before == after:
        return {"stale": []}
    try:
        entries, people = Ledger(dsn).entries(after.launch_id), known_contacts()
        then, now = (_in_force(dsn, LaunchContext.of_launch(each), people) for each in (before, after))
        why = made_stale(entries, then, now)
    except (ConfigurationError, InvalidChecklist, LaunchRefused) as error:
        return {"stale": [], "stale_unknown": redact(str(error))}
    except LedgerError:
        # Its message may contain the ledger's address.
        return {"stale": [], "stale_unknown": "The ledger could not be read afterwards."}
    return {"stale": list(_stale_items(now.dags, why))}


def known_dags(dsn: str, context: LaunchContext) -> dict[str, DeployedDag]:
    """Return the Dags of a launch that can be read: an older package stored none that was changed since.

    Raises LedgerUnavailable and InvalidChecklist.
    """
    found: dict[str, DeployedDag] = {}
    for dag_id in context.checklist_digests:
        try:
            found[dag_id] = dag_in_force(dsn, context, dag_id)
        except LaunchRefused:
            continue
    return found


def stale_item(dag_id: str, ref: str, text: str, why: tuple[str, ...]) -> dict[str, Any]:
    """Return one stale item as it is in replies."""
    return {"dag_id": dag_id, "phase": title(dag_id), "item_ref": ref, "text": text, "why": list(why)}


def _in_force(dsn: str, context: LaunchContext, people: Contacts | None) -> InForce:
    return InForce(context, known_dags(dsn, context), settings_in_force(dsn, context), people)


def _stale_items(
    dags: Mapping[str, DeployedDag], why: Mapping[str, tuple[str, ...]]
) -> Iterator[dict[str, Any]]:
    for dag_id, dag in dags.items():
        for spec in dag.specs.values():
            if spec.ref in why:
                yield stale_item(dag_id, spec.ref, spec.item.text, why[spec.ref])
