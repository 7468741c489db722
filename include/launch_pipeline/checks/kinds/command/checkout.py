"""Finds the commit that a program ran on: the one checked out in its folder, if nothing else was there."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wcmatch import glob

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECONDS = 60.0
_GLOBS = glob.GLOBSTAR | glob.DOTGLOB | glob.FORCEUNIX
_SAFE = {
    "safe.directory": "*",
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.excludesFile": os.devnull,
}
"""An operator named the folder, so its owner does not matter; git runs none of its programs."""


_HEAD = ("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
_TOOLS = "node_modules"
_STATUS = ("status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=none", "--untracked-files=no")
_OTHERS = ("ls-files", "--others", "--exclude-per-directory=.gitignore", "--full-name", "-z", ":/")
"""Files that are not in the commit; what only this machine ignores (info/exclude) is one of them."""


@dataclass(frozen=True)
class Proof:
    """The commit that was run, or why that is not known."""

    commit: str | None
    reason: str = ""


@dataclass(frozen=True)
class Checkout:
    """The folder of a program, and what in it the program writes itself."""

    folder: Path
    artifacts: Sequence[str] = ()

    def before(self, argv: Sequence[str]) -> Proof:
        """Find the commit before the program runs: nothing may be there that is not in it."""
        top = _git(self.folder, "rev-parse", "--show-toplevel")
        head = _git(self.folder, *_HEAD)
        if not (top and head and _git(self.folder, "ls-files", "-z", ".")):
            return Proof(None, f"{self.folder} is not a checkout of a commit")
        apart = next((one for one in argv[1:] if self._is_apart(one, Path(top).resolve())), None)
        if apart:
            return Proof(None, f"'{apart}' is not in the commit that is checked out in {top}")
        listed = _git(self.folder, "ls-files", "-v", "-z", ":/")
        if listed is None or not all(line.startswith("H ") for line in _lines(listed)):
            return Proof(None, f"git overlooks files in {top} (assume-unchanged, or a sparse checkout)")
        return self._clean(head, untracked=True)

    def after(self, before: Proof) -> Proof:
        """Return the proof, unless the program checked out or changed something itself."""
        if before.commit is None:
            return before
        head = _git(self.folder, *_HEAD)
        if head != before.commit:
            return Proof(None, "the program checked out another commit")
        return self._clean(head, untracked=False)

    def _clean(self, head: str, *, untracked: bool) -> Proof:
        """Return the commit if the files are as it has them, other than artifacts."""
        changed = _git(self.folder, *_STATUS)
        others = _git(self.folder, *_OTHERS) if untracked else ""
        inside = _git(self.folder, "rev-parse", "--show-prefix")
        if changed is None or others is None or inside is None:
            return Proof(None, f"git cannot say whether {self.folder} was changed")
        for path in (*(line[3:] for line in _lines(changed)), *_lines(others)):
            if not (path.startswith(inside) and self._is_artifact(path.removeprefix(inside))):
                return Proof(None, f"the checkout was changed: {path} is not as in {head[:12]}")
        return Proof(head)

    def _is_artifact(self, path: str) -> bool:
        return any(glob.globmatch(path, str(Path(wanted)), flags=_GLOBS) for wanted in self.artifacts)

    def _is_apart(self, argument: str, top: Path) -> bool:
        """Return whether an argument names a file that is not in the commit, other than an installed tool."""
        if argument.startswith("-") or "\0" in argument:
            return False
        path = self.folder / argument
        if not path.exists():
            return False
        if not path.resolve().is_relative_to(top):
            return True
        tool = _TOOLS in path.parts or self._is_artifact(argument)
        return (
            path.is_file()
            and not tool
            and not _git(self.folder, "ls-files", "-z", "--", f":(literal){argument}")
        )


def _lines(said: str) -> list[str]:
    return [line for line in said.split("\0") if line]


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git says in a folder; None if it fails or takes too long."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    settings = {"GIT_CONFIG_COUNT": str(len(_SAFE)), "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8"}
    for place, (name, value) in enumerate(_SAFE.items()):
        settings |= {f"GIT_CONFIG_KEY_{place}": name, f"GIT_CONFIG_VALUE_{place}": value}
    try:
        done = subprocess.run(  # noqa: S603  (our own arguments)
            ["git", *arguments],  # noqa: S607  (wherever it is installed)
            cwd=folder,
            env=kept | settings,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return os.fsdecode(done.stdout).rstrip("\n")
