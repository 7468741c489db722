"""Say what the checklists and the environment of this deployment differ in from what a launch runs by.

Models are compared, not files: comments and layout differ in nothing. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.model import Item, Phase, Section
from launch_pipeline.checks.canonical import digest, plain
from launch_pipeline.checks.engine.environment import Environment
from launch_pipeline.checks.redaction import HIDDEN, is_sensitive, redact
from launch_pipeline.ledger.facts import Changed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic import BaseModel

    from launch_pipeline.launch.deployed_checklists import DeployedDag
    from launch_pipeline.launch.in_force import Settings
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.plan import LaunchPlan, PlannedItem

ADDED, REMOVED = "added", "removed"
NOT_KEPT = "definition"
"""Stands for everything that an older package did not store of an item."""
ENVIRONMENT, VARIABLE, PRODUCT = "environment.", "variable.", "product."
LONGEST = 2000
"""The most characters of a value that are shown."""
_NAMES = {"text": "words"}
_PHASE_FIELDS = tuple(name for name in Phase.model_fields if name not in {"schema_version", "id", "sections"})
_SECTION_FIELDS = tuple(name for name in Section.model_fields if name not in {"id", "items", "dag"})
_ITEM_FIELDS = tuple(name for name in Item.model_fields if name != "id")
_ENVIRONMENT_FIELDS = tuple(name for name in Environment.model_fields if name not in {"name", "variables"})


@dataclass(frozen=True)
class Definitions:
    """What a launch runs by, or would run by."""

    dags: Mapping[str, DeployedDag]
    """By Dag id; of a launch of an older package only those whose checklist is as it began with."""
    settings: Settings
    plan: LaunchPlan


class Shown(Frozen):
    """One value before and after, as text for people, without secrets."""

    name: str
    before: str
    after: str


class Difference(Frozen):
    """One item, heading, setting or variable that differs."""

    where: str
    """An item's ref, a heading's id, or the name of a setting after its sort (``variable.domain``)."""
    what: tuple[str, ...]
    dag_id: str = ""
    """The Dag of an item."""
    text: str = ""
    """The words of an item."""
    shown: tuple[Shown, ...] = ()

    @property
    def changed(self) -> Changed:
        """The difference as the ledger's row lists it."""
        return Changed(where=self.where, what=self.what)


def differences(before: Definitions, after: Definitions) -> tuple[Difference, ...]:
    """Return everything that differs: items in the document's order, headings, settings and variables.

    The rules of a plan are no part of it: those of the start bind a launch to its end.
    """
    return (
        *_items(before, after),
        *_headings(before.dags, after.dags),
        *_settings(before.settings.environment, after.settings.environment),
        *_values(VARIABLE, before.settings.environment.variables, after.settings.environment.variables),
        *_values(PRODUCT, before.settings.product, after.settings.product),
    )


def _items(before: Definitions, after: Definitions) -> Iterator[Difference]:
    then, now = _specs(before.dags), _specs(after.dags)
    planned = _planned(before, then)
    for ref, (dag_id, spec) in now.items():
        if ref in then:
            yield from _item(ref, *then[ref], dag_id, spec)
        elif ref in planned:
            yield _not_kept(planned[ref], dag_id, spec)
        else:
            yield Difference(where=ref, what=(ADDED,), dag_id=dag_id, text=spec.item.text)
    for ref, (dag_id, spec) in then.items():
        if ref not in now:
            yield Difference(where=ref, what=(REMOVED,), dag_id=dag_id, text=spec.item.text)
    for ref, item in planned.items():
        if ref not in now:
            yield Difference(where=item.ref, what=(REMOVED,), dag_id=_dag_of(before.plan, ref))


def _item(ref: str, dag_then: str, then: ItemSpec, dag_now: str, now: ItemSpec) -> Iterator[Difference]:
    shown = tuple(_fields(then.item, now.item, _ITEM_FIELDS))
    what = (*(one.name for one in shown), *(("dag",) if dag_then != dag_now else ()))
    if what:
        yield Difference(where=ref, what=what, dag_id=dag_now, text=now.item.text, shown=shown)


