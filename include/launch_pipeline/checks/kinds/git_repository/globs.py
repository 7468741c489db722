"""Globs over the paths of a repository: ``*``, ``?``, ``[...]``, ``**`` across folders, ``{a,b}``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bracex
from wcmatch import glob

from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_FLAGS = glob.GLOBSTAR | glob.DOTGLOB | glob.FORCEUNIX
_MOST = 500


def expand_braces(pattern: str) -> list[str]:
    """Expand ``{a,b}/x`` to ``a/x`` and ``b/x``; raises Inconclusive beyond 500."""
    try:
        return bracex.expand(pattern.removeprefix("./"), keep_escapes=True, limit=_MOST)
    except bracex.ExpansionLimitException as error:
        message = f"'{pattern[:80]}' stands for more than {_MOST} globs; narrow it"
        raise Inconclusive(message) from error


def matching(paths: Iterable[str], globs: Sequence[str], exclude: Sequence[str] = ()) -> list[str]:
    """Return the paths that match one of the globs and none of the excluded ones."""
    wanted, unwanted = (
        [one for each in patterns for one in expand_braces(each)] for patterns in (globs, exclude)
    )
    matcher = glob.compile(wanted, flags=_FLAGS, exclude=unwanted, limit=0)
    return [path for path in paths if matcher.match(path)]


def may_match_below(folder: str, globs: Sequence[str], exclude: Sequence[str] = ()) -> bool:
    """Return whether a glob may match a file of a folder whose content is not known."""
    probes = (f"{folder}/x", f"{folder}/x/y.z")
    if exclude and len(matching(probes, exclude)) == len(probes):
        return False
    parts = folder.split("/")
    return any(_leads_below(one.split("/"), parts) for each in globs for one in expand_braces(each))


def _leads_below(segments: Sequence[str], parts: Sequence[str]) -> bool:
    for place, part in enumerate(parts):
        if place >= len(segments):
            return False
        if segments[place] == "**":
            return True
        if not glob.globmatch(part, segments[place], flags=_FLAGS):
            return False
    return len(segments) > len(parts)
