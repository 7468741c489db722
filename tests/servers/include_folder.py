"""A copy of the include folder whose policy, environments and contacts a test may change."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

INCLUDE = Path(__file__).resolve().parents[2] / "include"


class IncludeFolder:
    """The shipped checklists, the example contacts, and an environment named ``test``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        shutil.copytree(INCLUDE / "checklists", path / "checklists")
        (path / "environments").mkdir()
        self.contacts = path / "contacts.yaml"
        shutil.copy(INCLUDE / "contacts.example.yaml", self.contacts)
        self.environment()
        self.policy()

    def environment(self, name: str = "test", **fields: Any) -> Path:
        """Write an environment."""
        path = self.path / "environments" / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"name": name, **fields}))
        return path

    def policy(self, **fields: Any) -> None:
        """Write the policy; what is not given keeps its default."""
        path = self.path / "checklists" / "policy.yaml"
        path.write_text(yaml.safe_dump({"schema_version": 1, **fields}))
