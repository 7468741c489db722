"""Create the product's real database in the stack's own PostgreSQL: schema, indexes, migrations."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from launch_rehearsal.product.base.plan import DATABASE, DATABASE_USER

SHADOW = "product_shadow"
"""A second database made from the same migrations, for the expected fingerprint of the schema."""

MIGRATIONS = {
    "20250110090000_init": """
        CREATE TABLE users (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            email text NOT NULL,
            name text NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE TABLE courses (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            slug text NOT NULL,
            title text NOT NULL
        );
        CREATE TABLE enrollments (
            user_id bigint NOT NULL REFERENCES users (id),
            course_id bigint NOT NULL REFERENCES courses (id),
            enrolled_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (user_id, course_id)
        );
    """,
    "20250302101500_audit": """
        CREATE TABLE constitutional_audit_logs (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            original_output text NOT NULL,
            compliance_score integer NOT NULL,
            timestamp timestamptz NOT NULL DEFAULT now()
        );
    """,
    "20250411160000_indexes": """
        CREATE UNIQUE INDEX users_email_key ON users (email);
        CREATE UNIQUE INDEX courses_slug_key ON courses (slug);
        CREATE INDEX enrollments_course_id_idx ON enrollments (course_id);
        CREATE INDEX constitutional_audit_logs_timestamp_idx ON constitutional_audit_logs (timestamp);
    """,
}
"""Statements by name, in order, as Prisma keeps them."""

_BOOK = """
    CREATE TABLE _prisma_migrations (
        id varchar(36) PRIMARY KEY,
        checksum varchar(64) NOT NULL,
        finished_at timestamptz,
        migration_name varchar(255) NOT NULL,
        logs text,
        rolled_back_at timestamptz,
        started_at timestamptz NOT NULL DEFAULT now(),
        applied_steps_count integer NOT NULL DEFAULT 0
    )
"""
_KEEP = """
    INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count)
    VALUES (gen_random_uuid()::text, %s, now(), %s, 1)
"""
_FINGERPRINT = """
    SELECT md5(string_agg(table_name || '.' || column_name || ':' || data_type || ':' || is_nullable, ','
                          ORDER BY table_name, column_name))
    FROM information_schema.columns WHERE table_schema = 'public'
"""
_FIRST_ROWS = """
    INSERT INTO users (email, name) SELECT 'person' || n || '@azora.test', 'Person ' || n
    FROM generate_series(1, 50) n;
    INSERT INTO courses (slug, title) SELECT 'course-' || n, 'Course ' || n FROM generate_series(1, 10) n;
    INSERT INTO enrollments (user_id, course_id) SELECT u.id, c.id FROM users u JOIN courses c
        ON u.id % 10 = c.id % 10;
"""


def create_database(dsn: str, password: str) -> str:
    """Create the product's database again and return the fingerprint that its schema must have.

    Raises psycopg.Error if the server refuses.
    """
    with closing(psycopg.connect(dsn, autocommit=True)) as server:
        _role(server, password)
        for name in (DATABASE, SHADOW):
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with closing(psycopg.connect(make_conninfo(dsn, dbname=SHADOW), autocommit=True)) as shadow:
        _migrate(shadow)
        row = shadow.execute(_FINGERPRINT).fetchone()
    with closing(psycopg.connect(make_conninfo(dsn, dbname=DATABASE), autocommit=True)) as product:
        _migrate(product)
        product.execute(_FIRST_ROWS)
    with closing(psycopg.connect(dsn, autocommit=True)) as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(SHADOW)))
    return str(row[0]) if row else ""


def _role(server: psycopg.Connection[Any], password: str) -> None:
    name, secret = sql.Identifier(DATABASE_USER), sql.Literal(password)
    known = server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [DATABASE_USER]).fetchone()
    verb = sql.SQL("ALTER" if known else "CREATE")
    server.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, name, secret))
    server.execute(sql.SQL("GRANT pg_monitor TO {}").format(name))


def _migrate(database: psycopg.Connection[Any]) -> None:
    database.execute(_BOOK)
    for name, statements in MIGRATIONS.items():
        database.execute(statements.encode())
        database.execute(_KEEP, [hashlib.sha256(statements.encode()).hexdigest(), name])
    grant = "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {}"
    database.execute(sql.SQL(grant).format(sql.Identifier(DATABASE_USER)))
