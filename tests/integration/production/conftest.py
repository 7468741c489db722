"""One production deployment for all tests of this folder: docker-compose.yaml, run as processes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from servers import airflow_home

airflow_home.prepare()

from launch_rehearsal.slack_server.base.settings import (  # noqa: E402
    BRIDGE_TOKEN,
    CHECK_TOKEN,
    LAUNCH_CHANNEL,
    SOCKET_TOKEN,
)
from servers import dockerfile  # noqa: E402
from servers.compose_file import Ground, read_env_file  # noqa: E402
from servers.deployed_api import DeployedApi  # noqa: E402
from servers.deployment import PATIENCE, Deployment  # noqa: E402
from servers.programs import end, free_ports, listens, wait_for  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
ANSWERING = ("postgres", "init", "api-server", "dag-processor")
WORKING = ("scheduler", "triggerer", "slack-bridge")


@pytest.fixture(scope="package")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give what the Dockerfile's steps make, in a clean virtual environment."""
    folder = tmp_path_factory.mktemp("image")
    dockerfile.build(folder)
    return folder


@pytest.fixture(scope="package")
def production(tmp_path_factory: pytest.TempPathFactory, image: Path, ports: dict[str, int]) -> Path:
    """Give the folder that docs/production.md has people make, with example people and Slack's stand-in."""
    folder = tmp_path_factory.mktemp("host") / "production"
    launch = str(image / "opt/launch/venv/bin/launch")
    database = f"127.0.0.1:{ports['postgres']}"
    subprocess.run([launch, "deploy", "prepare", str(folder), "--database", database], check=True)
    (folder / "secrets/slack_bot_token").write_text(BRIDGE_TOKEN)
    (folder / "secrets/slack_app_token").write_text(SOCKET_TOKEN)
    shutil.copy(ROOT / "include/contacts.example.yaml", folder / "config/contacts.yaml")
    example = ROOT / "include/environments/production.example.yaml"
    shutil.copy(example, folder / "config/environments/production.yaml")
    check = {"conn_type": "slack", "password": CHECK_TOKEN, "extra": {"base_url": slack_api(ports)}}
    (folder / "secrets/connections.yaml").write_text(yaml.safe_dump({"slack_check": check}))
    return folder


@pytest.fixture(scope="package")
def ports() -> dict[str, int]:
    """Give ports of loopback for what has names among containers, and for Slack's stand-in."""
    return dict(zip(("api-server", "postgres", "slack"), free_ports(3), strict=True))


def slack_api(ports: dict[str, int]) -> str:
    """Address of the stand-in's Web API."""
    return f"http://127.0.0.1:{ports['slack']}/api/"


@pytest.fixture(scope="package")
def slack(ports: dict[str, int]) -> Iterator[str]:
    """Run Slack's stand-in; gives the address of its Web API."""
    command = [sys.executable, "-m", "launch_rehearsal.slack_server", "--port", str(ports["slack"])]
    process = subprocess.Popen([*command, "--contacts", str(ROOT / "include/contacts.example.yaml")])
    try:
        wait_for(lambda: listens(ports["slack"]), "Slack's stand-in")
        yield slack_api(ports)
    finally:
        end(process)


@contextmanager
def stopped_at_the_end(deployment: Deployment) -> Iterator[Deployment]:
    """Leave no process behind."""
    try:
        yield deployment
    finally:
        deployment.down()


@pytest.fixture(scope="package")
def behind(
    tmp_path_factory: pytest.TempPathFactory, image: Path, production: Path, ports: dict[str, int], slack: str
) -> Iterator[Deployment]:
    """Give the deployment with what answers requests: database, api-server, and the Dags once parsed."""
    ground = Ground(tmp_path_factory.mktemp("ground"), image, production, ports)
    variables = read_env_file(ROOT / "production.env.example") | {
        "LAUNCH_SLACK_API": slack,
        "LAUNCH_SLACK_CHANNEL": LAUNCH_CHANNEL,
    }
    with stopped_at_the_end(Deployment(ground, variables)) as running:
        running.up(ANSWERING)
        running.await_healthy("dag-processor")
        yield running


@pytest.fixture(scope="package")
def api(behind: Deployment) -> DeployedApi:
    """Give clients of its api-server, once it knows every Dag."""
    found = DeployedApi(behind)
    expected = len(list((ROOT / "dags").glob("*.py")))
    wait_for(lambda: _known(found) == expected, "parsing the Dags", PATIENCE)
    return found


def _known(api: DeployedApi) -> int:
    total: int = api.call("admin", "GET", "/api/v2/dags").json()["total_entries"]
    return total


@pytest.fixture(scope="package")
def deployment(behind: Deployment, api: DeployedApi) -> Deployment:
    """Give the whole of it, every health check passed; what tests wrote down before is forgotten."""
    api.forget_runs()
    behind.up(WORKING)
    for name in behind.processes:
        if "healthcheck" in behind.services[name]:
            behind.await_healthy(name)
    return behind


@pytest.fixture(autouse=True)
def variables(production: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process read the people of the deployment."""
    monkeypatch.setenv("LAUNCH_CONTACTS", str(production / "config" / "contacts.yaml"))