def _planned(before: Definitions, kept: Mapping[str, Any]) -> dict[str, PlannedItem]:
    """Return the items of the launch's plan whose definitions an older package did not store."""
    return {item.ref: item for items in before.plan.items.values() for item in items if item.ref not in kept}


def _not_kept(planned: PlannedItem, dag_id: str, spec: ItemSpec) -> Difference:
    """Compare what a plan has of an item; the rest may have changed, which is said."""
    item = spec.item
    pairs = {
        **{name: (getattr(planned, name), getattr(item, name)) for name in ("owner", "severity", "mode")},
        "gate": (planned.gate, item.gate),
        "repeat": (planned.rounds, item.repeat.times if item.repeat else 1),
    }
    differing = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    shown = tuple(Shown(name=n, before=str(then), after=str(now)) for n, (then, now) in differing.items())
    what = (NOT_KEPT, *(one.name for one in shown))
    return Difference(where=planned.ref, what=what, dag_id=dag_id, text=item.text, shown=shown)


def _headings(then: Mapping[str, DeployedDag], now: Mapping[str, DeployedDag]) -> Iterator[Difference]:
    before, after = _titled(then), _titled(now)
    for where, (heading, names) in after.items():
        if where in before:
            shown = tuple(_fields(before[where][0], heading, names))
            if shown:
                yield Difference(where=where, what=tuple(one.name for one in shown), shown=shown)


def _titled(dags: Mapping[str, DeployedDag]) -> dict[str, tuple[BaseModel, tuple[str, ...]]]:
    found: dict[str, tuple[BaseModel, tuple[str, ...]]] = {}
    for dag in dags.values():
        phase = dag.plan.phase
        found[phase.id] = (phase, _PHASE_FIELDS)
        found |= {f"{phase.id}.{section.id}": (section, _SECTION_FIELDS) for section, _ in dag.plan.sections}
    return found


def _settings(then: Environment, now: Environment) -> Iterator[Difference]:
    for one in _fields(then, now, _ENVIRONMENT_FIELDS):
        yield Difference(where=f"{ENVIRONMENT}{one.name}", what=("value",), shown=(one,))


def _values(sort: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    for name in sorted(then.keys() | now.keys()):
        what = ADDED if name not in then else REMOVED if name not in now else "value"
        if what != "value" or digest(then[name]) != digest(now[name]):
            shown = Shown(name=name, before=_said(name, then.get(name)), after=_said(name, now.get(name)))
            yield Difference(where=f"{sort}{name}", what=(what,), shown=(shown,))


def _fields(then: BaseModel, now: BaseModel, names: Sequence[str]) -> Iterator[Shown]:
    before, after = (_meant(each, set(names)) for each in (then, now))
    for name in names:
        if digest(before[name]) != digest(after[name]):
            said = _NAMES.get(name, name)
            yield Shown(name=said, before=_said(name, before[name]), after=_said(name, after[name]))


def _meant(model: BaseModel, names: set[str]) -> dict[str, Any]:
    """Return a model's fields as they are meant: what comes first has no order of its own."""
    fields = model.model_dump(mode="json", include=names)
    return fields | ({"after": sorted(fields["after"])} if "after" in fields else {})


def _said(name: str, value: Any) -> str:
    """Write a value for people, cut where it is long. A secret by name or by shape is hidden."""
    if value is None or value in ("", [], {}):
        return ""
    if is_sensitive(name):
        return HIDDEN
    shown = redact(plain(value))
    text = shown if isinstance(shown, str) else _yaml(shown)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _yaml(value: Any) -> str:
    if not isinstance(value, dict | list):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100).rstrip()


def _specs(dags: Mapping[str, DeployedDag]) -> dict[str, tuple[str, ItemSpec]]:
    return {spec.ref: (dag_id, spec) for dag_id, dag in dags.items() for spec in dag.specs.values()}


def _dag_of(plan: LaunchPlan, ref: str) -> str:
    return next((dag_id for dag_id, items in plan.items.items() if any(i.ref == ref for i in items)), "")
