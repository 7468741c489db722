"""Say what stands between a launch and its Go: what is no longer true, has changed, or was not looked at.

From the ledger alone, so that the api-server and the task see the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.airflow.policies.refusal_codes import NO_LONGER_TRUE, NOT_LOOKED
from launch_pipeline.approvals.deployed import known_contacts
from launch_pipeline.checklist.sequence import GO_NO_GO, preceding, title
from launch_pipeline.checklist.vocabulary import Answer
from launch_pipeline.errors import AnswerRefused, LaunchRefused
from launch_pipeline.launch.in_force import dags_in_force, settings_in_force
from launch_pipeline.launch.standing import InForce, standing
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import EntryKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.standing import PhaseStanding
    from launch_pipeline.ledger.schema import LedgerEntry

_NAMED = 5
"""How many items a refusal names."""


def refuse_go(dsn: str, launch: LaunchContext, dag_id: str, option: str) -> None:
    """Raise AnswerRefused for a Go while an earlier phase does not stand; any other answer passes.

    The codes are ``no_longer_true``, which names the items, their owners and what is seen of them, and
    ``not_looked_again`` while the checks were not looked at again since the decisions were opened. Raises
    LedgerUnavailable and ConfigurationError where that cannot be told.
    """
    if dag_id != GO_NO_GO or option != Answer.GO:
        return
    try:
        _refuse_what_does_not_stand(dsn, launch)
    except LaunchRefused as refused:
        raise AnswerRefused("no_launch", str(refused)) from refused


def _refuse_what_does_not_stand(dsn: str, launch: LaunchContext) -> None:
    entries = Ledger(dsn).entries(launch.launch_id)
    now = InForce(launch, dags_in_force(dsn, launch), settings_in_force(dsn, launch), known_contacts())
    problems = [said for phase in preceding(GO_NO_GO) for said in _problems(entries, now, phase)]
    if problems:
        raise AnswerRefused(NO_LONGER_TRUE, _sentence(problems))
    if launch.environment_digest and not _looked(entries):
        sentence = (
            "The checks of the earlier phases were not looked at again yet. The first task of"
            f" {title(GO_NO_GO)} does it: clear it with downstream if it was ended by hand."
        )
        raise AnswerRefused(NOT_LOOKED, sentence)


def _sentence(problems: Sequence[str]) -> str:
    more = f"; and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
    return (
        f"Go is no answer yet: {'; '.join(problems[:_NAMED])}{more}. Repair or waive it there, then answer"
        " Go. No go is an answer now."
    )


def _problems(entries: Sequence[LedgerEntry], now: InForce, dag_id: str) -> Iterator[str]:
    found = standing(entries, now, dag_id)
    if found.seal is None:
        # The run of the go/no-go begins by a step that demands every seal, and so does its gate.
        return
    yield from _items(found)
    if not found.seal.complete:
        yield f"{title(dag_id)} is sealed, but not complete"


def _items(found: PhaseStanding) -> Iterator[str]:
    named = set[str]()
    for again in found.reopened:
        named.add(again.item_ref)
        yield f"“{again.text}” ({again.owner.label}): {', '.join(again.why)}"
    for old in found.stale:
        if old.spec.ref not in named:
            named.add(old.spec.ref)
            yield f"“{old.spec.item.text}” ({old.spec.item.owner.label}): {', '.join(old.why)}"
    for ref in (*found.added, *found.removed, *found.otherwise):
        if ref not in named:
            named.add(ref)
            yield f"{ref} was decided or changed since its phase was sealed"


def _looked(entries: Sequence[LedgerEntry]) -> bool:
    """Return whether there is a look after which no decision was reopened."""
    kinds = {EntryKind.VERIFIED_AGAIN, EntryKind.REOPENED}
    here = [entry.kind for entry in entries if entry.dag_id == GO_NO_GO and entry.kind in kinds]
    return bool(here) and here[-1] is EntryKind.VERIFIED_AGAIN
