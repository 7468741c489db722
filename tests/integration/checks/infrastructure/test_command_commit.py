"""``command``: its artifacts are about the commit that was run, whatever the launch is about."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checklist.model import CheckSpec
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import check, context, raw, run
from servers.work_tree import WorkTree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
TEST = 'mkdir -p out; echo \'<testsuite name="s"><testcase name="a"/></testsuite>\' > out/junit.xml\n'
FILES: dict[str, str | bytes] = {
    "t.sh": TEST,
    "lib/code.sh": "true\n",
    ".gitignore": "ignored/\nnode_modules/\n",
}


@pytest.fixture
def work(tmp_path: Path) -> WorkTree:
    """Begin a product with a test in it, and a folder for reports beside it."""
    (tmp_path / "reports").mkdir()
    made = WorkTree(tmp_path / "work")
    made.write(FILES)
    return made


def reported(
    work: WorkTree, release: str = "", argv: tuple[str, ...] = ("sh", "t.sh"), folder: str = ""
) -> CheckResult:
    """Run the test and ask the report about the release's commit."""
    reports = str(work.path.parent / "reports")
    command = {"argv": list(argv), "cwd": str(work.path / folder), "artifacts": ["out/*.xml"]}
    report = {"uri": "${reports}/out/junit.xml", "format": "junit"}
    specs = [CheckSpec.model_validate({"command": command}), CheckSpec.model_validate({"report": report})]
    variables = {"release_sha": release or work.git("rev-parse", "HEAD"), "reports": reports}
    return run(run_checks(specs, context(allow_commands=True, variables=variables)))[1]


def beside(work: WorkTree) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((work.path.parent / "reports/out/junit.xml.meta.json").read_text())
    return read


def test_clean_checkout_of_the_release(work: WorkTree) -> None:
    """A test that ran on the release's commit is about it, the second time as well."""
    assert [reported(work).verdict for _ in range(2)] == [P, P]
    assert beside(work)["commit"] == work.git("rev-parse", "HEAD")


def test_another_commit(work: WorkTree) -> None:
    """A clean checkout of another commit is about that one."""
    result = reported(work, "b" * 40)
    assert (result.verdict, "is about commit" in raw(result)) == (Q, True), result.headline
    assert beside(work)["commit"] == work.git("rev-parse", "HEAD")


def changed(work: WorkTree) -> None:
    (work.path / "lib/code.sh").write_text("false\n")


def staged(work: WorkTree) -> None:
    changed(work)
    work.git("add", ".")


def overlooked(work: WorkTree) -> None:
    work.git("update-index", "--assume-unchanged", "lib/code.sh")
    changed(work)


def skipped(work: WorkTree) -> None:
    work.git("update-index", "--skip-worktree", "lib/code.sh")


def added(work: WorkTree) -> None:
    (work.path / "lib/more.sh").write_text("true\n")


def ignored_here(work: WorkTree) -> None:
    added(work)
    (work.path / ".git/info/exclude").write_text("lib/more.sh\n")


def deleted(work: WorkTree) -> None:
    (work.path / "lib/code.sh").unlink()


def not_versioned(work: WorkTree) -> None:
    (work.path / ".git").rename(work.path.parent / "git")


def unborn(work: WorkTree) -> None:
    work.git("checkout", "-q", "--orphan", "new")


DIRTY: dict[str, tuple[Callable[[WorkTree], None], str]] = {
    "changed": (changed, "lib/code.sh is not as in"),
    "staged": (staged, "lib/code.sh is not as in"),
    "changed and overlooked": (overlooked, "git overlooks files"),
    "not checked out": (skipped, "git overlooks files"),
    "a file more": (added, "lib/more.sh is not as in"),
    "a file that only this machine ignores": (ignored_here, "lib/more.sh is not as in"),
    "a file less": (deleted, "lib/code.sh is not as in"),
    "no repository": (not_versioned, "is not a checkout"),
    "no commit": (unborn, "is not a checkout"),
}


@pytest.mark.parametrize(("made_so", "reason"), DIRTY.values(), ids=DIRTY.keys())
def test_checkout_that_was_changed(work: WorkTree, made_so: Callable[[WorkTree], None], reason: str) -> None:
    """What is not in the commit may have made the test pass; the report proves nothing and says why."""
    release = work.git("rev-parse", "HEAD")
    made_so(work)
    result = reported(work, release)
    assert (result.verdict, reason in raw(result)) == (Q, True), result.headline
    assert beside(work)["commit"] is None


def test_program_that_changes_the_checkout(work: WorkTree) -> None:
    """A program that checks out or changes something is not about what was there before."""
    other = work.write({"t.sh": TEST, "lib/code.sh": "other\n"})
    work.git("checkout", "-q", "HEAD~1")
    first = work.git("rev-parse", "HEAD")
    assert (
        "another commit" in reported(work, first, ("sh", "-c", f"git checkout -q {other}; {TEST}")).headline
    )
    work.git("checkout", "-q", "-f", first)
    assert "was changed" in reported(work, first, ("sh", "-c", f"echo x > lib/code.sh; {TEST}")).headline


