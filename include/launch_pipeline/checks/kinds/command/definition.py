"""Kind ``command``: does this program succeed.

Facts: ``returncode, duration_s, stdout_tail, stderr_tail, artifacts, missing_artifacts, commit``.

``commit`` is the one checked out in the working directory, and unknown where that is no clean checkout. The
artifacts are about this commit: where it is unknown or another than the release's, a report proves nothing.
"""

from __future__ import annotations

from datetime import timedelta

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Names, Params, merged
from launch_pipeline.checks.kinds.command.says import says


class CommandParams(Params):
    """A program and its arguments; it runs before the checks listed after it."""

    argv: Names
    """The program and its arguments as a list; no shell parses them."""
    cwd: Name = "."
    """The working directory."""
    env: tuple[Name, ...] = ()
    """Environment variables passed to the program, besides the search path and the locale."""
    artifacts: tuple[Name, ...] = ()
    """Globs of files that it writes; copied to the same path in ``${reports}``, even if it fails, where that
    is a folder.
    """
    timeout: Duration = timedelta(minutes=10)


def criteria(params: CommandParams) -> Criteria:
    """Require exit status 0 and a new file for every artifact."""
    artifacts = {"missing_artifacts": "== []"} if params.artifacts else {}
    return merged({"returncode": "== 0", **artifacts}, params)


KIND = Kind(
    name="command",
    params=CommandParams,
    observe="launch_pipeline.checks.kinds.command.observer:observe",
    criteria=criteria,
    says=says,
    runs_on="worker",
    repeatable=lambda _params: False,
)
