"""A git repository of a few files, made by git itself."""

from __future__ import annotations

import json
import os
import subprocess
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def run_git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, as someone whose name is the same everywhere, and return what it says."""
    who = {f"GIT_{who}_{what}": "t@t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True, env={**os.environ, **who}
    )
    return done.stdout.strip()


def committed(folder: Path, files: Mapping[str, Any], *tags: str) -> str:
    """Commit files in a repository, new or not, and return the commit; anything but a text is JSON."""
    git = partial(run_git, folder)
    git("init", "-q", "-b", "main")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    git("add", ".")
    git("commit", "-qm", "one")
    for tag in tags:
        git("tag", tag)
    return git("rev-parse", "HEAD")
