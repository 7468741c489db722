"""Reads a git repository with the git program, without a shell and without a work tree."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import hashlib
import os
import re
import shutil
import signal
import tempfile
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from launch_pipeline.checks.clients.http import refuse_named
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo

_OUTPUT_LIMIT = 64 * 1024 * 1024
_AT_A_TIME = 8 * 1024 * 1024
_MANY = 1000
_REFUSED = re.compile(
    r"Authentication failed|could not read Username|returned error: 40[13]|Permission denied \(|Access denied"
)
_MOVED = re.compile(r"returned error: 3\d\d|redirect")
_SETTLED = re.compile(r"returned error: (?:404|429)|redirect|certificate|not found|does not exist")
"""Errors that a retry would not cure, or would make worse."""
_SCHEMES = ("https://", "http://", "ssh://", "file://", "git@")


@dataclass(frozen=True)
class Entry:
    """One file of a tree."""

    mode: str
    oid: str
    size: int


@dataclass(frozen=True)
class Repository:
    """A repository on this machine, and the environment for git."""

    path: Path
    environment: dict[str, str] = field(repr=False)

    async def run(self, *arguments: str, accept: Sequence[int] = (0,), data: bytes | None = None) -> bytes:
        """Run git and return its output; raises Inconclusive with git's message."""
        status, out, err = await _git(["--git-dir", str(self.path), *arguments], self.environment, data)
        if status not in accept:
            said = " ".join(err.decode("utf-8", "replace").split())[:300]
            message = f"git {arguments[0]} failed: {said or f'status {status}'}"
            raise Inconclusive(message)
        return out

    async def outside(self, folder: str, *arguments: str) -> bytes:
        """Run git in a folder that is no repository; status 1 means that nothing was found."""
        status, out, err = await _git(["-C", folder, *arguments], self.environment, None)
        if status not in {0, 1}:
            said = " ".join(err.decode("utf-8", "replace").split())[:300]
            message = f"git {arguments[0]} failed: {said or f'status {status}'}"
            raise Inconclusive(message)
        return out

    async def blobs(self, oids: Iterable[str]) -> dict[str, bytes]:
        """Read blobs by id; raises Inconclusive if one is not there."""
        wanted = list(dict.fromkeys(oids))
        if not wanted:
            return {}
        out = await self.run("cat-file", "--batch", data="".join(f"{oid}\n" for oid in wanted).encode())
        found, place = {}, 0
        for oid in wanted:
            about = out[place : out.index(b"\n", place)]
            if not about.startswith(f"{oid} blob ".encode()):
                message = f"git cannot read an object: {about.decode('utf-8', 'replace')[:100]}"
                raise Inconclusive(message)
            place += len(about) + 1
            found[oid] = out[place : place + int(about.split()[2])]
            place += len(found[oid]) + 1
        return found

    async def contents(self, files: Mapping[str, Entry]) -> AsyncIterator[tuple[str, bytes]]:
        """Yield the files with their content, a few at a time."""
        some: dict[str, Entry] = {}
        for path, entry in files.items():
            some[path] = entry
            if sum(one.size for one in some.values()) > _AT_A_TIME or len(some) > _MANY:
                for pair in await self._pairs(some):
                    yield pair
                some = {}
        for pair in await self._pairs(some):
            yield pair

    async def _pairs(self, files: Mapping[str, Entry]) -> list[tuple[str, bytes]]:
        found = await self.blobs(one.oid for one in files.values())
        return [(path, found[one.oid]) for path, one in files.items()]

    async def commit_of(self, ref: str) -> str | None:
        """Return the full id of the commit that a ref names; None if there is none."""
        if not ref or ref.startswith("-"):
            return None
        for name in (ref, f"refs/remotes/origin/{ref}"):
            arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
            found = await self.run(*arguments, accept=(0, 1, 128))
            if found.strip():
                return found.decode().strip()
        return None


