"""Every command block of README, CONTRIBUTING and docs, run as it is written.

A block that is not in the table fails, and so does a line of the table whose block is gone. What stands in
for what readers put in themselves (an id, a token, a head) is in the table as well.
"""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import psycopg
import pytest
import typer

from launch_pipeline.cli.main import app
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.stack.home import read_info
from launch_rehearsal.slack_server.base.settings import BRIDGE_TOKEN, LAUNCH_CHANNEL, SOCKET_TOKEN
from servers.compose_file import interpolate, written
from servers.documents import blocks, inline_commands
from servers.postgres import throwaway
from servers.programs import free_ports, listens, wait_for
from servers.visitor import Visitor, visitor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click import Command

    from servers.documents import Block

pytestmark = pytest.mark.integration

NEXT_YEAR = f"{datetime.now(UTC).year + 1}-"
HEAD = {r"sha256:(…|[0-9a-f]{64})": "$HEAD"}
LAUNCH = {r"production-2\.4\.0|REHEARSAL-20261125-224141": "$(newest)"}
Key = tuple[str, str]


class Where(StrEnum):
    """Where a block is run."""

    CLONE = "in a shell of the clone"
    STACK = "likewise, with the stack up"
    DATABASE = "in a PostgreSQL of its own"
    ELSEWHERE = "by another test of this file"


@dataclass(frozen=True)
class Row:
    """How a block is run."""

    where: Where = Where.CLONE
    stand_ins: dict[str, str] = field(default_factory=dict)
    """Pattern to what is typed instead."""
    why: str = ""
    """Where something of it cannot run here: what, and what is checked instead."""


UP: Key = ("README.md", "export LAUNCH_SLACK_BOT_TOKEN")
START: Key = ("README.md", "launch start")
REPORT: Key = ("docs/record.md", "launch report production")
STRIP: Key = ("docs/record.md", "launch report --strip")
SELECT: Key = ("docs/record.md", "SELECT")
CREATE: Key = ("docs/record.md", "CREATE ROLE")
MIGRATE: Key = ("docs/record.md", "python -c")
REMOVE: Key = ("docs/record.md", "BEGIN;")
MAKE = "takes minutes, or an hour; make says what it would do (-n), and the arguments are read"
DOCKER = "no container engine here; what docker is asked is held against docker-compose.yaml and our commands"
AMENDING = "asked of a running api-server, in tests/integration/airflow/api_server/test_amending.py"
TABLE: dict[Key, Row] = {
    ("README.md", "make rehearsal"): Row(why=MAKE),
    UP: Row(Where.ELSEWHERE, {"xoxb-…": BRIDGE_TOKEN, "xapp-…": SOCKET_TOKEN, "C0123456789": LAUNCH_CHANNEL}),
    START: Row(
        Where.STACK,
        {
            "2027-": NEXT_YEAR,
            # As in another terminal: it ends when the launch has ended.
            r"launch status --watch .*": "launch status --watch > watched &",
            r" ID ": ' "$(newest)" ',
        },
    ),
    ("docs/record.md", "launch ledger verify"): Row(Where.STACK, LAUNCH | HEAD),
    REPORT: Row(Where.STACK, LAUNCH),
    STRIP: Row(Where.STACK),
    SELECT: Row(Where.DATABASE),
    CREATE: Row(Where.DATABASE, {"…": "secret"}),
    MIGRATE: Row(Where.DATABASE),
    REMOVE: Row(Where.DATABASE),
    ("docs/history.md", "launch ledger verify"): Row(Where.STACK, LAUNCH | HEAD),
    ("docs/example-report.md", "launch ledger verify"): Row(Where.STACK, LAUNCH | HEAD),
    ("docs/production.md", "docker compose build"): Row(why=DOCKER),
    ("docs/production.md", "docker compose up"): Row(why=DOCKER),
    ("docs/production.md", "docker compose run"): Row(why=DOCKER),
    ("docs/production.md", "export LAUNCH_AIRFLOW_URL"): Row(
        Where.ELSEWHERE, why="asked of a deployment, in tests/integration/production/test_page.py"
    ),
    ("docs/production.md", "CREATE ROLE"): Row(
        Where.ELSEWHERE, why="granted in a rehearsal, in tests/integration/rehearsal/test_database_role.py"
    ),
    ("docs/production.md", "git pull"): Row(why=DOCKER),
    ("docs/production.md", "docker compose exec"): Row(why=DOCKER),
    ("docs/production.md", "docker network"): Row(why=DOCKER),
    ("docs/unbreakable.md", "make chaos"): Row(why=MAKE),
    ("docs/while-it-runs.md", "launch amend"): Row(Where.ELSEWHERE, why=AMENDING),
    ("docs/while-it-runs.md", "launch retarget"): Row(Where.ELSEWHERE, why=AMENDING),
    ("docs/while-it-runs.md", "launch hold"): Row(Where.ELSEWHERE, why=AMENDING),
}
"""Page and begin of each block, in the order of a reader who starts, and looks back afterwards."""


