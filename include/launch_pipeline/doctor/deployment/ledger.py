"""Examine the ledger of a deployment, and the clocks of its servers."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from launch_pipeline.doctor.deployment.slack import ask
from launch_pipeline.doctor.rows import ok, problem, unknown
from launch_pipeline.errors import Inconclusive
from launch_pipeline.ledger.database import connected
from launch_pipeline.ledger.migrate import migrations
from launch_pipeline.ledger.proof.verify import known_launches, verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.doctor.deployment.examined import Examined
    from launch_pipeline.doctor.rows import Row

SKEW_SECONDS = 5.0
"""The settle time of answers and the lifetime of tokens are compared across machines."""
_INIT = "run 'docker compose run --rm init' again"
_ROLE = """
    SELECT has_column_privilege('launch.ledger', 'content', 'INSERT') AND NOT pg_is_in_recovery()
               AND current_setting('transaction_read_only') = 'off',
           has_table_privilege('launch.ledger', 'UPDATE') OR has_table_privilege('launch.ledger', 'DELETE')
               OR has_table_privilege('launch.ledger', 'TRUNCATE')
"""
_APPLIED = "SELECT name FROM launch.ledger_migrations"


def ledger(deployment: Examined) -> Iterator[Row]:
    """Check that the ledger takes rows, lets nothing be changed, is migrated, and has whole chains."""
    if deployment.ledger is None:
        fix = "give its address with --ledger (LAUNCH_LEDGER, or a file named by LAUNCH_LEDGER_FILE)."
        yield unknown("ledger", "its address is not known here", fix)
        return
    with connected(deployment.ledger) as connection:
        applied = {name for (name,) in connection.execute(_APPLIED)}
        writable, changeable = connection.execute(_ROLE).fetchone() or (False, True)
    if missing := [name for name, _ in migrations() if name not in applied]:
        yield problem("ledger", f"lacks the migrations {', '.join(missing)}", f"{_INIT}.")
    if not writable:
        yield problem("ledger", "takes no rows from this role", f"is it a standby? Otherwise {_INIT}.")
    if changeable:
        fix = "give the components the application's role (docs/record.md), never the owner's."
        yield problem("ledger", "this role could change or delete rows", fix)
    if writable and not (missing or changeable):
        yield ok("ledger", "takes rows, and this role cannot change them")
    yield from chains(deployment.ledger)


def chains(dsn: str) -> Iterator[Row]:
    """Verify the hash chain of every launch and name the broken ones."""
    looked = [verify(dsn, launch_id) for launch_id in known_launches(dsn)]
    for verified in looked:
        if verified.broken:
            fix = "stop, keep the database as it is, and compare with an export (docs/record.md)."
            yield problem("chain", f"{verified.launch_id}: {verified.broken}", fix)
    if not any(verified.broken for verified in looked):
        rows = sum(verified.rows for verified in looked)
        yield ok("chain", f"whole: {rows} rows of {len(looked)} launches")


def clock(deployment: Examined) -> Iterator[Row]:
    """Compare the clocks of database, api-server and Slack with that of this machine."""
    skews = {name: seconds for name, seconds in _skews(deployment) if seconds is not None}
    wrong = {name: seconds for name, seconds in skews.items() if abs(seconds) > SKEW_SECONDS}
    for name, seconds in wrong.items():
        says = f"{name} is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} this machine"
        yield problem("clock", says, "synchronise both with NTP: settle times and tokens depend on it.")
    if not wrong:
        yield ok("clock", f"{', '.join(skews)} agree within {SKEW_SECONDS:g} s")


def _skews(deployment: Examined) -> Iterator[tuple[str, float | None]]:
    if deployment.ledger is not None:
        with connected(deployment.ledger) as connection:
            row = connection.execute("SELECT clock_timestamp()").fetchone()
        yield "the database", (row[0] - deployment.now()).total_seconds() if row else None
    reply = deployment.api.told("GET", "/api/v2/version", signed=False)
    yield "the api-server", skew(reply.headers.get("Date", ""), deployment.now())
    if deployment.bot_token:
        yield "Slack", skew(_slack_date(deployment), deployment.now())


def skew(date: str, now: datetime) -> float | None:
    """Return by how many seconds a server's Date header is ahead of us, None if it is not a date."""
    try:
        told = parsedate_to_datetime(date)
    except ValueError:
        return None
    # The header drops fractions of a second: on average the server was half a second further.
    return (told.astimezone(UTC) - now).total_seconds() + 0.5


def _slack_date(deployment: Examined) -> str:
    try:
        return ask(deployment.bot_token, deployment.slack_api)[1]
    except Inconclusive:
        # The row of the token reports this.
        return ""
