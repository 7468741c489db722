"""A visitor of the project: a clean clone, a shell in it, and programs in the place of what is not here.

``launch`` and ``python`` are those of the clone's code; ``launch up`` takes a free port. ``make`` says what
it would do. ``docker`` writes down what it is asked, and runs what a container of our image would run.
``newest`` waits for the newest launch to be admitted and prints its id.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from servers.documents import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PATIENCE = 240.0
_PYTHON = '#!/bin/sh\nexec "{python}" "$@"\n'
_LAUNCH = (
    '#!/bin/sh\n[ "$1" = up ] && set -- "$@" --port "$PORT"\nexec python -m launch_pipeline.cli.main "$@"\n'
)
_MAKE = '#!/bin/sh\nexec {make} -n "$@"\n'
_DOCKER = """#!/usr/bin/env python
import json, os, subprocess, sys
asked = sys.argv[1:]
with open(os.environ["ASKED"], "a") as file:
    file.write(json.dumps(asked) + "\\n")
image = next((at for at, word in enumerate(asked) if word.startswith("launch-pipeline:")), None)
if asked[0] == "run" and image is not None:
    sys.exit(subprocess.run(asked[image + 1 :]).returncode)
"""
_NEWEST = """#!/usr/bin/env python
import time
from pathlib import Path
import os, psycopg
from launch_pipeline.stack.home import read_info
dsn, row = read_info(Path(os.environ["LAUNCH_HOME"])).ledger_dsn, None
while row is None:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT launch_id FROM launch.launches ORDER BY started_at DESC").fetchone()
    time.sleep(0.1)
print(row[0])
"""
_CHAOS = """#!/bin/sh
shift 2
exec python -c 'import sys; from chaos.__main__ import _arguments; sys.argv[0] = "chaos"; _arguments()' "$@"
"""


@dataclass
class Visitor:
    """One person at a terminal in the clone."""

    folder: Path
    home: Path
    port: int
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def clone(self) -> Path:
        """The checkout."""
        return self.folder / "clone"

    def asked(self) -> list[list[str]]:
        """Everything that docker was asked so far."""
        file = self.folder / "asked"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def types(self, text: str, *, keys: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a block as it is written; a command of it that fails ends it."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.clone,
            env=self.variables(environment),
            input=keys,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def variables(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the terminal: nothing of the tests' own."""
        kept = {name: value for name, value in os.environ.items() if not re.match("LAUNCH_|AIRFLOW_", name)}
        return {
            **kept,
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{kept.get('PATH', '')}",
            "PYTHONPATH": f"{self.clone / 'include'}{os.pathsep}{self.clone / 'tests'}",
            "LAUNCH_HOME": str(self.home),
            "PORT": str(self.port),
            "ASKED": str(self.folder / "asked"),
            **self.environment,
            **more,
        }


def visitor(folder: Path, home: Path, port: int) -> Visitor:
    """Clone what git knows of this tree as it is now, and put the programs in place."""
    git = ["git", "-c", "user.name=Visitor", "-c", "user.email=visitor@example.test"]
    origin = folder / "origin"
    listed = subprocess.run([*git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (origin / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, origin / name)
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "As it is now"]):
        subprocess.run([*git, *command], cwd=origin, check=True)
    subprocess.run([*git, "clone", "-q", str(origin), str(folder / "clone")], check=True)
    made = Visitor(folder, home, port)
    programs = {
        "bin/python": _PYTHON.format(python=sys.executable),
        "bin/launch": _LAUNCH,
        "bin/make": _MAKE.format(make=shutil.which("make")),
        "bin/docker": _DOCKER,
        "bin/newest": _NEWEST,
        "clone/.venv/bin/python": _CHAOS,
    }
    for name, text in programs.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return made
