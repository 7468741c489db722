"""``git_repository`` reads settings of TypeScript as tsc does, in a real repository.

The forms are those of https://www.typescriptlang.org/tsconfig/#extends, of the starters of Vite (a file that
only refers to others) and Turborepo (settings in a package of the workspace).
"""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.checks.verdict import Verdict
from servers.checking import check, context, run
from servers.git_files import committed

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
Object = dict[str, Any]


def strict(value: Any = True, **more: Any) -> Object:
    return {"compilerOptions": {"strict": value}, **more}


SHARED = {
    "packages/typescript-config/package.json": {"name": "@repo/typescript-config"},
    "packages/typescript-config/base.json": strict(),
    "packages/typescript-config/loose.json": strict(value=False),
    "packages/typescript-config/tsconfig.json": strict(),
}
PACKAGE = "@repo/typescript-config"
OWN = "apps/web/tsconfig.json"
SETTINGS: dict[str, tuple[Object, Verdict]] = {
    "its own": ({OWN: strict()}, P),
    "switched off": ({OWN: strict(value=False)}, F),
    "nothing said": ({OWN: {"compilerOptions": {"target": "ES2022"}}}, F),
    "a workspace package": ({OWN: {"extends": f"{PACKAGE}/base.json"}}, P),
    "a workspace package without the ending": ({OWN: {"extends": f"{PACKAGE}/base"}}, P),
    "a workspace package by its name alone": ({OWN: {"extends": PACKAGE}}, P),
    "a workspace package that is not strict": ({OWN: {"extends": f"{PACKAGE}/loose.json"}}, F),
    "a file that a workspace package lacks": ({OWN: {"extends": f"{PACKAGE}/next.json"}}, Q),
    "switched off over a package": ({OWN: strict(value=False, extends=f"{PACKAGE}/base.json")}, F),
    "several, the last counts": ({OWN: {"extends": [f"{PACKAGE}/loose.json", f"{PACKAGE}/base.json"]}}, P),
    "several, the last is not strict": ({OWN: {"extends": [f"{PACKAGE}/base.json", f"{PACKAGE}/loose.json"]}}, F),
    "a package of npm": ({OWN: {"extends": "@tsconfig/strictest/tsconfig.json"}}, Q),
    "a package of npm under its own": ({OWN: strict(extends="@tsconfig/node22/tsconfig.json")}, P),
    "a package of npm above a strict one": ({OWN: {"extends": [f"{PACKAGE}/base.json", "@tsconfig/node22"]}}, Q),
    "a package of npm below a strict one": ({OWN: {"extends": ["@tsconfig/node22", f"{PACKAGE}/base.json"]}}, P),
    "a package of npm below one that is not": ({OWN: {"extends": ["@tsconfig/node22", f"{PACKAGE}/loose.json"]}}, F),
    "a circle": ({OWN: {"extends": "./tsconfig.json"}}, F),
    "no name": ({OWN: {"extends": 5}}, F),
    "a file that only refers to strict ones": (
        {OWN: {"files": [], "references": [{"path": "./tsconfig.app.json"}]}, "apps/web/tsconfig.app.json": strict()}, P),
    "a file that refers to one that is not": (
        {OWN: {"files": [], "references": [{"path": "./tsconfig.app.json"}]}, "apps/web/tsconfig.app.json": strict(value=False)}, F),
    "no files, but a pattern": ({OWN: {"files": [], "include": ["src"]}}, F),
    "a file of a build over a strict one": (
        {OWN: strict(), "apps/web/tsconfig.build.json": {"extends": "./tsconfig.json", "exclude": ["**/*.spec.ts"]}}, P),
}  # fmt: skip


@pytest.fixture(scope="module")
def shipped() -> Object:
    """Return the check of the item about TypeScript."""
    items = [item for phase in load_phases(parameter_models()) for _, item in phase.items()]
    return dict(next(item for item in items if item.id == "typescript_strict").checks[0].params)


@pytest.mark.parametrize(("files", "verdict"), SETTINGS.values(), ids=SETTINGS.keys())
def test_strict(tmp_path: Path, shipped: Object, files: Object, verdict: Verdict) -> None:
    """Strict is what tsc would compile with; a base that is not in the repository leaves it open."""
    commit = committed(tmp_path, {**SHARED, **files})
    variables = {"release_sha": commit, "source_folders": "{apps,packages,services}"}
    ctx = context({"git": ConnectionInfo("git", extra={"path": str(tmp_path)})}, variables=variables)
    result = run(check(ctx, "git_repository", **shipped))
    assert result.verdict is verdict, result.headline
