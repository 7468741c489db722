"""``launch catalogue``: everything is in it, it is fresh, and the same files give the same bytes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checks.docs.catalogue import COMMON, rendered
from launch_pipeline.checks.engine.product import named
from launch_pipeline.checks.engine.registry import kind, kind_names, parameter_models
from launch_pipeline.cli.main import app

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import Item

ROOT = Path(__file__).resolve().parents[3]
COMMITTED = ROOT / "docs" / "catalogue.md"


@pytest.fixture(scope="module")
def text() -> str:
    return rendered()


def items() -> dict[str, Item]:
    return {
        f"{phase.id}.{section.id}.{item.id}": item
        for phase in [named(phase) for phase in load_phases(parameter_models())]
        for section, item in phase.items()
    }


def test_the_committed_catalogue_is_fresh() -> None:
    """After a change of a checklist or a kind, run 'make catalogue'."""
    done = CliRunner().invoke(app, ["catalogue", "--check"])
    assert done.exit_code == 0, done.stderr


def test_a_stale_catalogue_is_refused(tmp_path: Path) -> None:
    """With the command that writes it, and without writing."""
    path = tmp_path / "catalogue.md"
    for stale in (None, "old\n"):
        if stale:
            path.write_text(stale, encoding="utf-8")
        done = CliRunner().invoke(app, ["catalogue", "--check", "--output", str(path)])
        assert done.exit_code == 1
        assert "launch catalogue" in done.stderr
    assert path.read_text(encoding="utf-8") == "old\n"


def test_what_is_written_is_what_is_compared(tmp_path: Path, text: str) -> None:
    """Written anew it is fresh."""
    path = tmp_path / "catalogue.md"
    assert CliRunner().invoke(app, ["catalogue", "--output", str(path)]).exit_code == 0
    assert path.read_text(encoding="utf-8") == text
    assert CliRunner().invoke(app, ["catalogue", "--check", "--output", str(path)]).exit_code == 0


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    """No traceback."""
    done = CliRunner().invoke(app, ["catalogue", "--output", str(tmp_path / "no" / "catalogue.md")])
    assert done.exit_code == 3
    assert "cannot be written" in done.stderr


def test_another_process_renders_the_same_bytes(text: str) -> None:
    """Nothing depends on hashes, order of import, or time."""
    code = (
        "import sys; from launch_pipeline.checks.docs.catalogue import rendered; sys.stdout.write(rendered())"
    )
    environment = {"PYTHONPATH": str(ROOT / "include"), "PYTHONHASHSEED": "7", "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert done.stdout.decode() == text


def test_every_item_is_in_it(text: str) -> None:
    """With its words, its remedy, and a line for each of its checks."""
    for ref, item in items().items():
        start = text.index(f"`{ref}` ·")
        entry = text[start : text.find("\n#", start)]
        assert f"#### {item.text}\n\n`{ref}`" in text
        assert " ".join(item.on_failure.split()) in entry
        assert item.owner.label in entry
        assert item.severity in entry
        assert entry.count("  - passes when ") == len(item.checks)
        assert all(effect in entry for effect in item.side_effects)


def test_every_kind_and_parameter_is_in_it(text: str) -> None:
    """What it asks, each of its own parameters with its meaning, where it runs."""
    for name in kind_names():
        start = text.index(f"\n### {name}\n")
        entry = text[start : text.find("\n### ", start + 1)]
        own = set(kind(name).params.model_fields) - set(COMMON)
        aliases = {kind(name).params.model_fields[field].alias or field for field in own}
        assert {field for field in aliases if f"| `{field}` |" not in entry} == set()
        assert "- **Runs** " in entry
        assert [row for row in entry.splitlines() if row.startswith("| `") and row.endswith("|  |")] == []


def test_links_lead_to_headings(text: str) -> None:
    """Anchors are made as GitHub makes them."""
    headings = re.findall(r"^#{1,4} (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) - anchors == set()
    assert all((ROOT / "docs" / page).is_file() for page in re.findall(r"\]\(([\w-]+\.md)\)", text))


def test_markdown_holds(text: str) -> None:
    """No table row has more cells than its head, and no code is left open in a paragraph."""
    width = 0
    for line in text.splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not (cells and width) or cells == width, line
        width = cells
    wrong = [part for part in text.split("\n\n") if part.replace("\\`", "").count("`") % 2]
    assert wrong == []
