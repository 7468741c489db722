"""JMESPath's functions, with those that order or search texts comparing by meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jmespath import functions

from launch_pipeline.checks.language.order import Undecided, holds_version, named_release, version_like
from launch_pipeline.checks.language.values import moment, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_ORDERS = {"max", "min", "sort", "max_by", "min_by", "sort_by"}


class Functions(functions.Functions):
    """The functions of one evaluation; ``doubts`` is told why a result says nothing."""

    def __init__(self, doubts: Callable[[str], None]) -> None:
        super().__init__()
        self._doubts = doubts

    def call_function(self, function_name: str, resolved_args: Iterable[Any]) -> Any:
        """Call a function; a result that depends on the order of characters in a number is doubtful."""
        arguments = list(resolved_args)
        if function_name in _ORDERS:
            self._doubt_order(function_name, _keys(arguments))
        if function_name in {"contains", "starts_with", "ends_with"} and _of_version(arguments):
            return self._has_version(function_name, *arguments)
        return super().call_function(function_name, arguments)

    def _doubt_order(self, name: str, keys: Sequence[Any]) -> None:
        if len(_numbers_in_text(keys)) > 1:
            self._doubts(f"{name}() orders numbers that are texts by their characters")
        if _other_as_moments(keys):
            self._doubts(f"{name}() orders times of several zones by their characters")

    def _has_version(self, name: str, text: str, wanted: str) -> bool:
        plainly = super().call_function(name, [text, wanted])
        try:
            return bool(plainly) and holds_version(text, wanted)
        except Undecided as error:
            self._doubts(str(error))
            return False


def _of_version(arguments: Sequence[Any]) -> bool:
    both = len(arguments) == 2 and all(isinstance(one, str) for one in arguments)  # noqa: PLR2004
    return both and named_release(arguments[1])


def _keys(arguments: Sequence[Any]) -> list[Any]:
    """Return what a function orders by."""
    elements = arguments[0] if arguments and isinstance(arguments[0], list) else []
    by = arguments[1] if len(arguments) > 1 else None
    return [by.visit(by.expression, element) for element in elements] if by is not None else elements


def _numbers_in_text(keys: Sequence[Any]) -> list[str]:
    """Return the texts that a function would order, where they are numbers or versions."""
    return [key for key in keys if isinstance(key, str) and (number(key) is not None or version_like(key))]


def _other_as_moments(keys: Sequence[Any]) -> bool:
    """Return whether texts are in another order as the moments that they are."""
    read = [(moment(key), key) for key in keys if isinstance(key, str)]
    moments = [(at, key) for at, key in read if at is not None]
    by_character = sorted(moments, key=lambda pair: pair[1])
    return [at for at, _ in by_character] != sorted(at for at, _ in moments)
