"""The project's own include folder with two first phases small enough to watch, and an impatient policy."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PHASES = {
    "01_small.yaml": "01_pre_launch_requirements.yaml",
    "02_small.yaml": "02_infrastructure_setup.yaml",
}
ENVIRONMENT = """
name: e2e
rehearsal: true
hour: 100ms
recheck: 1s
"""


def small_include(folder: Path, *, fresh_for: str = "1h") -> Path:
    """Make the folder and give it; approvals count on evidence that is not older than ``fresh_for``."""
    ignore = shutil.ignore_patterns("launch_pipeline", "__pycache__")
    shutil.copytree(ROOT / "include", folder, ignore=ignore)
    for small, name in PHASES.items():
        shutil.copy(ROOT / "tests" / "fixtures" / "e2e" / small, folder / "checklists" / name)
    policy = f"schema_version: 1\nsettle: 2s\nfresh_for: {fresh_for}\nrecheck: 1s\n"
    (folder / "checklists" / "policy.yaml").write_text(policy, encoding="utf-8")
    (folder / "environments" / "e2e.yaml").write_text(ENVIRONMENT, encoding="utf-8")
    return folder
