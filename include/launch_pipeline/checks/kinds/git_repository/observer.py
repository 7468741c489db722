"""Observes ``git_repository``: the repository at one commit is the subject."""

from __future__ import annotations

import asyncio
import posixpath
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.git_repository.documents import (
    count_words,
    has_heading,
    headings_of,
    read_document,
)
from launch_pipeline.checks.kinds.git_repository.globs import expand_braces, matching
from launch_pipeline.checks.kinds.git_repository.store import Repository, open_repository
from launch_pipeline.checks.language.expect import answered, parse_expectations, shown
from launch_pipeline.checks.language.paths import look_up
from launch_pipeline.checks.language.values import moment
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.git_repository.definition import GitRepositoryParams

_SHOWN = 20
_FILE_LIMIT = 2 * 1024 * 1024
_MOST_FILES = 2000
_MOST_EXTENDS = 10


@dataclass(frozen=True)
class _View:
    """The repository at a commit, with the matching files."""

    repository: Repository
    commit: str
    everything: frozenset[str]
    files: list[str]

    async def text(self, path: str) -> str:
        """Read one file at the commit."""
        raw = await self.repository.run("cat-file", "blob", f"{self.commit}:{path}")
        if len(raw) > _FILE_LIMIT:
            message = f"{path} is larger than 2 MiB; narrow the paths"
            raise Inconclusive(message)
        return raw.decode("utf-8", "replace")

    async def texts(self) -> dict[str, str]:
        """Read every matching file."""
        if len(self.files) > _MOST_FILES:
            message = f"{len(self.files)} files match, too many to read; narrow the paths"
            raise Inconclusive(message)
        return {path: await self.text(path) for path in self.files}


async def observe(params: GitRepositoryParams, ctx: CheckContext) -> Observation:
    """Read the paths at the ref.

    Raises Inconclusive if the ref, a tag or the needed history does not exist, Unreachable if the
    repository does not answer.
    """
    connection = await ctx.connection(params.conn_id)
    since = [one for one in (params.changed_since, params.unchanged_since) if one and moment(one) is None]
    repository = await open_repository(ctx, connection, params.ref, *since)
    view = await _view(repository, params)
    facts: dict[str, Any] = {"commit": view.commit, "files": len(view.files), "paths": view.files[:_SHOWN]}
    facts |= await _contents(view, params, ctx.clock())
    facts |= await _forbidden(view, params)
    facts |= await _history(view, params)
    where = str(connection.extra.get("url") or connection.extra.get("path") or connection.base_url)
    summary = {key: value for key, value in facts.items() if key != "documents"}
    return Observation(subjects=(Subject(name=params.ref, facts=facts),), authority=where, summary=summary)


async def _view(repository: Repository, params: GitRepositoryParams) -> _View:
    commit = await repository.commit_of(params.ref)
    if commit is None:
        message = f"'{params.ref}' is not in the repository"
        raise Inconclusive(message)
    listing = await repository.run("ls-tree", "-r", "--name-only", "-z", commit)
    paths = listing.decode("utf-8", "replace").split("\0")[:-1]
    found = await asyncio.to_thread(matching, paths, params.paths, params.exclude)
    return _View(repository, commit, frozenset(paths), found)


async def _contents(view: _View, params: GitRepositoryParams, now: datetime) -> dict[str, Any]:
    if not (params.min_words or params.headings or params.values):
        return {}
    texts = await view.texts()
    headings = [heading for text in texts.values() for heading in headings_of(text)]
    facts: dict[str, Any] = {
        "words": sum(map(count_words, texts.values())),
        "missing_headings": [wanted for wanted in params.headings if not has_heading(headings, wanted)],
    }
    if params.values:
        documents = {path: await _document(view, path, text) for path, text in texts.items()}
        facts["documents"] = documents
        facts["unmet_values"] = _unmet(params, documents, now)[:_SHOWN]
    return facts


async def _document(view: _View, path: str, text: str) -> Any:
    """Read a file as data; a tsconfig is merged with the files that it extends."""
    try:
        document = await asyncio.to_thread(read_document, path, text)
        seen = {path}
        parent = _extended(path, document)
        while parent is not None and len(seen) <= _MOST_EXTENDS:
            known = next((name for name in (parent, f"{parent}.json") if name in view.everything), None)
            if known is None or known in seen:
                message = f"extends '{parent}', which is not in the repository"
                return {"unreadable": message}
            seen.add(known)
            base = await asyncio.to_thread(read_document, known, await view.text(known))
            parent = _extended(known, base)
            document = _laid_over(base, document)
    except ValueError as error:
        return {"unreadable": str(error)}
    return document


