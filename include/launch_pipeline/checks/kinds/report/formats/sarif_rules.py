"""The rules of a SARIF run, and which of them a result is about (SARIF 2.1.0, 3.52 and 3.27.5 to 3.27.10)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

RULES, NOTIFICATIONS = "rules", "notifications"
_DEEPEST = 50
"""Components of an id; a handful is usual."""
Described = dict[str, Any]
"""A ``reportingDescriptor``."""


def lineage(name: str) -> list[str]:
    """Return a hierarchical id and those that it is below: ``a/b/c``, ``a/b``, ``a`` (3.5.4)."""
    parts = name.split("/")
    if len(parts) > _DEEPEST:
        return [name]
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]


@dataclass(frozen=True)
class Found:
    """The rule of a result, or of a notification."""

    name: str
    """Its id as the result states it; empty if neither the result nor the rule has one."""
    descriptors: tuple[Described, ...] = ()
    """The descriptors; several if the reference leaves open which of them is meant."""
    dangling: bool = False
    """Whether the reference points to a descriptor that does not exist."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return every name that the rule goes by, the most precise first."""
        own = [self.name, *(str(one["id"]) for one in self.descriptors if one.get("id"))]
        former = [str(old) for one in self.descriptors for old in one.get("deprecatedIds") or []]
        return tuple(dict.fromkeys(name for one in [*own, *former] if one for name in lineage(one)))


class Tool:
    """The driver of a run and its extensions, which hold the descriptors."""

    def __init__(self, run: dict[str, Any]) -> None:
        self._tool = run["tool"]
        self.components: list[dict[str, Any]] = [
            self._tool["driver"],
            *(self._tool.get("extensions") or []),
        ]

    def described(self, kind: str = RULES) -> list[Described]:
        """Return every descriptor of this kind."""
        return [one for component in self.components for one in component.get(kind) or []]

    def rule_of(self, result: dict[str, Any]) -> Found:
        """Return the rule of a result: ``rule`` is completed by ``ruleId`` and ``ruleIndex`` (3.27.7)."""
        reference = dict(result.get("rule") or {})
        reference.setdefault("id", result.get("ruleId"))
        reference.setdefault("index", result.get("ruleIndex"))
        return self.look_up(reference)

    def look_up(self, reference: dict[str, Any], kind: str = RULES) -> Found:
        """Return what a ``reportingDescriptorReference`` names.

        The id decides where a descriptor has it, since tools are known to count their rules wrongly; the
        index decides between descriptors of one id, and where no descriptor has the id.
        """
        name = str(reference.get("id") or "")
        component = self._component(reference.get("toolComponent"))
        indexed = _at(component, kind, reference)
        same = self._by_id(name, component, kind)
        if indexed is not None and (not same or any(one is indexed for one in same)):
            same = [indexed]
        if not same and component is not None:
            same = [one for one in component.get(kind) or [] if _is(one, reference.get("guid"))]
        if not same:
            return Found(name, dangling=_points(reference))
        return Found(name or str(same[0].get("id") or ""), tuple(same))

    def _component(self, reference: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return the component that a ``toolComponentReference`` names, the driver by default (3.54.2)."""
        if not reference:
            return self.components[0]
        index = reference.get("index", -1)
        if index >= 0:
            extensions = self.components[1:]
            return extensions[index] if index < len(extensions) else None
        named = {key: reference[key] for key in ("guid", "name") if reference.get(key)}
        for key, value in named.items():
            found = [one for one in self.components if _same(one.get(key), value)]
            if found:
                return found[0]
        return None if named else self.components[0]

    def _by_id(self, name: str, component: dict[str, Any] | None, kind: str) -> list[Described]:
        for part in lineage(name) if name else []:
            own, others = self._ids[kind].get((id(component), part)), self._ids[kind].get((0, part))
            if own or others:
                return own or others or []
        return []

    @cached_property
    def _ids(self) -> dict[str, dict[tuple[int, str], list[Described]]]:
        """Index the descriptors by component and id; component 0 stands for any."""
        kinds: dict[str, dict[tuple[int, str], list[Described]]] = {RULES: {}, NOTIFICATIONS: {}}
        for kind, index in kinds.items():
            for component in self.components:
                for one in component.get(kind) or []:
                    for name in (one.get("id"), *(one.get("deprecatedIds") or ())):
                        index.setdefault((id(component), str(name)), []).append(one)
                        index.setdefault((0, str(name)), []).append(one)
        return kinds

    def levels(self, found: Found, run: dict[str, Any], holder: dict[str, Any], kind: str) -> list[str]:
        """Return the levels that the descriptors' configurations give, overridden by the invocation's.

        The override counts beside the default where the holder does not say which invocation it is of
        (3.27.10): the gravest is meant then.
        """
        wanted = (holder.get("provenance") or {}).get("invocationIndex", -1)
        chosen: list[str] = []
        others: list[str] = []
        for position, invocation in enumerate(run.get("invocations") or []):
            levels = self._overrides(found, invocation, kind)
            (chosen if position == wanted else others).extend(levels)
        default = [_level(one.get("defaultConfiguration")) for one in found.descriptors]
        if chosen:
            return chosen
        return [level for level in default if level] + (others if wanted < 0 else [])

    def _overrides(self, found: Found, invocation: dict[str, Any], kind: str) -> list[str]:
        meant = {id(one) for one in found.descriptors}
        given = self.overridden(invocation, kind)
        levels = [_level(configuration) for one, configuration in given if id(one) in meant]
        return [level for level in levels if level]

    def overridden(self, invocation: dict[str, Any], kind: str) -> Iterable[tuple[Described, dict[str, Any]]]:
        """Return each descriptor that an invocation configures, with that configuration (3.20.5)."""
        key = "ruleConfigurationOverrides" if kind == RULES else "notificationConfigurationOverrides"
        for override in invocation.get(key) or []:
            for one in self.look_up(override.get("descriptor") or {}, kind).descriptors:
                yield one, override.get("configuration") or {}

    def enabled(self, run: dict[str, Any]) -> list[Found]:
        """Return the rules that were checked for: those that no configuration disables (3.50.2)."""
        switched: dict[int, bool] = {}
        for invocation in run.get("invocations") or []:
            for one, configuration in self.overridden(invocation, RULES):
                if "enabled" in configuration:
                    switched[id(one)] = configuration["enabled"] is True
        return [
            Found(str(one.get("id") or ""), (one,))
            for one in self.described()
            if switched.get(id(one), _enabled(one.get("defaultConfiguration")))
        ]


def _at(component: dict[str, Any] | None, kind: str, reference: dict[str, Any]) -> Described | None:
    described = (component or {}).get(kind) or []
    index = _index(reference)
    found = described[index] if 0 <= index < len(described) else None
    return found if found and found.get("id") else None


def _index(reference: dict[str, Any]) -> int:
    index = reference.get("index")
    return -1 if index is None else int(index)


def _points(reference: dict[str, Any]) -> bool:
    """Return whether the reference says that there is a descriptor: an id alone does not (3.52.1)."""
    return _index(reference) >= 0 or bool(reference.get("guid")) or bool(reference.get("toolComponent"))


def _is(descriptor: Described, guid: Any) -> bool:
    return bool(guid) and _same(descriptor.get("guid"), guid)


def _same(left: Any, right: Any) -> bool:
    return str(left).lower() == str(right).lower()


def _level(configuration: dict[str, Any] | None) -> str:
    return str((configuration or {}).get("level") or "")


def _enabled(configuration: dict[str, Any] | None) -> bool:
    return (configuration or {}).get("enabled", True) is True
