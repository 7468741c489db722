"""Globs over paths of a repository: ``*``, ``?``, ``[...]``, ``**`` across folders, ``{a,b}``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BRACES = re.compile(r"\{([^{}]*)\}")
_MOST = 500
_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^\]/]+\]|.", re.DOTALL)
_MEANING = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def expand_braces(glob: str) -> list[str]:
    """Write ``{a,b}/x`` as ``a/x`` and ``b/x``; raises Inconclusive beyond 500."""
    done: list[str] = []
    waiting = [glob]
    while waiting:
        if len(waiting) + len(done) > _MOST:
            message = f"'{glob[:80]}' stands for more than {_MOST} globs"
            raise Inconclusive(message)
        current = waiting.pop(0)
        match = _BRACES.search(current)
        if match is None:
            done.append(current)
        else:
            waiting += [
                current[: match.start()] + part + current[match.end() :] for part in match[1].split(",")
            ]
    return done


@lru_cache(maxsize=256)
def _pattern(globs: tuple[str, ...]) -> re.Pattern[str]:
    plain = [single for glob in globs for single in expand_braces(glob)]
    return re.compile("|".join(f"(?:{_translated(glob)})" for glob in plain) or "(?!)")


def _translated(glob: str) -> str:
    return "".join(_meaning(token) for token in _TOKEN.findall(glob.removeprefix("./")))


def _meaning(token: str) -> str:
    if token.startswith("[") and len(token) > 1:
        inner = token[1:-1].replace("\\", "\\\\")
        return f"[^{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"
    return _MEANING.get(token, re.escape(token))


def matching(paths: Iterable[str], globs: Sequence[str], exclude: Sequence[str] = ()) -> list[str]:
    """Give the paths that match a glob and none of those to exclude."""
    wanted, unwanted = _pattern(tuple(globs)), _pattern(tuple(exclude))
    return [path for path in paths if wanted.fullmatch(path) and not unwanted.fullmatch(path)]
