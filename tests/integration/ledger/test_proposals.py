"""Requests for an amendment on a real PostgreSQL: rows of the chain that change nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from launch_pipeline.errors import LaunchRefused
from launch_pipeline.ledger.changes import By
from launch_pipeline.ledger.export import export_lines
from launch_pipeline.ledger.facts import Changed, Proposed
from launch_pipeline.ledger.launch import Launch, Via
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.proof import auditor
from launch_pipeline.ledger.proof.verify import read_rows, verify
from launch_pipeline.ledger.proposals import open_proposal, propose
from launch_pipeline.ledger.schema import Entry, EntryKind

pytestmark = pytest.mark.integration

LAUNCH, DIGEST = "shop-1.2", "sha256:" + "1" * 64
CHANGES = (Changed(where="week_1.security.tls", what=("owner",)),)
ADA = By("ada.technical", "a new threshold", Via.AIRFLOW)


@pytest.fixture
def launches(dsn: str) -> Launches:
    """Give a database with a launch that is under way."""
    found = Launches(dsn)
    found.start(
        Launch(
            launch_id=LAUNCH, environment="production", rehearsal=False, release="1.2.0",
            release_sha="a" * 40, launch_at=datetime.now(UTC) + timedelta(days=2), started_by="rita.release",
        )
    )  # fmt: skip
    return found


def asked(dsn: str) -> list[Entry]:
    return [e for e in Ledger(dsn).entries(LAUNCH) if e.kind is EntryKind.AMENDMENT_PROPOSED]


def test_what_is_no_request_appends_nothing(dsn: str, launches: Launches) -> None:
    """No reason, nothing that changes, an unknown launch, one that is over."""
    for launch_id, changes, by in (
        (LAUNCH, CHANGES, By("ada.technical", " \u200b", Via.AIRFLOW)),
        (LAUNCH, (), ADA),
        ("nothing", CHANGES, ADA),
    ):
        with pytest.raises(LaunchRefused):
            propose(dsn, launch_id, DIGEST, changes, by)
    launches.abort(LAUNCH, "rita.release", "withdrawn")
    with pytest.raises(LaunchRefused, match="ended as 'aborted'"):
        propose(dsn, LAUNCH, DIGEST, CHANGES, ADA)
    assert asked(dsn) == []


def test_request_changes_nothing_of_the_launch(dsn: str, launches: Launches) -> None:
    """It is a row of the chain with the person, the reason and exactly which amendment."""
    before = launches.get(LAUNCH)
    propose(dsn, LAUNCH, DIGEST, CHANGES, ADA)
    assert launches.get(LAUNCH) == before
    (row,) = asked(dsn)
    said = Proposed.model_validate(row.content)
    assert (said.by, said.via, said.reason, said.digest, said.changes) == (
        ADA.person, ADA.via, ADA.reason, DIGEST, CHANGES,
    )  # fmt: skip


def test_row_of_a_request_cannot_be_changed_or_added_late(dsn: str, launches: Launches) -> None:
    """Like every row: neither who asked nor for what, nor after the end."""
    propose(dsn, LAUNCH, DIGEST, CHANGES, ADA)
    row = asked(dsn)[0]
    with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("UPDATE launch.ledger SET content = '{}' WHERE kind = 'amendment_proposed'")
    launches.abort(LAUNCH, "rita.release", "withdrawn")
    with pytest.raises(LaunchRefused):
        Ledger(dsn).append(row.model_copy(update={"try_number": 2}))


def test_only_the_first_request_since_the_last_amendment_counts() -> None:
    """A request that was used is used up; another digest is another request."""
    said = Proposed(by="ada", via=Via.AIRFLOW, reason="x", digest=DIGEST, changes=CHANGES)
    first, second, other = (
        _row(said.model_copy(update=changes)) for changes in ({}, {"by": "bo"}, {"digest": "sha256:2"})
    )
    amended = first.model_copy(update={"kind": EntryKind.LAUNCH_AMENDED})
    assert open_proposal([], DIGEST) is None
    assert open_proposal([other], DIGEST) is None
    assert open_proposal([first, amended], DIGEST) is None
    for rows, by in (([other, first, second], "ada"), ([first, amended, second], "bo")):
        found = open_proposal(rows, DIGEST)
        assert found is not None
        assert found.by == by


def test_both_verifiers_accept_a_request(dsn: str, launches: Launches) -> None:
    """It is chained, and proves nothing."""
    propose(dsn, launches.get(LAUNCH).launch_id, DIGEST, CHANGES, ADA)
    assert verify(dsn, LAUNCH).broken is None
    auditor.prove("\n".join(export_lines(read_rows(dsn, LAUNCH).links)).encode())


def _row(said: Proposed) -> Entry:
    place = {"launch_id": LAUNCH, "task_instance_id": f"launch/{LAUNCH}", "try_number": 1}
    return Entry(kind=EntryKind.AMENDMENT_PROPOSED, content=said.content(), **place)
