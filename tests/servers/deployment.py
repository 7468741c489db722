"""The services of ``docker-compose.yaml`` as processes of this machine, started in compose's order.

PostgreSQL's image is stood in for by the wheel's programs: initdb with the file's arguments, then its
command.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch_pipeline.stack.postgres import binaries, run_as
from launch_pipeline.stack.processes import guarded
from servers.compose_file import Ground, interpolate, written
from servers.programs import end, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable

PATIENCE = 240.0
SUPERUSER = "postgres"


@dataclass
class Deployment:
    """What runs, by service."""

    ground: Ground
    variables: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.services: dict[str, Any] = interpolate(written(), self.variables)["services"]

    def up(self, names: Iterable[str]) -> None:
        """Start services in the order in which they depend on each other, each once what it needs holds."""
        for name in self._ordered(names):
            for needed, how in self.services[name].get("depends_on", {}).items():
                self._await(needed, how["condition"])
            self.start(name)

    def _ordered(self, names: Iterable[str]) -> list[str]:
        """Give names in an order that their dependencies allow."""
        wanted: list[str] = list(names)
        found: list[str] = []
        while wanted:
            ready = [n for n in wanted if not set(self.services[n].get("depends_on", {})) & set(wanted)]
            found += ready
            wanted = [n for n in wanted if n not in ready]
        return found

    def _await(self, name: str, condition: str) -> None:
        if condition == "service_healthy":
            self.await_healthy(name)
            return
        assert condition == "service_completed_successfully"
        code = self.processes[name].wait(PATIENCE)
        assert code == 0, f"{name} ended with {code}: {self.log(name)[-3000:]}"

    def start(self, name: str) -> None:
        """Start a service's very command with its very environment."""
        service = self.services[name]
        self.ground.hand_out(name, service)
        command = self.ground.command(name, service["command"])
        environment = self.ground.environment(name, service)
        if name == "postgres":
            command = self._postgres(environment, command)
        self.processes[name] = self._spawn(name, command, environment)

    def run(self, name: str, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a service to its end as ``docker compose run --rm`` does, with its own command or another."""
        service = self.services[name]
        self.ground.hand_out(name, service)
        words = self.ground.command(name, list(command) or service["command"])
        environment = {**self.ground.environment(name, service), **variables}
        return subprocess.run(
            self._found(words, environment),
            env=environment,
            cwd=self.ground.image / "opt/launch",
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def _spawn(self, name: str, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.ground.own(name) / "log").open("ab") as log:
            return subprocess.Popen(
                self._found(command, environment),
                env=environment,
                cwd=self.ground.image / "opt/launch",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @staticmethod
    def _found(command: list[str], environment: dict[str, str]) -> list[str]:
        program = shutil.which(command[0], path=environment["PATH"])
        assert program, f"{command[0]} is not in the image"
        return [program, *command[1:]]

    def _postgres(self, environment: dict[str, str], command: list[str]) -> list[str]:
        """Make the server's files as its image would, and give the command that serves them here."""
        data = self.ground.folder / "volumes" / "postgres"
        programs = binaries()
        if not data.exists():
            data.mkdir(parents=True)
            if user := run_as():
                shutil.chown(data, user)
            secret = str(Path(environment["POSTGRES_PASSWORD_FILE"]).resolve())
            arguments = environment["POSTGRES_INITDB_ARGS"].split()
            made = [
                str(programs / "initdb"),
                "-D",
                str(data),
                "-U",
                SUPERUSER,
                "--pwfile",
                secret,
                *arguments,
            ]
            done = subprocess.run(self._as_server(made), capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        served = [str(programs / command[0]), *command[1:], "-D", str(data)]
        local = (
            "listen_addresses=127.0.0.1",
            f"port={self.ground.ports['postgres']}",
            "unix_socket_directories=",
        )
        return self._as_server([*served, *(word for option in local for word in ("-c", option))])

    @staticmethod
    def _as_server(command: list[str]) -> list[str]:
        return guarded(command, user=run_as(), death_signal=signal.SIGINT)

    def healthy(self, name: str) -> bool:
        """Run a service's very health check."""
        check = self.services[name]["healthcheck"]["test"]
        assert check[0] == "CMD"
        environment = self.ground.environment(name, self.services[name])
        words = self.ground.command(name, check[1:])
        if name == "postgres":
            words = [str(binaries() / words[0]), *words[1:], f"--port={self.ground.ports['postgres']}"]
        done = subprocess.run(
            self._found(words, environment), env=environment, capture_output=True, check=False
        )
        return done.returncode == 0

    def await_healthy(self, name: str) -> None:
        """Wait until its health check passes; a service that has ended is told with its last words."""
        process = self.processes[name]
        wait_for(lambda: process.poll() is not None or self.healthy(name), f"health of {name}", PATIENCE, 0.5)
        assert process.poll() is None, f"{name} ended with {process.returncode}: {self.log(name)[-3000:]}"

    def kill(self, name: str) -> None:
        """End a container's first process as a crash would; the container's other processes go with it."""
        os.killpg(self.processes[name].pid, signal.SIGKILL)
        self.processes[name].wait(10)

    def revive(self) -> list[str]:
        """Start again whatever has ended and must not, as the file's restart policies say."""
        ended = [
            name
            for name, process in self.processes.items()
            if process.poll() is not None and self.services[name]["restart"] == "unless-stopped"
        ]
        for name in ended:
            self.start(name)
        return ended

    def await_mended(self, names: Iterable[str]) -> None:
        """Start again what ends, as often as it takes, until every health check passes."""

        def mended() -> bool:
            self.revive()
            return all(self.healthy(name) for name in names)

        wait_for(mended, "coming back", PATIENCE, 0.5)

    def log(self, name: str) -> str:
        """Everything that a service has written."""
        return (self.ground.own(name) / "log").read_text(errors="replace")

    def down(self) -> None:
        """Stop everything, all at once but the database, which is the last."""
        others = [name for name in self.processes if name != "postgres"]
        for name in others:
            self.processes[name].terminate()
        for name in [*others, "postgres"]:
            if name in self.processes:
                number = self.services[name].get("stop_signal", "SIGTERM")
                end(self.processes[name], signal.Signals[number])
