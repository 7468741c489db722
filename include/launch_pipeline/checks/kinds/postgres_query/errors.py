"""Explains errors of PostgreSQL: unreachable, access denied, or a refused statement."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg

from launch_pipeline.checks.redaction import HIDDEN
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import ConnectionInfo

_SAID = 400
_GONE = {"", "08", "53", "57"}
"""SQLSTATE classes: connection lost, out of resources, shutting down; empty before the session began."""
_ANSWERED = re.compile(r": [^\s:]+:  (.+)", re.DOTALL)
"""libpq drops the SQLSTATE of a failed login, but the form stays: ``FATAL:  ...``, in any language."""
_FOR_NOW = re.compile(
    r"too many|slots are reserved|starting up|shutting down|recovery|not (?:yet )?accepting"
    r"|no more connections|connect to server|server (?:login|conn)|timeout"
)
"""Temporary refusals of PostgreSQL, and of PgBouncer for the server behind it."""
_NO_DATABASE = re.compile(r'database "[^"]*" does not exist|no such database')
_TLS = re.compile(r"\bSSL\b|\bTLS\b|certificate")
_UNUSABLE = "connection is bad: "
"""psycopg's message for settings that libpq does not accept."""


def explained(error: psycopg.Error, authority: str, connection: ConnectionInfo) -> Inconclusive:
    """Explain the error without the password; only temporary errors are retryable."""
    state = error.sqlstate or ""
    said = _plain(str(error.diag.message_primary or error), connection)
    if isinstance(error, psycopg.errors.QueryCanceled):
        return Inconclusive(f"{authority} cancelled the statement: {said}"[:_SAID])
    lost = isinstance(error, psycopg.OperationalError) and state[:2] in _GONE
    if not lost:
        return Inconclusive(f"{authority} refused the statement ({state}): {said}"[:_SAID])
    if not state:
        answer = _ANSWERED.search(str(error))
        if answer and _FOR_NOW.search(answer[1]):
            reason = f"{authority} accepts no connections now: {_plain(answer[1], connection)}"
            return Unreachable(reason[:_SAID], retryable=True)
        refusal = _not_let_in(error, answer, authority, connection)
        if refusal:
            return Inconclusive(refusal[:_SAID])
    reason = _plain(str(error).rpartition("failed: ")[2].partition("\n")[0], connection) or said
    return Unreachable(f"{authority} did not answer: {reason}"[:_SAID], retryable=True)


def _not_let_in(
    error: psycopg.Error, answer: re.Match[str] | None, authority: str, connection: ConnectionInfo
) -> str:
    """Return why no session began, for errors that a retry would not cure; else empty."""
    name = connection.conn_id
    if answer:
        said = _plain(answer[1], connection)
        if _NO_DATABASE.search(said):
            return f"{authority}: {said}; correct the database (schema) of connection '{name}'"
        fix = "correct its login, password or database, or let it in (pg_hba.conf)"
        return f"credentials: {authority} refused connection '{name}': {said}; {fix}"
    said = _plain(str(error).rpartition("failed: ")[2], connection)
    if error.pgconn and error.pgconn.needs_password:
        return f"credentials: {authority} wants a password and connection '{name}' has none"
    if said.startswith(_UNUSABLE):
        return f"connection '{name}' cannot be used: {said.removeprefix(_UNUSABLE)}"
    if _TLS.search(said):
        return (
            f"{authority}: no TLS connection: {said}; correct sslmode and sslrootcert of connection '{name}'"
        )
    return ""


def _plain(text: str, connection: ConnectionInfo) -> str:
    said = " ".join(text.split())
    return said.replace(connection.password, HIDDEN) if connection.password else said