async def _git(
    arguments: Sequence[str], environment: dict[str, str], data: bytes | None
) -> tuple[int, bytes, bytes]:
    try:
        process = await asyncio.create_subprocess_exec(
            "git",
            "-c",
            "protocol.ext.allow=never",
            "-c",
            "core.quotePath=false",
            *arguments,
            env=environment,
            stdin=asyncio.subprocess.PIPE if data is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        message = "the program 'git' is not installed on this worker"
        raise Inconclusive(message) from error
    try:
        out, err = await process.communicate(data)
    except BaseException:
        # The whole group: transport helpers that git has started hold its pipes.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    if len(out) > _OUTPUT_LIMIT:
        message = "git returned more than 64 MiB; narrow the paths"
        raise Inconclusive(message)
    return process.returncode or 0, out, err


async def open_repository(ctx: CheckContext, connection: ConnectionInfo, *refs: str) -> Repository:
    """Open the repository of a connection; fetch unless each ref is the id of a commit that it has.

    ``extra.path`` is a repository on this machine; ``extra.url`` or the host is a remote one, which
    is mirrored. Raises Inconclusive if neither is given, Unreachable if the remote does not answer.
    """
    environment = _environment(connection)
    path = str(connection.extra.get("path") or "")
    if path:
        return Repository(await _git_dir(path, environment, connection.conn_id), environment)
    url = str(connection.extra.get("url") or (connection.base_url if connection.host else ""))
    if not url.startswith(_SCHEMES):
        message = f"connection '{connection.conn_id}' names no repository: set extra.url or extra.path"
        raise Inconclusive(message)
    await refuse_named(ctx, urlsplit(url).hostname or "")
    return await _mirrored(url, refs, environment)


async def _git_dir(path: str, environment: dict[str, str], conn_id: str) -> Path:
    arguments = ["-C", path, "rev-parse", "--absolute-git-dir"]
    if not await asyncio.to_thread(Path(path).is_dir):
        message = f"connection '{conn_id}' names '{path}', which is not a folder on this worker"
        raise Inconclusive(message)
    status, out, err = await _git(arguments, environment, None)
    if status:
        message = f"connection '{conn_id}' names no git repository: {err.decode('utf-8', 'replace').strip()}"
        raise Inconclusive(message[:300])
    return Path(out.decode().rstrip("\n"))


def _environment(connection: ConnectionInfo) -> dict[str, str]:
    """Return the environment for git; the secret goes there because process lists show arguments."""
    kept = ("PATH", "HOME", "SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "SSL_CERT_FILE", "TMPDIR")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    # An operator named the repository, so its owner does not matter.
    settings = {"safe.directory": "*", "core.hooksPath": os.devnull}
    # Git would send our credentials along to any host.
    settings["http.followRedirects"] = "false"
    if connection.password:
        pair = base64.b64encode(f"{connection.login or 'git'}:{connection.password}".encode()).decode()
        settings["http.extraHeader"] = f"Authorization: Basic {pair}"
    for place, (name, value) in enumerate(settings.items()):
        environment |= {f"GIT_CONFIG_KEY_{place}": name, f"GIT_CONFIG_VALUE_{place}": value}
    fixed = {"GIT_CONFIG_COUNT": str(len(settings)), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    return environment | fixed | {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_REPLACE_OBJECTS": "1"}


async def _mirrored(url: str, refs: Sequence[str], environment: dict[str, str]) -> Repository:
    """Keep one bare mirror per URL; fetch unless all refs are known commit ids, since tags can move."""
    name = hashlib.sha256(url.encode()).hexdigest()[:24]
    path = Path(tempfile.gettempdir()) / f"launch-git-{os.getuid()}" / f"{name}.git"
    await asyncio.to_thread(path.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
    repository = Repository(path, environment)
    async with _locked(path.with_suffix(".lock")):
        if not path.exists():
            await _clone(url, path, environment)
        elif not all([_is_full_id(ref) and await repository.commit_of(ref) for ref in refs]):
            await _fetch(repository, url)
    return repository


def _is_full_id(ref: str) -> bool:
    return len(ref) in {40, 64} and all(c in "0123456789abcdef" for c in ref.lower())


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    """Hold a lock between processes; a cancelled wait leaves nothing locked."""
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        while not _taken(handle):  # noqa: ASYNC110  (another process holds it)
            await asyncio.sleep(0.1)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _clone(url: str, path: Path, environment: dict[str, str]) -> None:
    # An interrupted clone must not look like a repository.
    unfinished = path.with_suffix(".new")
    await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
    status, _, err = await _git(
        ["clone", "--quiet", "--mirror", "--", url, str(unfinished)], environment, None
    )
    if status:
        raise _unreachable(url, err)
    await _refuse_nothing(Repository(unfinished, environment), url)
    unfinished.rename(path)


async def _fetch(repository: Repository, url: str) -> None:
    arguments = [
        "--git-dir",
        str(repository.path),
        "fetch",
        "--quiet",
        "--prune",
        "--tags",
        "--force",
        "origin",
    ]
    status, _, err = await _git(arguments, repository.environment, None)
    if status:
        raise _unreachable(url, err)
    await _refuse_nothing(repository, url)


async def _refuse_nothing(repository: Repository, url: str) -> None:
    """Raise Inconclusive for a repository without refs: git takes any web page for an empty one."""
    if not await repository.run("for-each-ref", "--count=1"):
        message = f"{url} has no branch and no tag; is it a git repository?"
        raise Inconclusive(message)


def _unreachable(url: str, err: bytes) -> Unreachable:
    said = " ".join(err.decode("utf-8", "replace").split())
    refused = _REFUSED.search(said) is not None
    what = "credentials: " if refused else ""
    if _MOVED.search(said):
        said = "it redirects, which is not followed; put the target address into the connection"
    message = f"{what}git repository {url} cannot be read: {said}"[:400]
    return Unreachable(message, retryable=not refused and _SETTLED.search(said) is None)
