"""What a failed sign-in at PostgreSQL means, also in another language than English."""

from __future__ import annotations

import psycopg
import pytest

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.kinds.postgres_query.errors import explained

PLACE = 'connection failed: connection to server at "db", port 5432 failed: '
SAID = {
    "German": ("FATAL:  Passwort-Authentifizierung für Benutzer »x« fehlgeschlagen", False),
    "Russian": ('ВАЖНО:  пользователь "x" не прошёл проверку подлинности', False),
    "starting": ("FATAL:  the database system is starting up", True),
    "nobody there": ("Connection refused\n\tIs the server running on that host?", True),
    "the password in the text": ("FATAL:  no role for planted-password-1", False),
}


@pytest.mark.parametrize(("said", "again"), SAID.values(), ids=SAID.keys())
def test_sign_in(said: str, again: bool) -> None:
    """An answer that will be the same next time is not asked for again, and no password is told."""
    connection = ConnectionInfo("postgres", "postgres", "db", password="planted-password-1")
    error = explained(psycopg.OperationalError(PLACE + said), "postgresql://db", connection)
    assert (error.retryable, error.reason.startswith("credentials: ")) == (again, not again)
    assert "planted-password-1" not in error.reason
