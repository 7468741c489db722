"""Says where an answer of PostgreSQL is not whole: restricted statistics, ambiguous values and columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.comparisons import expects_nothing, parse_comparison
from launch_pipeline.checks.language.expect import as_list
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.checks.kinds.postgres_query.definition import PostgresQueryParams

WHOLE = "SET LOCAL row_security = off"
"""Makes a statement fail whose rows a policy would leave out, without a word (PostgreSQL: row_security)."""
MAY_SEE = b"SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS may"
_VIEWS = re.compile(
    r"\bpg_stat_(?:activity|replication|ssl|gssapi|wal_receiver|progress_\w+|statements"
    r"|get_(?:activity|wal_senders|wal_receiver|progress_info))\b",
    re.IGNORECASE,
)
_COLUMNS = re.compile(
    r"(?<!\()\*|\b(?:state\w*|query\w*|wait_event\w*|xact_start|backend_(?:start|type|xid|xmin)|client_\w+"
    r"|\w*relid|command|current_\w+_pid|\w*_lsn|\w*_lag|sync_\w+|reply_time|ssl|cipher|phase|status|\w+_(?:total|done|processed|scanned))\b",
    re.IGNORECASE,
)
"""Columns that are null in other roles' rows (PostgreSQL: 28.2, Monitoring, "security restricted")."""
_STATEMENTS = re.compile(r"(?<!\()\*|\bquery(?:id)?\b", re.IGNORECASE)
"""Columns of pg_stat_statements that are hidden; its times and counts are not."""


def restricted_view(sql: str) -> str:
    """Return the first view whose rows a role without pg_read_all_stats sees in part, else an empty text."""
    for view in _VIEWS.findall(sql):
        columns = _STATEMENTS if view.lower() == "pg_stat_statements" else _COLUMNS
        if columns.search(sql.replace(view, "")):
            return str(view)
    return ""


def refuse_same_names(columns: Sequence[str]) -> None:
    """Raise Inconclusive for two columns of one name, of which one would hide the other."""
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        message = f"the statement returns several columns named '{twice[0]}'; name them apart with AS"
        raise Inconclusive(message)


def doubts(params: PostgresQueryParams, facts: dict[str, Any]) -> dict[str, str]:
    """Return the facts that cannot be known, and why."""
    found = {"value": _ambiguous(params, facts)}
    if facts["in_recovery"] is None:
        found["in_recovery"] = "the server does not say whether it is a standby"
    return {fact: reason for fact, reason in found.items() if reason}


def _ambiguous(params: PostgresQueryParams, facts: dict[str, Any]) -> str:
    """Return why ``value`` says nothing: it is one of several, or nothing was there to be null."""
    rows, count = facts["rows"], facts["row_count"]
    firsts = [next(iter(row.values()), None) for row in rows]
    if len(rows) < count or any(first != firsts[0] for first in firsts):
        return f"{count} rows, and 'value' is of the first: return one row, or compare 'rows'"
    wanted = as_list(params.expect.get("value", ()))
    nothing = not count and any(expects_nothing(parse_comparison(text)) for text in wanted)
    return "the statement returned no row" if nothing else ""
