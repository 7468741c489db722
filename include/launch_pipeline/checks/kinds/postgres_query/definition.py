"""Kind ``postgres_query``: what does this SQL return, in a read-only session.

Facts: ``value`` (first column, first row)``, rows`` (at most 1000)``, row_count, in_recovery, elapsed_ms``.

``value`` is unknown where rows differ in it. Intervals are durations (``1d12h``), unless they have months.
A statement whose rows a policy would leave out, or that reads statistics which the role sees in part, is
inconclusive. ``in_recovery`` (PostgreSQL 14) says whether a standby answered.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, field_validator

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Params, merged


class PostgresQueryParams(Params):
    """One statement; ``%s`` stands for each of ``params``."""

    conn_id: str = "postgres"
    sql: Annotated[str, Field(min_length=1, max_length=10_000)]
    """One read-only statement."""
    params: tuple[Any, ...] = ()
    """Values for ``%s``, in order."""
    samples: Annotated[int, Field(ge=1, le=100)] = 1
    """How often the statement runs; every run must pass."""
    statement_timeout: Duration = timedelta(seconds=10)
    """The time after which the server cancels the statement."""

    @field_validator("sql", mode="after")
    @classmethod
    def _one_statement(cls, sql: str) -> str:
        # A second statement could end the read-only transaction.
        if ";" in sql.strip().removesuffix(";"):
            message = "'sql' must be one statement, without ';' inside"
            raise ValueError(message)
        return sql


def criteria(params: PostgresQueryParams) -> Criteria:
    """Return the item's expectations; without any, require a value."""
    return merged({} if params.expect else {"value": "exists"}, params)


KIND = Kind(
    name="postgres_query",
    params=PostgresQueryParams,
    observe="launch_pipeline.checks.kinds.postgres_query.observer:observe",
    criteria=criteria,
    default_conn_id="postgres",
)
