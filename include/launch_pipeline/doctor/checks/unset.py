"""Find out which variables a person must set: also those behind a default, and values of the example."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.overrides import product_variables
from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.language.variables import DERIVED, derived, placeholders
from launch_pipeline.launch.context import launch_names

if TYPE_CHECKING:
    from collections.abc import Collection

_PLACEHOLDER = re.compile(
    r"""(?:.*[/.:])?your-[\w-]+
    |(?:\S+[-:/])?\.\.\.
    |(?:[a-z+]+://)?(?:[\w-]+\.)*example\.(?:org|com|net)(?:[:/]\S*)?
    |(?:name_of|id-of)[_-]\S+
    |\w?X{4,}
    |(?:[A-Z]+\ )?/\S*/example
    |203\.0\.113\.\d+
    |a\ text\ that\ your\ .*
    |words\ of\ that\ document""",
    re.VERBOSE,
)
"""Values of ``production.example.yaml`` that belong to no product, such as names that RFC 2606 keeps free."""


@dataclass(frozen=True)
class Variables:
    """The variables of an environment, over the product's own."""

    given: Mapping[str, Any]
    product: Mapping[str, Any]
    filled: Mapping[str, Any]
    used: Collection[str]
    """Those that checks use."""
    launch: Collection[str]
    """Those that every launch sets from its form and its clock."""

    @classmethod
    def of(cls, given: Mapping[str, Any], used: Collection[str]) -> Variables:
        """Read the product's variables. Raises ConfigurationError if they cannot be read."""
        launch = launch_names()
        filled = with_product({**given, **dict.fromkeys(launch, "known")})
        return cls(given, product_variables(), filled, used, launch)

    def missing(self, name: str) -> frozenset[str]:
        """Return the variables to set so that this one has a value; none if it has one.

        Behind a default that uses another variable, and behind ``services_regex``, it is the other one.
        """
        if name in self.launch:
            return frozenset()
        value = self.given.get(name)
        if value is not None:
            own = name not in self.product and value in ("", [], {})
            return frozenset({name} if own or is_placeholder(value) else ())
        if (default := self.product.get(name)) is not None:
            return self.all_missing(placeholders(default))
        if base := self._list_of(name):
            return self.missing(base)
        return frozenset({name})

    def all_missing(self, names: Collection[str]) -> frozenset[str]:
        """Return the variables to set so that all of these have values."""
        return frozenset[str]().union(*map(self.missing, names))

    def _list_of(self, name: str) -> str:
        """Return the list that this variable is made of; an empty text if it is a variable of its own."""
        base, _, made = name.rpartition("_")
        known = derived(name, self.filled) is not None
        unset = base not in self.filled and (base in self.product or base in self.used)
        return base if made in DERIVED and (known or unset) else ""


def is_placeholder(value: Any) -> bool:
    """Return whether a value, or a member of it, is still that of the example."""
    return any(_PLACEHOLDER.fullmatch(text.strip()) for text in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([*value.values()])
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