def matching(key: Key) -> list[Block]:
    """Return the blocks that a row is about."""
    return [block for block in blocks() if block.page == key[0] and block.text.strip().startswith(key[1])]


def rows(where: Where) -> list[Key]:
    return [key for key, row in TABLE.items() if row.where is where]


def typed(key: Key) -> str:
    """Return a block with its stand-ins, each of which is needed."""
    (block,) = matching(key)
    text = block.text
    for pattern, instead in TABLE[key].stand_ins.items():
        text, count = re.subn(pattern, lambda _, instead=instead: instead, text)
        assert count, f"nothing to put {instead!r} in the place of"
    return text


def test_the_table_knows_every_block() -> None:
    """No block without a row, and no row without its one block."""
    known = {key: matching(key) for key in TABLE}
    assert [key for key, found in known.items() if len(found) != 1] == []
    covered = [block for found in known.values() for block in found]
    assert [block for block in blocks() if covered.count(block) != 1] == []


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Visitor:
    """Make a clean clone with people and an environment, as README says."""
    made = visitor(tmp_path_factory.mktemp("docs"), tmp_path_factory.mktemp("home"), free_ports(1)[0])
    for copy in (
        "cp include/contacts.example.yaml contacts.yaml",
        "cp include/environments/production.example.yaml include/environments/production.yaml",
    ):
        assert made.types(copy).returncode == 0
    return made


@contextmanager
def slack(reader: Visitor) -> Iterator[str]:
    """Run the fake Slack as a program; yield the address of its API."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "launch_rehearsal.slack_server", "--port", str(port)]
    people = ["--contacts", str(reader.clone / "contacts.yaml")]
    process = subprocess.Popen([*command, *people], env=reader.variables({}), stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: listens(port), "the fake Slack")
        yield f"http://127.0.0.1:{port}/api/"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def stack(reader: Visitor) -> Iterator[Visitor]:
    """Start the stack with README's own block."""
    log = reader.folder / "up.log"
    with slack(reader) as api, log.open("wb") as out:
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", typed(UP)], cwd=reader.clone, stdout=out, stderr=out,
            env=reader.variables({"LAUNCH_SLACK_API": api, "LAUNCH_LAUNCHERS": "ada.technical"}),
            start_new_session=True,
        )  # fmt: skip
        try:
            wait_for(lambda: process.poll() is not None or _is_up(reader), f"{log}: the stack", 240)
            assert process.poll() is None, log.read_text()
            yield reader
        finally:
            process.send_signal(signal.SIGINT) if process.poll() is None else None
            reader.types("launch down")
            process.wait(60)


def _is_up(reader: Visitor) -> bool:
    return read_info(reader.home) is not None


@pytest.mark.parametrize("key", rows(Where.CLONE), ids=str)
def test_block_in_a_clone(reader: Visitor, key: Key) -> None:
    """It does what it says, or would: every program takes its arguments."""
    before = len(reader.asked())
    done = reader.types(typed(key))
    assert done.returncode == 0, done.stdout + done.stderr
    assert [problem for asked in reader.asked()[before:] for problem in _refused(asked)] == []


@pytest.mark.parametrize("key", rows(Where.STACK), ids=str)
def test_block_with_the_stack_up(stack: Visitor, key: Key) -> None:
    """It works on a running stack: a launch is started, watched, moved and ended; proved and reported."""
    done = stack.types(typed(key) + "\nwait\n", keys="y\n", HEAD=_head(stack))
    assert done.returncode == 0, done.stdout + done.stderr
    if key == START:
        _was_launched(stack)


