"""Gather what the checklists need: connections, variables and permissions, with the items that use each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.registry import kind
from launch_pipeline.checks.language.variables import or_as_written, placeholders, substitute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from launch_pipeline.checklist.model import CheckSpec, Item
    from launch_pipeline.checklist.plan import PlannedItem
    from launch_pipeline.checks.engine.kind import Kind

OPTIONAL_KINDS = frozenset({"report"})
"""Kinds that work without credentials if their connection is missing."""
SIDE_EFFECTS, COMMANDS = "allow_side_effects", "allow_commands"
"""Permissions of an environment, by their keys."""
_NO_CONNECTION = frozenset({"connection", "none", "invalid"})
"""Values of ``auth`` in an ``http_request`` that are not the id of a connection."""


@dataclass(frozen=True)
class ItemNeeds:
    """What the checks of one item need to run."""

    ref: str
    needs_person: bool
    """Whether a person answers the item even if its checks pass."""
    connections: frozenset[str]
    """Those without which a check is a question."""
    variables: frozenset[str]
    permissions: frozenset[str]
    contacts: bool
    """Whether its checks ask who holds a role."""


@dataclass(frozen=True)
class Needs:
    """What the checks need, by item and by thing; items (by ref) are in the document's order."""

    items: tuple[ItemNeeds, ...]
    connections: dict[str, tuple[str, ...]]
    """Connection to the items that use it."""
    kinds: dict[str, tuple[str, ...]]
    """Connection to the kinds of checks that use it."""

    @property
    def optional(self) -> frozenset[str]:
        """Return the connections that no item depends on."""
        return frozenset(self.connections).difference(*(item.connections for item in self.items))

    @property
    def variables(self) -> frozenset[str]:
        """Return every variable that a check uses."""
        return frozenset[str]().union(*(item.variables for item in self.items))


def needs_of(items: Iterable[PlannedItem]) -> Needs:
    """Gather what these items' checks use. Raises ConfigurationError for a kind that cannot be loaded."""
    found: list[ItemNeeds] = []
    connections: dict[str, list[str]] = defaultdict(list)
    kinds: dict[str, list[str]] = defaultdict(list)
    names = with_product({})
    for planned in items:
        uses = [(spec.kind, _written(kind(spec.kind), spec)) for spec in planned.item.checks]
        required: set[str] = set()
        for name, written in uses:
            for conn_id in _connections(name, written, names):
                connections[conn_id].append(planned.ref)
                kinds[conn_id].append(name)
                required |= set() if name in OPTIONAL_KINDS else {conn_id}
        found.append(
            ItemNeeds(
                planned.ref,
                planned.item.mode.needs_person,
                frozenset(required),
                placeholders([written for _, written in uses]),
                _permissions(planned.item),
                any(written.get("roles") for _, written in uses),
            )
        )
    return Needs(tuple(found), _unique(connections), _unique(kinds))


def _permissions(item: Item) -> frozenset[str]:
    commands = {COMMANDS} if any(spec.kind == "command" for spec in item.checks) else set()
    return frozenset(commands | ({SIDE_EFFECTS} if item.side_effects else set()))


def _unique(found: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(dict.fromkeys(refs)) for name, refs in sorted(found.items())}


def _written(of: Kind, spec: CheckSpec) -> dict[str, Any]:
    """Return the written parameters over the kind's text defaults, which may contain variables too.

    The sentence ``says`` asks for nothing: its variables are filled in when it is said.
    """
    fields = of.params.model_fields.items()
    defaults = {name: field.default for name, field in fields if isinstance(field.default, str)}
    return {name: value for name, value in {**defaults, **spec.params}.items() if name != "says"}


def _connections(kind_name: str, written: Mapping[str, Any], names: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ids of connections, in which the product's own variables are filled in."""
    own, auth = written.get("conn_id"), written.get("auth", "connection")
    if own:
        yield _named(own, names)
    if kind_name == "http_request" and auth not in _NO_CONNECTION:
        yield _named(auth, names)


def _named(conn_id: Any, names: Mapping[str, Any]) -> str:
    return str(substitute(str(conn_id), or_as_written(conn_id, names)))
