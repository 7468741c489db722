"""Finds words in the status of an object of a kind without a rule that speak against it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.kubernetes_resource.objects import first, part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAMES = re.compile(r"(?:phase|state|status|health|result)$", re.IGNORECASE)
_COMPLAINTS = ("error", "errors", "errorMessage", "lastError", "failureReason", "failureMessage")
_BAD = re.compile(
    r"fail|error|degrad|pending|terminat|delet|provision|creat|updat|upgrad|progress|unknown|invalid|unhealthy"
    r"|not.?ready|paus|suspend|stopp|lost|crash|wait|block|restart|reject|abort|\bred\b|yellow|scaling|start(?:ing|up)"
    r"|warn|critical|_err\b|\bdown\b|offline|missing|out.?of.?sync|expired|incomplete|partial",
    re.IGNORECASE,
)
_DONE = re.compile(r"(?:provision|creat|updat|upgrad)ed", re.IGNORECASE)
"""Words for the end of a way, such as ``Provisioned`` of Cluster API and ``Created`` of Rook."""
_DEEPEST = 5


def complaint(thing: Mapping[str, Any]) -> str:
    """Return what the top of a status says against its object: an error, ``ready: false``, a bad phase."""
    status = part(thing, "status")
    errors = (f"{name} is {status[name]}"[:200] for name in _COMPLAINTS if status.get(name))
    unready = "ready is false" if status.get("ready") is False else ""
    words = (f"{path} is {word}" for path, word in _words(status, 0) if _speaks_against(word))
    return first(*errors, unready, *words)


def hint(thing: Mapping[str, Any]) -> str:
    """Return a bad word deeper in a status, which may be about the past."""
    words = _words(part(thing, "status"), _DEEPEST)
    return first(*(f"{path} is {word}" for path, word in words if _speaks_against(word)))


def _speaks_against(word: str) -> bool:
    return _BAD.search(word) is not None and _DONE.fullmatch(word.strip()) is None


def _words(value: Any, depth: int, path: str = "status") -> Iterator[tuple[str, str]]:
    """Yield the words of fields that name a state; conditions are read elsewhere."""
    if isinstance(value, list):
        for one in value:
            yield from _words(one, depth - 1, path)
    if not isinstance(value, dict) or depth < 0:
        return
    for name, inner in value.items():
        if isinstance(inner, str) and _NAMES.search(name):
            yield f"{path}.{name}", inner
        elif depth and name != "conditions":
            yield from _words(inner, depth - 1, f"{path}.{name}")
