"""Evaluate the part of PromQL that the checklist uses over the product's samples.

An engine, not a table of answers: every answer follows from the samples, so a broken part shows in each query
that reads it, new queries of the checklist included. PyPI has parsers of PromQL but no engine. A real
Prometheus could not run a rehearsal, since its windows cannot be compressed; where one is installed, a test
compares its answers with these.

Windows are compressed by the rehearsal's pace, but never below the ``shortest`` seconds. Rates are per second
of this machine's clock, since the traffic is not compressed. Everything else is as Prometheus documents it
(querying/basics, querying/operators, querying/functions).
"""

from __future__ import annotations

import operator
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from launch_rehearsal.product.base.series import SHORTEST
from launch_rehearsal.product.monitoring.promql_values import (
    AGGREGATES,
    COMPARISONS,
    FUNCTIONS,
    Expression,
    QueryError,
    Value,
    Window,
    aggregated,
    arithmetic,
    divide,
    either_of,
    filtered,
    topk,
    vector_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_rehearsal.product.base.series import Labels, Samples, Store

_STEPS = 10
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?![\w]))|(?P<duration>\d+[smhdw])|(?P<name>[a-zA-Z_][\w:]*)"
    r'|(?P<text>"(?:[^"\\]|\\.)*")|(?P<sign>=~|!~|==|!=|<=|>=|[-+*/(){}\[\],:<>=]))'
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def evaluate(store: Store, query: str, at: float, pace: float) -> Value:
    """Return the value of a query at a moment. Raises QueryError for a query that is not understood."""
    return compiled(store, query, pace)(at)


def compiled(store: Store, query: str, pace: float, shortest: float = SHORTEST) -> Expression:
    """Parse a query. Raises QueryError for a query that is not understood."""
    parser = _Parser(store, query, lambda seconds: max(seconds * pace, shortest))
    expression = parser.either()
    parser.end()
    return expression


