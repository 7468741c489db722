"""A small deployment for commands: the checklist of a harbour, one environment, nothing connected."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from typer.testing import CliRunner

from launch_pipeline.cli.main import app

if TYPE_CHECKING:
    import pytest

    from servers.scripted_http import ScriptedHttp

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = ("AIRFLOW_CONN_", "LAUNCH_")


class Harbour:
    """``pier_open`` asks ``http``, ``crane_ready`` ``redis`` and a person; ``crew_aboard`` a person."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.include = folder / "include"
        self._patch = patch
        for name in [name for name in os.environ if name.startswith(LEFT_OUT)]:
            patch.delenv(name)
        patch.setenv("LAUNCH_INCLUDE", str(self.include))
        patch.setenv("LAUNCH_HOME", str(folder / "home"))
        (self.include / "checklists").mkdir(parents=True)
        (self.include / "environments").mkdir()
        shutil.copy(ROOT / "tests/fixtures/checklists/valid.yaml", self._checklist)
        shutil.copy(ROOT / "include/checklists/policy.yaml", self.include / "checklists" / "policy.yaml")
        self.environment()

    @property
    def _checklist(self) -> Path:
        return self.include / "checklists" / "01_harbour.yaml"

    def environment(self, **fields: Any) -> None:
        """Write the environment ``test``."""
        path = self.include / "environments" / "test.yaml"
        path.write_text(yaml.safe_dump({"name": "test", **fields}), encoding="utf-8")

    def checks(self, item: str, *checks: dict[str, Any], **fields: Any) -> None:
        """Give an item other checks, or other fields."""
        document = yaml.safe_load(self._checklist.read_text(encoding="utf-8"))
        (found,) = [i for s in document["sections"] for i in s["items"] if i["id"] == item]
        found.update({**fields, "checks": list(checks)})
        self._checklist.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def connect(self, conn_id: str, value: str | dict[str, Any]) -> None:
        """Set a connection as Airflow reads it from the environment."""
        text = value if isinstance(value, str) else json.dumps(value)
        self._patch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", text)

    def airflow(self, running: ScriptedHttp, *, signs_in: bool = True, **connection: Any) -> None:
        """Name an Airflow whose REST API lists one connection, ``http``."""
        listed = {"connection_id": "http", "conn_type": "http", "extra": None, **connection}
        token = (201, {"access_token": "t"}) if signs_in else (401, {"detail": "wrong password"})
        running.reply("POST", "/auth/token", token)
        running.reply("GET", "/api/v2/connections", {"connections": [listed], "total_entries": 1})
        for name, value in (("URL", running.url), ("USER", "ada"), ("PASSWORD", "x")):
            self._patch.setenv(f"LAUNCH_AIRFLOW_{name}", value)

    def launch(self, *arguments: str) -> Any:
        """Run the command."""
        return CliRunner().invoke(app, list(arguments))

    def told(self, *arguments: str) -> dict[str, Any]:
        """Run the command with ``--json``; whatever it exits with, standard output is one object."""
        found: dict[str, Any] = json.loads(self.launch(*arguments, "--json").stdout)
        return found
