"""Kind ``git_repository``: is this in the repository at that commit, fresh, without that.

Facts: ``commit, files`` (how many match)``, paths`` (the first 20)``, words`` (in all)``,
missing_headings, hits[{path, line}], hit_count, last_commit, changes`` (commits since
``unchanged_since``)``, unmet_values, documents``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, field_validator

from launch_pipeline.checklist.duration import Duration, format_duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Names, Params, merged
from launch_pipeline.checks.language.expect import parse_expectations


class GitRepositoryParams(Params):
    """Paths at a commit, and what must hold for them."""

    conn_id: str = "git"
    paths: Names
    """Globs: ``*`` within a folder, ``**`` across folders, ``{a,b}`` either."""
    ref: Name = "${release_sha}"
    """The commit, tag or branch that is read."""
    exclude: tuple[Name, ...] = ()
    """Globs that are left out."""
    min_files: Annotated[int, Field(ge=1)] = 1
    """How many files must match."""
    min_words: Annotated[int, Field(ge=0)] = 0
    """In all matching files together."""
    headings: tuple[Name, ...] = ()
    """Each must be a heading of one of the matching files."""
    max_age: Duration | None = None
    """The newest commit on these paths is not older."""
    changed_since: Name | None = None
    """A time or a ref: a commit touches these paths after it."""
    unchanged_since: Name | None = None
    """A time or a ref: no commit touches these paths after it."""
    forbid: tuple[Name, ...] = ()
    """Perl-compatible patterns that must not occur."""
    values: dict[str, str | list[str]] = Field(default_factory=dict)
    """JMESPath into each file (JSON, with comments too, YAML, ``front_matter`` of Markdown)."""
    timeout: Duration = timedelta(minutes=5)

    @field_validator("values", mode="after")
    @classmethod
    def _readable(cls, values: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        parse_expectations(values)
        return values


def criteria(params: GitRepositoryParams) -> Criteria:
    """Every given condition."""
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
    runs_on="worker",
    default_conn_id="git",
)
