"""How long a regular expression may take: the steps from one place of a text, as an upper bound.

Python's engine tries one way to match after the other, so a pattern with many ways hangs on a text that
nearly fits. A repetition gives ways where what follows may begin as what is repeated does, and each of them
costs the steps of the rest. What begins only after a sign that it does not hold itself is looked through
once in all.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_LITTLE = 64
"""Steps of something repeated that looks at nothing far away: in all it is one look through the text."""
MANY = 1e9
"""More steps than this are not told apart."""

Signs = frozenset[int]
"""Characters by their code; those beyond ASCII in four sorts, as digits, spaces, letters and others."""

_DIGIT, _SPACE, _LETTER, _OTHER = range(128, 132)
_ALL: Signs = frozenset(range(132))
_NONE: Signs = frozenset()
_DIGITS: Signs = frozenset({*map(ord, string.digits), _DIGIT})
_SPACES: Signs = frozenset({*map(ord, string.whitespace), 28, 29, 30, 31, _SPACE})
_WORD: Signs = frozenset({*map(ord, string.ascii_letters + "_"), _LETTER}) | _DIGITS
_CATEGORIES = {
    sre.CATEGORY_DIGIT: _DIGITS,
    sre.CATEGORY_NOT_DIGIT: _ALL - _DIGITS,
    sre.CATEGORY_SPACE: _SPACES,
    sre.CATEGORY_NOT_SPACE: _ALL - _SPACES,
    sre.CATEGORY_WORD: _WORD,
    sre.CATEGORY_NOT_WORD: _ALL - _WORD,
}
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
_FINAL = (sre.ASSERT, sre.ASSERT_NOT, sre.ATOMIC_GROUP, sre.GROUPREF_EXISTS)

Node = tuple[Any, Any]
"""An operation of a parsed pattern, and its arguments."""


@dataclass(frozen=True)
class _Edge:
    """What a part may begin (or end) with, and whether it may be empty."""

    signs: Signs
    empty: bool

    def beside(self, others: Signs) -> Signs:
        """Give what stands there where ``others`` come after an empty part."""
        return self.signs | others if self.empty else self.signs


_ANYTHING = _Edge(_ALL, empty=True)
"""What a test of the surroundings is taken for: it may fail anywhere."""


@dataclass(frozen=True)
class _Place:
    """Where a part stands: between which signs, and whether it is tried in many ways."""

    before: Signs
    after: Signs
    """Nothing: the end of the pattern, which never fails."""
    many: bool


@dataclass(frozen=True)
class _Cost:
    """Counts the ways and the steps of one parsed pattern."""

    window: int
    edges: dict[tuple[int, int], _Edge] = field(default_factory=dict)

    def sequence(self, nodes: Sequence[Node], place: _Place) -> tuple[float, float]:
        """Count for parts in a row: each is tried in all the ways of those before it."""
        afters = [place.after]
        for node in reversed(nodes):
            afters.append(self._edge(node, 1).beside(afters[-1]))
        ways, steps, before = 1.0, 0.0, place.before
        for number, node in enumerate(nodes):
            own = _Place(before, afters[len(nodes) - number - 1], place.many or ways > 1)
            more, cost = self._node(node, own)
            steps, ways = min(steps + ways * cost, MANY), min(ways * more, MANY)
            before = self._edge(node, -1).beside(before)
        return ways, steps

    def _node(self, node: Node, place: _Place) -> tuple[float, float]:
        operation, arguments = node
        if operation in _REPEATS:
            ways, steps = self._repeat(arguments, place)
            return (1.0 if operation is sre.POSSESSIVE_REPEAT else ways), steps
        if operation is sre.BRANCH:
            return self._branch(arguments[1], place)
        if operation is sre.SUBPATTERN:
            return self.sequence(arguments[3], place)
        if operation in _FINAL:
            # Once it has matched it is not tried in another way.
            parts = [self.sequence(part, place) for part in _parts(arguments)]
            return 1.0, 1.0 + sum(steps for _, steps in parts)
        return 1.0, float(self.window if operation is sre.GROUPREF and place.many else 1)

    def _repeat(self, arguments: tuple[int, int, Any], place: _Place) -> tuple[float, float]:
        least, most, body = arguments[0], min(arguments[1], self.window), arguments[2]
        begin, end = self._row(body, 1), self._row(body, -1)
        again = begin.signs if most > 1 else _NONE
        # The first time, after what stands before, counts only where that is tried in many ways.
        before = end.signs | (place.before if place.many else _NONE)
        inner, steps = self.sequence(body, _Place(before, place.after | again, place.many or most > 1))
        once = not (place.many and place.after and place.before & begin.signs) and steps <= _LITTLE
        steps = min(max(steps, 1.0) * (1 if once else most), MANY)
        if inner > 1:
            return _power(inner, most), steps
        ambiguous = most > least and (begin.signs & place.after or begin.empty)
        return float(most - least + 1) if ambiguous else 1.0, steps

    def _branch(self, choices: Sequence[Any], place: _Place) -> tuple[float, float]:
        """Add the ways of all choices that may begin alike; else the first sign decides."""
        counted = [self.sequence(choice, place) for choice in choices]
        steps = float(len(choices)) + max(steps for _, steps in counted)
        seen: set[int] = set()
        for choice in choices:
            signs = self._row(choice, 1).beside(place.after)
            if seen & signs:
                return min(sum(ways for ways, _ in counted), MANY), steps
            seen |= signs
        return max(ways for ways, _ in counted), steps

    def _row(self, nodes: Sequence[Node], direction: int) -> _Edge:
        """Give the first sign of parts in a row, or with direction -1 the last."""
        signs = _NONE
        for node in nodes if direction > 0 else reversed(nodes):
            edge = self._edge(node, direction)
            signs |= edge.signs
            if not edge.empty:
                return _Edge(signs, empty=False)
        return _Edge(signs, empty=True)

    def _edge(self, node: Node, direction: int) -> _Edge:
        known = self.edges.get((id(node), direction))
        if known is None:
            known = self.edges[id(node), direction] = self._looked_up(*node, direction)
        return known

    def _looked_up(self, operation: Any, arguments: Any, direction: int) -> _Edge:
        if operation in _REPEATS:
            edge = self._row(arguments[2], direction)
            return _Edge(edge.signs, empty=edge.empty or arguments[0] == 0)
        if operation is sre.BRANCH:
            edges = [self._row(choice, direction) for choice in arguments[1]]
            return _Edge(_NONE.union(*(e.signs for e in edges)), empty=any(e.empty for e in edges))
        if operation is sre.SUBPATTERN:
            return self._row(arguments[3], direction)
        if operation is sre.ATOMIC_GROUP:
            return self._row(arguments, direction)
        signs = _signs(operation, arguments)
        return _ANYTHING if signs is None else _Edge(signs, empty=False)


def steps(tree: Any, window: int) -> float:
    """Count the steps that a parsed pattern may take from one place, in a text of ``window`` signs.

    What every pattern takes, one look through the text, is not counted.
    """
    return _Cost(window).sequence(tree, _Place(_NONE, _NONE, many=False))[1]


def _power(inner: float, times: int) -> float:
    total = 1.0
    for _ in range(times):
        total *= inner
        if total > MANY:
            return MANY
    return total


def _parts(arguments: Any) -> list[Any]:
    if isinstance(arguments, sre_parser.SubPattern):
        return [arguments]
    if isinstance(arguments, list | tuple):
        return [part for argument in arguments for part in _parts(argument)]
    return []


def _signs(operation: Any, arguments: Any) -> Signs | None:
    """Give what one sign of a pattern stands for, in any case; None where it is no sign."""
    if operation is sre.ANY:
        return _ALL
    if operation is sre.LITERAL:
        return _literal(arguments)
    if operation is sre.NOT_LITERAL:
        # In any case: what is excluded could come in by another spelling.
        return _ALL if chr(arguments).isalpha() else _ALL - _literal(arguments)
    return _set(arguments) if operation is sre.IN else None


def _set(members: Sequence[tuple[Any, Any]]) -> Signs:
    signs: Signs = _NONE
    for operation, argument in members:
        if operation is sre.LITERAL:
            signs |= _literal(argument)
        elif operation is sre.RANGE:
            signs |= _range(*argument)
        elif operation is sre.CATEGORY:
            signs |= _CATEGORIES[argument]
    if members[0][0] is not sre.NEGATE:
        return signs
    # A sort beyond ASCII is more than the one sign that is excluded.
    return (_ALL - signs) | frozenset(range(128, 132))


def _literal(code: int) -> Signs:
    sign = chr(code)
    if code < 128:  # noqa: PLR2004  (ASCII)
        return frozenset({code, *(ord(s) for s in (sign.lower(), sign.upper()))})
    sort = _DIGIT if sign.isdecimal() else _SPACE if sign.isspace() else _LETTER if sign.isalnum() else _OTHER
    return frozenset({sort})


def _range(low: int, high: int) -> Signs:
    signs = {s for code in range(low, min(high, 127) + 1) for s in _literal(code)}
    return frozenset(signs | set(range(128, 132))) if high > 127 else frozenset(signs)  # noqa: PLR2004  (ASCII)
