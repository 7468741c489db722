"""Return the contacts and the policy of this deployment, and read each again when its file changes."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from launch_pipeline.approvals.contacts import Contacts, load_contacts
from launch_pipeline.approvals.policy import Policy, load_policy
from launch_pipeline.checklist.files import checklist_folder, include_folder
from launch_pipeline.errors import ConfigurationError

CONTACTS_VARIABLE = "LAUNCH_CONTACTS"


def contacts() -> Contacts:
    """Return the people of this deployment, from the file that ``LAUNCH_CONTACTS`` names.

    Raises ConfigurationError if it is missing or wrong.
    """
    named = os.environ.get(CONTACTS_VARIABLE)
    path = Path(named) if named else include_folder() / "contacts.yaml"
    return _contacts(path, _stamp(path))


def known_contacts() -> Contacts | None:
    """Return the people of this deployment, or None where their file cannot be read."""
    try:
        return contacts()
    except ConfigurationError:
        return None


def policy() -> Policy:
    """Return the team's rules about answers. Raises ConfigurationError if the file is wrong."""
    path = checklist_folder() / "policy.yaml"
    return _policy(path, _stamp(path))


def _stamp(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


@lru_cache(maxsize=4)
def _contacts(path: Path, _stamp: int) -> Contacts:
    return load_contacts(path)


@lru_cache(maxsize=4)
def _policy(path: Path, _stamp: int) -> Policy:
    return load_policy(path)
