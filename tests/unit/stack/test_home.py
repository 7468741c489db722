"""One stack per home, and clear words about what stands in the way of a start."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from launch_pipeline.errors import OperationError
from launch_pipeline.stack.home import (
    HomeLock,
    StackInfo,
    forget_info,
    prepare_home,
    read_info,
    write_info,
)
from launch_pipeline.stack.ports import LOOPBACK, free_ports, require_free


def info(home: Path) -> StackInfo:
    return StackInfo(
        url="http://127.0.0.1:8080",
        pid=os.getpid(),
        user="admin",
        passwords_file=home / "passwords.json",
        ledger_dsn="postgresql://launch:secret@127.0.0.1:1/launch",
        rehearsal=False,
        log_folder=home / "logs",
    )


def test_a_second_stack_in_one_home_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    """The message names who has the home and both ways out."""
    with HomeLock(tmp_path), pytest.raises(OperationError) as refused:
        HomeLock(tmp_path).acquire()
    assert f"pid {os.getpid()}" in str(refused.value)
    assert "launch down" in str(refused.value)


def test_a_killed_supervisor_leaves_no_lock(tmp_path: Path) -> None:
    """The kernel drops the lock with its holder, so no file needs to be removed by hand."""
    code = (
        "import sys, os, signal; from pathlib import Path;"
        "from launch_pipeline.stack.home import HomeLock;"
        "lock = HomeLock(Path(sys.argv[1])).acquire(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    include = Path(__file__).resolve().parents[3] / "include"
    command = [sys.executable, "-c", code, str(tmp_path)]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(include)}, check=False)
    assert (tmp_path / "lock").exists()
    HomeLock(tmp_path).acquire().release()


def test_clients_see_a_stack_only_while_it_is_held(tmp_path: Path) -> None:
    """A state file that a crash left behind does not send clients to a dead address."""
    write_info(tmp_path, info(tmp_path))
    assert stat.S_IMODE((tmp_path / "stack.json").stat().st_mode) == 0o600
    assert read_info(tmp_path) is None
    with HomeLock(tmp_path):
        assert read_info(tmp_path) == info(tmp_path)
        forget_info(tmp_path)
        assert read_info(tmp_path) is None


def test_the_password_of_an_unknown_user_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    """The message names the file that lacks the user."""
    (tmp_path / "passwords.json").write_text('{"admin": "s"}', encoding="utf-8")
    assert info(tmp_path).password("admin") == "s"
    with pytest.raises(OperationError, match=r"'ada'.*passwords\.json"):
        info(tmp_path).password("ada")


def test_the_home_is_private(tmp_path: Path) -> None:
    """It holds secrets."""
    prepare_home(tmp_path / "a" / "home")
    assert stat.S_IMODE((tmp_path / "a" / "home").stat().st_mode) == 0o700


def test_a_full_disk_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """The message has what is free, what is needed and the option."""
    with pytest.raises(OperationError, match=r"MiB are free .*--home"):
        prepare_home(tmp_path, minimum_free=2**62)


def test_a_home_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A file in the way stands for every reason of the file system."""
    (tmp_path / "file").touch()
    with pytest.raises(OperationError, match=r"cannot be written: .*--home"):
        prepare_home(tmp_path / "file" / "home")


def test_a_busy_port_names_itself_its_holder_and_the_option() -> None:
    """The reader knows what to stop or what to change."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OperationError) as refused:
            require_free(LOOPBACK, port, "--port")
    message = str(refused.value)
    assert f"port {port}" in message
    assert f"pid {os.getpid()}" in message
    assert "--port" in message


def test_free_ports_differ_and_are_free() -> None:
    """Components that start together never get the same port."""
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        require_free(LOOPBACK, port, "--port")
