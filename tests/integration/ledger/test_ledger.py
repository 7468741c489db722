"""The ledger on a real PostgreSQL: kept once, in order, and honest when it cannot be reached."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from launch_pipeline.checks.canonical import canonical_json
from launch_pipeline.errors import LedgerError, LedgerUnavailable
from launch_pipeline.ledger.database import connected
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.migrate import migrate, migrations
from launch_pipeline.ledger.schema import Entry, EntryKind, Outcome
from servers.records import a_record, a_seal

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

SECRET = "s3cret-pa55"


@pytest.fixture
def closed_port() -> int:
    """Give a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Give a port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def entry(**changes: Any) -> Entry:
    """Make the entry of a passing item, any field changed."""
    return Entry.of_record(a_record()).model_copy(update=changes)


def test_migrations_are_applied_once(empty: str) -> None:
    """The first run applies every file, the next none."""
    assert migrate(empty) == [name for name, _ in migrations()]
    assert migrate(empty) == []


def test_components_that_start_together_migrate_once(empty: str) -> None:
    """Ten migrations side by side apply every file exactly once."""
    with ThreadPoolExecutor(10) as pool:
        applied = list(pool.map(migrate, [empty] * 10))
    assert sorted(filter(None, applied)) == [[name for name, _ in migrations()]]


def test_edited_migration_is_refused(dsn: str) -> None:
    """A migration that was changed after it had been applied is named."""
    with connected(dsn) as connection:
        connection.execute("UPDATE launch.ledger_migrations SET digest = 'sha256:0'")
    with pytest.raises(LedgerError, match=r"0001_.*was changed after"):
        migrate(dsn)


def test_everything_lies_in_one_schema(dsn: str) -> None:
    """Nothing is created outside the schema ``launch``."""
    with connected(dsn) as connection:
        rows = connection.execute(
            "SELECT table_schema FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
    assert set(rows) == {("launch",)}


def test_entry_comes_back_as_it_was_kept(dsn: str) -> None:
    """What was appended is read back whole, other scripts and control characters included."""
    record = a_record(outcome=Outcome.WAIVED, reason="späť → 変更 'quoted' \\ \x07")
    seq = Ledger(dsn).append(Entry.of_record(record))
    (kept,) = Ledger(dsn).entries("shop-1.2")
    assert kept.seq == seq
    assert kept.record == record
    assert Entry.model_validate(kept.model_dump(exclude={"seq", "appended_at"})) == Entry.of_record(record)


def test_seal_names_the_digest_of_the_kept_text(dsn: str) -> None:
    """The digest in a seal is that of the bytes in the database, so anybody can check it with SQL."""
    record = a_record()
    Ledger(dsn).append(Entry.of_record(record))
    with connected(dsn) as connection:
        row = connection.execute("SELECT content::text FROM launch.ledger").fetchone()
    assert row is not None
    assert f"sha256:{hashlib.sha256(row[0].encode()).hexdigest()}" == record.digest


def test_same_entry_is_kept_once(dsn: str) -> None:
    """Appending again returns the number it already has."""
    ledger = Ledger(dsn)
    assert ledger.append(entry()) == ledger.append(entry())
    assert len(ledger.entries("shop-1.2")) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"task_instance_id": "0197-2"},
        {"try_number": 2},
        {"kind": EntryKind.DECISION},
        {"item_ref": "week_1.security.hsts"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_part_of_the_key_makes_another_entry(dsn: str, change: dict[str, Any]) -> None:
    """Another task instance, try, kind or item is another entry."""
    ledger = Ledger(dsn)
    first, second = ledger.append_all([entry(), entry(**change)])
    assert first < second
    assert len(ledger.entries("shop-1.2")) == 2


@pytest.mark.parametrize("change", [{"content": {"outcome": "approved"}}, {"dag_id": "other"}], ids=str)
def test_same_key_with_another_content_is_an_error(dsn: str, change: dict[str, Any]) -> None:
    """A try cannot have said two things: the first stays, the second is refused."""
    ledger = Ledger(dsn)
    ledger.append(entry())
    with pytest.raises(LedgerError, match="already holds another machine_pass") as caught:
        ledger.append(entry(**change))
    assert not isinstance(caught.value, LedgerUnavailable)
    assert [kept.content for kept in ledger.entries("shop-1.2")] == [entry().content]


def test_key_belongs_to_its_launch(dsn: str) -> None:
    """What another launch holds takes no key away, and each reads its own."""
    ledger = Ledger(dsn)
    other, own = ledger.append_all([entry(launch_id="other", content={}), entry()])
    assert ledger.append_all([entry(launch_id="other", content={}), entry()]) == [other, own]
    assert [kept.content for kept in ledger.entries("shop-1.2")] == [entry().content]


def test_all_or_none(dsn: str) -> None:
    """Where one entry is refused none of the batch is kept."""
    ledger = Ledger(dsn)
    ledger.append(entry())
    with pytest.raises(LedgerError):
        ledger.append_all([entry(try_number=2), entry(content={})])
    assert len(ledger.entries("shop-1.2")) == 1


def test_entries_are_one_launchs_in_order_and_by_kind(dsn: str) -> None:
    """A launch sees its own entries, in the order they were kept, all or of one kind."""
    ledger = Ledger(dsn)
    decision = Entry.of_record(a_record(outcome=Outcome.APPROVED))
    ledger.append_all(
        [entry(), decision, entry(launch_id="other", task_instance_id="x"), entry(try_number=2)]
    )
    kept = ledger.entries("shop-1.2")
    assert [e.kind for e in kept] == [EntryKind.MACHINE_PASS, EntryKind.DECISION, EntryKind.MACHINE_PASS]
    assert [e.seq for e in kept] == sorted(e.seq for e in kept)
    assert [e.kind for e in ledger.entries("shop-1.2", EntryKind.DECISION)] == [EntryKind.DECISION]
    assert ledger.entries("nothing") == []


def test_latest_seal_counts(dsn: str) -> None:
    """After a phase was cleared and sealed again its last seal is read, of this launch and Dag only."""
    ledger = Ledger(dsn)
    assert ledger.seal("shop-1.2", "week_1") is None
    first = a_seal(complete=False, problems=("security.tls was rejected",))
    second = a_seal(a_record(), try_number=2)
    ledger.append(Entry.of_seal(first, "gate-1"))
    assert ledger.seal("shop-1.2", "week_1") == first
    ledger.append_all([Entry.of_seal(second, "gate-2"), Entry.of_seal(a_seal(dag_id="week_2"), "gate-3")])
    assert ledger.seal("shop-1.2", "week_1") == second
    assert ledger.seal("other", "week_1") is None


def test_twenty_writers_of_one_entry_keep_it_once(dsn: str) -> None:
    """The same entry from twenty threads at once is one row, and all get its number."""
    with ThreadPoolExecutor(20) as pool:
        numbers = set(pool.map(Ledger(dsn).append, [entry()] * 20))
    assert len(numbers) == 1
    assert len(Ledger(dsn).entries("shop-1.2")) == 1


def test_twenty_writers_who_disagree_have_one_winner(dsn: str) -> None:
    """Of twenty contents under one key the first is kept and nineteen are refused."""
    barrier = threading.Barrier(20)

    def say(number: int) -> int | None:
        barrier.wait()
        try:
            Ledger(dsn).append(entry(content={"said": number}))
        except LedgerError:
            return None
        return number

    with ThreadPoolExecutor(20) as pool:
        winners = [number for number in pool.map(say, range(20)) if number is not None]
    assert [kept.content for kept in Ledger(dsn).entries("shop-1.2")] == [
        {"said": winner} for winner in winners
    ]
    assert len(winners) == 1


def test_twenty_writers_of_one_launch_are_all_kept(dsn: str) -> None:
    """Different entries from twenty threads at once are all there."""
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(Ledger(dsn).append, [entry(try_number=n) for n in range(20)]))
    assert {kept.try_number for kept in Ledger(dsn).entries("shop-1.2")} == set(range(20))


