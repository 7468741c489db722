"""What is appended while a launch is changed, and launches of an earlier package, on a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from launch_pipeline.checklist.sequence import BEFORE, ROLLBACK
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.checks.canonical import canonical_json, digest
from launch_pipeline.errors import LaunchRefused, PhaseReopened
from launch_pipeline.ledger import migrate as migrating
from launch_pipeline.ledger.changes import Amendment, By, Changes
from launch_pipeline.ledger.facts import Changed
from launch_pipeline.ledger.launch import LaunchState, Via
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.migrate import migrate, migrations
from launch_pipeline.ledger.proof.verify import verify
from launch_pipeline.ledger.reopened import Cause, Reopened
from launch_pipeline.ledger.schema import Entry, EntryKind
from servers.chains import CHECKLIST, LAUNCH, PLAN, a_launch, some_entries, started
from servers.ledger_roles import owned_ledger
from servers.records import NOON, a_record, a_seal

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.integration

ADA = By("ada.technical", "it has to be", Via.AIRFLOW)
DOCUMENT = {"phase": "week 1"}
TLS = "week_1.security.tls"


def amendment(replaces: tuple[dict[str, str], str] = ({"week_1": CHECKLIST}, "")) -> Amendment:
    """Make an amendment of the one phase."""
    return Amendment(
        plan=PLAN,
        checklist_digests={"week_1": digest(DOCUMENT)},
        environment_digest=digest({}),
        changes=(Changed(where=TLS, what=("checks",)),),
        definitions=(DOCUMENT, {}),
        replaces=replaces,
    )


def reopened(dag_id: str = "week_1", item_ref: str = TLS) -> Entry:
    """Make the row of an item that is verified again."""
    one = Reopened(
        dag_id=dag_id,
        item_ref=item_ref,
        text="TLS certificates are valid",
        owner=Role.TECHNICAL_LEAD,
        cause=Cause.NO_LONGER_TRUE,
        why=("the certificate has expired",),
        task_instance_id="tls",
    )
    return one.entry(LAUNCH, 1)


CHANGING: dict[str, Callable[[str], object]] = {
    "amended": lambda dsn: Changes(dsn).amend(LAUNCH, amendment(), ADA),
    "retargeted": lambda dsn: Changes(dsn).retarget(LAUNCH, "b" * 40, ADA),
    "postponed": lambda dsn: Launches(dsn).postpone(LAUNCH, NOON + timedelta(days=30), "ada", "not ready"),
    "reopened": lambda dsn: Ledger(dsn).append(reopened()),
}
"""What may happen between a gate's look and its seal."""


@pytest.fixture
def ledger(dsn: str) -> Ledger:
    """Give the ledger of a launch in which every item passed."""
    Launches(dsn).start(a_launch(), PLAN)
    ledger = Ledger(dsn)
    ledger.append_all(some_entries()[:-1])
    return ledger


def seen(ledger: Ledger) -> int:
    """Give the number of the last row."""
    return ledger.entries(LAUNCH)[-1].seq


# ---- appended while it is changed ----------------------------------------------------------------------


@pytest.mark.parametrize("change", CHANGING)
def test_seal_that_was_overtaken_is_not_appended(dsn: str, ledger: Ledger, change: str) -> None:
    """What a gate saw is no longer so: nothing of it is appended, and the gate looks again."""
    before = seen(ledger)
    CHANGING[change](dsn)
    rows = len(ledger.entries(LAUNCH))
    late = Entry.of_record(a_record(task_instance_id="late"))
    with pytest.raises(PhaseReopened, match=f"changed at this moment .*{change}"):
        ledger.append_in_course([late, some_entries()[-1]], seen=before)
    assert len(ledger.entries(LAUNCH)) == rows
    assert verify(dsn, LAUNCH).broken is None


def test_seal_is_appended_where_nothing_changed(dsn: str, ledger: Ledger) -> None:
    """Records, holds and what is told change nothing that a seal rests on; nor does another launch."""
    before = seen(ledger)
    Changes(dsn).hold(LAUNCH, ADA)
    Launches(dsn).start(a_launch("other", environment="staging"), PLAN)
    Changes(dsn).retarget("other", "b" * 40, ADA)
    (told,) = (Entry(kind=EntryKind.NUDGE, launch_id=LAUNCH, task_instance_id="told", content={}),)
    ledger.append(told)
    ledger.append_in_course([some_entries()[-1]], seen=before)
    assert ledger.seal(LAUNCH, "week_1") is not None
    assert verify(dsn, LAUNCH).broken is None


