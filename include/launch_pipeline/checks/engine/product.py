"""The names of the product: defaults of variables from ``variables.yaml``, changed by ``overrides.yaml``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.overrides import product_variables
from launch_pipeline.checks.language.variables import placeholders, substitute
from launch_pipeline.errors import ConfigurationError, Inconclusive

if TYPE_CHECKING:
    from collections.abc import Mapping


def with_product(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return variables over the product's own, whose ``${name}`` are filled in.

    Only the product's files are filled in, never what an environment or a person gave. A default that uses
    a variable nobody set is left out. Raises ConfigurationError for defaults that use each other in a circle.
    """
    known = {name: value for name, value in given.items() if value is not None}
    product = {name: value for name, value in product_variables().items() if name not in known}
    return {**product_filled(product, known), **known}


def product_filled(product: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the product's variables filled in from ``known`` and from each other."""
    found: dict[str, Any] = {}
    waiting = dict(product)
    while waiting:
        ready = {name: value for name, value in waiting.items() if not placeholders(value) & waiting.keys()}
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
