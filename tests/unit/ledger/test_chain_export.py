"""An export: JSON Lines in a stable order, verified without a database, never overwritten."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from launch_pipeline.cli.commands.ledger import write_new
from launch_pipeline.cli.main import app
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.ledger.export import export_lines, read_export
from servers.chains import LAUNCH, a_chain

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Give the export of a whole chain."""
    path = tmp_path / "export.jsonl"
    write_new(path, "".join(f"{line}\n" for line in export_lines(a_chain())))
    return path


def test_export_comes_back_as_it_was(export: Path) -> None:
    """Every row is one line, whatever line ends Unicode knows, and is read back whole."""
    assert read_export(export) == a_chain()
    assert export.read_bytes().count(b"\n") == 6
    assert "\u2028" in export.read_text(encoding="utf-8")


def test_lines_are_for_other_programs_too(export: Path) -> None:
    """Each line is one object with the content as an object, the links, and a time with its zone."""
    first, second = map(json.loads, export.read_bytes().split(b"\n")[:2])
    assert second["content"]["text"] == "TLS certificates are valid"
    assert first["appended_at"] == "2030-05-06T12:00:00.123456+00:00"
    assert {"position", "seq", "previous", "digest", "content_digest"} <= set(first)


def test_same_rows_make_the_same_bytes() -> None:
    """Two exports of one launch can be compared byte by byte."""
    assert list(export_lines(a_chain())) == list(export_lines(a_chain()))


def test_file_that_is_there_is_left_alone(export: Path) -> None:
    """An export is evidence: a second one never replaces it, and others cannot read it."""
    before = export.read_bytes()
    with pytest.raises(ConfigurationError, match="is there already"):
        write_new(export, "other")
    assert export.read_bytes() == before
    assert stat.S_IMODE(export.stat().st_mode) == 0o600


def test_command_proves_a_whole_export(export: Path) -> None:
    """Exit 0, with the number of rows and the head; a head that was announced is looked for."""
    done = CliRunner().invoke(app, ["ledger", "verify", "--file", str(export)])
    assert (done.exit_code, done.output) == (
        0,
        f"✓ {LAUNCH}: 6 rows, active, head {a_chain()[-1].digest} (row 6)\n",
    )
    given = ["ledger", "verify", "--file", str(export), "--head"]
    assert CliRunner().invoke(app, [*given, a_chain()[2].digest]).exit_code == 0
    other = CliRunner().invoke(app, [*given, "sha256:" + "f" * 64])
    assert (other.exit_code, "is not in the chain" in other.output) == (1, True)


def test_command_names_the_broken_line_of_an_export(export: Path) -> None:
    """Exit 1, with launch, row, kind, item and what differs."""
    export.write_text(export.read_text(encoding="utf-8").replace("line two", "line 2"), encoding="utf-8")
    done = CliRunner().invoke(app, ["ledger", "verify", "--file", str(export)])
    assert done.exit_code == 1
    assert f"{LAUNCH}: row 5 (seq 14, decision of week_1.security.audit): its content was" in done.output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: is not a row"),
        ("nonsense\n", "line 1: is not a row"),
        ('{"content":{}}\n', "line 1: is not a row"),
        ("[]\n", "line 1: is not a row"),
        ("1\n", "line 1: is not a row"),
    ],
)
def test_file_that_is_no_export_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """Whatever else the file is, the line is named and nothing is said to be whole."""
    path = tmp_path / "other"
    path.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["ledger", "verify", "--file", str(path)])
    assert (done.exit_code, says in done.stderr) == (1, True)


def test_export_of_two_launches_is_refused(tmp_path: Path) -> None:
    """A chain is one launch's."""
    other = [link.model_copy(update={"launch_id": "other"}) for link in a_chain()]
    path = tmp_path / "two"
    write_new(path, "\n".join(export_lines([*a_chain(), *other])))
    with pytest.raises(ConfigurationError, match=r"several launches: shop-1\.2, other"):
        read_export(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A path with a mistake in it proves nothing."""
    done = CliRunner().invoke(app, ["ledger", "verify", "--file", str(tmp_path / "none")])
    assert (done.exit_code, "cannot be read" in done.stderr) == (1, True)


@pytest.mark.parametrize("arguments", [["x", "--file", "y"], ["--head", "sha256:0"]], ids=str)
def test_question_that_means_nothing_is_wrong_usage(arguments: list[str]) -> None:
    """A head belongs to one launch, and a launch is either in the ledger or in a file."""
    assert CliRunner().invoke(app, ["ledger", "verify", *arguments]).exit_code == 2


@pytest.mark.parametrize("command", ["verify", "export"])
def test_commands_show_examples(command: str) -> None:
    """Help without an example sends people to the documentation."""
    shown = CliRunner().invoke(app, ["ledger", command, "--help"])
    assert (shown.exit_code, f"launch ledger {command}" in shown.output) == (0, True)
