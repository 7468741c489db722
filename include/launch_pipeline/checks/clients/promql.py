"""Reads from PromQL which series a query looks at, and how far back.

The tokens suffice for that: in PromQL, braces stand only around matchers and brackets only around ranges
(prometheus.io/docs/prometheus/latest/querying/basics). A parser would refuse the dialects of other servers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from launch_pipeline.checks.language.values import duration, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TOKEN = re.compile(
    r"""(?P<skip>\s+|\#[^\n]*)
    |(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    |(?P<range>\[[^\]]*\])
    |(?P<word>[A-Za-z_:][\w:.]*)
    |(?P<number>[0-9][\w.]*)
    |(?P<sign>=~|!~|==|!=|<=|>=|.)""",
    re.VERBOSE | re.DOTALL,
)
_LISTS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
"""Words that a list of labels follows."""
_OPTIONAL = {"or", "unless"}
"""Operators that give a result though one of their sides is empty."""
_MADE = {"absent", "absent_over_time", "vector"}
"""Functions that give a result of no series."""
_RATES = {"rate", "irate", "increase", "delta", "idelta", "deriv"}
"""Functions that need two samples (prometheus.io/docs/prometheus/latest/querying/functions)."""
_MATCHER = re.compile(r"[^=!~]*(?P<sign>=~|!~|!=|=)[\"'`](?P<value>.*)[\"'`]", re.DOTALL)
_SETS = {"and", "or", "unless"}
_COMPARISONS = {"==", "!=", "<=", ">=", "<", ">"}
_WORDS = {"and", "atan2", "bool", "offset", "inf", "nan", "keep_metric_names", *_LISTS, *_OPTIONAL}
_TARGET = {
    "__name__", "app", "cluster", "env", "environment", "instance", "job", "namespace", "node", "pod",
    "region", "service",
}  # fmt: skip
"""Labels of what is scraped; others, such as ``status`` or ``le``, tell apart the series of one target."""


@dataclass(frozen=True)
class Look:
    """Series that a query looks at."""

    selector: str
    """The selector without matchers of other labels than the target's: a target without errors has no series
    of errors."""
    back: float = 0.0
    """Seconds from the oldest moment that it looks at to the newest; 0 for the newest sample alone."""
    offset: float = 0.0
    """Seconds from the newest moment that it looks at to now."""
    at: float | None = None
    """The newest moment (epoch, s) if the query fixes it with ``@``."""
    labels: tuple[str, ...] = ()
    """The labels of the matchers that the selector is without, where they cannot be empty."""


@dataclass(frozen=True)
class Reading:
    """What a query looks at."""

    looks: tuple[Look, ...]
    optional: bool
    """Whether the query has a result though some of these series are missing, as with ``or vector(0)``."""
    problem: str = ""
    """A range that cannot be read."""
    made: bool = False
    """Whether the query makes a result of no series, as ``vector(1)`` and ``absent(up)`` do."""
    rates: bool = False
    """Whether the query computes a rate, which needs two samples."""


def read(query: str) -> Reading:
    """Find every selector, with its own range and those of the subqueries around it."""
    reader = _Reader(_tokens(query))
    while reader.left():
        reader.step()
    return Reading(
        tuple(dict.fromkeys(reader.looks)),
        reader.optional,
        reader.problem,
        made=bool(reader.words & _MADE),
        rates=bool(reader.words & _RATES),
    )


def compared(query: str) -> str:
    """Return the side of a comparison that is not a number; an empty text if the query is not one.

    ``and``, ``or`` and ``unless`` bind weaker, so that a query with one of them is none.
    """
    deep, found = 0, None
    for token in _TOKEN.finditer(query):
        deep += (token[0] in "({") - (token[0] in ")}")
        if deep < 0 or (deep == 0 and token[0].lower() in _SETS):
            return ""
        if deep == 0 and found is None and token[0] in _COMPARISONS:
            found = token
    if found is None:
        inner = query.strip()
        return compared(inner[1:-1]) if inner.startswith("(") and inner.endswith(")") else ""
    left, right = query[: found.start()].strip(), query[found.end() :].strip()
    return left if number(left) is None else re.sub(r"^bool\b", "", right).strip()


@dataclass(frozen=True)
class Call:
    """A call of a function, with its arguments as they are written."""

    arguments: tuple[str, ...]


def calls(query: str, function: str) -> list[Call]:
    """Find the calls of a function in a query."""
    tokens = [token for token in _TOKEN.finditer(query) if token.lastgroup != "skip"]
    pairs = zip(range(len(tokens)), tokens, tokens[1:], strict=False)
    return [
        Call(tuple(_arguments(query, tokens[place + 1 :])))
        for place, word, after in pairs
        if word[0] == function and after[0] == "("
    ]


def _arguments(query: str, tokens: list[re.Match[str]]) -> Iterator[str]:
    """Yield the texts between an opening parenthesis, its commas, and its end."""
    deep, begin = 0, tokens[0].end()
    for token in tokens:
        deep += (token[0] in "({") - (token[0] in ")}")
        if deep == 0 or (deep == 1 and token[0] == ","):
            yield query[begin : token.start()].strip()
            begin = token.end()
        if deep == 0:
            return


Token = tuple[str, str]
"""The sort of a token, and its text."""


def _tokens(text: str) -> list[Token]:
    found = ((str(match.lastgroup), match[0]) for match in _TOKEN.finditer(text))
    return [(kind, text) for kind, text in found if kind != "skip"]


class _Reader:
    def __init__(self, tokens: list[Token]) -> None:
        self.looks: list[Look] = []
        self.optional = False
        self.problem = ""
        self.words: set[str] = set()
        """Words that are neither metrics nor labels, in lower case."""
        self._tokens = tokens
        self._next = 0
        self._open: list[int] = []
        """For each open parenthesis the number of selectors before it."""

    def left(self) -> bool:
        """Return whether tokens are left."""
        return self._next < len(self._tokens)

    def step(self) -> None:
        """Read a selector, or a single token of anything else."""
        kind, text = self._peek()
        if text == "{" or (kind == "word" and self._names_metric(text)):
            self._looked([self._selector()])
            return
        self._next += 1
        if kind == "word":
            self._word(text.lower())
        elif text == "(":
            self._open.append(len(self.looks))
        elif text == ")" and self._open:
            begin = self._open.pop()
            inside, self.looks = self.looks[begin:], self.looks[:begin]
            self._looked(inside)

    def _peek(self, ahead: int = 0) -> Token:
        place = self._next + ahead
        return self._tokens[place] if place < len(self._tokens) else ("", "")

    def _take(self) -> str:
        self._next += 1
        return self._peek(-1)[1]

    def _until(self, last: str) -> list[Token]:
        begin = self._next
        while self.left() and self._peek()[1] != last:
            self._next += 1
        self._next += 1
        return self._tokens[begin : self._next - 1]

    def _names_metric(self, word: str) -> bool:
        after = self._peek(1)[1].lower()
        return word.lower() not in _WORDS and after != "(" and after not in _LISTS

    def _word(self, word: str) -> None:
        self.words.add(word)
        self.optional |= word in _OPTIONAL
        if word in _LISTS and self._peek()[1] == "(":
            self._until(")")

    def _selector(self) -> Look:
        name = self._take() if self._peek()[0] == "word" else ""
        if self._peek()[1] != "{":
            return Look(name)
        matchers = list(_matchers(self._until("}")[1:]))
        kept = [text for label, text in matchers if label in _TARGET]
        if not name and not kept:
            return Look(f"{{{','.join(text for _, text in matchers)}}}")
        labels = tuple(label for label, text in matchers if label not in _TARGET and _needs(text))
        return Look(f"{name}{{{','.join(kept)}}}" if kept else name, labels=labels)

    def _looked(self, looks: list[Look]) -> None:
        """Add selectors, with the range and the modifiers that follow them or the query around them."""
        back, offset, at = 0.0, 0.0, None
        while True:
            kind, text = self._peek()
            if kind == "range":
                back += self._seconds(self._take()[1:-1].partition(":")[0])
            elif text.lower() == "offset":
                self._take()
                offset += self._signed()
            elif text == "@":
                self._take()
                at = self._moment()
            else:
                break
        self.looks += [_moved(look, back, offset, at) for look in looks]

    def _signed(self) -> float:
        sign = -1.0 if self._peek()[1] == "-" else 1.0
        if self._peek()[1] in {"-", "+"}:
            self._take()
        return sign * self._seconds(self._take())

    def _moment(self) -> float | None:
        """Return the time after ``@``; ``start()`` and ``end()`` are now."""
        if self._peek()[0] == "word":
            self._until(")")
            return None
        return self._signed()

    def _seconds(self, text: str) -> float:
        plain, long = number(text), duration(text)
        if plain is None and long is None:
            self.problem = f"the range '{text.strip()[:40]}' of the query cannot be read"
        return long.total_seconds() if long is not None else plain or 0.0


def _moved(look: Look, back: float, offset: float, at: float | None) -> Look:
    fixed = look.at if look.at is not None else at
    return replace(look, back=look.back + back, offset=look.offset + offset, at=fixed)


def _matchers(tokens: Iterable[Token]) -> Iterator[tuple[str, str]]:
    """Return each matcher as its label and its text; a name in quotes alone is that of the metric."""
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token[1] == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    for part in filter(None, parts):
        label = part[0][1].strip("\"'`") if len(part) > 1 else "__name__"
        yield label, "".join(text for _, text in part)


def _needs(matcher: str) -> bool:
    """Return whether a matcher refuses series without the label; a pattern that cannot be read may not."""
    found = _MATCHER.fullmatch(matcher)
    if found is None:
        return False
    try:
        empty = bool(re.fullmatch(found["value"], "")) if "~" in found["sign"] else not found["value"]
    except re.error:
        return False
    return empty is found["sign"].startswith("!")
