"""The names of the product: defaults of variables from ``variables.yaml``, changed by ``overrides.yaml``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.overrides import product_variables
from launch_pipeline.checks.language.variables import (
    DERIVED,
    in_prose,
    or_as_written,
    placeholders,
    substitute,
    substituted,
)
from launch_pipeline.errors import ConfigurationError, Inconclusive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checklist.model import Item, Phase

_TEXTS = ("question", "how", "on_failure", "notes")


def with_product(given: Mapping[str, Any], product: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return variables over the product's own, whose ``${name}`` are filled in.

    Without ``product``, its variables are read from its files. Only the product's are filled in, never what
    an environment or a person gave. A default that uses a variable that is not set is left out. Raises
    ConfigurationError for defaults that use each other in a circle.
    """
    known = {name: value for name, value in given.items() if value is not None}
    own = product_variables() if product is None else product
    mine = {name: value for name, value in own.items() if name not in known}
    return {**product_filled(mine, known), **known}


def with_readable_product(
    given: Mapping[str, Any], product: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return variables over the product's own, or alone where a file of the product cannot be read."""
    try:
        return with_product(given, product)
    except ConfigurationError:
        return dict(given)


def named(phase: Phase) -> Phase:
    """Return a phase with the product's names filled in, in checks and texts; other variables stay.

    For documents, which know no environment. Raises ConfigurationError for unreadable files.
    """
    names = with_product({})
    sections = [
        section.model_copy(update={"items": tuple(_named(item, names) for item in section.items)})
        for section in phase.sections
    ]
    return phase.model_copy(update={"sections": tuple(sections)})


def _named(item: Item, names: Mapping[str, Any]) -> Item:
    texts = {name: in_prose(text, names) for name in _TEXTS if (text := getattr(item, name))}
    checks = tuple(
        check.model_copy(update={"params": _spelled_out(check.params, names)}) for check in item.checks
    )
    return item.model_copy(update={**texts, "checks": checks})


def _spelled_out(params: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    filled = substituted(params, or_as_written(params, names))
    says = filled.get("says")
    if isinstance(says, dict):
        return {**filled, "says": {when: in_prose(str(text), names) for when, text in says.items()}}
    return {**filled, "says": in_prose(says, names)} if isinstance(says, str) else filled


def _used(value: Any) -> set[str]:
    """Return the variables that a value uses, also by what a list gives besides."""
    names = placeholders(value)
    return {*names, *(name.removesuffix(f"_{ending}") for name in names for ending in DERIVED)}


def product_filled(product: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the product's variables filled in from ``known`` and from each other."""
    found: dict[str, Any] = {}
    waiting = dict(product)
    while waiting:
        ready = {name: value for name, value in waiting.items() if not _used(value) & waiting.keys()}
        if not ready:
            message = f"use each other in a circle: {', '.join(sorted(waiting))}."
            raise ConfigurationError("variables.yaml", "", message, "write one of them out.")
        for name, value in ready.items():
            del waiting[name]
            try:
                found[name] = substitute(value, {**known, **found})
            except Inconclusive:
                continue
    return found