def test_program_that_leaves_files(work: WorkTree) -> None:
    """A log that a program writes beside its report was not there when it began."""
    assert reported(work, argv=("sh", "-c", f"{TEST} echo x > run.log")).verdict is P


def test_script_of_another_place(work: WorkTree, tmp_path: Path) -> None:
    """A clean folder says nothing of a script that lies elsewhere."""
    (tmp_path / "t.sh").write_text(TEST)
    result = reported(work, argv=("sh", str(tmp_path / "t.sh")))
    assert (result.verdict, "is not in the commit" in raw(result)) == (Q, True), result.headline
    assert reported(work, argv=("sh", "../t.sh")).verdict is Q
    (work.path / "out.sh").symlink_to(tmp_path / "t.sh")
    work.commit()
    assert reported(work, argv=("sh", "out.sh")).verdict is Q


def test_script_that_git_ignores(work: WorkTree) -> None:
    """A file that git ignores is in no commit; installed tools are not what is tested."""
    for folder in ("ignored", "node_modules/tool"):
        (work.path / folder).mkdir(parents=True)
        (work.path / folder / "t.sh").write_text(TEST)
    assert reported(work, argv=("sh", "ignored/t.sh")).verdict is Q
    assert reported(work, argv=("sh", "-c", TEST), folder="ignored").verdict is Q
    assert reported(work, argv=("sh", "node_modules/tool/t.sh")).verdict is P


def test_folder_below_the_root(work: WorkTree) -> None:
    """The whole checkout counts, also where the program runs in a part of it."""
    work.write({"apps/web/t.sh": TEST})
    assert reported(work, folder="apps/web").verdict is P
    (work.path / "out").mkdir()
    (work.path / "out/junit.xml").write_text("not of the program")
    assert reported(work, folder="apps/web").verdict is Q
    (work.path / "out/junit.xml").unlink()
    changed(work)
    assert reported(work, folder="apps/web").verdict is Q


def test_commit_is_a_fact(work: WorkTree) -> None:
    """A checklist may ask for the commit of a program without a report."""
    head = work.git("rev-parse", "HEAD")

    def asked(**expect: str) -> CheckResult:
        ctx = context(allow_commands=True, variables={"release_sha": head})
        return run(check(ctx, "command", argv=["true"], cwd=str(work.path), expect=expect))

    assert asked(commit="== ${release_sha}").verdict is P
    changed(work)
    assert asked(commit="== ${release_sha}").verdict is Q
    assert asked(returncode="== 0").verdict is P


ENDINGS = {"killed": "kill -9 $$", "a child was killed": "exit 137", "terminated": "kill -15 $$"}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_program_that_was_killed(work: WorkTree, ending: str) -> None:
    """A file that a killed program left is no finished report, also where one was there before."""
    assert reported(work).verdict is P
    result = reported(work, argv=("sh", "-c", f"{TEST} {ending}"))
    assert (result.verdict, "does not name its commit" in raw(result)) == (Q, True), result.headline


@pytest.mark.parametrize("how", ["mv", "cp -p", "ln"])
def test_older_file_under_a_new_name(work: WorkTree, how: str) -> None:
    """A file that was only moved or copied is of an earlier run."""
    work.write({**FILES, "old.xml": "<testsuite/>"})
    os.utime(work.path / "old.xml", (1_700_000_000, 1_700_000_000))
    ctx = context(allow_commands=True)
    argv = ["sh", "-c", f"mkdir -p out; {how} old.xml out/new.xml"]
    result = run(check(ctx, "command", argv=argv, cwd=str(work.path), artifacts=["out/*.xml"]))
    assert (result.verdict, result.observed["missing_artifacts"]) == (F, ["out/*.xml"])


def test_artifact_that_cannot_be_kept(work: WorkTree) -> None:
    """A report that is too large takes the place of none, and the one of an earlier run is gone."""
    assert reported(work).verdict is P
    reports = str(work.path.parent / "reports")
    ctx = context(allow_commands=True, variables={"reports": reports})
    argv = ["sh", "-c", "head -c 21000000 /dev/zero > out/junit.xml"]
    result = run(check(ctx, "command", argv=argv, cwd=str(work.path), artifacts=["out/*.xml"]))
    assert (result.verdict, "larger than 20 MiB" in raw(result)) == (F, True), result.headline
    assert list((work.path.parent / "reports/out").iterdir()) == []


def test_more_artifacts_than_are_kept(work: WorkTree) -> None:
    """Files beyond the first hundred are named as missing."""
    argv = ["sh", "-c", "mkdir -p out; for n in $(seq 101); do echo $n > out/$n.xml; done"]
    result = run(
        check(context(allow_commands=True), "command", argv=argv, cwd=str(work.path), artifacts=["out/*.xml"])
    )
    assert (result.verdict, "more than 100 files" in raw(result)) == (F, True), result.headline
