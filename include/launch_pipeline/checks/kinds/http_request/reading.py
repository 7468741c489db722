"""Reads the body of an answer; what cannot be read is unknown, with the reason, and not null."""

from __future__ import annotations

import asyncio
import codecs
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from jmespath.exceptions import JMESPathError

from launch_pipeline.checks.clients.http import TEXT_LIMIT
from launch_pipeline.checks.language.paths import compiled

if TYPE_CHECKING:
    from launch_pipeline.checks.clients.http import Answer

_OFF_LOOP = 32 * 1024
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
_TOO_LONG = "the answer is longer than is read; narrow the request"


@dataclass(frozen=True)
class Read:
    """A value, or why there is none."""

    value: Any = None
    unknown: str = ""


async def document_of(answer: Answer) -> Read:
    """Parse JSON, a large one in a thread."""
    if not answer.complete:
        return Read(unknown=_TOO_LONG)
    if not answer.body.strip():
        return Read(unknown="the answer has no body")
    if len(answer.body) > _OFF_LOOP:
        return await asyncio.to_thread(_parsed, answer)
    return _parsed(answer)


async def value_of(answer: Answer, path: str) -> str:
    """Return what a JMESPath finds in one answer, as a text; ``none`` where it finds nothing."""
    document = await document_of(answer)
    said = {"status": answer.status, "headers": dict(answer.headers), "json": document.value}
    try:
        found = compiled(path).search(said)
    except JMESPathError:
        found = None
    if found is None:
        return "none"
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _parsed(answer: Answer) -> Read:
    try:
        return Read(json.loads(answer.body, object_pairs_hook=_unambiguous))
    except _TwiceError as error:
        return Read(unknown=f"the answer names {error.args[0][:60]!r} twice, with different values")
    except (ValueError, RecursionError):
        sort = answer.headers.get("content-type", "").partition(";")[0].strip() or "of no type"
        claims = "json" in sort.lower()
        said = f"calls itself {sort[:60]}, and is not JSON" if claims else f"is {sort[:60]}, not JSON"
        return Read(unknown=f"the answer {said}")


class _TwiceError(Exception):
    """A name stands twice in one mapping, with different values: readers differ in which they believe."""


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found and found[name] != value:
            raise _TwiceError(name)
        found[name] = value
    return found


def text_of(answer: Answer) -> Read:
    """Decode the body by its byte order mark, its charset, or UTF-8."""
    if not answer.complete:
        return Read(unknown=_TOO_LONG)
    text = _decoded(answer)
    if text is None or "\x00" in text:
        return Read(unknown="the answer is not text, or in a character set that it does not name")
    return Read(text) if len(text) <= TEXT_LIMIT else Read(unknown=_TOO_LONG)


async def settings_of(answer: Answer) -> Read:
    """Parse YAML, which has no type of its own: Loki and Mimir call their ``/config`` plain text."""
    if not answer.complete:
        return Read(unknown=_TOO_LONG)
    text = _decoded(answer)
    try:
        # In a thread: the configuration of a server takes a second to parse.
        found = await asyncio.to_thread(yaml.safe_load, text or "")
    except (yaml.YAMLError, ValueError, RecursionError):
        found = None
    return Read(found) if isinstance(found, dict | list) else Read(unknown="the answer is not YAML")


def _decoded(answer: Answer) -> str | None:
    sort = answer.headers.get("content-type", "")
    # HTML and plain text of old servers are Latin-1 without saying so.
    fallback = "latin-1" if sort.lower().startswith("text/") and not _CHARSET.search(sort) else None
    for name in (_marked(answer.body) or _named(sort) or "utf-8", fallback):
        try:
            return answer.body.decode(name) if name else None
        except (UnicodeDecodeError, LookupError):
            continue
    return None


def _named(content_type: str) -> str:
    match = _CHARSET.search(content_type)
    return match[1] if match else ""


def _marked(body: bytes) -> str:
    marks = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    return next((name for mark, name in marks.items() if body.startswith(mark)), "")
