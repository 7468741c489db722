"""The health checks of the containers: what is well, what is not, and what cannot be asked."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.stack.health import ALIVE_SECONDS, trouble
from servers.scripted_http import ScriptedHttp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEALTH = "/api/v2/monitor/health"


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedHttp]:
    with ScriptedHttp() as server:
        monkeypatch.setenv("LAUNCH_AIRFLOW_URL", server.url)
        # A neighbour is never asked through a proxy.
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        yield server


def test_part_that_beats_is_healthy(airflow: ScriptedHttp) -> None:
    """Only the word of that very part counts."""
    airflow.reply("GET", HEALTH, {"scheduler": {"status": "healthy"}, "triggerer": {"status": "unhealthy"}})
    assert trouble("scheduler") == ""
    assert "unhealthy" in trouble("triggerer")
    assert "unknown" in trouble("dag_processor")


@pytest.mark.parametrize("reply", [(500, {}), (200, b"no JSON"), "drop"])
def test_answer_that_says_nothing_is_trouble(airflow: ScriptedHttp, reply: object) -> None:
    """An api-server that does not answer well is no sign of health."""
    airflow.reply("GET", HEALTH, reply)
    assert "unknown" in trouble("metadatabase")


def test_bridge_is_healthy_while_it_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was not touched for a while is a loop that stands still."""
    alive = tmp_path / "alive"
    monkeypatch.setenv("LAUNCH_SLACK_ALIVE", str(alive))
    assert "is not listening yet" in trouble("bridge")
    alive.touch()
    assert trouble("bridge") == ""
    os.utime(alive, (0, time.time() - ALIVE_SECONDS - 1))
    assert "has not reported" in trouble("bridge")


def test_exit_code_is_what_the_engine_reads(airflow: ScriptedHttp) -> None:
    """0 or 1, with a message for 'docker inspect'."""
    airflow.reply("GET", HEALTH, {"scheduler": {"status": "healthy"}})
    command = [sys.executable, "-I", "-m", "launch_pipeline.stack.health"]
    well = subprocess.run([*command, "scheduler"], capture_output=True, text=True, check=False)
    ill = subprocess.run([*command, "triggerer"], capture_output=True, text=True, check=False)
    assert (well.returncode, well.stdout) == (0, "healthy\n")
    assert (ill.returncode, "triggerer" in ill.stdout) == (1, True)


def test_check_loads_nothing_heavy() -> None:
    """It runs every ten seconds in each container."""
    script = "import sys, launch_pipeline.stack.health; print(len(sys.modules), 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    count, heavy = done.stdout.split()
    assert (int(count) < 400, heavy) == (True, "False")
