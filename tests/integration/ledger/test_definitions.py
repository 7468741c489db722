"""What launches run by, in a real PostgreSQL: each document once, under its digest, for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from launch_pipeline.checks.canonical import digest
from launch_pipeline.errors import LedgerError, LedgerUnavailable
from launch_pipeline.ledger.changes import By, Changes
from launch_pipeline.ledger.definitions import read_definition, store_definitions, text_digest
from launch_pipeline.ledger.launch import Via
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.proof.verify import verify
from servers.chains import LAUNCH, PLAN, a_launch
from servers.ledger_roles import owned_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.ledger_roles import OwnedLedger

pytestmark = pytest.mark.integration

DOCUMENT = {"phase": "week 1", "items": ["späť", 0.1, None, {"deep": [True]}]}
ADA = By("ada.technical", "it has to be", Via.AIRFLOW)


@pytest.fixture(scope="module")
def owned(pg_server: str) -> Iterator[OwnedLedger]:
    """Give a ledger with an owner and an application."""
    with owned_ledger(pg_server) as made:
        yield made


def store(dsn: str, *documents: object) -> None:
    """Store documents in a transaction of their own."""
    with psycopg.connect(dsn) as connection:
        store_definitions(connection, documents)


def refused(dsn: str, digest: str, content: str) -> str:
    """Insert a document under a digest, which must be refused; give the message."""
    insert = "INSERT INTO launch.definitions (digest, content) VALUES (%s, %s)"
    with pytest.raises(psycopg.errors.CheckViolation) as error, psycopg.connect(dsn) as connection:
        connection.execute(insert, [digest, content])
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sha256:" + "0" * 64, "{}"),
        (text_digest("{}"), "{ }"),
        (text_digest("{}").upper(), "{}"),
        (text_digest("{}") + " ", "{}"),
        ("", "{}"),
    ],
    ids=["of another text", "of another spelling", "in capitals", "with a space", "empty"],
)
def test_no_document_has_the_digest_of_another(owned: OwnedLedger, name: str, content: str) -> None:
    """The database itself compares: neither application nor owner stores a document under a false digest."""
    for dsn in (owned.application, owned.owner):
        assert "definitions_by_digest" in refused(dsn, name, content)


def test_unknown_document_is_none(dsn: str) -> None:
    """What is not stored is told apart from what is."""
    assert read_definition(dsn, digest(DOCUMENT)) is None


def test_document_is_read_as_it_was_stored(dsn: str) -> None:
    """Any JSON comes back under the digest of its canonical form; storing it again changes nothing."""
    store(dsn, DOCUMENT)
    with psycopg.connect(dsn) as connection:
        first = connection.execute("SELECT * FROM launch.definitions").fetchall()
    store(dsn, DOCUMENT, DOCUMENT)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT * FROM launch.definitions").fetchall() == first
    assert read_definition(dsn, digest(DOCUMENT)) == DOCUMENT


def test_document_that_was_changed_is_no_definition(dsn: str) -> None:
    """A superuser who drops the constraint changes the text, not what a launch runs by."""
    store(dsn, DOCUMENT)
    with psycopg.connect(dsn) as connection:
        connection.execute("ALTER TABLE launch.definitions DROP CONSTRAINT definitions_by_digest")
        connection.execute("UPDATE launch.definitions SET content = '{}'")
    with pytest.raises(LedgerError, match=r"was changed\. Restore the database") as error:
        read_definition(dsn, digest(DOCUMENT))
    assert not isinstance(error.value, LedgerUnavailable)


def test_application_changes_a_launch_in_every_way(owned: OwnedLedger) -> None:
    """With the application's role a launch is started with its documents, retargeted, held and resumed."""
    Launches(owned.application).start(a_launch(), PLAN, (DOCUMENT,))
    changes = Changes(owned.application)
    changes.retarget(LAUNCH, "b" * 40, ADA, release="1.2.1")
    changes.hold(LAUNCH, ADA)
    assert changes.resume(LAUNCH, ADA).release_sha == "b" * 40
    assert read_definition(owned.application, digest(DOCUMENT)) == DOCUMENT
    assert verify(owned.application, LAUNCH).broken is None


@pytest.mark.parametrize(
    "change",
    ["release = '6.6.6'", "release_sha = ''", "checklist_digests = '{}'", "environment_digest = 'x'",
     "held_at = now()"],
)  # fmt: skip
def test_change_without_its_row_is_named(dsn: str, change: str) -> None:
    """What the application may update it cannot update unseen: the rows do not say so."""
    Launches(dsn).start(a_launch(), PLAN)
    with psycopg.connect(dsn) as connection:
        connection.execute(f"UPDATE launch.launches SET {change}".encode())  # noqa: S608 - constants
    broken = verify(dsn, LAUNCH).broken
    assert broken is not None
    assert f"the table of launches says {change.partition(' ')[0]}" in broken.problem
