"""docs/production.md: each command in it works, as far as that can be tried without containers."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import EntryKind
from launch_pipeline.stack.postgres import binaries
from launch_pipeline.stack.secret_files import Secret
from servers.compose_file import written
from servers.who_may import a_launch

if TYPE_CHECKING:
    from servers.deployed_api import DeployedApi
    from servers.deployment import Deployment

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "production.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.replace("\\\n", " ").splitlines() if line]
ENGINE = {
    "docker compose build",
    "docker compose up --detach",
    "docker compose down",
    "git pull",
    "docker network inspect launch-pipeline_default --format '{{(index .IPAM.Config 0).Gateway}}'",
}
"""Nothing but an engine, or git, could run these."""
RUN, LOGS, DUMP = (
    "docker compose run --rm ",
    "docker compose logs --follow ",
    "docker compose exec --no-TTY postgres ",
)
PERSON, ACTS = "export LAUNCH_AIRFLOW_URL=", ("launch postpone ID ", "launch abort ID ")
SERVICES = written()["services"]


def test_every_command_is_of_a_kind_that_is_tried() -> None:
    """A new command on the page wants a place here."""
    prepare = [line for line in COMMANDS if line.startswith("docker run ")]
    # What the fixtures run: see conftest.py.
    assert [line.split("launch-pipeline:0.1.0")[1].split() for line in prepare] == [
        ["launch", "deploy", "prepare", "production"]
    ]
    for line in COMMANDS:
        kinds = (*ENGINE, RUN, LOGS, DUMP, "cp ", "docker run ", PERSON, *ACTS)
        assert line.startswith(kinds), line


def test_person_moves_and_ends_a_launch(behind: Deployment, api: DeployedApi) -> None:
    """From anywhere, as the person whom the page names; the ledger has that name in both rows."""
    (named,) = [line for line in COMMANDS if line.startswith(PERSON)]
    user = api.let_in(named.rpartition("=")[2])
    launch = a_launch(api.ledger_dsn)
    for line in [line for line in COMMANDS if line.startswith(ACTS)]:
        words = [word.replace("ID", launch) for word in shlex.split(line)]
        words += ["--yes"] if "abort" in words else []
        who = {"LAUNCH_AIRFLOW_USER": user, "LAUNCH_AIRFLOW_PASSWORD": api.passwords[user]}
        done = behind.run("doctor", *words, **who)
        assert done.returncode == 0, done.stdout + done.stderr
    kinds = (EntryKind.LAUNCH_POSTPONED, EntryKind.LAUNCH_ABORTED)
    rows = [entry.content for kind in kinds for entry in Ledger(api.ledger_dsn).entries(launch, kind)]
    assert [(row["by"], row["via"]) for row in rows] == [(user, "airflow")] * 2


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("cp ")])
def test_what_is_copied_is_there(line: str) -> None:
    """Each example exists, and goes where compose looks for it."""
    _, source, target = line.split()
    assert (ROOT / source).is_file()
    assert target == ".env" or target.startswith("production/config/")


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith(LOGS)])
def test_services_that_are_named_exist(line: str) -> None:
    """No name is of yesterday."""
    assert set(line.removeprefix(LOGS).split()) <= set(SERVICES)


@pytest.mark.parametrize("line", sorted({line for line in COMMANDS if line.startswith(RUN)}))
def test_one_shot_does_what_it_says(behind: Deployment, api: DeployedApi, line: str) -> None:
    """Run with the service's own environment and secrets; a password is asked for, so it is given twice."""
    service, *command = line.removeprefix(RUN).split()
    if "reset-password" in command:
        command += ["--password", "correct-horse-battery-staple"]
    done = behind.run(service, *command)
    if service == "doctor" and not command:
        # Half of the deployment runs: it says so, and that is all that it finds.
        assert done.returncode == 1, done.stdout + done.stderr
        assert "2 of " in done.stderr, done.stderr
        assert [text.split(":")[0] for text in done.stdout.splitlines() if "✗" in text or "?" in text] == [
            "✗ scheduler",
            "✗ triggerer",
        ], done.stdout
        return
    assert done.returncode == 0 or "there is no launch yet" in done.stderr, done.stdout + done.stderr
    if "reset-password" in command:
        assert api.sign_in("ada.technical", "correct-horse-battery-staple").is_success


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith(DUMP)])
def test_backup_holds_the_database(behind: Deployment, api: DeployedApi, tmp_path: Path, line: str) -> None:
    """The server's own program, over TCP and with the password here; in the container by peer."""
    words, target = line.removeprefix(DUMP).split(" > ")
    program, *arguments = words.split()
    where = ["--host=127.0.0.1", f"--port={behind.ground.ports['postgres']}", "--username=postgres"]
    environment = {**os.environ, "PGPASSWORD": api.secrets.get(Secret.POSTGRES_PASSWORD)}
    dump = tmp_path / target
    with dump.open("wb") as out:
        command = [str(binaries() / program), *where, *arguments]
        subprocess.run(command, env=environment, stdout=out, check=True)
    listed = subprocess.run(
        [str(binaries() / "pg_restore"), "--list", str(dump)], capture_output=True, text=True, check=True
    )
    assert ("ledger" if "launch" in target else "dag_run") in listed.stdout
