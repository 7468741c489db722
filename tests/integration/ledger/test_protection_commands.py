"""``launch ledger`` on a real ledger: what it says, its exit codes, and exports that prove themselves."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from launch_pipeline.cli.main import app
from launch_pipeline.ledger.export import read_export
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.proof.verify import read_rows
from launch_pipeline.ledger.schema import Entry
from servers.chains import LAUNCH, append_some, tamper
from servers.records import a_record

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def kept(dsn: str) -> str:
    """Give a ledger with the rows of two launches."""
    append_some(dsn)
    return dsn


def run(*arguments: str) -> Any:
    """Run the command."""
    return CliRunner().invoke(app, ["ledger", *arguments])


def test_command_proves_every_launch(kept: str) -> None:
    """Without a name all launches are proved, one line each, and the exit code is 0."""
    done = run("verify", "--ledger", kept)
    assert done.exit_code == 0, done.output
    assert [line.split(",")[0] for line in done.output.splitlines()] == [
        "✓ other: 3 rows",
        "✓ shop-1.2: 6 rows",
    ]


def test_command_names_the_first_broken_row_of_each_launch(kept: str) -> None:
    """One broken launch does not hide the others; the exit code is 1."""
    tamper(
        kept, "UPDATE launch.ledger SET try_number = 5 WHERE launch_id = 'other' AND kind = 'machine_pass'"
    )
    done = run("verify", "--ledger", kept)
    assert done.exit_code == 1
    first, second = done.output.splitlines()
    assert first.startswith("✗ other: row 2 (seq 3, machine_pass of week_1.security.tls): one of its columns")
    assert second.startswith("✓ shop-1.2: 6 rows, active, head sha256:")
    assert run("verify", LAUNCH, "--ledger", kept).exit_code == 0


def test_command_looks_for_a_head(kept: str) -> None:
    """The head that was announced is in the chain, and another one is not."""
    head = Ledger(kept).head(LAUNCH)
    assert head is not None
    Ledger(kept).append(Entry.of_record(a_record(task_instance_id="later")))
    assert run("verify", LAUNCH, "--ledger", kept, "--head", head.digest).exit_code == 0
    assert run("verify", "other", "--ledger", kept, "--head", head.digest).exit_code == 1


def test_command_about_a_launch_that_nobody_knows(kept: str) -> None:
    """A typing mistake is not a proof."""
    for command in ("verify", "export"):
        done = run(command, "shop-1,2", "--ledger", kept)
        assert (done.exit_code, "'shop-1,2'" in done.stderr) == (1, True)


def test_command_on_an_empty_ledger(dsn: str) -> None:
    """Nothing is proved, and that is said."""
    done = run("verify", "--ledger", dsn)
    assert (done.exit_code, done.output) == (0, "The ledger is empty.\n")


def test_command_on_a_ledger_that_is_down() -> None:
    """Exit 3: nobody knows, which is not the same as broken."""
    done = run("verify", "--ledger", "postgresql://keeper:s3cret-pa55@127.0.0.1:1/ledger")
    assert (done.exit_code, "s3cret" in done.stderr) == (3, False)


def test_export_is_verified_without_the_ledger(kept: str, tmp_path: Path) -> None:
    """What was exported proves itself, and says the same as the ledger."""
    path = tmp_path / "shop.jsonl"
    done = run("export", LAUNCH, "--ledger", kept, "--output", str(path))
    head = Ledger(kept).head(LAUNCH)
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"6 rows exported, head {head}" in done.stderr
    assert tuple(read_export(path)) == read_rows(kept, LAUNCH).links
    assert run("verify", "--file", str(path)).output == f"✓ {LAUNCH}: 6 rows, active, head {head}\n"
    assert run("export", LAUNCH, "--ledger", kept, "--output", str(path)).exit_code == 1


def test_export_to_standard_output_is_the_same(kept: str, tmp_path: Path) -> None:
    """Piped or written, the bytes are the same, and nothing else is among them."""
    path = tmp_path / "shop.jsonl"
    run("export", LAUNCH, "--ledger", kept, "--output", str(path), "--no-verifier")
    assert [found.name for found in tmp_path.iterdir()] == ["shop.jsonl"]
    piped = run("export", LAUNCH, "--ledger", kept)
    assert piped.stdout_bytes == path.read_bytes()
    assert [json.loads(line)["position"] for line in piped.stdout.split("\n")[:-1]] == [1, 2, 3, 4, 5, 6]


def test_export_of_a_broken_chain_says_so(kept: str, tmp_path: Path) -> None:
    """What is there can be taken along, and is broken in the file as it is in the ledger."""
    path = tmp_path / "shop.jsonl"
    tamper(kept, "DELETE FROM launch.ledger WHERE launch_id = 'shop-1.2' AND position = 3")
    done = run("export", LAUNCH, "--ledger", kept, "--output", str(path))
    assert (done.exit_code, "but broken: row 4" in done.stderr) == (0, True)
    assert run("verify", "--file", str(path)).exit_code == 1


def test_export_brings_its_verifier(kept: str, tmp_path: Path) -> None:
    """An auditor needs Python and the two files; neither this package nor any other can be imported there."""
    path, head = tmp_path / "shop.jsonl", Ledger(kept).head(LAUNCH)
    assert head is not None
    assert run("export", LAUNCH, "--ledger", kept, "--output", str(path)).exit_code == 0
    verifier = tmp_path / "verify_launch.py"
    assert stat.S_IMODE(verifier.stat().st_mode) == 0o600

    def proved(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-I", "-S", str(verifier), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
        assert done.stderr == "" or done.returncode == 2
        return done.returncode, done.stdout

    seen = f"OK {LAUNCH}: 6 rows are valid, 1 seals follow from them; the launch is under way; head {head}\n"
    assert proved("shop.jsonl", "--head", head.digest) == (0, seen)
    code, says = proved("shop.jsonl")
    assert (code, "No head was given" in says) == (0, True)
    code, says = proved("shop.jsonl", "--head", "sha256:" + "0" * 64)
    assert (code, "rows are missing or were rewritten" in says) == (1, True)
    path.write_text(path.read_text(encoding="utf-8").replace("line two", "line 2"), encoding="utf-8")
    code, says = proved("shop.jsonl")
    assert (code, "row 5 (line 5, decision week_1.security.audit): its content was changed" in says) == (
        1,
        True,
    )
    assert proved("nothing.jsonl")[0] == proved()[0] == 2


def test_verifier_that_is_another_one_is_not_passed_off_as_ours(kept: str, tmp_path: Path) -> None:
    """A file of that name that lies there already may be anything: it is neither used nor overwritten."""
    (tmp_path / "verify_launch.py").write_text("print('OK')\n")
    done = run("export", LAUNCH, "--ledger", kept, "--output", str(tmp_path / "shop.jsonl"))
    assert (done.exit_code, "differs from this release's" in done.stderr) == (1, True)
    assert not (tmp_path / "shop.jsonl").exists()
    other = tmp_path / "two"
    other.mkdir()
    for name in ("a", "b"):
        assert run("export", LAUNCH, "--ledger", kept, "--output", str(other / name)).exit_code == 0
