"""A JMESPath interpreter that notes why a value may say nothing.

JMESPath reads what is missing as null, and null as false. A checklist would read that as "nothing bad found".
The reader evaluates as JMESPath does, and keeps three notes: the facts read, what was missing where a null
came from, and a doubt where the value rests on a null or on an order of unlike values.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from jmespath.visitor import TreeInterpreter

from launch_pipeline.checks.language.functions import Functions
from launch_pipeline.checks.language.order import Undecided, equal, ordered

_SIGNS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_LONGEST = 60
_OF_ALL = {"sum", "avg", "max", "min"}
"""Functions whose result is about each element."""
_NO = {"false", "no", "off", "0", "disabled"}
"""Texts that say no, and are true to JMESPath."""


def is_false(value: Any) -> bool:
    """Return whether JMESPath takes a value for false."""
    return value is None or value is False or (isinstance(value, str | list | dict) and not value)


class Reader(TreeInterpreter):
    """Evaluates one expression on one set of facts; the notes are of the last evaluation."""

    def __init__(self, facts: Any, *, sparse: bool = False) -> None:
        super().__init__()
        self._called = Functions(self._doubts)
        self._facts = facts
        self._sparse = sparse
        self._asked: Counter[str] = Counter()
        """How often each field was looked for in a mapping, in the filter at hand."""
        self._gaps: Counter[str] = Counter()
        """How often it was not there."""
        self._of_all = False
        """Whether a function needs each element of the list at hand."""
        self.roots: set[str] = set()
        self.missing = ""
        self.doubt = ""

    def _doubts(self, reason: str) -> None:
        self.doubt = self.doubt or reason

    def _misses(self, what: str) -> None:
        self.missing = self.missing or what

    def _believed(self, node: Any, value: Any) -> Any:
        """Evaluate a part whose null or falsehood decides: what is missing in it is a doubt."""
        before, self.missing = self.missing, ""
        result = self.visit(node, value)
        if self.missing and is_false(result):
            self._doubts(self.missing)
        self.missing = before
        return result

    def _true(self, value: Any) -> bool:
        """Return whether JMESPath takes a value for true; a text that says no is doubtful."""
        if isinstance(value, str) and value.strip().lower() in _NO:
            self._doubts(f"'{value.strip()}' is a text, which counts as true")
        return not is_false(value)

    def _kept(self, values: list[Any]) -> list[Any]:
        """Drop what is null, as projections do; a function of all elements is doubtful then."""
        kept = [one for one in values if one is not None]
        if self._of_all and not self._sparse and len(kept) < len(values):
            self._doubts(
                f"{len(values) - len(kept)} of {len(values)} have no value, and the result leaves them out"
            )
        return kept

    def visit_field(self, node: Any, value: Any) -> Any:
        """Read a field; one of something that has no fields is missing, not null."""
        name = node["value"]
        if value is self._facts:
            self.roots.add(name)
        if not isinstance(value, dict):
            self._misses(f"there is nothing that could have '{name[:_LONGEST]}'")
            return None
        self._asked[name] += 1
        self._gaps[name] += name not in value
        return value.get(name)

    def visit_current(self, node: Any, value: Any) -> Any:
        """Return the value itself, which reads all facts where it is they."""
        if value is self._facts:
            self.roots.add("*")
        return super().visit_current(node, value)

    def visit_value_projection(self, node: Any, value: Any) -> Any:
        """Project the values of a mapping; those of something else are missing."""
        result = super().visit_value_projection(node, value)
        if value is self._facts:
            self.roots.add("*")
        if result is None:
            self._misses("there is no mapping")
        return result

    def visit_index(self, node: Any, value: Any) -> Any:
        """Read an element of a list; one of something that is no list is missing."""
        if not isinstance(value, list):
            self._misses("there is no list")
        return super().visit_index(node, value)

    def visit_slice(self, node: Any, value: Any) -> Any:
        """Read a part of a list; one of something that is no list is missing."""
        if not isinstance(value, list):
            self._misses("there is no list")
        return super().visit_slice(node, value)

    def visit_flatten(self, node: Any, value: Any) -> Any:
        """Flatten a list; something that is no list is missing."""
        result = super().visit_flatten(node, value)
        if result is None:
            self._misses("there is no list")
        return result

    def visit_projection(self, node: Any, value: Any) -> Any:
        """Project a list; what all of its elements lack is missing, what some lack is optional."""
        base = self.visit(node["children"][0], value)
        if not isinstance(base, list):
            self._misses("there is no list")
            return None
        read = [self._apart(node["children"][1], element) for element in base]
        if read and all(missing for _, missing in read):
            self._misses(f"none of {len(read)}: {read[0][1]}")
        return self._kept([current for current, _ in read])

    def _apart(self, node: Any, value: Any) -> tuple[Any, str]:
        """Evaluate a part; return its value and what was missing in it, which is not noted."""
        before, self.missing = self.missing, ""
        result = self.visit(node, value)
        missing, self.missing = self.missing, before
        return result, missing

    def visit_filter_projection(self, node: Any, value: Any) -> Any:
        """Filter a list; a field that none of its elements has makes the result doubtful."""
        base = self.visit(node["children"][0], value)
        if not isinstance(base, list):
            self._misses("there is no list")
            return None
        matching = self._matching(node["children"][2], base)
        return self._kept([self.visit(node["children"][1], element) for element in matching])

    def _matching(self, condition: Any, base: list[Any]) -> list[Any]:
        """Return the elements for which a condition holds; a field that none of them has is a doubt."""
        counts, (self._asked, self._gaps) = (self._asked, self._gaps), (Counter(), Counter())
        of_all, self._of_all = self._of_all, False
        tested = [(element, *self._apart(condition, element)) for element in base]
        asked, gaps = self._asked, self._gaps
        self._asked, self._gaps = counts
        self._of_all = of_all
        lacking = [name for name, times in gaps.items() if times == asked[name]]
        if lacking and not self._sparse:
            self._doubts(
                f"none of {asked[lacking[0]]} has '{lacking[0][:_LONGEST]}', which the filter asks for"
            )
        if tested and all(missing for _, _, missing in tested):
            self._doubts(f"none of {len(tested)}: {tested[0][2]}")
        return [element for element, matched, _ in tested if self._true(matched)]

    def visit_or_expression(self, node: Any, value: Any) -> Any:
        """Return the first that is true; a second one stands in for a false one, not for a missing one."""
        counts = Counter(self._asked), Counter(self._gaps)
        before, self.missing = self.missing, ""
        matched = self.visit(node["children"][0], value)
        missing, self.missing = self.missing, before
        if not is_false(matched):
            return matched
        if missing:
            self._doubts(missing)
        matched = self.visit(node["children"][1], value)
        if matched is not None:
            self._asked, self._gaps = counts
        return matched

    def visit_and_expression(self, node: Any, value: Any) -> Any:
        """Return the last, or the first that is false; a missing one is not false."""
        matched = self._believed(node["children"][0], value)
        return self.visit(node["children"][1], value) if self._true(matched) else matched

    def visit_not_expression(self, node: Any, value: Any) -> Any:
        """Return whether a value is false; a missing one is not."""
        result = self._believed(node["children"][0], value)
        self._true(result)
        if result == 0 and isinstance(result, int | float) and not isinstance(result, bool):
            return False
        return not result

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        """Call a function; what is missing in its arguments makes its result doubtful."""
        of_all, self._of_all = self._of_all, node["value"] in _OF_ALL
        resolved = [self._believed(child, value) for child in node["children"]]
        self._of_all = of_all
        return self._called.call_function(node["value"], resolved)

    def visit_comparator(self, node: Any, value: Any) -> Any:
        """Compare by meaning; what cannot be compared is neither true nor false, and doubtful."""
        left, right = (self._apart(child, value) for child in node["children"])
        sign = node["value"]
        try:
            if sign in _SIGNS:
                return ordered(_SIGNS[sign], left[0], right[0])
            same = equal(left[0], right[0])
        except Undecided as error:
            self._doubts(str(error))
            return None
        missing = left[1] or right[1]
        if missing and (same or sign == "ne"):
            self._doubts(missing)
        elif missing:
            self._misses(missing)
        return same if sign == "eq" else not same
