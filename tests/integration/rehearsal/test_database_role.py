"""The role that asks the product's database may do what docs/production.md grants it, and nothing more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from launch_rehearsal.product.base.plan import DATABASE, DATABASE_USER, DATABASE_WRITER
from launch_rehearsal.product.service.database import GRANTS

if TYPE_CHECKING:
    from servers.running_product import RunningProduct

pytestmark = pytest.mark.integration
PAGE = Path(__file__).parents[3] / "docs" / "production.md"
RIGHTS = """
    SELECT table_schema || '.' || table_name, privilege_type FROM information_schema.role_table_grants
    WHERE grantee = %s ORDER BY 1, 2
"""
MEMBER = """
    SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = %s::regrole
"""
POWERS = """
    SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles
    WHERE rolname = %s
"""


def asked(product: RunningProduct, statement: str, role: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(make_conninfo(product.plan.dsn, dbname=DATABASE)) as server:
        return server.execute(statement.encode(), [role]).fetchall()


def test_page_lists_the_grants() -> None:
    """What the page tells a user to grant is what a rehearsal grants."""
    page = PAGE.read_text(encoding="utf-8")
    assert tuple(re.findall(r"^(GRANT .*launch_check);$", page, re.MULTILINE)) == GRANTS
    assert all(grant.endswith(f"TO {DATABASE_USER}") for grant in GRANTS)


def test_role_has_exactly_the_grants(product: RunningProduct) -> None:
    """It reads two tables and the statistics; it owns nothing and writes nowhere."""
    tables = [("public._prisma_migrations", "SELECT"), ("public.constitutional_audit_logs", "SELECT")]
    assert asked(product, RIGHTS, DATABASE_USER) == tables
    assert asked(product, MEMBER, DATABASE_USER) == [("pg_monitor",)]
    assert asked(product, POWERS, DATABASE_USER) == [(False,)]
    owned = "SELECT relname FROM pg_class WHERE relowner = %s::regrole"
    assert asked(product, owned, DATABASE_USER) == []


def test_service_writes_by_another_role(product: RunningProduct) -> None:
    """What the product writes, it writes by a role of its own."""
    rights = asked(product, RIGHTS, DATABASE_WRITER)
    assert ("public.constitutional_audit_logs", "INSERT") in rights
