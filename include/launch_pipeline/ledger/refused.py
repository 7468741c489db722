"""Append refused answers to the ledger: each once, and a limited number per account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AwareDatetime, StringConstraints

from launch_pipeline.base import Frozen
from launch_pipeline.ledger.database import connected
from launch_pipeline.ledger.ledger import append_within, lock_launch
from launch_pipeline.ledger.schema import Entry, EntryKind, RecordedBy

if TYPE_CHECKING:
    from psycopg import Connection

MOST = 50
"""The maximum number of recorded refusals per account and launch."""
LAST = f"This is refusal {MOST} of this account in this launch; further ones are not recorded."
_KNOWN = "SELECT 1 FROM launch.launches WHERE launch_id = %s"
_COUNTS = """
    SELECT count(*) FILTER (WHERE content ->> 'by' = %(by)s),
           count(*) FILTER (WHERE task_instance_id = %(instance)s),
           count(*) FILTER (WHERE task_instance_id = %(instance)s AND content ->> 'by' = %(by)s
                            AND content ->> 'code' = %(code)s)
    FROM launch.ledger WHERE launch_id = %(launch)s AND kind = %(kind)s
"""


def _bounded(most: int) -> Any:
    return Annotated[str, StringConstraints(max_length=most)]


class RefusedAnswer(Frozen):
    """An answer that did not count: who gave it to what, and why it was refused."""

    launch_id: str
    dag_id: str
    item_ref: str
    task_instance_id: str
    try_number: int
    by: _bounded(200)  # type: ignore[valid-type]
    """The Airflow user, or the Slack id of a Slack user without one."""
    person: str | None = None
    """The person's id in the contacts, if they are there."""
    option: _bounded(60)  # type: ignore[valid-type]
    code: _bounded(60)  # type: ignore[valid-type]
    sentence: _bounded(1000)  # type: ignore[valid-type]
    """The sentence that the person was shown."""
    reason: _bounded(300)  # type: ignore[valid-type]
    """The start of the reason that the person wrote."""
    via: RecordedBy
    at: AwareDatetime


def append_refusal(dsn: str, refused: RefusedAnswer) -> int:
    """Append a refusal once per task instance, account and code; return the account's count in this launch.

    Nothing is appended for an unknown launch, or beyond ``MOST``. Raises LedgerUnavailable.
    """
    with connected(dsn) as connection:
        if connection.execute(_KNOWN, [refused.launch_id]).fetchone() is None:
            return 0
        lock_launch(connection, refused.launch_id)
        mine, of_instance, same = _counts(connection, refused)
        if same or mine >= MOST:
            return mine
        append_within(connection, _entry(refused, of_instance, last=mine + 1 == MOST))
        return mine + 1


def _counts(connection: Connection[Any], refused: RefusedAnswer) -> tuple[int, int, int]:
    asked = {
        "by": refused.by,
        "code": refused.code,
        "instance": refused.task_instance_id,
        "launch": refused.launch_id,
        "kind": EntryKind.REFUSAL,
    }
    mine, of_instance, same = connection.execute(_COUNTS, asked).fetchall()[0]
    return int(mine), int(of_instance), int(same)


def _entry(refused: RefusedAnswer, number: int, *, last: bool) -> Entry:
    """Build the entry, numbered among the refusals of its task instance; the try is in the content."""
    places = {"launch_id", "dag_id", "task_instance_id"}
    content = refused.model_dump(mode="json", exclude=places)
    return Entry(
        kind=EntryKind.REFUSAL,
        launch_id=refused.launch_id,
        dag_id=refused.dag_id,
        item_ref=refused.item_ref,
        task_instance_id=refused.task_instance_id,
        try_number=number,
        content={**content, **({"note": LAST} if last else {})},
    )