def test_ledger_down_is_said_at_once(closed_port: int) -> None:
    """A closed port is LedgerUnavailable within two seconds, with a fix and without the password."""
    ledger = Ledger(f"postgresql://keeper:{SECRET}@127.0.0.1:{closed_port}/ledger")
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable, match="'launch_ledger'") as caught:
        ledger.append(entry())
    assert time.monotonic() - began < 2
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_silent_ledger_is_given_up(silent_port: int) -> None:
    """A port that accepts and never answers is given up after five seconds."""
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable, match="timeout"):
        Ledger(f"host=127.0.0.1 port={silent_port} user=keeper password={SECRET}").ping()
    assert 4 < time.monotonic() - began < 9


@pytest.mark.parametrize(
    "address", [f"nonsense {SECRET}", f"postgresql://keeper:{SECRET}@host:port/x", f"host=x colour={SECRET}"]
)
def test_unreadable_address_does_not_leak(address: str) -> None:
    """An address that libpq cannot read is refused without quoting it."""
    with pytest.raises(LedgerUnavailable) as caught:
        Ledger(address).ping()
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(Ledger(address))


def test_wrong_password_does_not_leak(dsn: str) -> None:
    """A refused login is LedgerUnavailable and the password is in no message."""
    address = make_conninfo(dsn, user="nobody_here", password=SECRET)
    with pytest.raises(LedgerUnavailable, match="nobody_here") as caught:
        Ledger(address).ping()
    assert SECRET not in str(caught.value)


def test_ledger_without_tables_says_so(empty: str) -> None:
    """Before the migrations every call says what is missing."""
    with pytest.raises(LedgerUnavailable, match=r"tables are missing.*migrations"):
        Ledger(empty).append(entry())


def test_ping_of_a_ledger_that_works(dsn: str) -> None:
    """Ping returns where the ledger answers and has its tables."""
    Ledger(dsn).ping()


def test_slow_statement_is_given_up(dsn: str) -> None:
    """A statement that takes longer than its limit is LedgerUnavailable, and the transaction is undone."""

    def forget_slowly() -> None:
        with connected(dsn, 1) as connection:
            connection.execute("DELETE FROM launch.ledger_migrations")
            connection.execute("SELECT pg_sleep(30)")

    with pytest.raises(LedgerUnavailable, match="statement timeout"):
        forget_slowly()
    assert migrate(dsn) == []


def test_missing_right_is_a_ledger_error(dsn: str) -> None:
    """What the database refuses for good is LedgerError, not something to try again."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS reader_only")
        connection.execute("CREATE ROLE reader_only LOGIN")
    with pytest.raises(LedgerError, match="InsufficientPrivilege") as caught:
        Ledger(make_conninfo(dsn, user="reader_only")).append(entry())
    assert not isinstance(caught.value, LedgerUnavailable)


def test_content_is_kept_in_canonical_form(dsn: str) -> None:
    """The order of keys makes no other content."""
    ledger = Ledger(dsn)
    first = ledger.append(entry(content={"a": 1, "b": 1e100}))
    assert ledger.append(entry(content={"b": 1e100, "a": 1})) == first
    assert canonical_json(ledger.entries("shop-1.2")[0].content) == b'{"a":1,"b":1e+100}'