class _Parser:
    def __init__(self, store: Store, query: str, real: Callable[[float], float]) -> None:
        self._store = store
        self._real = real
        self._tokens = _tokens(query)
        self._next = 0

    # ---- tokens ------------------------------------------------------------------------------------

    def _peek(self) -> str:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else ""

    def _kind(self) -> str:
        return self._tokens[self._next][0] if self._next < len(self._tokens) else ""

    def _take(self, *wanted: str) -> str:
        token = self._peek()
        if not token or (wanted and token not in wanted):
            message = f"expected {' or '.join(wanted) or 'more'}, found {token or 'the end'}"
            raise QueryError(message)
        self._next += 1
        return token

    def _accept(self, *wanted: str) -> str:
        return self._take() if self._peek() in wanted else ""

    def end(self) -> None:
        """Raise QueryError if tokens are left."""
        if self._peek():
            message = f"unexpected {self._peek()}"
            raise QueryError(message)

    # ---- operators, loosest first ------------------------------------------------------------------

    def either(self) -> Expression:
        """Parse ``a or b``."""
        left = self._compared()
        while self._accept("or"):
            left = either_of(left, self._compared())
        return left

    def _compared(self) -> Expression:
        left = self._sum()
        while sign := self._accept(*COMPARISONS):
            left = filtered(left, self._sum(), sign)
        return left

    def _sum(self) -> Expression:
        left = self._product()
        while sign := self._accept("+", "-"):
            left = arithmetic(left, self._product(), operator.add if sign == "+" else operator.sub)
        return left

    def _product(self) -> Expression:
        left = self._single()
        while sign := self._accept("*", "/"):
            left = arithmetic(left, self._single(), operator.mul if sign == "*" else divide)
        return left

    def _single(self) -> Expression:
        found = self._primary()
        if isinstance(found, Window):
            message = "a range needs a function around it"
            raise QueryError(message)
        return found

    # ---- operands ----------------------------------------------------------------------------------

    def _primary(self) -> Expression | Window:
        kind, token = self._kind(), self._peek()
        if kind == "number":
            value = float(self._take())
            return lambda _at: value
        if self._peek() == "(":
            self._take()
            inner = self.either()
            self._take(")")
            return self._ranged(inner)
        if token in AGGREGATES:
            return self._ranged(self._aggregate())
        if token in FUNCTIONS:
            return self._ranged(self._function())
        if kind == "name" or self._peek() == "{":
            return self._selector()
        message = f"unexpected {token or 'end'}"
        raise QueryError(message)

    def _aggregate(self) -> Expression:
        name = self._take()
        by = self._by()
        self._take("(")
        number = int(self._take()) if name == "topk" else 0
        if number:
            self._take(",")
        inner = self.either()
        self._take(")")
        by = by if by is not None else self._by()
        return topk(inner, number) if number else aggregated(inner, by or (), AGGREGATES[name])

    def _by(self) -> tuple[str, ...] | None:
        if not self._accept("by"):
            return None
        self._take("(")
        names = []
        while not self._accept(")"):
            names.append(self._take())
            self._accept(",")
        return tuple(names)

    def _function(self) -> Expression:
        name = self._take()
        self._take("(")
        arguments = [self._primary_or_expression()]
        while self._accept(","):
            arguments.append(self._primary_or_expression())
        self._take(")")
        return FUNCTIONS[name](arguments)

    def _primary_or_expression(self) -> Expression | Window:
        begin = self._next
        found = self._primary()
        if isinstance(found, Window):
            return found
        self._next = begin
        return self.either()

    def _selector(self) -> Expression | Window:
        tests: list[Callable[[dict[str, str]], bool]] = []
        if self._kind() == "name":
            tests.append(_test("__name__", "=", self._take()))
        if self._accept("{"):
            while not self._accept("}"):
                label, sign = self._take(), self._take("=", "!=", "=~", "!~")
                tests.append(_test(label, sign, self._take()[1:-1].replace("\\\\", "\\")))
                self._accept(",")
        chosen = _chosen(self._store, tests)
        if self._peek() != "[":
            return lambda at: {labels: value for labels, s in chosen() if (value := s.at(at)) is not None}
        seconds, _ = self._brackets()
        real = self._real(seconds)
        return Window(
            lambda at: {labels: found for labels, s in chosen() if (found := s.within(at - real, at))},
            seconds,
        )

    def _ranged(self, inner: Expression) -> Expression | Window:
        """Build a subquery of an expression followed by ``[7d:1h]``."""
        if self._peek() != "[":
            return inner
        seconds, colon = self._brackets()
        if not colon:
            message = "a subquery is written as [range:step]"
            raise QueryError(message)
        real = self._real(seconds)
        return Window(lambda at: _stepped(inner, at - real, at), seconds)

    def _brackets(self) -> tuple[float, bool]:
        self._take("[")
        seconds = _seconds(self._take())
        colon = bool(self._accept(":"))
        if colon and self._kind() == "duration":
            self._take()
        self._take("]")
        return seconds, colon


def _tokens(query: str) -> list[tuple[str, str]]:
    found, place = [], 0
    while place < len(query.rstrip()):
        match = _TOKEN.match(query, place)
        if match is None:
            message = f"cannot read {query[place : place + 20]!r}"
            raise QueryError(message)
        found.append((str(match.lastgroup), match[match.lastgroup or 0]))
        place = match.end()
    return found


def _seconds(text: str) -> float:
    if text[-1:] not in _UNITS or not text[:-1].isdecimal():
        message = f"{text!r} is no duration"
        raise QueryError(message)
    return float(text[:-1]) * _UNITS[text[-1]]


def _test(label: str, sign: str, wanted: str) -> Callable[[dict[str, str]], bool]:
    if sign in {"=", "!="}:
        return lambda labels: (labels.get(label, "") == wanted) is (sign == "=")
    pattern = re.compile(wanted)
    return lambda labels: bool(pattern.fullmatch(labels.get(label, ""))) is (sign == "=~")


def _chosen(
    store: Store, tests: list[Callable[[dict[str, str]], bool]]
) -> Callable[[], list[tuple[Labels, Samples]]]:
    def matches(labels: Labels) -> bool:
        named = dict(labels)
        return all(test(named) for test in tests)

    return lambda: list(store.select(matches))


def _stepped(inner: Expression, begin: float, end: float) -> dict[Labels, list[tuple[float, float]]]:
    found: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for step in range(_STEPS + 1):
        at = begin + (end - begin) * step / _STEPS
        for labels, value in vector_of(inner(at)).items():
            found[labels].append((at, value))
    return found
