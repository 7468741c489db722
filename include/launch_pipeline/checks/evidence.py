"""Evidence that may be kept and shown: without secrets, bounded, and with one canonical form."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any
from urllib.parse import quote, quote_plus

from pydantic import BaseModel

from launch_pipeline.checks.verdict import CheckResult, Finding

LIMIT_BYTES = 16 * 1024
"""The most that is kept of one check, as JSON."""
HIDDEN = "***"
"""Stands in place of a secret."""
CUT = "… [cut]"
"""Marks where something was left out."""

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
_SHORTEST = 4
_TEXT_LIMIT = 4096


def is_sensitive(name: str) -> bool:
    """Whether a field of that name holds a secret (``Set-Cookie``, ``api_key``, but not ``tokenCount``)."""
    return bool(_SENSITIVE.search(name))


def redact(value: Any, secrets: Collection[str] = ()) -> Any:
    """Hide secrets by field name, by shape, and the given ones wherever they appear.

    Takes and returns plain data; a text hides URL users, bearer tokens and ``password=...``.
    """
    return _redacted(value, _spellings(secrets))


def _spellings(secrets: Collection[str]) -> tuple[str, ...]:
    """Each secret as it is, quoted for a URL, escaped for JSON, and in base64; longest first."""
    forms: set[str] = set()
    for secret in filter(None, secrets):
        encoded = base64.b64encode(secret.encode("utf-8", "replace")).decode()
        forms |= {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], encoded}
    return tuple(sorted(forms, key=len, reverse=True))


def _redacted(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return _redacted_text(value, secrets)
    if isinstance(value, Mapping):
        return {
            _redacted_text(str(name), secrets): _field(str(name), item, secrets)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(item, secrets) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool) and str(value) in secrets:
        return HIDDEN
    return value


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
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text


def redact_finding(finding: Finding, secrets: Collection[str] = ()) -> Finding:
    """Hide secrets in a comparison; also what it saw, where its path names a secret field."""
    names = _PATH_NAME.findall(finding.expression)
    hide = any(map(is_sensitive, names)) and isinstance(finding.actual, str | list | dict)
    fields = finding.model_dump(exclude={"holds"})
    if hide:
        fields["actual"] = HIDDEN
    return Finding(holds=finding.holds, **redact(plain(fields), secrets))


def plain(value: Any) -> Any:
    """Turn anything into JSON data: NaN and infinities become texts, so do times and bytes."""
    if isinstance(value, BaseModel):
        return plain(value.model_dump())
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value).replace("inf", "Infinity").replace("nan", "NaN")
    return _plain_other(value)


def _plain_other(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(plain(str(name))): plain(item) for name, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(plain, value), key=canonical_json)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    return value.hex() if isinstance(value, bytes) else plain(str(value))


def canonical_json(value: Any) -> bytes:
    """Write the one JSON form of a value: keys sorted, no spaces, UTF-8, no NaN."""
    return json.dumps(
        plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, as ``sha256:...``."""
    return "sha256:" + hashlib.sha256(canonical_json(value)).hexdigest()


def limit(result: CheckResult, most: int = LIMIT_BYTES) -> CheckResult:
    """Cut a result to ``most`` bytes of JSON; verdict and headline always stay.

    First long texts and lists are cut, then comparisons that held, then everything but the first
    that did not.
    """
    for texts, elements, findings in ((_TEXT_LIMIT, 100, 200), (512, 20, 40), (128, 5, 10), (64, 2, 1)):
        if len(canonical_json(result)) <= most:
            return result
        result = _trimmed(result, texts, elements, findings)
    if len(canonical_json(result)) <= most:
        return result
    return result.model_copy(update={"params": {"cut": CUT}, "observed": {"cut": CUT}, "findings": ()})


def _trimmed(result: CheckResult, texts: int, elements: int, findings: int) -> CheckResult:
    kept = sorted(result.findings, key=lambda finding: finding.holds)[:findings]
    update = {
        "headline": _cut(result.headline, 1000, elements),
        "authority": _cut(result.authority, 500, elements),
        "params": _cut(result.params, texts, elements),
        "observed": _cut(result.observed, texts, elements),
        "findings": tuple(Finding(**_cut(f.model_dump(), texts, elements)) for f in kept),
    }
    return result.model_copy(update=update)


def _cut(value: Any, texts: int, elements: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= texts else value[:texts] + CUT
    if isinstance(value, list):
        rest = [f"{CUT} {len(value) - elements} more"] if len(value) > elements else []
        return [_cut(item, texts, elements) for item in value[:elements]] + rest
    if isinstance(value, dict):
        kept = dict(list(value.items())[: max(elements, 20)])
        marker = {"cut": f"{len(value) - len(kept)} more"} if len(kept) < len(value) else {}
        return {_cut(name, 200, 1): _cut(item, texts, elements) for name, item in kept.items()} | marker
    return value