def test_seal_that_is_there_stays(dsn: str, ledger: Ledger) -> None:
    """A gate that lost its worker after the append appends the same again, whatever came after it."""
    before = seen(ledger)
    (first,) = ledger.append_in_course([some_entries()[-1]], seen=before)
    ledger.append(reopened())
    assert ledger.append_in_course([some_entries()[-1]], seen=before) == [first]
    assert verify(dsn, LAUNCH).broken is None


def test_seal_waits_for_an_item_that_was_reopened(ledger: Ledger) -> None:
    """The record before is none of the look again: no complete seal lists it, whatever the gate had seen."""
    ledger.append(reopened())
    with pytest.raises(PhaseReopened, match=r"week_1\.security\.tls was reopened"):
        ledger.append_in_course([some_entries()[-1]], seen=seen(ledger))
    assert ledger.seal(LAUNCH, "week_1") is None
    incomplete = a_seal(complete=False)
    ledger.append_in_course([Entry.of_seal(incomplete, "gate-2")])
    assert ledger.seal(LAUNCH, "week_1") == incomplete


def test_seal_waits_for_earlier_phases(ledger: Ledger) -> None:
    """A phase is not complete while one before it is verified again; one after it does not matter."""
    first, second, third = BEFORE

    def seal(dag_id: str, **changes: Any) -> Entry:
        return Entry.of_seal(a_seal(dag_id=dag_id, **changes), f"gate-{dag_id}-{len(ledger.entries(LAUNCH))}")

    ledger.append_all([seal(first), reopened(first), reopened(third, "week_3.a.b")])
    with pytest.raises(PhaseReopened, match="is verified again"):
        ledger.append_in_course([seal(second)])
    ledger.append_in_course([seal(second, complete=False)])
    ledger.append_in_course([seal(ROLLBACK)])
    ledger.append_in_course([seal(first)])
    ledger.append_in_course([seal(second)])
    found = ledger.seal(LAUNCH, second)
    assert found is not None
    assert found.complete


def test_launch_is_not_complete_while_an_item_is_verified_again(dsn: str, ledger: Ledger) -> None:
    """An end would say what the seals no longer do; a repaired item and another seal let it end."""
    ledger.append_in_course([some_entries()[-1], reopened()])
    with pytest.raises(LaunchRefused, match=r"is not complete: week_1\.security\.tls is verified again"):
        Launches(dsn).end(LAUNCH, LaunchState.COMPLETE)
    assert Launches(dsn).get(LAUNCH).state is LaunchState.ACTIVE
    again = a_record(item_ref=TLS, task_instance_id="tls", try_number=2)
    kept = [e.record for e in ledger.entries(LAUNCH) if e.record and e.item_ref != TLS]
    seal = a_seal(again, *[record for record in kept if record], try_number=2)
    ledger.append_in_course([Entry.of_record(again), Entry.of_seal(seal, "gate")])
    assert Launches(dsn).end(LAUNCH, LaunchState.COMPLETE).state is LaunchState.COMPLETE
    assert verify(dsn, LAUNCH).broken is None


