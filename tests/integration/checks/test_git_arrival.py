"""``git_repository``: a change counts from when it arrived on the branch, as far as git can tell.

Git keeps the times at which commits were made (git-commit: Date Formats), and a merge the order of its
parents; neither says when a branch was pushed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checks.verdict import Verdict
from servers.checking import raw
from servers.work_tree import WorkTree

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
FREEZE = "2026-01-10T00:00:00Z"
SQL = {"paths": ["db/**/*.sql"], "unchanged_since": FREEZE}


def day(number: int) -> str:
    return f"2026-01-{number:02d}T12:00:00Z"


@pytest.fixture
def work(tmp_path: Path) -> WorkTree:
    """Begin a repository with one migration of the first day."""
    made = WorkTree(tmp_path / "work")
    made.write({"db/1.sql": "one", "README": "x"}, day(1))
    return made


def branch_and_merge(work: WorkTree, *how: str, merged: int) -> None:
    """Change the schema on a branch on the 5th, and bring it to main later."""
    work.git("checkout", "-q", "-b", "topic")
    work.write({"db/2.sql": "two"}, day(5))
    work.git("checkout", "-q", "main")
    work.write({"README": "y"}, day(6))
    work.git(*how, "topic", at=day(merged))


def test_merged_after_the_freeze(work: WorkTree) -> None:
    """A merge after the freeze brings what was written before it."""
    branch_and_merge(work, "merge", "-q", "--no-ff", "-m", "m", merged=20)
    result = work.asked(**SQL)
    assert (result.verdict, "changes = 1, want == 0" in raw(result)) == (F, True)


def test_merged_before_the_freeze(work: WorkTree) -> None:
    """What was merged before the freeze was there."""
    branch_and_merge(work, "merge", "-q", "--no-ff", "-m", "m", merged=8)
    work.write({"README": "z"}, day(20))
    assert work.asked(**SQL).verdict is P


def test_pushed_after_the_freeze_by_fast_forward(work: WorkTree) -> None:
    """A push brings commits of any age: the tag of the freeze sees it, its time cannot."""
    work.git("tag", "freeze")
    work.write({"db/2.sql": "two"}, day(5))
    assert work.asked(**SQL).verdict is P
    assert work.asked(**SQL | {"unchanged_since": "freeze"}).verdict is F


def test_merge_that_leaves_the_paths_alone(work: WorkTree) -> None:
    """A merge of something else changes nothing on these paths."""
    branch_and_merge(work, "merge", "-q", "--no-ff", "-m", "m", merged=20)
    assert work.asked(**SQL | {"paths": ["db/1.sql"]}).verdict is P


def test_squashed_after_the_freeze(work: WorkTree) -> None:
    """A squash has its own time."""
    branch_and_merge(work, "merge", "-q", "--squash", merged=20)
    work.commit(day(20))
    assert work.asked(**SQL).verdict is F


def test_rebased_after_the_freeze(work: WorkTree) -> None:
    """A rebase keeps the author's time, which does not count."""
    work.write({"db/2.sql": "two"}, day(5))
    work.git("commit", "-q", "--amend", "--no-edit", "--date", day(5), at=day(20))
    assert work.asked(**SQL).verdict is F


def test_change_within_the_merge_itself(work: WorkTree) -> None:
    """A merge commit may change what neither side did."""
    branch_and_merge(work, "merge", "-q", "--no-ff", "-m", "m", merged=20)
    (work.path / "db/1.sql").write_text("changed")
    work.git("add", ".")
    work.git("commit", "-q", "--amend", "--no-edit", at=day(20))
    assert work.asked(**SQL | {"paths": ["db/1.sql"]}).verdict is F


def test_merge_of_main_into_a_branch_that_became_main(work: WorkTree) -> None:
    """Where the branch was fast-forwarded to its topic, either side may have been the branch."""
    work.git("checkout", "-q", "-b", "topic")
    work.write({"db/2.sql": "two"}, day(5))
    work.git("checkout", "-q", "main")
    work.write({"README": "y"}, day(6))
    work.git("checkout", "-q", "topic")
    work.git("merge", "-q", "-m", "m", "main", at=day(20))
    work.git("checkout", "-q", "main")
    work.git("merge", "-q", "--ff-only", "topic")
    result = work.asked(**SQL)
    assert (result.verdict, "joined two lines of history" in raw(result)) == (Q, True), result.headline
    assert "name the tag or commit of the freeze" in raw(result)


def test_old_commit_on_top_of_a_later_one(work: WorkTree) -> None:
    """A commit cannot be older than what it follows: nothing says when it arrived."""
    work.write({"README": "y"}, day(15))
    work.write({"db/2.sql": "two"}, day(5))
    result = work.asked(**SQL)
    assert (result.verdict, "follows a later one" in raw(result)) == (Q, True), result.headline


def test_everything_is_later(work: WorkTree) -> None:
    """A history that begins after the freeze changed everything since."""
    assert work.asked(**SQL | {"unchanged_since": "2025-01-01T00:00:00Z"}).verdict is F


