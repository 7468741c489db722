"""Rows of a launch that was changed while it ran, and of which items were verified again, for reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.ledger.reopened import Cause, Reopened, Seen, VerifiedAgain
from launch_pipeline.ledger.schema import Entry, EntryKind
from servers.records import NOON
from servers.reported import LAUNCH, happened

if TYPE_CHECKING:
    from servers.reported import Place

COMMIT = "the release commit was changed"


def reopened(place: Place, number: int = 1, cause: Cause = Cause.CHANGED, why: str = COMMIT) -> Entry:
    """Build the row of an item that is verified again."""
    item = Reopened(
        dag_id=place.dag_id, item_ref=place.ref, text=place.item.text, owner=place.item.owner, cause=cause,
        why=(why,), task_instance_id="old",
    )  # fmt: skip
    return item.entry(LAUNCH, number)


def seen(place: Place, headline: str) -> Seen:
    return Seen(
        dag_id=place.dag_id, item_ref=place.ref, text=place.item.text, owner=place.item.owner,
        headline=headline,
    )  # fmt: skip


def look(red: Place, away: Place, headline: str = "540 ms") -> Entry:
    """Build a look again that found one item no longer true, and could not look at another."""
    found = VerifiedAgain(
        looked_at=NOON, still_true=211, no_longer_true=(seen(red, headline),),
        not_looked_at=(seen(away, headline),),
    )  # fmt: skip
    return found.entry(LAUNCH, "go_no_go", "ti-look", 1)


def by(reason: str = "why") -> dict[str, Any]:
    return {"by": "ada.technical", "via": "airflow", "reason": reason}


def changes(place: Place, reason: str = "why") -> list[Entry]:
    """Build a row of each change; the amendment changes an item and a variable."""
    at = {"from": "2030-05-27T12:00:00Z", "to": "2030-05-28T12:00:00Z"}
    before, to = {"release": "2.4.0", "release_sha": "a" * 40}, {"release": "2.4.1", "release_sha": "b" * 40}
    amended = [{"where": place.ref, "what": ["checks", "owner"]}, {"where": "domain", "what": ["changed"]}]
    return [
        happened(EntryKind.LAUNCH_POSTPONED, 1, **by(reason), **at),
        happened(
            EntryKind.LAUNCH_AMENDED, 1, **by(reason), confirmed_by="carla.cto", changes=amended,
            checklist_digests={}, environment_digest="", plan={},
        ),
        happened(EntryKind.LAUNCH_RETARGETED, 1, **by(reason), **{"from": before, "to": to}),
        happened(EntryKind.LAUNCH_HELD, 1, **by(reason), held_at="2030-05-06T12:00:00Z"),
        happened(EntryKind.LAUNCH_RESUMED, 1, **by(reason)),
    ]  # fmt: skip