# ---- whatever zone the database has ----------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York"])
def test_times_are_read_in_utc(dsn: str, zone: str) -> None:
    """Records rest on the launch time as a text: it is the same wherever the database stands."""
    name = str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
    with psycopg.connect(dsn, autocommit=True) as connection:
        statement = sql.SQL("ALTER DATABASE {} SET timezone TO {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Literal(zone)))
    launches = Launches(dsn)
    assert launches.start(a_launch(), PLAN).launch_at.isoformat() == "2030-05-27T12:00:00.123456+00:00"
    later = datetime(2031, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert launches.postpone(LAUNCH, later, "ada", "later").launch_at.isoformat() == (
        "2030-12-31T23:00:00+00:00"
    )
    held = Changes(dsn).hold(LAUNCH, ADA).held_at
    assert held is not None
    assert held.tzinfo is UTC
    (moved,) = Ledger(dsn).entries(LAUNCH, EntryKind.LAUNCH_POSTPONED)
    assert moved.content["to"] == "2030-12-31T23:00:00Z"
    assert verify(dsn, LAUNCH).broken is None


# ---- of an earlier package -------------------------------------------------------------------------------

_LAUNCH = """
    INSERT INTO launch.launches (launch_id, environment, rehearsal, release, release_sha, planned_at,
                                 launch_at, started_by, conf, checklist_digests, started_at)
    VALUES (%(launch_id)s, %(environment)s, %(rehearsal)s, %(release)s, %(release_sha)s, %(launch_at)s,
            %(launch_at)s, %(started_by)s, '{}', %(digests)s, %(started_at)s)
"""
_ROW = """
    INSERT INTO launch.ledger (kind, launch_id, dag_id, item_ref, task_instance_id, try_number, content)
    VALUES (%(kind)s, %(launch_id)s, %(dag_id)s, %(item_ref)s, %(task_instance_id)s, %(try_number)s, %(said)s)
"""


def begin_before(dsn: str, monkeypatch: pytest.MonkeyPatch, entries: list[Entry]) -> None:
    """Let a launch have begun in a database of the package before definitions were stored."""
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "migrations", lambda: [m for m in migrations() if m[0] < "0006"])
        migrate(dsn)
    launch = a_launch()
    facts: dict[str, Any] = {**launch.model_dump(), "started_at": NOON}
    with psycopg.connect(dsn) as connection:
        digests = canonical_json(launch.checklist_digests).decode()
        connection.execute(_LAUNCH, {**facts, "digests": digests})
        for entry in entries:
            said = canonical_json(entry.content).decode()
            connection.execute(_ROW, {**entry.model_dump(), "said": said})


def test_launch_of_an_earlier_package_goes_on(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The migration changes no row: the chain holds, nothing is on hold, and its records count as before."""
    begin_before(empty, monkeypatch, [started(), *some_entries()[:2]])
    with psycopg.connect(empty) as connection:
        rows = connection.execute("SELECT * FROM launch.ledger ORDER BY seq").fetchall()
    assert migrate(empty) == ["0006_what_launches_rest_on.sql"]
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT * FROM launch.ledger ORDER BY seq").fetchall() == rows
    launch = Launches(empty).get(LAUNCH)
    assert (launch.environment_digest, launch.held_at) == ("", None)
    assert launch.checklist_digests == {"week_1": CHECKLIST}
    assert verify(empty, LAUNCH).broken is None
    Ledger(empty).append_in_course(some_entries()[2:])
    assert Launches(empty).end(LAUNCH, LaunchState.COMPLETE).state is LaunchState.COMPLETE
    assert verify(empty, LAUNCH).broken is None


def test_launch_of_an_earlier_package_is_changed(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be held, retargeted and amended; what was sealed by the older checklist stands no longer."""
    begin_before(empty, monkeypatch, [started(), *some_entries()])
    migrate(empty)
    changes = Changes(empty)
    changes.hold(LAUNCH, ADA)
    changes.resume(LAUNCH, ADA)
    changes.retarget(LAUNCH, "b" * 40, ADA)
    changes.amend(LAUNCH, amendment(), ADA)
    assert verify(empty, LAUNCH).broken is None
    Launches(empty).end(LAUNCH, LaunchState.COMPLETE)
    broken = verify(empty, LAUNCH).broken
    assert broken is not None
    assert broken.problem == "it says 'complete', but week_1 is not"


def ungranted(*_: object) -> None:
    """Leave rights as they are: those of today name columns that are not there yet."""


def test_migration_gives_the_application_its_new_rights(
    pg_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application that ran the older package may change launches after the owner has migrated."""
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "migrations", lambda: [m for m in migrations() if m[0] < "0006"])
        patch.setattr(migrating, "grant", ungranted)
        with owned_ledger(pg_server) as made:
            patch.undo()
            migrate(made.owner, made.application_role)
            Launches(made.application).start(a_launch(), PLAN, (DOCUMENT,))
            Changes(made.application).amend(LAUNCH, amendment(), ADA)
            assert verify(made.application, LAUNCH).broken is None