def test_freeze_in_the_future(work: WorkTree) -> None:
    """A freeze that has not begun proves nothing."""
    result = work.asked(**SQL | {"unchanged_since": "2999-01-01T00:00:00Z"})
    assert (result.verdict, "lies in the future" in raw(result)) == (Q, True)


def test_tag_is_exact(work: WorkTree) -> None:
    """After a tag each commit counts, however old it claims to be."""
    work.git("tag", "freeze")
    assert work.asked(**SQL | {"unchanged_since": "freeze"}).verdict is P
    branch_and_merge(work, "merge", "-q", "--no-ff", "-m", "m", merged=7)
    assert work.asked(**SQL | {"unchanged_since": "freeze"}).verdict is F


def test_freeze_that_is_ahead(work: WorkTree) -> None:
    """A commit from before the freeze differs from it, although no commit lies between."""
    work.write({"db/1.sql": "frozen"}, day(2))
    work.git("tag", "freeze")
    work.git("reset", "-q", "--hard", "HEAD~1")
    assert work.asked(**SQL | {"unchanged_since": "freeze"}).verdict is F


def test_file_that_moved_away(work: WorkTree) -> None:
    """A file that was renamed to something else is gone."""
    work.write({"db/2.sql": "two\n" * 9}, day(2))
    work.git("tag", "freeze")
    work.git("mv", "db/2.sql", "notes.txt")
    work.commit(day(20))
    assert work.asked(**SQL | {"unchanged_since": "freeze"}).verdict is F


def test_folder_that_became_another(work: WorkTree) -> None:
    """Where a link to a folder is turned to another, all files behind it are others."""
    work.write({"v1/1.sql": "one", "v2/1.sql": "two"}, day(2))
    (work.path / "current").symlink_to("v1")
    work.commit(day(3))
    work.git("tag", "freeze")
    asked = {"paths": ["current/*.sql"], "unchanged_since": "freeze"}
    assert work.asked(**asked).verdict is P
    (work.path / "current").unlink()
    (work.path / "current").symlink_to("v2")
    work.commit(day(20))
    assert work.asked(**asked).verdict is F


@pytest.mark.parametrize("name", ["main", "HEAD", "refs/heads/main", "main@{0}", "main~0", "feature"])
def test_branch_is_no_freeze(work: WorkTree, name: str) -> None:
    """A branch moves with every commit; nothing changes since it."""
    work.git("update-ref", "refs/remotes/origin/feature", "HEAD")
    result = work.asked(**SQL | {"unchanged_since": name})
    assert (result.verdict, "name the freeze by one" in raw(result)) == (Q, True), result.headline


def test_commit_is_a_freeze(work: WorkTree) -> None:
    """A commit's id stands for itself."""
    first = work.git("rev-parse", "HEAD")
    work.write({"README": "y"}, day(20))
    assert work.asked(**SQL | {"unchanged_since": first}).verdict is P
    work.git("rm", "-q", "db/1.sql")
    work.write({"db/2.sql": "x"}, day(21))
    assert work.asked(**SQL | {"unchanged_since": first}).verdict is F


@pytest.mark.parametrize("name", ["db/[x]!?.sql", "db/*.sql", ":(exclude)db/q.sql", 'db/"é\n.sql'])
def test_odd_names_have_a_history(work: WorkTree, name: str) -> None:
    """A name with signs of git's own is a name."""
    work.git("tag", "freeze")
    work.write({name: "x"}, day(20))
    assert work.asked(paths=["**/*.sql"], unchanged_since="freeze").verdict is F


def test_excluded_folder_is_excluded_from_history_by_the_same_glob(work: WorkTree) -> None:
    """What the check looks at and what its history is about are the same files."""
    work.git("tag", "freeze")
    work.write({"db/old/3.sql": "x"}, day(20))
    assert work.asked(**SQL | {"unchanged_since": "freeze", "exclude": ["db/old"]}).verdict is F
    assert work.asked(**SQL | {"unchanged_since": "freeze", "exclude": ["db/old/**"]}).verdict is P


def test_changed_needs_a_commit_of_that_time(work: WorkTree) -> None:
    """A change that was made after the time proves itself; an older one that arrived later does not."""
    asked = {"paths": ["db/**/*.sql"], "changed_since": FREEZE}
    assert work.asked(**asked).verdict is F
    branch_and_merge(work, "merge", "-q", "--no-ff", "-m", "m", merged=20)
    assert work.asked(**asked).verdict is Q
    work.write({"db/3.sql": "x"}, day(21))
    assert work.asked(**asked).verdict is P


def test_changed_by_a_commit_of_the_future(work: WorkTree) -> None:
    """A clock that is wrong proves nothing."""
    work.write({"db/3.sql": "x"}, "2031-01-01T00:00:00Z")
    assert work.asked(paths=["db/**/*.sql"], changed_since=FREEZE).verdict is Q


def test_file_that_is_gone_keeps_nothing_fresh(work: WorkTree) -> None:
    """The age is that of the files that are there."""
    work.write({"db/9.sql": "x"}, "2026-11-29T00:00:00Z")
    work.git("rm", "-q", "db/9.sql")
    work.commit("2026-11-29T12:00:00Z")
    assert work.asked(paths=["db/**/*.sql"], max_age="30d").verdict is F
