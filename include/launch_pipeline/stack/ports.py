"""Find free loopback ports, and the programs that hold the others."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress

from launch_pipeline.errors import OperationError

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Return ``count`` different TCP ports that are free at this moment."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


def require_free(host: str, port: int, option: str) -> None:
    """Raise :class:`OperationError` if the port is taken, naming its holder and the option to change it."""
    with socket.socket() as probe:
        # As the server does: a port in TIME_WAIT after the last run counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as error:
            message = f"port {port} needs privileges: {error}. Choose one above 1023 with {option}."
            raise OperationError(message) from error
        except OSError as error:
            message = (
                f"port {port} on {host} is taken by {holder(port)}. "
                f"Stop it, or choose another port with {option}."
            )
            raise OperationError(message) from error


def holder(port: int) -> str:
    """Return the program and pid that listen on ``port``, if the system tells us."""
    import psutil  # noqa: PLC0415 - only needed for the message

    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,)
            if listens and connection.pid:
                return f"{psutil.Process(connection.pid).name()!r} (pid {connection.pid})"
    return "another program"
