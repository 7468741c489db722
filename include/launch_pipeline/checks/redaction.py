"""Hides secrets in evidence: by field name, by shape, and those of the connections in use."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from launch_pipeline.checks.canonical import plain
from launch_pipeline.checks.verdict import Finding

HIDDEN = "***"
"""Stands in place of a secret."""

_SENSITIVE = re.compile(
    r"(?:authorization|cookie|passw(?:or)?d|passwd|passphrase|secret|credential)"
    r"|(?:^|[_.\-])(?:pw|pwd)$"
    r"|(?:token|api[_-]?key|access[_-]?key|private[_-]?key|signing[_-]?key|auth[_-]?key|dsn)s?$",
    re.IGNORECASE,
)
_PATH_NAME = re.compile(r"""["']?([A-Za-z_][\w-]*)["']?""")
_SHAPES = (
    (re.compile(r"(?i)\b(bearer|basic|token)\s+[A-Za-z0-9._~+/=:-]{6,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,20}://)[^/\s@'\"]{1,500}@"), rf"\1{HIDDEN}@"),
    (
        re.compile(
            r"(?i)((?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|authorization|cookie)"
            r"[\"']?\s{0,5}[=:]\s{0,5}[\"']?)[^\s&\"',;]{1,500}"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), HIDDEN),
    (re.compile(r"\b(?:xox[a-z]-|xapp-|gh[pousr]_|github_pat_|glpat-|sk-|AKIA)[A-Za-z0-9_-]{8,}"), HIDDEN),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]{0,10000}?(?:-----END [A-Z ]*-----|$)"), HIDDEN),
)
_TELLING = re.compile(
    r"(?i)bearer|basic|token|://|passw|pwd|secret|key|authorization|cookie|eyj|xox|xapp|gh[pousr]_|github_pat"
    r"|glpat|sk-|akia|-----begin"
)
"""Matches a part of every shape: most texts have none, so that one search is enough."""
_SHORTEST, _SHORTEST_SHAPE, _SHORTEST_CODED = 4, 6, 6
_HALF = 8
"""Shortest prefix of a secret that counts as a leak when text is truncated."""
_MANY = (Mapping, set, frozenset, list, tuple)


@lru_cache(maxsize=4096)
def is_sensitive(name: str) -> bool:
    """Return whether a field name means a secret (``Set-Cookie``, ``api_key``, but not ``tokenCount``)."""
    return bool(_SENSITIVE.search(name))


def redact(value: Any, secrets: Collection[str] = ()) -> Any:
    """Hide secrets by field name, by shape, and the given ones wherever they appear.

    Takes and returns plain data; in text it hides URL users, bearer tokens and ``password=...``.
    """
    return _redacted(value, _present(value, secrets))


def _present(value: Any, secrets: Collection[str]) -> tuple[str, ...]:
    """Return the spellings of the secrets that a value may hold, longest first; mostly none.

    Searching the whole value as one text is much cheaper than searching each string in it.
    """
    if not any(secrets):
        return ()
    text = json.dumps(value, ensure_ascii=False, default=str)
    held = [secret for secret in secrets if secret and any(form in text for form in _beginnings(secret))]
    return tuple(sorted({form for secret in held for form in _spellings(secret)}, key=len, reverse=True))


@lru_cache(maxsize=256)
def _beginnings(secret: str) -> frozenset[str]:
    """Return the prefix of each spelling inside JSON; the rest may have been cut off."""
    return frozenset(json.dumps(form, ensure_ascii=False)[1:-1][:_HALF] for form in _spellings(secret))


@lru_cache(maxsize=256)
def _spellings(secret: str) -> frozenset[str]:
    """Return a secret as it is, URL-quoted, escaped for JSON and Python, all these in JSON, and in base64."""
    plainly = {
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    }
    again = {json.dumps(form, ensure_ascii=False)[1:-1] for form in plainly}
    return frozenset({*plainly, *again, *_in_base64(secret)})


def _in_base64(secret: str) -> set[str]:
    """Encode a secret alone, and inside a longer text, where the offset shifts its bits."""
    content = secret.encode("utf-8", "replace")
    whole = base64.b64encode(content).decode()
    if len(content) < _SHORTEST_CODED:
        return {whole}
    parts = set()
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + content).decode().rstrip("=")
        # The characters at both ends also hold bits of their neighbours.
        end = len(coded) if (before + len(content)) % 3 == 0 else -1
        parts.add(coded[-(-before * 8 // 6) : end])
    return {whole, *parts, *(part.replace("+", "-").replace("/", "_") for part in parts)}


def _redacted(value: Any, secrets: tuple[str, ...]) -> Any:
    kind = type(value)
    if kind is str:
        return _redacted_text(value, secrets)
    if value is None or kind is bool:
        return value
    if kind is dict or isinstance(value, Mapping):
        return {
            _redacted_text(str(name), secrets): _field(str(name), item, secrets)
            for name, item in value.items()
        }
    if kind is list or isinstance(value, _MANY):
        return [_redacted(item, secrets) for item in value]
    return HIDDEN if secrets and _holds_secret(str(value), secrets) else value


def _holds_secret(number: str, secrets: tuple[str, ...]) -> bool:
    return any(number == secret or (len(secret) >= _HALF and secret in number) for secret in secrets)


def _field(name: str, item: Any, secrets: tuple[str, ...]) -> Any:
    if is_sensitive(name) and item is not None and not isinstance(item, bool):
        return HIDDEN
    return _redacted(item, secrets)


def _redacted_text(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, HIDDEN)
        elif secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
        if len(secret) > _HALF and secret[:_HALF] in text:
            text = _without_half(text, secret)
    if len(text) >= _SHORTEST_SHAPE and _TELLING.search(text):
        for shape, replacement in _SHAPES:
            text = shape.sub(replacement, text)
    return text


def _without_half(text: str, secret: str) -> str:
    """Hide the prefix of a truncated secret, wherever it occurs."""
    pieces, at = [], 0
    while (found := text.find(secret[:_HALF], at)) >= 0:
        ending = found + _HALF
        while ending < len(text) and text[found : ending + 1] == secret[: ending + 1 - found]:
            ending += 1
        pieces += [text[at:found], HIDDEN]
        at = ending
    return "".join([*pieces, text[at:]])


def redact_finding(finding: Finding, secrets: Collection[str] = ()) -> Finding:
    """Hide secrets in a finding, and its actual value if the path names a secret field."""
    names = _PATH_NAME.findall(finding.expression)
    hide = any(map(is_sensitive, names)) and isinstance(finding.actual, str | list | dict)
    actual = HIDDEN if hide else finding.actual
    said = [finding.subject, finding.expression, finding.wanted, actual, finding.note]
    subject, expression, wanted, actual, note = redact(plain(said), secrets)
    return Finding(
        subject=subject, expression=expression, wanted=wanted, actual=actual, holds=finding.holds, note=note
    )
