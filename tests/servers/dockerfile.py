"""The Dockerfile's steps without a container: its COPY lines copy, its RUN lines run, below another root."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK, NEXT_LOCK = ROOT / "requirements-production.lock", ROOT / "requirements-next.lock"
PLACES = ("/opt/launch", "/build")
"""Absolute places that the steps name; each lies below the folder that stands for the image."""


@dataclass(frozen=True)
class Step:
    """One instruction."""

    word: str
    text: str


def stages(path: Path = ROOT / "Dockerfile") -> list[list[Step]]:
    """Read the file: one list of instructions for each FROM, the FROM first."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    steps = [Step(*line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]
    found: list[list[Step]] = []
    for step in steps:
        if step.word == "FROM":
            found.append([])
        found[-1].append(step)
    return found


def placed(text: str, image: Path) -> str:
    """Put the image's places below its folder."""
    for place in PLACES:
        text = re.sub(rf"(?<![\w.]){place}(?=[/\s]|$)", f"{image}{place}", text)
    return text


def build(image: Path) -> None:
    """Take every step of the first stage, and those of the second that copy from the project."""
    first, second = stages()
    (image / "opt/launch").mkdir(parents=True)
    for step in first:
        if step.word == "COPY":
            copy(step.text, image / "build")
        elif step.word == "RUN":
            run(placed(step.text, image), image / "build")
    for step in second:
        if step.word == "COPY" and not step.text.startswith("--from"):
            copy(placed(step.text, image), image)
    if f"apache-airflow-core=={version('apache-airflow-core')} " not in LOCK.read_text():
        _with_next_airflow(image)


def _with_next_airflow(image: Path) -> None:
    """Install the Airflow that these tests run on (``make next-airflow``) over the locked one."""
    uv, python = image / "build/tools/bin/uv", image / "opt/launch/venv/bin/python"
    options = "--quiet --require-hashes --no-deps --compile-bytecode"
    run(f"{uv} pip install --python {python} {options} -r {NEXT_LOCK}", image / "build")


def copy(text: str, workdir: Path) -> None:
    """Copy files into a folder, or what is in a folder into another."""
    *sources, target = text.split()
    place = workdir / target
    place.mkdir(parents=True, exist_ok=True)
    for source in (ROOT / name for name in sources):
        if source.is_dir():
            shutil.copytree(source, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place)


def run(command: str, workdir: Path) -> None:
    """Run a line as the builder would: with sh, and the Python of the base image in front."""
    path = os.pathsep.join([_python_folder(workdir), "/usr/bin", "/bin"])
    # How this machine reaches a package index is its own business.
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("PYTHON", "VIRTUAL_ENV", "LAUNCH", "AIRFLOW"))
    }
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=workdir,
        env={**kept, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{command}\n{done.stderr[-3000:]}"


def _python_folder(workdir: Path) -> str:
    """Make a folder with a ``python`` that is in no virtual environment."""
    folder = workdir.parent / "python"
    folder.mkdir(exist_ok=True)
    link = folder / "python"
    if not link.exists():
        link.symlink_to(
            Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
        )
    return str(folder)