def _extended(path: str, document: Any) -> str | None:
    """Return the file that a tsconfig extends; raises ValueError for several."""
    if not posixpath.basename(path).startswith("tsconfig") and not path.endswith(".json"):
        return None
    parent = document.get("extends") if isinstance(document, dict) else None
    if parent is None:
        return None
    if not isinstance(parent, str):
        message = "extends several files, which is not supported"
        raise ValueError(message)  # noqa: TRY004  (callers read ValueError as "unreadable")
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), parent))


def _laid_over(base: Any, document: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(document, dict)):
        return document
    merged = {**base, **document}
    below, above = base.get("compilerOptions"), document.get("compilerOptions")
    if isinstance(below, dict) and isinstance(above, dict):
        merged["compilerOptions"] = {**below, **above}
    return merged


def _unmet(params: GitRepositoryParams, documents: dict[str, Any], now: datetime) -> list[str]:
    wanted = parse_expectations(params.values)
    unmet = []
    for path, document in documents.items():
        problem = document.get("unreadable") if isinstance(document, dict) and len(document) == 1 else None
        if problem:
            unmet.append(f"{path}: {problem}")
            continue
        for expression, comparisons in wanted.items():
            found = look_up(expression, document)
            for comparison in comparisons:
                answer = answered(found, comparison, now)
                if not answer.holds:
                    seen = answer.note or shown(found.value)
                    unmet.append(f"{path}: {expression} = {seen}, want {comparison.text}")
    return unmet


def _pathspecs(params: GitRepositoryParams) -> list[str]:
    wanted = [f":(top,glob){glob}" for path in params.paths for glob in expand_braces(path)]
    return wanted + [f":(top,exclude,glob){glob}" for path in params.exclude for glob in expand_braces(path)]


async def _forbidden(view: _View, params: GitRepositoryParams) -> dict[str, Any]:
    """Search for forbidden text with git grep, since a monorepo has thousands of files."""
    if not params.forbid:
        return {}
    patterns = [argument for pattern in params.forbid for argument in ("-e", pattern)]
    arguments = ["grep", "-I", "-n", "-z", "-P", *patterns, view.commit, "--", *_pathspecs(params)]
    out = await view.repository.run(*arguments, accept=(0, 1))
    files = set(view.files)
    hits = []
    for line in out.decode("utf-8", "replace").split("\n"):
        path, _, rest = line.removeprefix(f"{view.commit}:").partition("\0")
        number = rest.partition("\0")[0].partition(":")[0]
        if path in files and number.isdecimal():
            hits.append({"path": path, "line": int(number)})
    return {"hits": hits[:_SHOWN], "hit_count": len(hits)}


async def _history(view: _View, params: GitRepositoryParams) -> dict[str, Any]:
    if not (params.max_age or params.changed_since or params.unchanged_since):
        return {}
    shallow = await view.repository.run("rev-parse", "--is-shallow-repository")
    if shallow.strip() == b"true":
        message = "the repository is a shallow clone: its history and dates cannot be trusted"
        raise Inconclusive(message)
    facts: dict[str, Any] = {"last_commit": await _newest(view, params)}
    if params.changed_since:
        facts["changed"] = await _commits_since(view, params, params.changed_since) > 0
    if params.unchanged_since:
        facts["changes"] = await _commits_since(view, params, params.unchanged_since)
    return facts


async def _newest(view: _View, params: GitRepositoryParams) -> str | None:
    arguments = ["log", "-1", "--format=%cI", view.commit, "--", *_pathspecs(params)]
    out = await view.repository.run(*arguments)
    return out.decode().strip() or None


async def _commits_since(view: _View, params: GitRepositoryParams, since: str) -> int:
    """Count the commits on these paths after a time or a ref."""
    after = moment(since)
    if after is not None:
        arguments = ["log", "--format=%ct", view.commit, "--", *_pathspecs(params)]
        times = (await view.repository.run(*arguments)).split()
        return sum(datetime.fromtimestamp(int(time), UTC) > after for time in times)
    base = await view.repository.commit_of(since)
    if base is None:
        message = f"'{since}' is neither a time with zone nor in the repository"
        raise Inconclusive(message)
    arguments = ["rev-list", "--count", f"{base}..{view.commit}", "--", *_pathspecs(params)]
    commits = int(await view.repository.run(*arguments))
    return commits or await _differing(view, params, base)


async def _differing(view: _View, params: GitRepositoryParams, base: str) -> int:
    """Count changed files, for a ref on another branch of the history."""
    arguments: Sequence[str] = ["diff", "--name-only", "-z", base, view.commit, "--", *_pathspecs(params)]
    return (await view.repository.run(*arguments)).count(b"\0")
