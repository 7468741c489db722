"""Globs over the paths of a repository."""

from __future__ import annotations

import pytest

from launch_pipeline.checks.kinds.git_repository.globs import expand_braces, matching
from launch_pipeline.errors import Inconclusive

PATHS = ["a.md", ".env", "docs/a.md", "docs/b/c.md", "web/a.ts", "web/src/a.test.tsx", ".github/ci.yml"]

CASES: dict[str, tuple[list[str], list[str], list[str]]] = {
    "a star stays in its folder": (["*.md"], [], ["a.md"]),
    "two stars cross folders, also none": (["**/*.md"], [], ["a.md", "docs/a.md", "docs/b/c.md"]),
    "all below a folder": (["docs/**"], [], ["docs/a.md", "docs/b/c.md"]),
    "hidden files and folders": (["*", ".github/*.yml"], [], ["a.md", ".env", ".github/ci.yml"]),
    "braces, excluded": (["{web,x}/**/*.{ts,tsx}"], ["**/*.test.*"], ["web/a.ts"]),
    "this folder": (["./docs/*.md"], [], ["docs/a.md"]),
    "a set and its opposite": (["[a-c].md", "docs/[!b].md"], [], ["a.md", "docs/a.md"]),
    "one character": (["?.md", "web/?.?s"], [], ["a.md", "web/a.ts"]),
    "a folder alone": (["docs"], [], []),
    "no glob": ([], [], []),
}


@pytest.mark.parametrize(("globs", "exclude", "wanted"), CASES.values(), ids=CASES.keys())
def test_matching(globs: list[str], exclude: list[str], wanted: list[str]) -> None:
    """The paths are those that git finds with the same globs."""
    assert matching(PATHS, globs, exclude) == wanted


def test_braces_are_bounded() -> None:
    """A glob that stands for too many others is refused."""
    assert expand_braces("{a,{b,c}}/x") == ["a/x", "b/x", "c/x"]
    with pytest.raises(Inconclusive, match="more than 500 globs"):
        expand_braces("{a,b}" * 20)
