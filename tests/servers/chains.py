"""Chains for tests: made without a database, and changed in one behind the back of its triggers."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg

from launch_pipeline.checklist.vocabulary import Mode, RequestKind, Role, Severity
from launch_pipeline.checks.canonical import canonical_json
from launch_pipeline.ledger.chain import GENESIS, Link
from launch_pipeline.ledger.facts import Started
from launch_pipeline.ledger.launch import Launch
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.plan import LaunchPlan, PlannedItem, Rules
from launch_pipeline.ledger.proof.verify import read_rows
from launch_pipeline.ledger.schema import Entry, EntryKind, Outcome
from servers.records import NOON, a_record, a_result, a_seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from psycopg import Connection

LAUNCH = "shop-1.2"
_CHANGED = """
    UPDATE launch.ledger SET position = %(position)s, content_digest = %(content_digest)s,
                             previous = %(previous)s, digest = %(digest)s
    WHERE seq = %(seq)s
"""


CHECKLIST = "sha256:" + "c" * 64
PLAN = LaunchPlan(
    steps=(("week_1",),),
    items={
        "week_1": tuple(
            PlannedItem(
                ref=f"week_1.security.{name}",
                owner=Role.TECHNICAL_LEAD,
                severity=Severity.BLOCKING,
                mode=Mode.CHECK,
                gate=RequestKind.APPROVAL,
            )
            for name in ("tls", "hsts", "headers", "audit")
        )
    },
    rules=Rules(waive_blocking_items=True),
)
"""One phase of four items, of which its checks end each."""


def a_launch(launch_id: str = LAUNCH, **changes: Any) -> Launch:
    """Make the launch of that phase."""
    fields: dict[str, Any] = {
        "launch_id": launch_id,
        "environment": "production",
        "rehearsal": False,
        "release": "1.2.0",
        "release_sha": "a" * 40,
        "launch_at": NOON + timedelta(days=21),
        "started_by": "ada.technical",
        "checklist_digests": {"week_1": CHECKLIST},
    }
    return Launch(**{**fields, **changes})


def started(launch: Launch | None = None, plan: LaunchPlan = PLAN) -> Entry:
    """Make the first row of a launch, as ``Launches.start`` keeps it."""
    of = launch or a_launch()
    facts = of.model_dump(exclude={"launch_id", "state", "ended_at", "held_at"})
    times = {"started_at": of.started_at or NOON, "planned_at": of.planned_at or of.launch_at}
    said = Started.model_validate({**facts, **times, "plan": plan})
    return Entry(
        kind=EntryKind.LAUNCH_STARTED,
        launch_id=of.launch_id,
        task_instance_id=f"launch/{of.launch_id}",
        content=said.content(),
    )


def some_entries() -> list[Entry]:
    """Five rows of one launch behind its first: three machine passes, a waiver, the seal over all four."""
    names = ("tls", "hsts", "headers")
    passes = [a_record(item_ref=f"week_1.security.{name}", task_instance_id=name) for name in names]
    waived = a_record(
        outcome=Outcome.WAIVED,
        item_ref="week_1.security.audit",
        task_instance_id="audit",
        reason="späť,\u2028 line two",
        results=(a_result(observed={"seconds": 1e-7, "words": "\x07\x7f</script>"}),),
    )
    records = [*passes, waived]
    return [*map(Entry.of_record, records), Entry.of_seal(a_seal(*records), "gate")]


def append_some(dsn: str) -> None:
    """Start that launch and keep those rows, with another launch's before and between them."""
    entries = some_entries()
    others = [
        Entry.of_record(
            a_record(
                launch_id="other", environment="staging", rehearsal=True, task_instance_id=f"other/{name}"
            )
        )
        for name in ("one", "two")
    ]
    Launches(dsn).start(a_launch("other", environment="staging", rehearsal=True), PLAN)
    Launches(dsn).start(a_launch(), PLAN)
    Ledger(dsn).append_all([others[0], *entries[:2], others[1], *entries[2:]])


def relinked(links: Iterable[Link]) -> list[Link]:
    """Give every row the place, links and digests that fit where it stands now."""
    done: list[Link] = []
    for position, link in enumerate(links, start=1):
        previous = done[-1].digest if done else GENESIS
        update = {"position": position, "previous": previous}
        placed = link.model_copy(update={**update, "content_digest": link.computed_content_digest()})
        done.append(placed.model_copy(update={"digest": placed.computed_digest()}))
    return done


def a_chain(entries: Sequence[Entry] | None = None) -> list[Link]:
    """Make the rows that the database would make of the entries, one a second from noon."""
    rows = [
        Link(
            **entry.model_dump(exclude={"content"}),
            seq=10 + number,
            position=0,
            appended_at=NOON + timedelta(seconds=number),
            content=canonical_json(entry.content).decode(),
            content_digest="",
            previous="",
            digest="",
        )
        for number, entry in enumerate([started(), *some_entries()] if entries is None else entries)
    ]
    return relinked(rows)


@contextmanager
def behind_the_triggers(dsn: str) -> Iterator[Connection[Any]]:
    """Give a superuser's connection on which the ledger's triggers do nothing."""
    with psycopg.connect(dsn) as connection:
        connection.execute("ALTER TABLE launch.ledger DISABLE TRIGGER ALL")
        connection.execute("ALTER TABLE launch.ledger DROP CONSTRAINT IF EXISTS ledger_one_chain")
        yield connection
        connection.execute("ALTER TABLE launch.ledger ENABLE TRIGGER ALL")


def rewrite(dsn: str, launch_id: str = LAUNCH) -> None:
    """Make all links and digests of a launch anew, as somebody would who knows how and may."""
    links = read_rows(dsn, launch_id).links
    with behind_the_triggers(dsn) as connection:
        for link in relinked(links):
            connection.execute(_CHANGED, link.model_dump())


def tamper(dsn: str, *statements: str) -> None:
    """Run statements as a superuser who has switched the triggers off."""
    with behind_the_triggers(dsn) as connection:
        for statement in statements:
            connection.execute(statement.encode())
