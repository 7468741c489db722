"""What only whole processes show: the same Dags from every parse, and what loading the plugin adds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

SERIALIZE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
# Keys are sorted, since Airflow collects fields in sets; the order of tasks, edges and tags is ours.
stored = {name: DagSerialization.to_dict(dag) for name, dag in bag.dags.items()}
with open(sys.argv[2], "w") as out:
    json.dump(stored, out, sort_keys=True)
"""

PLUGINS = """
import json, sys
import airflow.plugins_manager as manager
before = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
plugins, errors = manager._get_plugins()
after = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
found = {
    "errors": errors,
    "ours": [plugin.name for plugin in plugins if plugin.__module__ == "launch_plugin"],
    "from_folder": {n: f for n, f in after.items() if f and f.startswith(sys.argv[1] + "/")},
    "stdlib": [n for n in after if n.partition(".")[0] in sys.stdlib_module_names],
    "changed": [n for n, f in before.items() if after.get(n) != f],
}
with open(sys.argv[2], "w") as out:
    json.dump(found, out)
"""


def in_a_process(script: str, argument: Path, out: Path, **environment: str) -> Any:
    """Run a script as a component of Airflow would be run, and read what it found."""
    home = out.parent / f"home-{out.stem}"
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", script, str(argument), str(out)],
        check=False,
        capture_output=True,
        text=True,
        env={
            **keep,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "PYTHONSAFEPATH": "1",
            "PYTHONPATH": str(ROOT / "include"),
            **environment,
        },
    )
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text(encoding="utf-8"))


def test_two_parses_give_the_same_dags(tmp_path: Path) -> None:
    """Other hashes, same bytes: otherwise each parse would be a new version of every Dag."""
    outs = [tmp_path / "first.json", tmp_path / "second.json"]
    for seed, out in zip(("1", "4242"), outs, strict=True):
        assert len(in_a_process(SERIALIZE, ROOT / "dags", out, PYTHONHASHSEED=seed)) == 17
    assert outs[0].read_bytes() == outs[1].read_bytes()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what loading the plugins folder did to a process."""
    folder = tmp_path_factory.mktemp("plugins")
    found: dict[str, Any] = in_a_process(PLUGINS, ROOT / "plugins", folder / "found.json")
    return found


def test_plugins_folder_adds_one_module(loaded: dict[str, Any]) -> None:
    """Airflow imports every file below plugins under its bare name; only ours is meant to be found."""
    assert loaded["errors"] == {}
    assert loaded["ours"] == ["launch_pipeline"]
    assert loaded["from_folder"] == {"launch_plugin": str(ROOT / "plugins" / "launch_plugin.py")}


def test_plugins_shadow_nothing(loaded: dict[str, Any]) -> None:
    """No module of the standard library, and none that was there before, is another one afterwards."""
    assert loaded["changed"] == []
    assert set(loaded["from_folder"]).isdisjoint(loaded["stdlib"])
    assert not any(
        (ROOT / "plugins" / f"{name}.py").exists() or (ROOT / "plugins" / name).is_dir()
        for name in sys.stdlib_module_names
    )


def test_a_second_file_would_not_be_found(tmp_path: Path) -> None:
    """The ignore file beside the plugin is what keeps others out."""
    (tmp_path / "plugins").mkdir()
    for path in (ROOT / "plugins").iterdir():
        if path.is_file():
            (tmp_path / "plugins" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "plugins" / "secrets.py").write_text("SHADOWED = True\n", encoding="utf-8")
    folder = str(tmp_path / "plugins")
    found = in_a_process(PLUGINS, Path(folder), tmp_path / "found.json", AIRFLOW__CORE__PLUGINS_FOLDER=folder)
    assert list(found["from_folder"]) == ["launch_plugin"]
