"""Gather what the checklists need: connections and variables, with the items that use each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.registry import kind
from launch_pipeline.checks.language.variables import placeholders, substitute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from launch_pipeline.checklist.model import CheckSpec
    from launch_pipeline.checklist.plan import PlannedItem
    from launch_pipeline.checks.engine.kind import Kind

OPTIONAL_KINDS = frozenset({"report"})
"""Kinds that work without credentials if their connection is missing."""
_NO_CONNECTION = frozenset({"connection", "none", "invalid"})
"""Values of ``auth`` in an ``http_request`` that are not the id of a connection."""


@dataclass(frozen=True)
class Needs:
    """Items (by ref, in the document's order) by what they need."""

    connections: dict[str, tuple[str, ...]]
    kinds: dict[str, tuple[str, ...]]
    """Connection to the kinds of checks that use it."""
    optional: frozenset[str]
    """Connections that no item depends on."""
    variables: dict[str, tuple[str, ...]]

    def of_item(self, ref: str) -> frozenset[str]:
        """Return the connections (``conn:id``) and variables (``var:name``) that an item depends on."""
        connections = {f"conn:{c}" for c, refs in self.connections.items() if ref in refs}
        connections -= {f"conn:{c}" for c in self.optional}
        return frozenset(connections | {f"var:{v}" for v, refs in self.variables.items() if ref in refs})


def needs_of(items: Iterable[PlannedItem]) -> Needs:
    """Gather what these items' checks use. Raises ConfigurationError for a kind that cannot be loaded."""
    connections: dict[str, list[str]] = defaultdict(list)
    kinds: dict[str, list[str]] = defaultdict(list)
    variables: dict[str, list[str]] = defaultdict(list)
    required: set[str] = set()
    for planned in items:
        for spec in planned.item.checks:
            written = _written(kind(spec.kind), spec)
            for conn_id in _connections(spec, written):
                connections[conn_id].append(planned.ref)
                kinds[conn_id].append(spec.kind)
                required |= set() if spec.kind in OPTIONAL_KINDS else {conn_id}
            for name in placeholders(written):
                variables[name].append(planned.ref)
    return Needs(_unique(connections), _unique(kinds), frozenset(connections) - required, _unique(variables))


def _unique(found: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(dict.fromkeys(refs)) for name, refs in sorted(found.items())}


def _written(of: Kind, spec: CheckSpec) -> dict[str, Any]:
    """Return the written parameters over the kind's text defaults, which may contain variables too."""
    fields = of.params.model_fields.items()
    return {**{n: f.default for n, f in fields if isinstance(f.default, str)}, **spec.params}


def _connections(spec: CheckSpec, written: Mapping[str, Any]) -> Iterator[str]:
    own, auth = written.get("conn_id"), written.get("auth", "connection")
    if own:
        yield _named(own)
    if spec.kind == "http_request" and auth not in _NO_CONNECTION:
        yield _named(auth)


def _named(conn_id: Any) -> str:
    """Return the id of a connection, filled in from the product's own variables if it is one of them."""
    written = str(conn_id)
    return str(
        substitute(written, {name: f"${{{name}}}" for name in placeholders(written)} | with_product({}))
    )
