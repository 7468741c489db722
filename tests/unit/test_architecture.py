"""Hold the shape of the package: files, what importing costs, and what a wheel carries."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include"
PACKAGE = INCLUDE / "launch_pipeline"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
REHEARSAL = sorted((ROOT / "rehearsal").rglob("*.py"))
SOURCES = [
    *MODULES,
    *REHEARSAL,
    *sorted((ROOT / "dags").glob("*.py")),
    *sorted((ROOT / "plugins").glob("*.py")),
]

CLIENTS = {
    "aiohttp",
    "airflow",
    "asyncpg",
    "boto3",
    "botocore",
    "cryptography",
    "defusedxml",
    "dns",
    "httpx",
    "kubernetes",
    "psycopg",
    "psycopg2",
    "requests",
    "rich",
    "slack_bolt",
    "slack_sdk",
    "sqlalchemy",
    "typer",
    "urllib3",
}
"""Libraries that talk to somebody, or are heavy for another reason."""

LIGHT = [
    "launch_pipeline.checklist.load",
    "launch_pipeline.checklist.plan",
    "launch_pipeline.checks.engine.registry",
    "launch_pipeline.checks.docs.schema",
    "launch_pipeline.approvals.policy",
]


def name_of(path: Path) -> str:
    """Path of a source file as a person would look for it, and as the id of its tests."""
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and module of every import: at the top, inside functions, for types, and by name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # 'from launch_pipeline import cli' names its room behind the module.
            names = [alias.name for alias in node.names] if node.module == "launch_pipeline" else []
            yield from ((node.lineno, f"launch_pipeline.{name}") for name in names)
            if not names:
                yield node.lineno, node.module or ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # 'module:attribute' is imported when it is needed.
            module, colon, _ = node.value.partition(":")
            if colon and module.startswith("launch_pipeline.") and " " not in node.value:
                yield node.lineno, module


def process(script: str, *arguments: str, path: str = str(INCLUDE)) -> Any:
    """Run Python afresh with only the given import path, and read the JSON that it prints."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        # The working directory is no import path: only the given one counts.
        env={**keep, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# ---- imports: what import-linter cannot say (pyproject.toml holds the rest) ------------------------

ORM = ("airflow.models", "airflow.settings", "airflow.utils.session", "sqlalchemy")
"""Airflow's database. import-linter knows packages of others as a whole only."""


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_api_server_and_deployment_use_airflows_orm(path: Path) -> None:
    """Airflow 3 gives tasks, triggers and Dag files no database: they would work here, and fail deployed."""
    if {"api_server", "deployment"} & set(path.relative_to(PACKAGE).parts):
        return
    assert [f"line {line}: {module}" for line, module in imports(path) if module.startswith(ORM)] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_product_needs_no_test(path: Path) -> None:
    """Tests and their servers are not imported by what they test."""
    roots = {module.split(".")[0] for _, module in imports(path)}
    assert roots.isdisjoint({"tests", "servers", "pytest", "hypothesis", "trustme", "jsonschema"})


# ---- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_file_is_short_documented_and_imports_absolutely(path: Path) -> None:
    """At most 400 lines, a docstring first, annotations deferred, no relative import."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    # An auditor gets one file, which nothing else can be moved out of.
    assert len(text.splitlines()) <= (575 if path.name == "auditor.py" else 400)
    assert ast.get_docstring(tree)
    deferred = [
        node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    assert [alias.name for node in deferred for alias in node.names] == ["annotations"]
    relative = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    assert relative == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_is_named_like_no_other(path: Path) -> None:
    """Every folder is a package; none of them is named like a module of the standard library."""
    assert (path.parent / "__init__.py").is_file()
    assert path.parent == PACKAGE or path.parent.name not in sys.stdlib_module_names


# ---- what an import costs --------------------------------------------------------------------------

LOADED = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))
"""


@pytest.mark.parametrize("module", LIGHT)
def test_reading_checklists_needs_no_client(module: str) -> None:
    """The Dag processor reads checklists every minute, and ``launch validate`` must be quick."""
    assert set(process(LOADED, module)) & CLIENTS == set()


def test_all_parameters_need_no_client() -> None:
    """Nor does the model of any kind's parameters."""
    script = (
        "import json, sys; from launch_pipeline.checks.engine.registry import parameter_models; "
        "parameter_models(); print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    assert set(process(script)) & CLIENTS == set()


# ---- one package, however it is installed ----------------------------------------------------------

DESCRIBE = """
import json, sys
import launch_pipeline
from launch_pipeline.checklist.files import include_folder
from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checklist.plan import plan_dags
from launch_pipeline.checks.engine.registry import parameter_models
plans = plan_dags(load_phases(parameter_models()))
folder = include_folder()
print(json.dumps({
    "package": launch_pipeline.__file__,
    "folder": str(folder),
    "files": sorted(p.name for p in (folder / "checklists").iterdir() if p.is_file()),
    "environments": sorted(p.name for p in (folder / "environments").iterdir()),
    "contacts": (folder / "contacts.example.yaml").is_file(),
    "schema": (folder / "checklists" / "schema" / "checklist.schema.json").is_file(),
    "refs": [item.ref for plan in plans.values() for item in plan.items],
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as pip would, without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the wheel, which is all that installing it does for imports."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_wheel_carries_the_package_and_its_data_only(wheel: Path) -> None:
    """Every module, migration, checklist and environment; no test, no cache, no Dag."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {str(path.relative_to(INCLUDE)) for path in MODULES}
    assert modules <= names
    assert {name for name in names if name.endswith(".py")} == modules
    assert {name.split("/")[0] for name in names} == {"launch_pipeline"}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    beside = {
        str(path.relative_to(INCLUDE)) for path in PACKAGE.rglob("*.*") if path.suffix not in {".py", ".pyc"}
    }
    assert {path for path in beside if "__pycache__" not in path} <= names
    data = {
        str(Path("launch_pipeline", "data") / path.relative_to(INCLUDE))
        for folder in ("checklists", "environments")
        for path in (INCLUDE / folder).rglob("*.*")
    }
    assert {*data, "launch_pipeline/data/contacts.example.yaml"} <= names


def test_wheel_and_checkout_are_the_same_package(unpacked: Path) -> None:
    """Under PYTHONPATH and from a wheel: the same import, the same checklists, the same items."""
    checkout, installed = process(DESCRIBE), process(DESCRIBE, path=str(unpacked))
    assert Path(checkout["package"]).parent == PACKAGE
    assert Path(checkout["folder"]) == INCLUDE
    assert Path(installed["package"]).parent == unpacked / "launch_pipeline"
    assert Path(installed["folder"]) == unpacked / "launch_pipeline" / "data"
    same = ("files", "environments", "contacts", "schema", "refs")
    assert {key: installed[key] for key in same} == {key: checkout[key] for key in same}
    assert installed["contacts"] is installed["schema"] is True
    assert len(installed["refs"]) == 288


def test_editable_install_puts_the_include_folder_on_the_path(tmp_path: Path) -> None:
    """``pip install --editable`` imports the checkout itself."""
    pytest.importorskip("editables")
    script = (
        "import json, sys; from hatchling.build import build_editable; "
        "print(json.dumps(build_editable(sys.argv[1])))"
    )
    built = process(script, str(tmp_path), path="")
    with zipfile.ZipFile(tmp_path / built) as archive:
        (path_file,) = [name for name in archive.namelist() if name.endswith(".pth")]
        assert archive.read(path_file).decode().strip() == str(INCLUDE)


def test_named_folder_wins(tmp_path: Path) -> None:
    """``LAUNCH_INCLUDE`` names another include folder, wherever the package is installed."""
    script = (
        "import json, os, sys; os.environ['LAUNCH_INCLUDE'] = sys.argv[1]; "
        "from launch_pipeline.checklist.files import include_folder; print(json.dumps(str(include_folder())))"
    )
    assert process(script, str(tmp_path)) == str(tmp_path)


# ---- the rehearsal stays out of production -----------------------------------------------------------


@pytest.mark.parametrize("trace", ["launch_rehearsal", "xoxb-rehearsal", "xapp-rehearsal"])
def test_wheel_has_no_trace_of_the_rehearsal(wheel: Path, trace: str) -> None:
    """Neither the package nor its public tokens get into production, where they would open something."""
    with zipfile.ZipFile(wheel) as archive:
        found = [name for name in archive.namelist() if trace in name or trace.encode() in archive.read(name)]
    assert found == []


def test_product_never_names_the_rehearsal() -> None:
    """The dependency is one way: not even a string names the package, which an import by name would need."""
    assert [name_of(path) for path in MODULES if "launch_rehearsal" in path.read_text(encoding="utf-8")] == []


def test_wheel_of_the_rehearsal_carries_its_data(tmp_path: Path) -> None:
    """Templates, style sheets and the environment are read from the installed package."""
    folder = ROOT / "rehearsal"
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        names = set(archive.namelist())
    data = {
        str(path.relative_to(folder))
        for path in (folder / "launch_rehearsal").rglob("*.*")
        if path.suffix not in {".py", ".pyc"} and "__pycache__" not in path.parts
    }
    assert "launch_rehearsal/slack_server/page/templates/page.html" in data
    assert data <= names
