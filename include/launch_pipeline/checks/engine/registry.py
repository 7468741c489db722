"""Find the kinds of checks by name, among the entry points of the installed packages.

A package adds a kind by an entry point of the group ``launch_pipeline.check_kinds`` that names a
:class:`~launch_pipeline.checks.engine.kind.Kind`; the kinds of this package are found in the same way. A kind
is imported on first use.
"""

from __future__ import annotations

import difflib
import importlib
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.engine.params import Params

GROUP = "launch_pipeline.check_kinds"
"""The entry-point group of check kinds."""


@lru_cache(maxsize=1)
def _sources() -> Mapping[str, EntryPoint]:
    """Return the entry point of every kind; raises ConfigurationError for a duplicate name."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if point.name in found and found[point.name].value != point.value:
            problem = (
                f"two packages provide the kind '{point.name}': {found[point.name].value} and {point.value}."
            )
            raise ConfigurationError(GROUP, point.name, problem, "rename one, or uninstall its package.")
        found[point.name] = point
    if not found:
        fix = "install this package again (make install); its metadata lists them."
        raise ConfigurationError(GROUP, "", "no check kind is installed.", fix)
    return found


def kind_names() -> tuple[str, ...]:
    """Return the names of all kinds, sorted; raises ConfigurationError for a duplicate name."""
    return tuple(sorted(_sources()))


def kind(name: str) -> Kind:
    """Return the kind of a name; raises ConfigurationError if it is unknown or cannot be loaded."""
    point = _sources().get(name)
    if point is None:
        near = difflib.get_close_matches(name, kind_names(), 1)
        fix = f"write '{near[0]}'." if near else f"use one of {', '.join(kind_names())}."
        raise ConfigurationError("kinds of checks", name, "there is no such kind.", fix)
    return _loaded(name, point.value)


@lru_cache(maxsize=256)
def _loaded(name: str, value: str) -> Kind:
    fix = "repair or uninstall the package that provides it."
    try:
        loaded: Any = EntryPoint(name, value, GROUP).load()
    except Exception as error:
        problem = f"'{value}' cannot be loaded: {type(error).__name__}: {error}."
        raise ConfigurationError(f"entry point {GROUP}", name, problem, fix) from error
    if not isinstance(loaded, Kind) or loaded.name != name:
        problem = f"'{value}' is not a Kind of the name '{name}'."
        raise ConfigurationError(f"entry point {GROUP}", name, problem, fix)
    return loaded


def parameter_models() -> Mapping[str, type[Params]]:
    """Return the parameter model of every kind, by name; raises as :func:`kind` does."""
    return {name: kind(name).params for name in kind_names()}


def observer(of: Kind) -> Any:
    """Import the observer of a kind; raises ConfigurationError if that fails."""
    module, _, function = (of.observe or "").partition(":")
    try:
        return getattr(importlib.import_module(module), function)
    except Exception as error:
        problem = f"its observer '{of.observe}' cannot be loaded: {type(error).__name__}: {error}."
        raise ConfigurationError("kinds of checks", of.name, problem, "install its dependencies.") from error
