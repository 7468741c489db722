"""A git repository that a test writes commit by commit, at times of its choice, and asks the check about."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.engine.context import ConnectionInfo
from servers.checking import check, context, run

if TYPE_CHECKING:
    from pathlib import Path

    from launch_pipeline.checks.verdict import CheckResult

_WHO = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


class WorkTree:
    """A repository with a work tree, on branch ``main``."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, at: str = "2026-01-01T00:00:00Z", data: bytes | None = None) -> str:
        """Run git at a time, without the configuration of this machine."""
        times = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at, "GIT_CONFIG_GLOBAL": os.devnull}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            check=True,
            capture_output=True,
            input=data,
            env={**os.environ, **_WHO, **times},
        )
        return done.stdout.decode("utf-8", "replace").strip()

    def write(self, files: dict[str, str | bytes], at: str = "2026-01-01T00:00:00Z") -> str:
        """Write files and commit all there is; return the commit."""
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self.commit(at)

    def commit(self, at: str = "2026-01-01T00:00:00Z") -> str:
        """Commit all there is."""
        self.git("add", "-A", ".")
        self.git("commit", "-q", "--allow-empty", "-m", "a change", at=at)
        return self.git("rev-parse", "HEAD")

    def entry(self, mode: str, content: bytes, path: bytes) -> None:
        """Put an entry into the index as it is, whatever the file system thinks of it."""
        oid = self.git("hash-object", "-w", "--stdin", data=content)
        self.git("update-index", "-z", "--index-info", data=f"{mode} {oid}\t".encode() + path + b"\0")

    def asked(self, **params: Any) -> CheckResult:
        """Ask the check about ``main``."""
        connection = ConnectionInfo("git", extra={"path": str(self.path)})
        return run(check(context({"git": connection}), "git_repository", **{"ref": "main", **params}))
