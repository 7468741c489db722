"""``git_repository`` against a real bare repository made by git itself."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import check, context, raw, run
from servers.git_files import run_git

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE

FILES = {
    "docs/design/a.md": "# Goals\n\none two three\n\n## Non-goals\n\n## 3. Risks\n",
    "docs/plan.md": "---\nrto: 1h\nrpo: 30m\n---\n# RTO\n\nTBD later\n",
    "docs/api/openapi.yaml": "info:\n  version: 1.10\n",
    "tsconfig.base.json": '{"compilerOptions": {"strict": true,}, /* all */ }',
    "apps/web/tsconfig.json": '{ // web\n "extends": "../../tsconfig.base.json", "include": ["**/*"]}',
    "apps/api/tsconfig.json": '{"compilerOptions": {"strict": false}}',
    "apps/web/src/a.ts": "export const a = 1;\nconsole.log(a)\n",
    "apps/web/src/a.test.ts": "console.log(1)\n",
}


@dataclass
class Made:
    """A repository, its release commit and its tag."""

    path: Path
    release: str


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Create a bare repository with a freeze tag and one commit after it."""
    work, bare = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("bare") / "r.git"
    git = partial(run_git, work)
    git("init", "-q", "-b", "main")
    for name, text in FILES.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    git("add", ".")
    git("commit", "-qm", "one")
    git("tag", "freeze")
    (work / "docs/plan.md").write_text(FILES["docs/plan.md"] + "more\n")
    git("commit", "-qam", "two")
    git("clone", "-q", "--bare", str(work), str(bare))
    return Made(bare, git("rev-parse", "HEAD"))


CASES: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "files": ({"paths": ["docs/**/*.md"], "min_files": 2}, P, "files = 2"),
    "too few": ({"paths": ["docs/**/*.md"], "min_files": 3}, F, "files = 2, want >= 3"),
    "none": ({"paths": ["doc/**"]}, F, "files = 0"),
    "braces and excluded": ({"paths": ["{apps,x}/**/*.{ts,tsx}"], "exclude": ["**/*.test.*"]}, P, "files = 1"),
    "words": ({"paths": ["docs/design/*.md"], "min_words": 100}, F, "words = "),
    "headings": ({"paths": ["docs/design/*.md"], "headings": ["Goals", "Non-goals", "Risks"]}, P, "files"),
    "a heading is missing": ({"paths": ["docs/design/*.md"], "headings": ["Scope"]}, F, '["Scope"]'),
    "forbidden text": ({"paths": ["docs/**/*.md"], "forbid": [r"\b(TODO|TBD)\b"]}, F, '"line": 7'),
    "forbidden text elsewhere": ({"paths": ["docs/design/*.md"], "forbid": [r"\bTBD\b"]}, P, "hits = []"),
    "excluded from forbidden": (
        {"paths": ["apps/**/*.ts"], "exclude": ["**/*.test.*", "**/a.ts"], "min_files": 1,
         "forbid": [r"console\.log\s*\("]}, F, "files = 0"),
    "fresh": ({"paths": ["docs/**/*.md"], "max_age": "180d"}, P, "last_commit"),
    "unchanged since the tag": ({"paths": ["docs/api/**"], "unchanged_since": "freeze"}, P, "changes = 0"),
    "changed since the tag": ({"paths": ["docs/*.md"], "unchanged_since": "freeze"}, F, "changes = 1"),
    "a tag nobody made": ({"paths": ["docs/*.md"], "unchanged_since": "nothing"}, Q, "neither a time"),
    "changed since a time": ({"paths": ["docs/*.md"], "changed_since": "2020-01-01T00:00:00Z"}, P, "changed"),
    "not changed since": ({"paths": ["docs/*.md"], "changed_since": "2999-01-01T00:00:00Z"}, F, "changed"),
    "version keeps its digits": (
        {"paths": ["docs/api/openapi.yaml"], "values": {"info.version": "== 1.10"}}, P, "unmet"),
    "1.10 is not 1.1": ({"paths": ["docs/api/openapi.yaml"], "values": {"info.version": "== 1.1"}}, F, "1.10"),
    "front matter": (
        {"paths": ["docs/plan.md"],
         "values": {"front_matter.rto": "<= 1h", "front_matter.rpo": "<= 15m"}}, F, "rpo = 30m, want <= 15m"),
    "tsconfig extends": (
        {"paths": ["apps/web/tsconfig.json"], "values": {"compilerOptions.strict": "== true"}}, P, "unmet"),
    "one tsconfig is not strict": (
        {"paths": ["**/tsconfig*.json"], "values": {"compilerOptions.strict": "== true"}}, F, "apps/api"),
    "an unknown commit": ({"paths": ["docs/**"], "ref": "f" * 40}, Q, "is not in the repository"),
    "a ref is no option": ({"paths": ["docs/**"], "ref": "--all"}, Q, "is not in the repository"),
    "a branch": ({"paths": ["docs/**"], "ref": "main"}, P, "files"),
}  # fmt: skip


@pytest.mark.parametrize(("params", "verdict", "headline"), CASES.values(), ids=CASES.keys())
def test_repository(made: Made, params: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """Git's own answer at the commit gives the verdict."""
    ctx = context(
        {"git": ConnectionInfo("git", extra={"path": str(made.path)})},
        variables={"release_sha": made.release},
    )
    result = run(check(ctx, "git_repository", **params))
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_remote_is_mirrored(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A remote repository is cloned once; two checks at a time do not disturb each other."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    connection = ConnectionInfo("git", extra={"url": made.path.as_uri()})
    ctx = context({"git": connection}, variables={"release_sha": made.release})

    async def twice() -> list[CheckResult]:
        import asyncio  # noqa: PLC0415

        asked = (check(ctx, "git_repository", paths=["docs/**"]) for _ in range(2))
        return list(await asyncio.gather(*asked))

    assert [result.verdict for result in run(twice())] == [P, P]


def test_tag_that_was_moved(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit never changes, a tag may: it is fetched anew although the release's commit is known."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    origin = tmp_path / "origin.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(made.path), str(origin)], check=True)
    ctx = context({"git": ConnectionInfo("git", extra={"url": origin.as_uri()})})
    params = {"paths": ["docs/*.md"], "ref": made.release, "unchanged_since": "freeze"}
    verdicts = [run(check(ctx, "git_repository", **params)).verdict]
    for arguments in (["tag", "-f", "freeze", made.release], ["tag", "-d", "freeze"]):
        subprocess.run(["git", "--git-dir", str(origin), *arguments], check=True, capture_output=True)
        verdicts.append(run(check(ctx, "git_repository", **params)).verdict)
    assert verdicts == [F, P, Q]


def test_no_repository_named() -> None:
    """A connection without a repository is inconclusive and says what to set."""
    ctx = context({"git": ConnectionInfo("git")}, variables={"release_sha": "a" * 40})
    assert "extra.url" in run(check(ctx, "git_repository", paths=["x"])).headline
