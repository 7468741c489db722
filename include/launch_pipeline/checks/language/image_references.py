"""Reads names of images as container runtimes do.

By https://github.com/distribution/reference (``ParseNormalizedNamed``): ``nginx`` is
``docker.io/library/nginx``, a name may have a tag and a digest, and a registry may have a port.
"""

from __future__ import annotations

import re

_HUB = "docker.io"
_HUB_NAMES = {_HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}
_HEX = re.compile(r"[0-9a-f]{64}")


def repository(reference: str) -> tuple[str, str]:
    """Return the registry and the repository of a reference, without tag and digest."""
    named = reference.partition("@")[0]
    head, slash, last = named.rpartition("/")
    named = f"{head}{slash}{last.partition(':')[0]}"
    first, slash, rest = named.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        first, rest = _HUB, named
    if first in _HUB_NAMES:
        return _HUB, rest if "/" in rest else f"library/{rest}"
    return first, rest


def is_of(reference: str, name: str) -> bool:
    """Return whether a reference is of a repository, whichever registry or mirror serves it to a node."""
    path = repository(reference)[1] if reference else ""
    return path == name or path.endswith(f"/{name}")


def image_id(text: str) -> tuple[str, str]:
    """Return repository and digest of a container's ``imageID``; either may be empty.

    containerd and CRI-O write ``repository@sha256:...``, Docker puts ``docker-pullable://`` in front of it.
    An image without a repository is named by the digest of its configuration.
    """
    where, at, digest = text.rpartition("://")[2].rpartition("@")
    if not at and _HEX.fullmatch(digest):
        digest = f"sha256:{digest}"
    return where, digest if ":" in digest and "/" not in digest else ""
