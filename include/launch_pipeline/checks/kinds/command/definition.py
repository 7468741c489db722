"""Kind ``command``: does this program succeed, without a shell.

Facts: ``returncode, duration_s, stdout_tail, stderr_tail, artifacts, missing_artifacts``.
"""

from __future__ import annotations

from datetime import timedelta

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Names, Params, merged


class CommandParams(Params):
    """A program and its arguments; runs before the checks listed after it."""

    argv: Names
    """The program and its arguments, each for itself; no shell reads them."""
    cwd: Name = "."
    """The folder in which it runs."""
    env: tuple[Name, ...] = ()
    """Names of environment variables the program may see, beside the search path and the language."""
    artifacts: tuple[Name, ...] = ()
    """Globs of files that it makes; kept also when it fails, under the same path in ``${reports}`` where that
    is a folder.
    """
    timeout: Duration = timedelta(minutes=10)


def criteria(params: CommandParams) -> Criteria:
    """Require that the program returns 0 and has made what it is said to make."""
    artifacts = {"missing_artifacts": "== []"} if params.artifacts else {}
    return merged({"returncode": "== 0", **artifacts}, params)


KIND = Kind(
    name="command",
    params=CommandParams,
    observe="launch_pipeline.checks.kinds.command.observer:observe",
    criteria=criteria,
    runs_on="worker",
    repeatable=lambda _params: False,
)
