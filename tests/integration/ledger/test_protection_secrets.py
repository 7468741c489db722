"""No secret reaches the ledger: planted where checks look, searched for in everything that is kept."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from aiohttp import web

from launch_pipeline.approvals.contacts import Person
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.launch.evidence import Evidence, read_evidence
from launch_pipeline.ledger.export import export_lines
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.proof.verify import known_launches, read_rows, verify
from launch_pipeline.ledger.schema import DecidedBy, Entry, Outcome, evidence_digest
from servers.chains import LAUNCH, PLAN, a_launch, append_some
from servers.checking import check, context, run
from servers.records import ADA, a_record
from servers.web import http_connection, served

if TYPE_CHECKING:
    from launch_pipeline.checks.verdict import CheckResult

PASSWORD = "pl4nted-Pa55word/+"
IN_EXTRA = "planted-header-value-77"
IN_BODY = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlLXBsYW50ZWQ"
IN_PARAMETER = "planted-api-key-4711"
IN_ADDRESS = "planted-in-address"
SECRETS = (
    PASSWORD,
    base64.b64encode(f"keeper:{PASSWORD}".encode()).decode(),
    IN_EXTRA,
    IN_BODY,
    IN_PARAMETER,
    IN_ADDRESS,
)


async def chatty(request: web.Request) -> web.Response:
    """Answer with every secret that was sent, and with some more."""
    sent = {name.lower(): value for name, value in request.headers.items()}
    said = {"headers": sent, "query": dict(request.query), "password": PASSWORD, "jwt": IN_BODY}
    lines = [f"login with {PASSWORD}", f"postgresql://keeper:{IN_ADDRESS}@db/x", f"api_key={IN_PARAMETER}"]
    return web.json_response({**said, "lines": lines}, headers={"Set-Cookie": f"session={PASSWORD}"})


def results_full_of_secrets() -> list[CheckResult]:
    """Run real checks against a service that tells everything it knows."""
    app = web.Application()
    app.router.add_get("/{any:.*}", chatty)
    with served(app) as port:
        extra = {"headers": {"X-Api-Key": IN_EXTRA}}
        connections = {
            "api": http_connection(port, login="keeper", password=PASSWORD, extra=extra),
            "down": http_connection(1, login="keeper", password=PASSWORD),
        }
        ctx = context(connections)
        asked = {
            "conn_id": "api",
            "path": "/health",
            "headers": {"X-Auth-Token": IN_PARAMETER},
            "query": {"api_key": IN_PARAMETER, "next": f"https://u:{IN_ADDRESS}@example.org/"},
        }
        wanted = {
            "status": "== 200",
            "json.password": "== 'another'",
            "json.lines": "== []",
            "json": "== {}",
            "text": "contains nothing of the kind",
            'headers."set-cookie"': "absent",
        }
        return [
            run(check(ctx, "http_request", **asked)),
            run(check(ctx, "http_request", **asked, expect=wanted)),
            run(check(ctx, "http_request", **{**asked, "conn_id": "down"})),
        ]


def test_no_planted_secret_is_kept(dsn: str) -> None:
    """Passwords, tokens and keys that a check sent or saw are in no byte of ledger or export."""
    results = tuple(results_full_of_secrets())
    # The checks really saw them, or nothing would be proved.
    assert [result.verdict for result in results] == [Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE]
    assert any("***" in str(result.observed) + str(result.findings) for result in results)
    travelled = read_evidence(Evidence.of("tls", list(results)).payload(), "tls")
    assert travelled is not None
    record = a_record(
        outcome=Outcome.WAIVED,
        decided_by=ADA,
        results=travelled.results,
        evidence_digest=evidence_digest(travelled.results),
    )
    Launches(dsn).start(a_launch(), PLAN)
    Ledger(dsn).append(Entry.of_record(record))
    with psycopg.connect(dsn) as connection:
        query = "SELECT k::text || k.content::text FROM launch.ledger k WHERE kind = 'decision'"
        (row,) = connection.execute(query).fetchall()
    exported = "".join(export_lines(read_rows(dsn, LAUNCH).links))
    assert [secret for secret in SECRETS if secret in row[0] or secret in exported] == []
    assert verify(dsn, LAUNCH).broken is None


def test_phone_and_e_mail_of_who_answered_are_not_kept(dsn: str) -> None:
    """Of the contacts the ledger keeps id, name, Slack id and Airflow user, and nothing to call them by."""
    person = Person(
        id="ada",
        name="Ada Lindqvist",
        email="ada@planted.example",
        phone="+1 202 555 0147",
        slack_id="U0ADA",
        airflow_user="ada.technical",
    )
    record = a_record(outcome=Outcome.APPROVED, decided_by=DecidedBy.of(person))
    Ledger(dsn).append(Entry.of_record(record))
    (link,) = read_rows(dsn, LAUNCH).links
    assert "Ada Lindqvist" in link.content
    assert [word for word in ("planted", "555", "0147") if word in link.content] == []


def test_launch_is_removed_as_a_whole_and_no_other_breaks(dsn: str) -> None:
    """The documented way to end a retention leaves every other launch whole, and the triggers on."""
    append_some(dsn)
    statements = Path(__file__).parents[3].joinpath("docs", "record.md").read_text(encoding="utf-8")
    removal = statements[statements.index("BEGIN;") : statements.index("COMMIT;")]
    with psycopg.connect(dsn) as connection:
        connection.execute(removal.removeprefix("BEGIN;").replace("production-2.4.0", LAUNCH).encode())
    assert known_launches(dsn) == ["other"]
    assert verify(dsn, "other").broken is None
    with psycopg.connect(dsn) as connection, pytest.raises(psycopg.Error, match="append-only"):
        connection.execute("SET session_replication_role = replica; DELETE FROM launch.ledger")
