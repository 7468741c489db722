"""Evaluate the part of PromQL that the checklist uses over the product's samples.

An engine, not a table of answers: every answer follows from the samples, so a broken part shows in each query
that reads it, new queries of the checklist included. PyPI has parsers of PromQL but no engine. A real
Prometheus could not run a rehearsal, since its windows cannot be compressed; where one is installed, a test
compares its answers with these.

Windows, subqueries and offsets are compressed by the rehearsal's pace, but never below the ``shortest``
seconds. A subquery keeps its number of steps: ``[4h:1m]`` has 240. Everything else is as Prometheus 3
documents it (querying/basics, querying/operators, querying/functions). ``start()``, ``end()`` and native
histograms are not known.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from launch_rehearsal.product.base.series import SHORTEST
from launch_rehearsal.product.monitoring import promql_tokens
from launch_rehearsal.product.monitoring.promql_aggregates import AGGREGATES, Grouping, aggregated
from launch_rehearsal.product.monitoring.promql_functions import FUNCTIONS, function
from launch_rehearsal.product.monitoring.promql_operators import LEVELS, Matching, binary
from launch_rehearsal.product.monitoring.promql_selectors import Brackets, Matcher, Source, negative
from launch_rehearsal.product.monitoring.promql_tokens import Token
from launch_rehearsal.product.monitoring.promql_values import (
    NAME,
    Expression,
    Operand,
    QueryError,
    Value,
    expression,
)

if TYPE_CHECKING:
    from launch_rehearsal.product.base.series import Store

_CONSTANTS = {"inf": math.inf, "nan": math.nan}
_END = Token("", "")


def evaluate(store: Store, query: str, at: float, pace: float) -> Value:
    """Return the value of a query at a moment. Raises QueryError for a query that is not understood."""
    return compiled(store, query, pace)(at)


def compiled(store: Store, query: str, pace: float, shortest: float = SHORTEST) -> Expression:
    """Parse a query. Raises QueryError for a query that is not understood."""
    parser = _Parser(Source(store, lambda seconds: max(seconds * pace, shortest)), query)
    found = expression(parser.operand())
    parser.end()
    return found


class _Parser:
    def __init__(self, source: Source, query: str) -> None:
        self._source = source
        self._tokens = promql_tokens.tokens(query)
        self._next = 0

    # ---- tokens ------------------------------------------------------------------------------------

    def _token(self) -> Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else _END

    def _peek(self) -> str:
        return self._token().text

    def _take(self, *wanted: str) -> Token:
        token = self._token()
        if token is _END or (wanted and token.text not in wanted):
            message = f"expected {' or '.join(wanted) or 'more'}, found {token.text or 'the end'}"
            raise QueryError(message)
        self._next += 1
        return token

    def _accept(self, *wanted: str) -> str:
        return self._take().text if self._peek() in wanted else ""

    def end(self) -> None:
        """Raise QueryError if tokens are left."""
        if self._token() is not _END:
            message = f"unexpected {self._peek()}"
            raise QueryError(message)

    # ---- operators ---------------------------------------------------------------------------------

    def operand(self, least: int = 1) -> Operand:
        """Parse an expression of operators that bind at least as tightly."""
        left = self._signed()
        while (level := LEVELS.get(self._peek(), 0)) >= least:
            sign = self._take().text
            matching = self._matching()
            right = self.operand(level + (sign != "^"))
            left = binary(sign, expression(left), expression(right), matching)
        return left

    def _matching(self) -> Matching:
        """Parse ``bool``, ``on (...)`` or ``ignoring (...)``, and ``group_left (...)``."""
        as_number = bool(self._accept("bool"))
        which = self._accept("on", "ignoring")
        names = self._names() if which else ()
        many: Literal["", "group_left", "group_right"] = ""
        if which and (said := self._accept("group_left", "group_right")):
            many = "group_left" if said == "group_left" else "group_right"
        taken = self._names() if many and self._peek() == "(" else ()
        return Matching(as_number, which == "on", names, many, taken)

    def _names(self) -> tuple[str, ...]:
        self._take("(")
        names = []
        while not self._accept(")"):
            names.append(self._name())
            if self._peek() != ")":
                self._take(",")
        return tuple(names)

    def _name(self) -> str:
        token = self._take()
        if token.kind != "name":
            message = f"expected a label, found {token.text}"
            raise QueryError(message)
        return token.text

    def _signed(self) -> Operand:
        sign = self._accept("-", "+")
        if not sign:
            return self._ranged(self._primary())
        inner = expression(self.operand(LEVELS["^"]))
        return negative(inner) if sign == "-" else inner

    # ---- operands ----------------------------------------------------------------------------------

    def _primary(self) -> Operand:
        token = self._token()
        if token.text == "(":
            return self._inner()
        if token.kind == "text":
            return promql_tokens.unquoted(self._take())
        if token.kind == "number" or token.text.lower() in _CONSTANTS:
            return _number(self._take())
        if token.kind == "name" and self._after() in {"(", "by", "without"}:
            return self._called(self._take().text)
        if token.kind == "name" or token.text == "{":
            return self._selector()
        message = f"unexpected {token.text or 'end'}"
        raise QueryError(message)

    def _after(self) -> str:
        return self._tokens[self._next + 1].text if self._next + 1 < len(self._tokens) else ""

    def _inner(self) -> Operand:
        self._take("(")
        inner = self.operand()
        self._take(")")
        return inner

    def _called(self, name: str) -> Expression:
        if name in AGGREGATES:
            grouping = self._grouping()
            arguments = self._arguments()
            return aggregated(name, arguments, grouping or self._grouping() or Grouping())
        if name in FUNCTIONS:
            return function(name, self._arguments())
        message = f"unknown function with name {name!r}"
        raise QueryError(message)

    def _grouping(self) -> Grouping | None:
        how = self._accept("by", "without")
        return Grouping(self._names(), how == "without") if how else None

    def _arguments(self) -> list[Operand]:
        self._take("(")
        arguments: list[Operand] = []
        while not self._accept(")"):
            arguments.append(self.operand())
            if self._peek() != ")":
                self._take(",")
        return arguments

    def _selector(self) -> Operand:
        matchers = []
        if self._token().kind == "name":
            matchers.append(Matcher(NAME, "=", self._take().text))
        if self._accept("{"):
            while not self._accept("}"):
                matchers.append(self._matcher())
                if self._peek() != "}":
                    self._take(",")
        brackets = self._brackets() if self._peek() == "[" and ":" not in self._bracketed() else None
        return self._source.selected(matchers, brackets, self._modifiers())

    def _matcher(self) -> Matcher:
        label, sign = self._name(), self._take("=", "!=", "=~", "!~").text
        return Matcher(label, sign, promql_tokens.unquoted(self._take()))

    # ---- ranges ------------------------------------------------------------------------------------

    def _ranged(self, inner: Operand) -> Operand:
        """Build a subquery of an expression that ``[7d:1h]`` follows."""
        if self._peek() != "[":
            return inner
        brackets = self._brackets()
        return self._source.stepped(expression(inner), brackets, self._modifiers())

    def _bracketed(self) -> list[str]:
        return [token.text for token in self._tokens[self._next : self._next + 3]]

    def _brackets(self) -> Brackets:
        self._take("[")
        seconds, step = promql_tokens.seconds(self._take()), None
        if self._accept(":"):
            step = 0.0 if self._peek() == "]" else promql_tokens.seconds(self._take())
        self._take("]")
        return Brackets(seconds, step)

    def _modifiers(self) -> tuple[float, float | None]:
        """Parse ``offset 1h`` and ``@ 1700000000``: the seconds back, and the moment."""
        back, fixed = 0.0, None
        while said := self._accept("offset", "@"):
            sign = -1 if self._accept("-") else 1
            if said == "offset":
                back = sign * promql_tokens.seconds(self._take())
                continue
            token = self._take()
            if token.kind != "number":
                message = f"@ takes a time in seconds since 1970, not {token.text}"
                raise QueryError(message)
            fixed = sign * promql_tokens.number(token)
        return back, fixed


def _number(token: Token) -> Expression:
    named = _CONSTANTS.get(token.text.lower())
    value = promql_tokens.number(token) if named is None else named
    return lambda _at: value
