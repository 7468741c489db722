"""A kind of a package of one's own: exactly the package of the page that explains it."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from aiohttp import web

from launch_pipeline.checklist.load import load_phase
from launch_pipeline.checklist.model import CheckSpec
from launch_pipeline.checks.docs.catalogue import rendered
from launch_pipeline.checks.engine.registry import _loaded, _sources, kind, kind_names, parameter_models
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.errors import InvalidChecklist
from servers.checking import context, raw, run
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.checks.verdict import CheckResult

pytestmark = pytest.mark.integration

PAGE = Path(__file__).resolve().parents[3] / "docs" / "own-check-kind.md"
BLOCK = re.compile(r"^```\w+\n# (?P<name>[^\n]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FLAGS = {"new_checkout": {"enabled": True, "rollout": 100}, "new_search": {"enabled": True, "rollout": 50}}


def blocks() -> dict[str, str]:
    """Code of the page by the name that its first line gives."""
    return {match["name"]: match["text"] for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Build the page's package and unpack its wheel into a folder on the path, as installing does."""
    source, site = tmp_path / "source", tmp_path / "site"
    for name, text in blocks().items():
        if name.endswith((".py", ".toml")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    done = subprocess.run(command, cwd=source, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    monkeypatch.syspath_prepend(str(site))
    _forget()
    yield site
    for module in [name for name in sys.modules if name.split(".")[0] == "acme_checks"]:
        del sys.modules[module]
    monkeypatch.undo()
    _forget()


def ask(flags: dict[str, dict[str, object]]) -> CheckResult:
    """Run the item's check of the page against a service that has these flags."""
    (written,) = yaml.safe_load(blocks()["checks of an item"])

    async def flag(request: web.Request) -> web.Response:
        found = flags.get(request.match_info["name"])
        return (
            web.json_response(found) if found else web.json_response({"message": "no such flag"}, status=404)
        )

    async def asking() -> CheckResult:
        app = web.Application()
        app.router.add_get("/flags/{name}", flag)
        async with serving(app) as port:
            ctx = context({"flags": http_connection(port, "flags", password="planted-flag-token")})
            (result,) = await run_checks([CheckSpec.model_validate(written)], ctx)
            return result

    return run(asking())


@pytest.mark.usefixtures("installed")
def test_the_page_s_kind_is_found_by_its_entry_point() -> None:
    """The registry knows it beside the built-in kinds, without any change of the product."""
    assert "feature_flags" in kind_names()
    assert kind("feature_flags").default_conn_id == "flags"
    assert {"feature_flags", "http_request"} <= set(parameter_models())


@pytest.mark.usefixtures("installed")
def test_the_page_s_kind_looks_and_is_judged() -> None:
    """Passes where all flags are on for enough users; a flag for fewer users fails and is named."""
    assert ask(FLAGS).verdict is Verdict.PASSED
    result = ask({**FLAGS, "new_search": {"enabled": True, "rollout": 10}})
    assert (result.verdict, result.headline) == (
        Verdict.FAILED,
        "new_search: rollout is 10; wanted at least 50 (1 of 2)",
    )


@pytest.mark.usefixtures("installed")
def test_what_the_page_s_kind_cannot_find_out_is_no_pass() -> None:
    """A flag that does not exist is inconclusive in the service's own words, and no secret is shown."""
    result = ask({"new_checkout": FLAGS["new_checkout"]})
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "no such flag" in raw(result)
    assert "planted-flag-token" not in result.model_dump_json()


CHECKLIST = Path(__file__).resolve().parents[2] / "fixtures" / "checklists" / "valid.yaml"


def with_page_s_check(folder: Path, **parameters: object) -> Path:
    """Write a checklist whose first checked item has the page's check, with other parameters if given."""
    (written,) = yaml.safe_load(blocks()["checks of an item"])
    document = yaml.safe_load(CHECKLIST.read_text(encoding="utf-8"))
    item = next(i for s in document["sections"] for i in s["items"] if i.get("checks"))
    item["checks"] = [{"feature_flags": {**written["feature_flags"], **parameters}}]
    path = folder / "01_own.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


@pytest.mark.usefixtures("installed")
def test_checklists_with_the_page_s_kind_are_read_strictly(tmp_path: Path) -> None:
    """Its parameters are validated when the checklist is read, and a mistake names the parameter."""
    load_phase(with_page_s_check(tmp_path), parameter_models())
    with pytest.raises(InvalidChecklist, match="min_rollout"):
        load_phase(with_page_s_check(tmp_path, min_rollout=101), parameter_models())


@pytest.mark.usefixtures("installed")
def test_the_catalogue_lists_the_page_s_kind() -> None:
    """With the meaning of its parameters, read from their docstrings."""
    text = rendered()
    assert "### feature_flags\n\nAre the flags enabled for enough users? Flags by name." in text
    assert "| `min_rollout` | whole number | `100` | Percentage of users who must have each flag. |" in text


def test_without_the_package_the_kind_is_unknown() -> None:
    """Nothing of the page's package is left behind, and the product does not have it by itself."""
    assert "feature_flags" not in kind_names()


def _forget() -> None:
    _sources.cache_clear()
    _loaded.cache_clear()
