"""Secrets of one stack: generated once, stored in its home, readable by its owner only."""

from __future__ import annotations

import base64
import json
import os
import secrets
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from launch_pipeline.base import Frozen
from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def _word() -> str:
    return secrets.token_urlsafe(32)


class StackKeys(Frozen):
    """All generated secrets except the users' passwords."""

    fernet: str = Field(default_factory=lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    jwt: str = Field(default_factory=_word)
    api: str = Field(default_factory=_word)
    postgres_password: str = Field(default_factory=_word)
    airflow_password: str = Field(default_factory=_word)
    ledger_password: str = Field(default_factory=_word)
    """Password of the ledger's owner."""
    ledger_app_password: str = Field(default_factory=_word)
    """Password of the application's role, which reads the ledger and appends to it."""


def load_keys(path: Path) -> StackKeys:
    """Read the secrets at ``path``; generate missing ones and write them with mode 0600.

    Raises :class:`ConfigurationError` if the file exists but is damaged: new secrets would lock the stack out
    of its own database.
    """
    if not path.exists():
        keys = StackKeys()
        write_private(path, keys.model_dump())
        return keys
    try:
        keys = StackKeys.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ConfigurationError(
            source=str(path),
            place="",
            problem="the stack's secrets are damaged.",
            fix="restore the file; without it the stack's database cannot be opened.",
        ) from error
    if keys.model_fields_set != set(StackKeys.model_fields):
        write_private(path, keys.model_dump())
    return keys


def load_passwords(path: Path, users: Iterable[str]) -> dict[str, str]:
    """Read the users' passwords; generate one for each user without, and write them with mode 0600."""
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8") or "{}") if path.exists() else {}
    missing = [user for user in users if user not in known]
    if missing:
        known |= {user: secrets.token_urlsafe(12) for user in missing}
        write_private(path, known)
    return known


def write_private(path: Path, value: Any) -> None:
    """Write ``value`` as JSON, atomically and never readable by other users."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
        file.write("\n")
    part.replace(path)
