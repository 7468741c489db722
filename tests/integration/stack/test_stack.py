"""The real stack: starts, watches, survives crashes, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import requests

from launch_pipeline.airflow.deployment.fab_roles import FabRole
from launch_pipeline.airflow.hooks.rest_client import ApiError
from launch_pipeline.errors import OperationError
from launch_pipeline.stack import stack as stack_module
from launch_pipeline.stack.home import read_info
from launch_pipeline.stack.ports import free_ports
from launch_pipeline.stack.processes import wait_until
from launch_pipeline.stack.progress import StepState
from launch_pipeline.stack.settings import StackSettings, User
from launch_pipeline.stack.stack import Stack
from servers.airflow_rest import mark_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.stack.progress import Step

pytestmark = pytest.mark.integration

INCLUDE = Path(__file__).resolve().parents[3] / "include"
BROKEN = "from airflow.sdk import dag\nraise ValueError('this Dag is broken')\n"
ASKS = """
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import dag, task

@dag(schedule=None)
def asks():
    @task
    def after():
        return {"seen": [1]}
    ApprovalOperator(task_id="s.i", subject="Is it?") >> after()

asks()
"""


def of_home(home: Path) -> list[psutil.Process]:
    """Every process that belongs to the stack in this home, by its inherited variable or its files."""
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get("LAUNCH_STACK") == str(home)
            if marked or str(home / "postgres") in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return [p for p in found if p.pid != os.getpid() and p.status() != psutil.STATUS_ZOMBIE]


def gone(home: Path, timeout: float = 30) -> bool:
    return wait_until(lambda: not of_home(home), timeout, alive=lambda: None)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a project with one small Dag and a broken one, and this package."""
    root = tmp_path_factory.mktemp("project")
    for name in ("dags", "plugins"):
        (root / name).mkdir()
    (root / "include").symlink_to(INCLUDE)
    (root / "dags" / "broken.py").write_text(BROKEN, encoding="utf-8")
    (root / "dags" / "asks.py").write_text(ASKS, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def stack(root: Path) -> Iterator[Stack]:
    users = (
        User(name="admin", roles={FabRole.ADMIN}),
        User(name="ada", roles={FabRole.LAUNCHER, FabRole.APPROVER}),
    )
    settings = StackSettings.resolve(root=root, port=free_ports(1)[0], users=users, rehearsal=True)
    made = Stack(settings)
    steps: list[Step] = []
    made.start(steps.append)
    made.steps = steps  # type: ignore[attr-defined]
    yield made
    made.stop()


def test_a_started_stack_is_healthy_and_found_by_clients(stack: Stack) -> None:
    """Start returns only when every component beats, and stack.json leads to it."""
    health = stack.api().health()
    assert {part["status"] for part in health.values() if part["status"]} == {"healthy"}
    info = read_info(stack.settings.home)
    assert info is not None
    assert (info.url, info.pid) == (stack.settings.url, os.getpid())
    assert [dag["dag_id"] for dag in stack.api("ada").dags()] == ["asks"]


def test_nobody_gets_in_without_a_password(stack: Stack) -> None:
    """The simple auth manager is not left open to all."""
    assert requests.get(f"{stack.settings.url}/auth/token", timeout=10).status_code == 403
    assert requests.get(f"{stack.settings.url}/api/v2/dags", timeout=10).status_code == 401


def test_a_broken_dag_is_told_and_ends_nothing(stack: Stack) -> None:
    """Whoever starts the stack sees which file is broken and why."""
    warnings = [s.detail for s in stack.steps if s.state is StepState.WARNING]  # type: ignore[attr-defined]
    assert len(warnings) == 1
    assert "broken.py" in warnings[0]
    assert "this Dag is broken" in warnings[0]


def test_a_second_stack_in_the_home_is_refused_and_the_first_lives_on(stack: Stack) -> None:
    """A refused start does not stop what it does not own."""
    with pytest.raises(OperationError, match="already runs"):
        Stack(stack.settings).start()
    stack.check()
    assert read_info(stack.settings.home) is not None


def test_the_client_speaks_the_real_api(stack: Stack) -> None:
    """What the scripted server pretends in unit tests holds against Airflow itself."""
    api, run_id = stack.api("ada"), "launch+1:x"
    api.trigger("asks", {"release": "1"}, run_id, note="why")
    with pytest.raises(ApiError) as again:
        api.trigger("asks", {}, run_id)
    assert again.value.status == 409
    assert wait_until(lambda: len(api.hitl_details(run_id=run_id)) == 1, 60, alive=stack.check)
    assert list(api.runs_of_launch(run_id)) == ["asks"]
    # An answer within a second of the question can fail the task in Airflow 3.3.
    settled = time.monotonic() + 3
    assert wait_until(lambda: time.monotonic() > settled, 10, alive=stack.check)
    api.answer("asks", run_id, "s.i", "Approve")
    assert ended(stack, run_id) == "success"
    assert api.hitl_details(run_id=run_id) == []
    assert api.xcom("asks", run_id, "after") == {"seen": [1]}
    assert {t["task_id"] for t in api.task_instances("asks", run_id)} == {"s.i", "after"}


def test_the_client_clears_and_marks(stack: Stack) -> None:
    """A cleared item asks again with what follows it; marking by hand works on tasks and runs."""
    api, run_id = stack.api(), "launch+1:x"
    assert len(api.clear("asks", run_id, ["s.i"])) == 2
    assert wait_until(lambda: len(api.hitl_details("asks", run_id)) == 1, 60, alive=stack.check)
    mark_task(api, "asks", run_id, "s.i", "success")
    assert ended(stack, run_id) == "success"
    api.trigger("asks", {}, "to-end")
    # Marked while it is on its way, Airflow's scheduler may overwrite the mark.
    assert wait_until(lambda: len(api.hitl_details("asks", "to-end")) == 1, 60, alive=stack.check)
    api.set_run_state("asks", "to-end", "failed")
    assert ended(stack, "to-end") == "failed"


def ended(stack: Stack, run_id: str) -> str:
    def state() -> str:
        return str((stack.api().dag_run("asks", run_id) or {})["state"])

    wait_until(lambda: state() in {"success", "failed"}, 60, alive=stack.check)
    return state()


def test_killed_components_come_back(stack: Stack) -> None:
    """As where the power fails: all of them start again, with nothing left of those before, and are well."""
    components = list(stack._components.values())
    before = {process.pid for component in components for process in component.members()}
    for component in components:
        component.kill()
    stack.check()
    assert not before & {process.pid for process in of_home(stack.settings.home)}
    for component in components:
        assert wait_until(stack._readiness(component), 120, alive=stack.check), component.name


def test_a_component_that_does_not_stay_alive_stops_the_stack_with_its_last_words(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No half of a stack keeps running, the message leads to the log, and nothing is left."""
    monkeypatch.setattr(stack_module, "REVIVE_EVERY", 0.1)
    component = stack.component("triggerer")
    useless = (sys.executable, "-c", "raise SystemExit('I cannot go on')")
    component.spec = component.spec.model_copy(update={"command": useless})
    stack.kill("triggerer")
    with pytest.raises(OperationError, match=r"triggerer ended with exit code 1[\s\S]*I cannot go on"):
        stack.wait()
    assert gone(stack.settings.home)
    assert read_info(stack.settings.home) is None


def launch_up(home: Path, root: Path, port: int) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "launch_pipeline.cli.main",
        "up",
        "--home",
        str(home),
        "--port",
        str(port),
    ]
    environment = {**os.environ, "PYTHONPATH": str(INCLUDE), "LAUNCH_PROJECT": str(root)}
    environment.pop("LAUNCH_CONTACTS", None)
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_launch_up_survives_kill_9_of_itself_and_ends_on_ctrl_c(root: Path, tmp_path: Path) -> None:
    """After kill -9 the next start finds a clean field; Ctrl-C ends with 130 and leaves nothing."""
    home, port = tmp_path / "home", free_ports(1)[0]
    first = launch_up(home, root, port)
    try:
        assert wait_until(lambda: read_info(home) is not None, 180, alive=lambda: died(first))
        first.kill()
        first.wait()
        second = launch_up(home, root, port)
        try:
            said = read_until(second, "Ctrl-C stops everything")
            passwords = json.loads((home / "passwords.json").read_text(encoding="utf-8"))
            second.send_signal(signal.SIGINT)
            began = time.monotonic()
            _, err = second.communicate(timeout=60)
            assert second.returncode == 130, err
            assert time.monotonic() - began < 40
            assert f"127.0.0.1:{port}" in said
            assert passwords["admin"] not in said + err
            assert gone(home, 5), [p.cmdline() for p in of_home(home)]
        finally:
            second.kill()
            second.communicate()
    finally:
        first.kill()
        first.communicate()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    died(process)
    return said


def died(process: subprocess.Popen[str]) -> None:
    assert process.poll() is None, process.communicate()[1]


def test_a_busy_port_ends_launch_up_with_3_before_anything_starts(root: Path, tmp_path: Path) -> None:
    """The port, its holder and the option are on the screen; no database was made."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused = launch_up(tmp_path / "home", root, taken.getsockname()[1])
        _, err = refused.communicate(timeout=60)
    assert refused.returncode == 3
    assert f"pid {os.getpid()}" in err
    assert "--port" in err
    assert not (tmp_path / "home" / "postgres").exists()
