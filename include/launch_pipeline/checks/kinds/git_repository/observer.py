"""Observes ``git_repository``: the repository at one commit is the subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch_pipeline.checks.kinds.git_repository.content import read_text
from launch_pipeline.checks.kinds.git_repository.documents import count_words, has_heading, headings_of
from launch_pipeline.checks.kinds.git_repository.extending import Extending
from launch_pipeline.checks.kinds.git_repository.history import History
from launch_pipeline.checks.kinds.git_repository.search import search
from launch_pipeline.checks.kinds.git_repository.seen import Seen
from launch_pipeline.checks.kinds.git_repository.store import Entry, Repository, open_repository
from launch_pipeline.checks.kinds.git_repository.tree import Selection, Tree
from launch_pipeline.checks.kinds.git_repository.tree import shown as shown_path
from launch_pipeline.checks.kinds.git_repository.values import judge_values
from launch_pipeline.checks.language.values import moment
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.git_repository.definition import GitRepositoryParams

_SHOWN = 20
_NAMED = 3
_FILE_LIMIT = 2 * 1024 * 1024
_MOST_FILES = 2000


@dataclass(frozen=True)
class _View:
    """The repository at a commit, with the files that match."""

    repository: Repository
    commit: str
    tree: Tree
    selection: Selection

    @property
    def files(self) -> list[str]:
        return list(self.selection.files)

    async def text(self, path: str) -> str:
        """Read one file at the commit; raises ValueError if it has no text."""
        entry = self.tree.entries[path]
        _refuse_large(path, entry)
        return read_text((await self.repository.blobs([entry.oid]))[entry.oid]).best

    async def texts(self) -> tuple[dict[str, str], list[str]]:
        """Read every matching file; return also why some could not be read."""
        files = self.selection.files
        if len(files) > _MOST_FILES:
            message = f"{len(files)} files match, too many to read; narrow the paths"
            raise Inconclusive(message)
        for path, entry in files.items():
            _refuse_large(path, entry)
        found, unread = {}, list(self.selection.unseen)
        async for path, raw in self.repository.contents(files):
            try:
                found[path] = read_text(raw).best
            except ValueError as error:
                unread.append(f"{shown_path(path)} {error}")
        return found, unread


def _refuse_large(path: str, entry: Entry) -> None:
    if entry.size > _FILE_LIMIT:
        message = f"{shown_path(path)} is larger than 2 MiB; narrow the paths"
        raise Inconclusive(message)


async def observe(params: GitRepositoryParams, ctx: CheckContext) -> Observation:
    """Read the paths at the ref.

    Raises Inconclusive if the ref, a tag or the needed history does not exist, Unreachable if the
    repository does not answer.
    """
    connection = await ctx.connection(params.conn_id)
    since = [one for one in (params.changed_since, params.unchanged_since) if one and moment(one) is None]
    repository = await open_repository(ctx, connection, params.ref, *since)
    view = await _view(repository, params)
    history = History(repository, view.commit, params, view.selection, ctx.clock())
    parts = (
        await _contents(view, params, ctx.clock()),
        await _forbidden(view, params),
        await history.read(),
    )
    paths = [shown_path(path) for path in view.files[:_SHOWN]]
    seen = Seen({"commit": view.commit, "files": len(view.files), "paths": paths})
    for part in parts:
        seen = seen.with_(part)
    where = str(connection.extra.get("url") or connection.extra.get("path") or connection.base_url)
    summary = {key: value for key, value in seen.facts.items() if key != "documents"}
    subject = Subject(name=params.ref, facts=seen.facts, unknown=seen.unknown)
    return Observation(subjects=(subject,), authority=where, summary=summary)


async def _view(repository: Repository, params: GitRepositoryParams) -> _View:
    commit = await repository.commit_of(params.ref)
    if commit is None:
        message = f"'{params.ref}' is not in the repository"
        raise Inconclusive(message)
    tree = await Tree.read(repository, commit)
    return _View(repository, commit, tree, await tree.select(params.paths, params.exclude))


async def _contents(view: _View, params: GitRepositoryParams, now: datetime) -> Seen:
    if not (params.min_words or params.headings or params.values):
        return Seen()
    texts, unread = await view.texts()
    headings = [heading for text in texts.values() for heading in headings_of(text)]
    words = sum(map(count_words, texts.values()))
    missing = [wanted for wanted in params.headings if not has_heading(headings, wanted)]
    seen = Seen({"words": words, "missing_headings": missing})
    if params.values:
        seen = seen.with_(await _values(view, params, texts, now))
    if not unread:
        return seen
    reason = f"not read: {_some(unread)}"
    unmet = bool(seen.facts.get("unmet_values"))
    settled = {"words": words >= params.min_words, "missing_headings": not missing, "unmet_values": unmet}
    return seen.with_(Seen(unknown={"documents": reason} | _doubts(params, reason, **settled)))


def _doubts(params: GitRepositoryParams, reason: str, **settled: bool) -> dict[str, str]:
    """Return the facts that a file which was not read may change, and that are not settled without it."""
    asked = " ".join(params.expect)
    return {fact: reason for fact, enough in settled.items() if not enough or fact in asked}


def _some(reasons: Sequence[str]) -> str:
    more = f" (and {len(reasons) - _NAMED} more)" if len(reasons) > _NAMED else ""
    return "; ".join(reasons[:_NAMED]) + more


async def _values(view: _View, params: GitRepositoryParams, texts: dict[str, str], now: datetime) -> Seen:
    extending = Extending(view.tree, view.text)
    documents = {path: await extending.merged(path, text) for path, text in texts.items()}
    judged = judge_values(params.values, documents, now)
    seen = Seen({"documents": documents, "unmet_values": judged.unmet[:_SHOWN]})
    if judged.doubtful and not judged.unmet:
        seen.unknown["unmet_values"] = judged.doubtful[0]
    return seen


async def _forbidden(view: _View, params: GitRepositoryParams) -> Seen:
    """Search for forbidden text; a file that cannot be searched may hold it."""
    if not params.forbid:
        return Seen()
    searched = await search(view.repository, view.selection.files, params.forbid)
    hits = [{"path": shown_path(path), "line": line} for path, line in sorted(searched.hits)]
    seen = Seen({"hits": hits[:_SHOWN], "hit_count": len(hits)})
    unsearched = [*view.selection.unseen, *searched.unsearched]
    if unsearched:
        reason = f"not searched: {_some(unsearched)}"
        seen.unknown = {"hit_count": reason} | _doubts(params, reason, hits=bool(hits))
    return seen
