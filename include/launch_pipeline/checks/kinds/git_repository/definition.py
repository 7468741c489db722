"""Kind ``git_repository``: are the files there at that commit, with the wanted content.

Facts: ``commit, files`` (how many match)``, paths`` (the first 20)``, words`` (in all)``,
missing_headings, hits[{path, line}], hit_count, last_commit, changes`` (commits since
``unchanged_since``)``, unmet_values, documents``.

A link stands for the file that it leads to, which counts once. What the repository does not hold is unknown:
the files of submodules, links that lead elsewhere, contents in Git LFS, binary files. Pictures and fonts hold
no lines.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, field_validator

from launch_pipeline.checklist.duration import Duration, format_duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Names, Params, merged
from launch_pipeline.checks.kinds.git_repository.says import says
from launch_pipeline.checks.language.expect import parse_expectations


class GitRepositoryParams(Params):
    """Files at a commit, and the conditions on them."""

    conn_id: str = "git"
    paths: Names
    """Globs: ``*`` within a folder, ``**`` across folders, ``{a,b}`` alternatives."""
    ref: Name = "${release_sha}"
    """The commit, tag or branch to read."""
    exclude: tuple[Name, ...] = ()
    """Globs of files to leave out."""
    min_files: Annotated[int, Field(ge=1)] = 1
    """How many files must match."""
    min_words: Annotated[int, Field(ge=0)] = 0
    """Words in all matching files together."""
    headings: tuple[Name, ...] = ()
    """Headings; each must occur in one of the matching files."""
    max_age: Duration | None = None
    """Maximum age of the newest commit on these paths."""
    changed_since: Name | None = None
    """A time or a ref after which a commit that touches these paths must have been made."""
    unchanged_since: Name | None = None
    """A tag or a commit after which no commit may touch these paths, or a time.

    Git does not record when a commit arrived. By a time, a commit counts from when it or the merge that
    brought it was made, so a push of older commits is not noticed; a tag is exact.
    """
    forbid: tuple[Name, ...] = ()
    """Perl-compatible patterns that must not occur in a line; git searches for them."""
    values: dict[str, str | list[str]] = Field(default_factory=dict)
    """JMESPath into each file: JSON (comments allowed), YAML, or ``front_matter`` of Markdown."""
    timeout: Duration = timedelta(minutes=5)
    look_every: Duration = timedelta(minutes=5)
    """The files of a commit never change; a look fetches what a branch or a tag has become."""

    @field_validator("values", mode="after")
    @classmethod
    def _readable(cls, values: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        parse_expectations(values)
        return values


def criteria(params: GitRepositoryParams) -> Criteria:
    """Require every condition that is given."""
    conditions = {
        "files": f">= {params.min_files}",
        "words": f">= {params.min_words}" if params.min_words else "",
        "missing_headings": "== []" if params.headings else "",
        "hits": "== []" if params.forbid else "",
        "last_commit": f"age <= {format_duration(params.max_age)}" if params.max_age else "",
        "changed": "== true" if params.changed_since else "",
        "changes": "== 0" if params.unchanged_since else "",
        "unmet_values": "== []" if params.values else "",
    }
    return merged({path: wanted for path, wanted in conditions.items() if wanted}, params)


KIND = Kind(
    name="git_repository",
    params=GitRepositoryParams,
    observe="launch_pipeline.checks.kinds.git_repository.observer:observe",
    criteria=criteria,
    says=says,
    runs_on="worker",
    default_conn_id="git",
    later={"max_age": None},
)