def _head(stack: Visitor) -> str:
    info = read_info(stack.home)
    assert info
    with psycopg.connect(info.ledger_dsn) as connection:
        row = connection.execute("SELECT launch_id FROM launch.launches").fetchone()
    head = Ledger(info.ledger_dsn).head(row[0]) if row else None
    return head.digest if head else ""


def _was_launched(stack: Visitor) -> None:
    info = read_info(stack.home)
    assert info
    launch = Launches(info.ledger_dsn).get(stack.types("newest").stdout.strip())
    assert launch.state is LaunchState.ABORTED
    assert str(launch.launch_at.year) in NEXT_YEAR
    assert "Week 1" in (stack.clone / "watched").read_text()


def test_blocks_about_an_own_database(reader: Visitor) -> None:
    """Roles, migration, the digests' own proof, and the end of a launch that nobody needs any more."""
    with throwaway() as superuser:
        for command in filter(str.strip, re.sub("--.*", "", typed(CREATE)).split(";")):
            with psycopg.connect(superuser, autocommit=True) as connection:
                connection.execute(command)  # type: ignore[call-overload]
        owner = psycopg.conninfo.make_conninfo(superuser, user="launch", password="secret", dbname="launch")
        done = reader.types(typed(MIGRATE), LEDGER_OWNER_DSN=owner)
        assert done.returncode == 0, done.stderr
        with psycopg.connect(owner, autocommit=True) as connection:
            assert connection.execute(typed(SELECT)).fetchall() == []  # type: ignore[call-overload]
            connection.execute(typed(REMOVE))  # type: ignore[call-overload]


def test_commands_in_sentences_exist() -> None:
    """Every ``launch …`` within a sentence names a command and options that there are."""
    assert [f"{page}: {command}: {problem}" for page, command in inline_commands()
            for problem in _unknown(shlex.split(command)[1:])] == []  # fmt: skip


def test_unknown_commands_are_found() -> None:
    """The two tests above can fail."""
    assert list(_unknown(["launch", "lunch"]))
    assert list(_unknown(["start", "--previous"]))
    assert list(_refused(["compose", "run", "--rm", "dentist"]))
    assert list(_refused(["compose", "run", "--rm", "doctor", "launch", "lunch"]))
    assert list(_refused(["network", "inspect", "elsewhere_default"]))


def _unknown(words: list[str]) -> Iterator[str]:
    """Yield what our command line does not know of these words."""
    command: Command = typer.main.get_command(app)
    while words and hasattr(command, "commands"):
        name, *words = words
        if name not in command.commands:
            yield f"there is no command {name!r}"
            return
        command = command.commands[name]
    options = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    yield from (
        f"{command.name} has no {word}" for word in words if word.startswith("--") and word not in options
    )


_COMPOSE = {"build", "up", "down", "run", "exec", "logs"}
_COMPOSE_OPTIONS = {"--detach", "--rm", "--no-TTY", "--follow", "--force-recreate"}


def _refused(asked: list[str]) -> Iterator[str]:
    """Yield what docker refuses by docker-compose.yaml, and what our own commands refuse inside."""
    match asked:
        case ["compose", verb, *words]:
            yield from _compose_refused(verb, words)
        case ["run", *words]:
            at = next(n for n, word in enumerate(words) if word.startswith("launch-pipeline:"))
            if words[at] not in _images():
                yield f"no service has the image {words[at]}"
            yield from _unknown(words[at + 2 :])
        case ["network", "inspect", network, *_]:
            if network != f"{written()['name']}_default":
                yield f"there is no network {network}"
        case _:
            yield f"docker {shlex.join(asked)} is not understood here"


def _images() -> set[str]:
    return {interpolate(service["image"], {}) for service in written()["services"].values()}


def _compose_refused(verb: str, words: list[str]) -> Iterator[str]:
    options = [word for word in words if word.startswith("--")]
    places = [n for n, word in enumerate(words) if not word.startswith("--")]
    services = written()["services"]
    if verb not in _COMPOSE:
        yield f"compose has no {verb}"
    if verb in {"run", "exec"}:
        service, *inside = words[places[0] :]
        options = words[: places[0]]
        if inside[:1] == ["launch"]:
            yield from _unknown(inside[1:])
        names = [service]
    else:
        names = [words[n] for n in places]
    yield from (f"there is no service {name}" for name in names if name not in services)
    yield from (f"compose {verb} has no {option}" for option in options if option not in _COMPOSE_OPTIONS)
