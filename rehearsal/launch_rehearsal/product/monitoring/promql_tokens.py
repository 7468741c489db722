"""Split a PromQL query into tokens (querying/basics)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from launch_rehearsal.product.monitoring.promql_values import QueryError

_TOKEN = re.compile(
    r"""(?P<skip>\s+|\#[^\n]*)
    |(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    |(?P<duration>(?:\d+(?:ms|[smhdwy]))+(?!\w))
    |(?P<number>(?:0x[0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?!\w))
    |(?P<name>[a-zA-Z_][\w:]*)
    |(?P<sign>=~|!~|==|!=|<=|>=|[-+*/%^(){}\[\],:<>=@])""",
    re.VERBOSE,
)
_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31_536_000}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True)
class Token:
    """A token: its sort and its text."""

    kind: str
    text: str


def tokens(query: str) -> list[Token]:
    """Split a query. Raises QueryError for what cannot be read."""
    found, place = [], 0
    while place < len(query):
        match = _TOKEN.match(query, place)
        if match is None:
            message = f"cannot read {query[place : place + 20]!r}"
            raise QueryError(message)
        found.append(Token(str(match.lastgroup), match[0]))
        place = match.end()
    return [token for token in found if token.kind != "skip"]


def seconds(token: Token) -> float:
    """Return the length of a duration such as ``1h30m``. Raises QueryError for another token."""
    if token.kind != "duration":
        message = f"{token.text!r} is no duration"
        raise QueryError(message)
    return float(sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(token.text)))


def number(token: Token) -> float:
    """Return the value of a number."""
    return float(int(token.text, 16)) if token.text.startswith("0x") else float(token.text)


def unquoted(token: Token) -> str:
    """Return the value of a text. Raises QueryError for another token, or an escape that Go does not know."""
    if token.kind != "text":
        message = f"{token.text!r} is no text in quotes"
        raise QueryError(message)
    inner = token.text[1:-1]
    return inner if token.text[0] == "`" else _ESCAPE.sub(_character, inner)


def _character(escape: re.Match[str]) -> str:
    said = escape[1]
    if said[0] in "xu" and len(said) > 1:
        return chr(int(said[1:], 16))
    if said in _ESCAPED:
        return _ESCAPED[said]
    if said in "\\\"'":
        return said
    message = f"unknown escape sequence {escape[0]}; a regular expression needs two backslashes"
    raise QueryError(message)
