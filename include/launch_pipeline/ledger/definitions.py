"""Store what launches run by, each document once, under the digest of its canonical JSON.

A document is a resolved checklist, or an environment with the product's variables. Its digest is in the rows
of every launch that runs by it. It is never changed, so a process may cache it for good.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.canonical import canonical_json
from launch_pipeline.errors import LedgerError
from launch_pipeline.ledger.database import connected

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Connection

_WRITE = "INSERT INTO launch.definitions (digest, content) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_READ = "SELECT content::text FROM launch.definitions WHERE digest = %s"


def store_definitions(connection: Connection[Any], documents: Iterable[Any]) -> None:
    """Store documents inside the caller's transaction; known ones stay as they are."""
    for document in documents:
        text = canonical_json(document).decode()
        connection.execute(_WRITE, [text_digest(text), text])


def read_definition(dsn: str, digest: str) -> Any:
    """Return a document, or None if it is not stored.

    Raises LedgerUnavailable, and LedgerError if its text does not have this digest.
    """
    with connected(dsn) as connection:
        row = connection.execute(_READ, [digest]).fetchone()
    if row is None:
        return None
    if text_digest(row[0]) != digest:
        message = (
            f"The stored definition {digest} was changed. Restore the database; no launch can run by it."
        )
        raise LedgerError(message)
    return json.loads(row[0])


def text_digest(text: str) -> str:
    """Return ``sha256:<hex>`` of a document's text."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
