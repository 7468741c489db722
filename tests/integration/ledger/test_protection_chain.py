"""The chain in a real database: made by it, proved without trusting it, and broken by whoever may."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from launch_pipeline.checks.canonical import canonical_json
from launch_pipeline.errors import LaunchRefused, LedgerError, LedgerUnavailable
from launch_pipeline.ledger import migrate as migrating
from launch_pipeline.ledger.export import export_lines, read_export
from launch_pipeline.ledger.launch import Launch, LaunchState
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.migrate import migrate, migrations
from launch_pipeline.ledger.proof import auditor
from launch_pipeline.ledger.proof.verify import (
    first_chain_break,
    known_launches,
    read_rows,
    verify,
    verify_links,
)
from launch_pipeline.ledger.schema import Entry, EntryKind
from servers.chains import (
    CHECKLIST,
    LAUNCH,
    PLAN,
    a_chain,
    a_launch,
    append_some,
    rewrite,
    some_entries,
    tamper,
)
from servers.records import NOON, a_record
from servers.stories import aborted, aborted_and_rolled_back

if TYPE_CHECKING:
    from pathlib import Path

    from launch_pipeline.ledger.chain import Break

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)


@pytest.fixture
def kept(dsn: str) -> str:
    """Give a ledger with five rows of one launch, another launch's before and between them."""
    append_some(dsn)
    return dsn


def first_broken(dsn: str, head: str | None = None) -> Break:
    """Give the first broken row of the launch."""
    broken = verify(dsn, LAUNCH, head).broken
    assert broken is not None
    return broken


# ---- made ----------------------------------------------------------------------------------------------


def test_database_and_python_make_the_same_chain(kept: str) -> None:
    """Two formulas, one in SQL and one in Python, give the same digests, launch by launch."""
    proved = verify(kept, LAUNCH)
    assert (proved.rows, proved.broken) == (6, None)
    assert proved.head == Ledger(kept).head(LAUNCH)
    links = read_rows(kept, LAUNCH).links
    assert [link.position for link in links] == [1, 2, 3, 4, 5, 6]
    # The first row holds the moment of its start.
    assert [link.content for link in links][1:] == [link.content for link in a_chain()][1:]
    assert known_launches(kept) == ["other", LAUNCH]
    assert Ledger(kept).head("nothing") is None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.tuples(TEXT, TEXT, TEXT, TEXT), number=st.integers(0, 2**31 - 1), said=TEXT)
def test_any_text_makes_the_same_digest(
    dsn: str, texts: tuple[str, str, str, str], number: int, said: str
) -> None:
    """Quotes, control characters, other planes of Unicode: SQL and Python write the same canonical JSON."""
    launch_id, dag_id, item_ref, instance = texts
    entry = Entry(
        kind=EntryKind.NUDGE,
        launch_id=launch_id,
        dag_id=dag_id,
        item_ref=item_ref,
        task_instance_id=f"{instance}/{number}",
        try_number=number,
        content={"said": said},
    )
    try:
        Ledger(dsn).append(entry)
    except LedgerUnavailable:
        raise
    except LedgerError:
        # The same key with another content: not what is asked here.
        return
    assert first_chain_break(read_rows(dsn, launch_id).links) is None


def test_repeated_entry_is_no_second_link(kept: str) -> None:
    """What is sent again keeps its number and its place."""
    before = read_rows(kept, LAUNCH).links
    Ledger(kept).append_all(some_entries())
    assert read_rows(kept, LAUNCH).links == before


def test_many_writers_make_one_chain(dsn: str) -> None:
    """Twenty threads that append at once, half of them past the ledger's own lock, fork nothing."""
    Launches(dsn).start(a_launch(), PLAN)

    def by_hand(number: int) -> None:
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "INSERT INTO launch.ledger"
                " (kind, launch_id, dag_id, item_ref, task_instance_id, try_number, content)"
                " VALUES ('nudge', %s, '', '', 'by hand', %s, '{}')",
                [LAUNCH, number],
            )

    def properly(number: int) -> None:
        Ledger(dsn).append(Entry.of_record(a_record(try_number=number)))

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda number: (by_hand, properly)[number % 2](number), range(60)))
    proved = verify(dsn, LAUNCH)
    assert (proved.rows, proved.broken) == (61, None)
    order = [entry.try_number for entry in Ledger(dsn).entries(LAUNCH, EntryKind.MACHINE_PASS)]
    assert order == [link.try_number for link in read_rows(dsn, LAUNCH).links if link.kind == "machine_pass"]


