"""Hold the pages of the project to its files: root, decisions, picture and tree."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "include" / "launch_pipeline", ROOT / "rehearsal" / "launch_rehearsal")
ROOT_FILES = {
    ".dockerignore",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "README.md",
    "docker-compose.yaml",
    "production.env.example",
    "pyproject.toml",
    "requirements-bootstrap.in",
    "requirements-bootstrap.lock",
    "requirements-next.in",
    "requirements-next.lock",
    "requirements-production.lock",
    "requirements.lock",
}
DECISIONS = sorted((ROOT / "docs" / "adr").glob("0*.md"))
DATED = re.compile(r"(?P<day>20\d\d-\d\d-\d\d)\. (?P<status>Accepted|Superseded)\b")
GENERATED = {"catalogue.md", "example-report.md"}
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.name not in GENERATED),
]
VAGUE = re.compile(r"\b(whoever|nobody|somebody|anybody|everybody|he|him|his|himself)\b", re.IGNORECASE)


def text_of(*path: str) -> str:
    """Return the text of a file of the project."""
    return ROOT.joinpath(*path).read_text(encoding="utf-8")


def fence(page: str, language: str) -> str:
    """Return the one block of a language on a page."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", text_of("docs", page), re.MULTILINE | re.DOTALL)
    return str(block)


# ---- the root --------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("git") or not (ROOT / ".git").exists(), reason="no clone")
def test_root_holds_nothing_else() -> None:
    """Every file at the root is there on purpose; notes and drafts are not."""
    command = ["git", "ls-files", "--cached"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    assert {name for name in listed if "/" not in name} == ROOT_FILES


@pytest.mark.parametrize("folder", [ROOT, ROOT / "rehearsal"], ids=["launch-pipeline", "launch-rehearsal"])
def test_packages_name_their_licence(folder: Path) -> None:
    """The licence file at the root is the one that the metadata of both packages names."""
    assert text_of("LICENSE").split("\n", 4)[1].strip() == "Apache License"
    assert (
        tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["license"]
        == "Apache-2.0"
    )


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_packages_publish_their_types(package: Path) -> None:
    """Packages of others subclass ``Params``, so type checkers must see ours."""
    assert (package / "py.typed").is_file()


# ---- decisions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", DECISIONS, ids=lambda file: file.stem)
def test_decision_says_when_and_whether_it_holds(file: Path) -> None:
    """Date and status stand below the title; then what was decided, and what it costs."""
    title, _, dated, *rest = file.read_text(encoding="utf-8").splitlines()
    assert title.startswith("# ")
    assert DATED.match(dated)
    assert "**Decided.**" in "\n".join(rest)
    assert "**Costs**" in "\n".join(rest)


def test_index_has_every_decision() -> None:
    """One row each, with the title, the date and the status of its file."""
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in text_of("docs", "adr", "README.md").splitlines()
        if line.startswith("| [")
    ]
    assert rows == [_row(file) for file in DECISIONS]


def _row(file: Path) -> tuple[str, str, str, str]:
    title, _, dated, *_rest = file.read_text(encoding="utf-8").splitlines()
    number, words = title.removeprefix("# ").split(". ", 1)
    day, status = dated.split(". ", 1)
    return f"[{number}]({file.name})", words, day, status.rstrip(".")


# ---- picture and tree ------------------------------------------------------------------------------


def test_picture_is_the_contract_of_imports() -> None:
    """The levels of the picture are the layers that import-linter holds, in the same order."""
    lines = [line.strip() for line in fence("architecture.md", "mermaid").splitlines() if "-->" in line]
    chains = [[set(level.split(" & ")) for level in line.split(" --> ")] for line in lines]
    # Each line begins with the level that the line before ends with.
    assert [line[0] for line in chains[1:]] == [line[-1] for line in chains[:-1]]
    drawn = chains[0] + [level for line in chains[1:] for level in line[1:]]
    contracts = tomllib.loads(text_of("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each["type"] == "layers"]
    assert drawn == [{name.strip().split(".")[-1] for name in layer.split("|")} for layer in layers]


def test_picture_has_every_room() -> None:
    """Every folder of the package is drawn and says what it is for."""
    drawn = set(re.findall(r"<b>(\w+)</b><br>\w", fence("architecture.md", "mermaid")))
    rooms = {folder.name for folder in PACKAGES[0].iterdir() if _is_room(folder)}
    assert drawn == rooms | {PACKAGES[1].name}


def test_tree_has_every_folder() -> None:
    """The tree shows each folder once, with a line about it; kinds of checks look all the same."""
    shown, path = [], [""]
    for line in fence("architecture.md", "text").splitlines():
        name, words = line.split("/  ", 1) if "/  " in line else (line.rstrip("/"), "")
        depth = (len(name) - len(name.lstrip())) // 2
        path = [*path[:depth], name.strip()]
        assert words.strip() or depth == 0, line
        shown.append("/".join(path))
    whole, first = PACKAGES
    folders = {folder for folder in whole.rglob("*") if _is_room(folder)}
    folders |= {folder for folder in first.iterdir() if _is_room(folder)} | set(PACKAGES)
    # What is below a kind is its own business.
    there = {re.sub(r"(?<=checks/kinds/)\w.*", "<kind>", str(each.relative_to(ROOT))) for each in folders}
    assert sorted(shown) == sorted(there)


def _is_room(folder: Path) -> bool:
    return folder.is_dir() and not folder.name.startswith("__")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/design.md"])
def test_pages_point_to_the_one_picture(page: str) -> None:
    """No page draws the architecture again."""
    said = text_of(page)
    assert "architecture.md)" in said
    assert "→" not in re.sub(r"`observe.*?`", "", said)
    assert "mermaid" not in said


# ---- style -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_sentences_name_their_subject(page: Path) -> None:
    """As the style in CONTRIBUTING has it; words in quotes are about themselves."""
    said = re.sub(r'"[^"\n]*"', "", page.read_text(encoding="utf-8"))
    assert VAGUE.findall(said) == []
