"""docker-compose.yaml and Dockerfile, read: what the specification says, and what this project promises."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from launch_pipeline.stack.production import shared_environment
from launch_pipeline.stack.secret_files import Secret
from launch_pipeline.stack.settings import StackSettings
from launch_pipeline.stack.tuning import as_variables, tuned
from servers.compose_file import COMPOSE, Refused, interpolate, read_env_file, written
from servers.dockerfile import stages

ROOT = COMPOSE.parent
SERVICES: dict[str, Any] = written()["services"]
OURS = [name for name in SERVICES if name != "postgres"]
AIRFLOW = [name for name in OURS if name != "slack-bridge"]


def test_it_is_what_the_compose_specification_says() -> None:
    """Valid against the specification's own JSON schema."""
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(COMPOSE),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_schema_would_notice(tmp_path: Path) -> None:
    """A key that compose does not know is refused, so the test above can fail."""
    wrong = tmp_path / "docker-compose.yaml"
    wrong.write_text(COMPOSE.read_text().replace("    command:", "    comand:", 1))
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(wrong),
    ]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("name", AIRFLOW)
def test_environment_is_the_one_in_the_code(name: str) -> None:
    """Every Airflow component has exactly the shared variables, and few of its own."""
    environment = SERVICES[name]["environment"]
    shared = shared_environment()
    assert {key: environment[key] for key in shared} == shared
    own = set(environment) - set(shared)
    assert {key for key in own if key.startswith("AIRFLOW")} == set()


def test_both_kinds_of_deployment_are_tuned_alike(tmp_path: Path) -> None:
    """What the embedded stack tells Airflow beside places, secrets and people, production tells as well."""
    (tmp_path / "dags").mkdir()
    settings = StackSettings.resolve(root=tmp_path, home=tmp_path / "home")
    (tmp_path / "home").mkdir()
    embedded, production = settings.environment(), shared_environment()
    tuning = as_variables(tuned())
    assert len(tuning) > 15
    assert {key: embedded[key] for key in tuning} == {key: production[key] for key in tuning} == tuning
    apart = {key for key in embedded if key.startswith("AIRFLOW__") and embedded[key] != production.get(key)}
    secret = {key for key in apart if f"{key}_CMD" in production}
    places = re.compile(r"FOLDER|PORT|HOST|URL|PARALLELISM|AUTH_MANAGER|ASYNC|DIRECTORY")
    assert {key for key in apart - secret if not places.search(key)} == set()


@pytest.mark.parametrize("variable", ["LAUNCH_PUBLIC_URL", "LAUNCH_LAUNCHERS"])
def test_it_refuses_to_start_without(variable: str) -> None:
    """A value without a safe default must be set; the message says where."""
    variables = read_env_file(ROOT / "production.env.example")
    interpolate(SERVICES, variables)
    with pytest.raises(Refused, match=rf"{variable}.*production\.env\.example"):
        interpolate(SERVICES, {k: v for k, v in variables.items() if k != variable})


def test_no_secret_is_written_anywhere() -> None:
    """Secrets are files, one each, all listed; no variable of any service holds or defaults to one."""
    assert {Path(each["file"]).name for each in written()["secrets"].values()} == {
        *Secret,
        "connections.yaml",
    }
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN|SECRET|KEY|DSN|CONN", key):
                assert "/run/secrets" in str(value), f"{name}: {key}"
    example = (ROOT / "production.env.example").read_text()
    assert not re.search(r"(?im)^\w*(password|token|secret|key)\w*=", example)


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_held_short(name: str) -> None:
    """No container runs as root, writes outside volumes and tmpfs, or keeps a capability."""
    service = SERVICES[name]
    assert int(service["user"].split(":")[0]) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    published = service.get("ports", [])
    assert [port for port in published if "127.0.0.1" not in port] == []


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched_or_ends(name: str) -> None:
    """What runs on has a health check and comes back after a crash; what ends has neither."""
    service = SERVICES[name]
    lasting = name not in {"init", "doctor"}
    assert ("healthcheck" in service) is lasting
    assert service["restart"] == ("unless-stopped" if lasting else "no")
    if lasting and name != "postgres":
        assert service["depends_on"] == (
            {
                "init": {"condition": "service_completed_successfully"},
                "postgres": {"condition": "service_healthy"},
            }
            if name == "api-server"
            else {"api-server": {"condition": "service_healthy"}}
        )


def test_bases_are_pinned() -> None:
    """Every image names an exact version."""
    images = [SERVICES["postgres"]["image"], *(stage[0].text.split()[0] for stage in stages())]
    for image in images:
        assert re.fullmatch(r"\w+:\d+\.\d+(\.\d+)?-[\w-]+", image), image


def test_image_installs_what_is_locked() -> None:
    """Every package comes with its hash; the production lock is a part of the whole one, pin by pin."""
    text = (ROOT / "Dockerfile").read_text()
    for line in text.splitlines():
        if "install" in line and "-r " in line:
            assert "--require-hashes" in line
    whole, production = (
        set(re.findall(r"(?m)^([\w.-]+==\S+)", (ROOT / name).read_text()))
        for name in ("requirements.lock", "requirements-production.lock")
    )
    assert len(production) > 100
    assert production <= whole
    assert any(pin.startswith("apache-airflow-providers-fab==") for pin in production)
    assert not [pin for pin in production if pin.startswith(("pytest", "playwright", "pixeltable"))]


def test_nothing_private_gets_into_the_image() -> None:
    """The build's context begins with nothing, and takes in only what the Dockerfile copies."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    copied = {
        source
        for stage in stages()
        for step in stage
        if step.word == "COPY" and not step.text.startswith("--from")
        for source in step.text.split()[:-1]
    }
    assert {line[1:] for line in lines if line.startswith("!")} == copied
    assert {"include/contacts.yaml", "include/environments/production.yaml"} <= set(lines)
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"/production/", ".env"} <= set(ignored)