def test_stale_snapshot_forks_nothing(kept: str) -> None:
    """A transaction that cannot see the last row is refused instead of linking to the one before."""
    with psycopg.connect(kept) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SELECT 1")
        Ledger(kept).append(Entry.of_record(a_record(task_instance_id="meanwhile")))
        with pytest.raises(psycopg.errors.UniqueViolation, match="ledger_one_chain"):
            connection.execute(
                "INSERT INTO launch.ledger"
                " (kind, launch_id, dag_id, item_ref, task_instance_id, try_number, content)"
                " VALUES ('nudge', %s, '', '', 'by hand', 1, '{}')",
                [LAUNCH],
            )
    assert verify(kept, LAUNCH).broken is None


def test_rows_from_before_the_chain_are_chained(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation of the first release is chained as it stands, goes on, and proves nothing of before."""
    first, later = [m for m in migrations() if m[0] < "0003"], migrations()
    monkeypatch.setattr(migrating, "migrations", lambda: first)
    migrate(empty)
    old = (
        "INSERT INTO launch.ledger (kind, launch_id, dag_id, item_ref, task_instance_id, try_number, content)"
    )
    with psycopg.connect(empty) as connection:
        for entry in [
            e.model_copy(update={"launch_id": name}) for name in ("b", "a") for e in some_entries()[:3]
        ]:
            fields = entry.model_dump()
            key = [f"{entry.launch_id}/{entry.task_instance_id}", entry.try_number]
            content = canonical_json(
                {**entry.content, "launch_id": entry.launch_id, "task_instance_id": key[0]}
            )
            values = [fields["kind"], entry.launch_id, entry.dag_id, entry.item_ref, *key, content.decode()]
            connection.execute(old.encode() + b" VALUES (%s, %s, %s, %s, %s, %s, %s)", values)
        times = connection.execute("SELECT appended_at FROM launch.ledger ORDER BY seq").fetchall()
    with pytest.raises(LedgerUnavailable, match=r"outdated.*Run its migrations"):
        Ledger(empty).entries("a")
    monkeypatch.setattr(migrating, "migrations", lambda: later)
    assert migrate(empty) == [name for name, _ in later if name >= "0003"]
    for name in ("a", "b"):
        links = read_rows(empty, name).links
        assert (len(links), first_chain_break(links)) == (3, None)
        assert [link.seq for link in links] == sorted(link.seq for link in links)
        assert "before the launch was started" in str(verify(empty, name).broken)
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT appended_at FROM launch.ledger ORDER BY seq").fetchall() == times
    Ledger(empty).append(Entry.of_record(a_record(launch_id="a")))
    links = read_rows(empty, "a").links
    assert (len(links), first_chain_break(links)) == (4, None)


# ---- broken by a superuser -------------------------------------------------------------------------------


def test_changed_content_is_named(kept: str) -> None:
    """A reason that somebody wrote over."""
    tamper(
        kept,
        "UPDATE launch.ledger SET content = replace(content::text, 'line two', 'line 2')::json"
        " WHERE task_instance_id = 'audit'",
    )
    broken = first_broken(kept)
    assert (broken.position, broken.kind, broken.item_ref) == (5, "decision", "week_1.security.audit")
    assert "its content was changed" in broken.problem


def test_changed_column_is_named(kept: str) -> None:
    """A time that somebody set back."""
    statement = "UPDATE launch.ledger SET appended_at = appended_at - interval '1 day' WHERE position = 2"
    tamper(kept, statement)
    assert (first_broken(kept).position, "one of its columns" in first_broken(kept).problem) == (2, True)
    assert verify(kept, "other").broken is not None


def test_row_removed_from_the_middle_is_named(kept: str) -> None:
    """A rejection that somebody wants away."""
    tamper(kept, "DELETE FROM launch.ledger WHERE launch_id = 'shop-1.2' AND position = 3")
    broken = first_broken(kept)
    assert (broken.position, broken.problem) == (4, "row 3 is missing before it")
    assert verify(kept, "other").broken is None


def test_row_removed_from_the_middle_with_new_numbers_is_named(kept: str) -> None:
    """Closing the gap does not help."""
    tamper(
        kept,
        "DELETE FROM launch.ledger WHERE launch_id = 'shop-1.2' AND position = 3",
        "UPDATE launch.ledger SET position = position - 1 WHERE launch_id = 'shop-1.2' AND position > 3",
    )
    assert (first_broken(kept).position, "does not follow row 2" in first_broken(kept).problem) == (3, True)


def test_swapped_rows_are_named(kept: str) -> None:
    """Who decided first is part of the record."""
    tamper(
        kept,
        "UPDATE launch.ledger SET position = CASE position WHEN 2 THEN 3 ELSE 2 END"
        " WHERE launch_id = 'shop-1.2' AND position IN (2, 3)",
    )
    assert (first_broken(kept).position, "does not follow row 1" in first_broken(kept).problem) == (2, True)


def test_forged_row_is_named(kept: str) -> None:
    """A row that was put in, with numbers that fit and digests of its own."""
    tamper(
        kept,
        "UPDATE launch.ledger SET position = position + 1 WHERE launch_id = 'shop-1.2' AND position > 2",
        "INSERT INTO launch.ledger (kind, launch_id, dag_id, item_ref, task_instance_id, try_number, content,"
        " position, previous, content_digest, digest) SELECT kind, launch_id, dag_id, item_ref, 'forged',"
        " try_number, content, 3, digest, content_digest, digest FROM launch.ledger"
        " WHERE launch_id = 'shop-1.2' AND position = 2",
    )
    broken = first_broken(kept)
    assert (broken.position, broken.item_ref) == (3, "week_1.security.tls")
    assert "one of its columns" in broken.problem


def test_forged_row_whose_digests_fit_is_named_by_the_next(kept: str) -> None:
    """Whoever knows the formula can make one row fit, and then the next one does not."""
    tamper(
        kept,
        "UPDATE launch.ledger SET position = position + 1 WHERE launch_id = 'shop-1.2' AND position > 2",
        "INSERT INTO launch.ledger (kind, launch_id, dag_id, item_ref, task_instance_id, try_number, content,"
        " position, previous, content_digest, digest) SELECT 'nudge', launch_id, dag_id, '', 'forged',"
        " 0, '{}', 3, digest, launch.ledger_text_digest('{}'), '' FROM launch.ledger"
        " WHERE launch_id = 'shop-1.2' AND position = 2",
        "UPDATE launch.ledger k SET digest = launch.ledger_digest(k) WHERE task_instance_id = 'forged'",
    )
    assert (first_broken(kept).position, "does not follow row 3" in first_broken(kept).problem) == (4, True)


def test_tail_removed_is_found_by_an_announced_head(kept: str) -> None:
    """Without a head nobody can know that there was more; with one it is found."""
    head = Ledger(kept).head(LAUNCH)
    assert head is not None
    tamper(kept, "DELETE FROM launch.ledger WHERE launch_id = 'shop-1.2' AND position > 3")
    assert verify(kept, LAUNCH).broken is None
    broken = first_broken(kept, head.digest)
    assert (broken.position, broken.seq, head.digest in broken.problem) == (3, None, True)


def test_rewritten_chain_is_found_by_seal_or_head(kept: str) -> None:
    """A forger who recomputes every digest still contradicts the seal and the announced head."""
    head = Ledger(kept).head(LAUNCH)
    assert head is not None
    change = "UPDATE launch.ledger SET content = replace(content::text, 'line two', 'line 2')::json"
    tamper(kept, f"{change} WHERE task_instance_id = 'audit'")
    rewrite(kept)
    broken = first_broken(kept)
    assert (broken.position, broken.kind) == (6, "seal")
    assert "it seals a record of week_1.security.audit" in broken.problem
    tamper(kept, "DELETE FROM launch.ledger WHERE kind = 'seal'")
    assert verify(kept, LAUNCH).broken is None
    assert first_broken(kept, head.digest).position == 5


def test_rewritten_evidence_is_named(kept: str) -> None:
    """Evidence that was exchanged under its digest is found although the chain was made anew."""
    change = "UPDATE launch.ledger SET content = replace(content::text, '200 in 12 ms', '200 in 11 ms')::json"
    tamper(kept, f"{change} WHERE task_instance_id = 'hsts' AND launch_id = 'shop-1.2'")
    rewrite(kept)
    assert (first_broken(kept).position, "'evidence_digest'" in first_broken(kept).problem) == (3, True)


# ---- against the table of launches ---------------------------------------------------------------------


@pytest.fixture
def ended(kept: str) -> str:
    """Move and end the launch as a conductor does."""
    launches = Launches(kept)
    launches.postpone(LAUNCH, NOON + timedelta(days=22), "ada", "the CDN is not ready")
    launches.end(LAUNCH, LaunchState.COMPLETE)
    assert verify(kept, LAUNCH).broken is None
    return kept


def test_tail_of_an_ended_launch_is_found_without_a_head(ended: str) -> None:
    """That a launch ended is in its table as well, so its last row cannot just be removed."""
    tamper(ended, "DELETE FROM launch.ledger WHERE kind = 'launch_ended'")
    broken = first_broken(ended)
    said = "after row 7: the table of launches says state 'complete', the rows say 'active'"
    assert str(broken).startswith(said)


@pytest.mark.parametrize("state", ["rolled_back", "no_go", "aborted"])
def test_other_end_than_the_record_says_is_found(ended: str, state: str) -> None:
    """The table of launches can be changed; the record of the change cannot be made up."""
    with psycopg.connect(ended) as connection:
        update = "UPDATE launch.launches SET state = %s WHERE launch_id = %s"
        connection.execute(update, [state, LAUNCH])
    assert f"says state '{state}', the rows say 'complete'" in first_broken(ended).problem


FACTS = {
    "environment": ("'staging'", "environment 'staging', the rows say 'production'"),
    "rehearsal": ("true", "rehearsal True, the rows say False"),
    "release": ("'6.6.6'", "release '6.6.6', the rows say '1.2.0'"),
    "release_sha": ("'b'", "release_sha 'b'"),
    "planned_at": ("now()", "planned_at "),
    "launch_at": ("now()", "launch_at "),
    "started_by": ("'mallory'", "started_by 'mallory', the rows say 'ada.technical'"),
    "started_at": ("started_at - interval '1 day'", "started_at "),
    "ended_at": ("ended_at - interval '1 day'", "ended_at "),
    "conf": ("""'{"release": "6.6.6"}'""", "conf {'release': '6.6.6'}"),
    "checklist_digests": ("'{}'", "checklist_digests {}"),
    "environment_digest": ("'sha256:0'", "environment_digest 'sha256:0', the rows say ''"),
    "held_at": ("now()", "held_at "),
}


@pytest.mark.parametrize("fact", FACTS)
def test_every_fact_of_the_table_is_in_the_rows(ended: str, fact: str) -> None:
    """Whoever may write the table can change what a launch was; the fact that was changed is named."""
    value, says = FACTS[fact]
    change = f"UPDATE launch.launches SET {fact} = {value} WHERE launch_id = 'shop-1.2'"  # noqa: S608
    with psycopg.connect(ended) as connection:
        connection.execute(change.encode())
    assert f"the table of launches says {says}" in first_broken(ended).problem


def test_facts_cover_the_whole_table(ended: str) -> None:
    """A column that somebody adds later has to be in the rows as well."""
    query = "SELECT column_name FROM information_schema.columns WHERE table_name = 'launches'"
    with psycopg.connect(ended) as connection:
        columns = {row[0] for row in connection.execute(query).fetchall()}
    assert columns == FACTS.keys() | {"launch_id", "state"}


def test_table_that_can_be_read_in_two_ways_is_named(ended: str) -> None:
    """PostgreSQL keeps a key twice in its JSON, and shows the last one."""
    twice = """UPDATE launch.launches SET conf = '{"a": 1, "a": 2}' WHERE launch_id = 'shop-1.2'"""
    with psycopg.connect(ended) as connection:
        connection.execute(twice)
    assert "the key 'a' appears twice" in first_broken(ended).problem


def test_launch_that_the_table_lost_is_named(ended: str) -> None:
    """Rows without their launch in the table prove that somebody removed it."""
    with psycopg.connect(ended) as connection:
        connection.execute("DELETE FROM launch.launches WHERE launch_id = 'shop-1.2'")
    assert "it is missing in the table of launches" in first_broken(ended).problem


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' appears twice"),
        ('{"a":1e999}', "is too large"),
        ('{"a":-0}', "canonical"),
        ('{"b":1,"a":2}', "canonical"),
        ('{"a":"\\ud800"}', "half of a surrogate pair"),
        ('{"a":"\\u0000"}', "NUL"),
        (f'{{"a":{"[" * 3000}{"]" * 3000}}}', "nested"),
        ("[]", "not a JSON object"),
        ("1", "not a JSON object"),
    ],
)
def test_content_that_the_database_takes_and_two_readers_read_in_two_ways(
    kept: str, tmp_path: Path, content: str, says: str
) -> None:
    """The type ``json`` keeps any spelling; both verifiers refuse it, in the ledger and in its export."""
    with psycopg.connect(kept) as connection:
        connection.execute(
            "INSERT INTO launch.ledger"
            " (kind, launch_id, dag_id, item_ref, task_instance_id, try_number, content)"
            " VALUES ('announcement', %s, '', '', 'by hand', 1, %s)",
            [LAUNCH, content],
        )
    broken = first_broken(kept)
    assert (broken.position, says in broken.problem) == (7, True)
    path = tmp_path / "export.jsonl"
    path.write_text("".join(f"{line}\n" for line in export_lines(read_rows(kept, LAUNCH).links)), "utf-8")
    assert verify_links(LAUNCH, read_export(path)).broken is not None
    with pytest.raises(auditor.Wrong, match=r"^row 7 "):
        auditor.prove(path.read_bytes())


def test_end_without_its_seals_is_named(dsn: str) -> None:
    """Whatever the conductor's steps were made to say: the ledger holds no seal of any phase."""
    Launches(dsn).start(a_launch(), PLAN)
    Launches(dsn).end(LAUNCH, LaunchState.COMPLETE)
    assert str(verify(dsn, LAUNCH).broken).endswith("it says 'complete', but week_1 is not")


@pytest.mark.parametrize("kind", sorted({*EntryKind} - {"announcement", "nudge", "refusal"}))
def test_nothing_is_kept_after_the_end(ended: str, kind: str) -> None:
    """A worker that comes late is refused by the database, and the proof stays whole."""
    late = Entry(kind=EntryKind(kind), launch_id=LAUNCH, task_instance_id="late", content={})
    with pytest.raises(LaunchRefused, match="has ended"):
        Ledger(ended).append(late)
    Ledger(ended).append_all(some_entries())
    for told in (EntryKind.ANNOUNCEMENT, EntryKind.NUDGE, EntryKind.REFUSAL):
        Ledger(ended).append(late.model_copy(update={"kind": told}))
    proved = verify(ended, LAUNCH)
    assert (proved.broken, proved.state, proved.rows) == (None, "complete", 11)


@pytest.mark.parametrize("went", [True, False], ids=["after go", "before go"])
def test_rollback_is_kept_after_an_abort_on_the_day_alone(dsn: str, went: bool) -> None:
    """What was live has to be taken back, and its record is whole; what never was live has no rollback."""
    shape = aborted_and_rolled_back() if went else aborted()
    shape.entries[:] = [e for e in shape.entries if e.kind is not EntryKind.LAUNCH_STARTED]
    plan, digests = shape.plan, dict.fromkeys(shape.plan.items, CHECKLIST)
    Launches(dsn).start(a_launch(started_by="rhea.operations", checklist_digests=digests), plan)
    back = [e for e in shape.entries if e.dag_id == "rollback"] or [
        Entry(kind=EntryKind.SEAL, launch_id=LAUNCH, dag_id="rollback", task_instance_id="gate", content={})
    ]
    ours = {EntryKind.LAUNCH_ABORTED, EntryKind.LAUNCH_POSTPONED}
    Ledger(dsn).append_all(e for e in shape.entries if e not in back and e.kind not in ours)
    Launches(dsn).abort(LAUNCH, "rhea", "withdrawn")
    if went:
        Ledger(dsn).append_all(back)
    else:
        with pytest.raises(LaunchRefused, match="has ended"):
            Ledger(dsn).append_all(back)
    proved = verify(dsn, LAUNCH)
    assert (proved.broken, proved.state) == (None, "aborted")


def test_key_that_another_launch_occupies_stays_free(dsn: str) -> None:
    """Whoever keeps a row of a launch under the task instance of another cannot take its key away."""
    true = Entry.of_record(a_record())
    Launches(dsn).start(a_launch(), PLAN)
    Ledger(dsn).append(true.model_copy(update={"launch_id": "other"}))
    Ledger(dsn).append(true)
    with pytest.raises(LedgerError, match="already holds another"):
        Ledger(dsn).append(Entry.of_record(a_record(text="other words")))
    assert verify(dsn, LAUNCH).broken is None


def test_launch_without_any_row_is_found(ended: str) -> None:
    """All rows of a launch at once are missed too."""
    tamper(ended, "DELETE FROM launch.ledger WHERE launch_id = 'shop-1.2'")
    broken = first_broken(ended)
    assert (broken.position, "no row says so" in broken.problem) == (0, True)
    assert known_launches(ended) == ["other", LAUNCH]


def test_aborted_launch_is_whole(dsn: str) -> None:
    """Each way to end is known to the proof."""
    launches = Launches(dsn)
    launch = Launch(
        launch_id="gone",
        environment="production",
        rehearsal=True,
        release="1",
        release_sha="a" * 40,
        launch_at=datetime.now(UTC) + timedelta(days=1),
        started_by="ada",
    )
    launches.start(launch)
    assert verify(dsn, "gone").broken is None
    launches.abort("gone", "ada", "withdrawn")
    assert verify(dsn, "gone").broken is None
