"""Reads and applies Alertmanager's matchers (prometheus.io/docs/alerting/latest/configuration, matchers)."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FORM = re.compile(r'\s*(?:"((?:\\.|[^"\\])*)"|([^\s=!~"{},]+))\s*(=~|!~|!=|=)\s*(.*?)\s*', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ALTERNATIVES = re.compile(r"\(?(?:\?:)?([\w.-]+(?:\|[\w.-]+)+)\)?")
"""A regular expression that lists texts; only ``.`` in them has another meaning."""
_MOST = 100


@dataclass(frozen=True)
class Matcher:
    """One matcher: ``name``, a sign and a value; a label that is missing has an empty value."""

    name: str
    sign: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels match; raises Inconclusive for a pattern that cannot be read."""
        given = str(labels.get(self.name) or "")
        if self.sign in {"=", "!="}:
            return (given == self.value) is (self.sign == "=")
        try:
            return bool(re.fullmatch(self.value, given)) is (self.sign == "=~")
        except re.error as error:
            message = f"the pattern '{self.value[:80]}' of label '{self.name}' cannot be read: {error}"
            raise Inconclusive(message) from error

    @property
    def each(self) -> list[Matcher]:
        """Return a matcher for each text that a pattern such as ``a|b`` lists, else this one."""
        listed = _ALTERNATIVES.fullmatch(self.value) if self.sign == "=~" else None
        return [Matcher(self.name, "=~", text) for text in listed[1].split("|")] if listed else [self]


def read(text: str) -> Matcher | None:
    """Parse a matcher; None for one that Alertmanager has to refuse."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    quoted, plain, sign, value = found.groups()
    name = _ESCAPE.sub(r"\1", quoted) if plain is None else plain
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return Matcher(name, sign, value)


def each_of(matchers: Iterable[Matcher]) -> list[tuple[Matcher, ...]]:
    """Return all that matchers list one by one: ``cluster=~"a|b"`` asks for both clusters."""
    return list(itertools.islice(itertools.product(*(one.each for one in matchers)), _MOST))
