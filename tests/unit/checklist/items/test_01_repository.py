"""Week 1, the repository: what each item must not pass by, and the ordinary good ones that it must accept."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.verdict import Verdict
from servers.checking import run
from servers.deployed_world import asked
from servers.git_files import committed

if TYPE_CHECKING:
    from pathlib import Path

P, F = Verdict.PASSED, Verdict.FAILED


def on_repository(folder: Path, item: str, files: dict[str, Any], **variables: Any) -> Verdict:
    """Commit the files of a release, and judge an item by them."""
    commit = committed(folder, files)
    repository = ConnectionInfo("git", extra={"path": str(folder)})
    return run(asked(item, [repository], ["git_repository"], release_sha=commit, **variables))[0]


def contract(**paths: Any) -> dict[str, Any]:
    return {"docs/api/openapi.yaml": {"openapi": "3.1.0", "info": {"version": "1.0.0"}, "paths": paths}}


GET, POST = {"get": {"summary": "Read"}}, {"post": {"description": "Write", "requestBody": {}}}
CONTRACTS: dict[str, tuple[dict[str, Any], Verdict]] = {
    "every operation is described": (contract(a=GET, b=POST), P),
    "more than those that were reviewed": (contract(a=GET, b={**GET, **POST}), P),
    "parameters and a summary of a path": (
        contract(a={**GET, "summary": "A", "parameters": [{"name": "id"}]}, b=POST), P),
    "no operation at all": (contract(), F),
    "an operation of the list is missing": (contract(a=GET), F),
    "one without a word": (contract(a=GET, b={"get": {"responses": {}}}), F),
    "an empty summary": (contract(a=GET, b={"get": {"summary": ""}}), F),
}  # fmt: skip


@pytest.mark.parametrize(("files", "wanted"), CONTRACTS.values(), ids=CONTRACTS.keys())
def test_api_documentation(tmp_path: Path, files: dict[str, Any], wanted: Verdict) -> None:
    """Each operation is described, and there are as many as were reviewed."""
    reviewed = ["GET /a", "POST /b"]
    assert on_repository(tmp_path, "api_documentation", files, api_operations=reviewed) is wanted


SOURCES = {
    "a logger": ({"apps/web/src/a.ts": "log.info(1)\n"}, P),
    "a test": ({"apps/web/src/a.ts": "x\n", "apps/web/src/a.test.ts": "console.log(1)\n"}, P),
    "TypeScript": ({"services/api/src/a.ts": "console.log(1)\n"}, F),
    "tests as NestJS and Playwright lay them out": (
        {
            "apps/web/src/a.ts": "x\n",
            "apps/web/src/a.spec.ts": "console.log(1)\n",
            "apps/web/test/app.e2e-spec.ts": "console.log(1)\n",
            "apps/web/e2e/sign-in.ts": "console.log(1)\n",
        },
        P,
    ),
    "handed over and not called": ({"apps/web/src/a.ts": "load().then(console.log)\n"}, F),
    "called only if it is there": ({"apps/web/src/a.ts": "console?.log(1)\n"}, F),
    "another name": ({"apps/web/src/a.ts": "myconsole.log(1); console.logger(1)\n"}, P),
    "Vue": ({"apps/web/src/a.vue": "<script>console.log(1)</script>\n"}, F),
    "a module of JavaScript": ({"packages/ui/a.mjs": "console . log (1)\nconsole.log (1)\n"}, F),
    "JSX": ({"apps/web/src/a.jsx": "<a onClick={() => console.log(1)} />\n"}, F),
    "no source at all": ({"src/a.ts": "x\n"}, F),
}


@pytest.mark.parametrize(("files", "wanted"), SOURCES.values(), ids=SOURCES.keys())
def test_no_console_log(tmp_path: Path, files: dict[str, Any], wanted: Verdict) -> None:
    """Every language of production code counts, and code that lies elsewhere is no clean code."""
    assert on_repository(tmp_path, "no_console_log", files) is wanted


def strict(**more: bool) -> dict[str, Any]:
    return {"compilerOptions": {"strict": True, **more}}


SETTINGS: dict[str, tuple[dict[str, Any], Verdict]] = {
    "strict": ({"tsconfig.json": strict()}, P),
    "each part named": ({"tsconfig.json": strict(noImplicitAny=True, strictNullChecks=True)}, P),
    "fields that a framework fills, as of NestJS": (
        {"tsconfig.json": strict(strictPropertyInitialization=False)}, P),
    "a solution": ({"tsconfig.json": {"files": [], "references": [{"path": "./apps/web"}]},
                    "apps/web/tsconfig.json": strict()}, P),
    "null is allowed again": ({"tsconfig.json": strict(strictNullChecks=False)}, F),
    "any is allowed again, in one of them": (
        {"tsconfig.json": strict(),
         "apps/web/tsconfig.json": {"extends": "../../tsconfig.json", "compilerOptions": {"noImplicitAny": False}}}, F),
    "functions are loose again": ({"tsconfig.json": strict(strictFunctionTypes=False)}, F),
    "not strict": ({"tsconfig.json": {"compilerOptions": {}}}, F),
}  # fmt: skip


@pytest.mark.parametrize(("files", "wanted"), SETTINGS.values(), ids=SETTINGS.keys())
def test_typescript_strict(tmp_path: Path, files: dict[str, Any], wanted: Verdict) -> None:
    """Strict counts only where none of the parts that carry it is turned off again."""
    assert on_repository(tmp_path, "typescript_strict", files) is wanted


@pytest.mark.parametrize(("version", "wanted"), [("1.0.0", F), ("2.3.0", P)])
def test_contract_with_a_version_of_its_own(tmp_path: Path, version: str, wanted: Verdict) -> None:
    """A contract need not have the release's version, where the product names its own."""
    files = {"docs/api/openapi.yaml": {"info": {"version": version}}}
    known = {"api_version": "2.3.0", "api_freeze_tag": "freeze"}
    committed(tmp_path, files, "freeze")
    assert on_repository(tmp_path, "api_specifications_finalized", {"a": "later\n"}, **known) is wanted


POLICY = "# Reporting a vulnerability\n# Incident response\n" + "word " * 300


@pytest.mark.parametrize("place", ["SECURITY.md", ".github/SECURITY.md", "docs/SECURITY.md"])
def test_security_policies(tmp_path: Path, place: str) -> None:
    """The policy may be in each place where GitHub looks for it; alone it is not enough."""
    assert on_repository(tmp_path, "security_policies", {place: POLICY}) is F
    assert on_repository(tmp_path, "security_policies", {"docs/security/keys.md": "# Keys\n"}) is P
