"""Say which items are questions to people in an environment, why, and what would automate most of them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.connection_ids import connection_variable
from launch_pipeline.base import Frozen
from launch_pipeline.doctor.checks.needs import COMMANDS, SIDE_EFFECTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from launch_pipeline.doctor.checks.needs import ItemNeeds, Needs
    from launch_pipeline.doctor.checks.probing import Probe
    from launch_pipeline.doctor.checks.unset import Variables


class Want(StrEnum):
    """Sort of what a check lacks."""

    CONNECTION = "connection"
    """Missing, or configured and not working."""
    VARIABLE = "variable"
    """Not set, or still the example's."""
    CONTACTS = "contacts"
    """Who holds a role is not known."""
    SIDE_EFFECTS = SIDE_EFFECTS
    COMMANDS = COMMANDS


@dataclass(frozen=True)
class Known:
    """Everything that is known of an environment."""

    needs: Needs
    probes: Mapping[str, Probe]
    variables: Variables
    allowed: frozenset[str]
    """The permissions that it gives."""
    contacts: bool
    """Whether there are contacts."""
    file: str
    """Where it is written."""


class Lack(Frozen):
    """One thing that checks lack."""

    want: Want
    name: str
    """Of the connection, the variable or the permission."""


class Question(Frozen):
    """An item with checks that asks a person, since its checks cannot run."""

    item: str
    lacks: tuple[Lack, ...]
    """Everything that is missing for its checks."""


class Advice(Frozen):
    """What would automate most items next."""

    lacks: tuple[Lack, ...]
    """One thing; several only if no item lacks but one."""
    items: tuple[str, ...]
    """The items that lack this and nothing else."""
    says: str


def questions(known: Known) -> tuple[Question, ...]:
    """Return the items whose checks cannot all run, in the document's order."""
    idle = {name for name, probe in known.probes.items() if probe.wrong or not probe.configured}
    found = ((item.ref, _lacks(item, idle, known)) for item in known.needs.items)
    return tuple(Question(item=ref, lacks=lacks) for ref, lacks in found if lacks)


def _lacks(item: ItemNeeds, idle: set[str], known: Known) -> tuple[Lack, ...]:
    contacts = {"contacts"} if item.contacts and not known.contacts else set[str]()
    return (
        *(Lack(want=Want.CONNECTION, name=name) for name in sorted(item.connections & idle)),
        *(
            Lack(want=Want.VARIABLE, name=name)
            for name in sorted(known.variables.all_missing(item.variables))
        ),
        *(Lack(want=Want(name), name=name) for name in sorted(contacts | item.permissions - known.allowed)),
    )


def advice(asked: Sequence[Question], known: Known) -> Advice | None:
    """Return the one thing that most items wait for alone, or the smallest group; the first of several.

    Returns None if nothing is lacking.
    """
    if not asked:
        return None
    fewest = min(len(question.lacks) for question in asked)
    groups = Counter(question.lacks for question in asked if len(question.lacks) == fewest)
    lacks = max(groups, key=lambda group: groups[group])
    items = tuple(question.item for question in asked if question.lacks == lacks)
    steps = " and ".join(_step(lack, known) for lack in lacks)
    more = f"{len(items)} more items verify themselves" if len(items) > 1 else "1 more item verifies itself"
    return Advice(lacks=lacks, items=items, says=f"{steps}: {more}")


def _step(lack: Lack, known: Known) -> str:
    if lack.want is Want.CONNECTION:
        return _connection(lack.name, known)
    if lack.want is Want.VARIABLE:
        return _variable(lack.name, known)
    if lack.want is Want.CONTACTS:
        return "copy include/contacts.example.yaml to contacts.yaml and fill it in"
    return f"write `{lack.name}: true` in {known.file} ({_PERMITS[lack.want]})"


def _variable(name: str, known: Known) -> str:
    value = known.variables.given.get(name)
    if value in (None, "", [], {}):
        return f"add `{name}: ...` under variables: in {known.file}"
    return f"replace the example's `{name}: {shown(value)}` under variables: in {known.file}"


def _connection(name: str, known: Known) -> str:
    if known.probes[name].configured:
        return f"mend connection '{name}' ({known.probes[name].says})"
    kinds = known.needs.kinds[name]
    fields = next((_FIELDS[kind] for kind in kinds if kind in _FIELDS), _SERVER)
    return f"set `{connection_variable(name)}='{json.dumps(fields)}'`"


_PERMITS = {
    Want.SIDE_EFFECTS: "checks then write canary data, send bursts, generate load and page people",
    Want.COMMANDS: "checks then run programs on the worker",
}
_SERVER = {"conn_type": "http", "host": "https://...", "password": "..."}
_CLOUD = {"conn_type": "aws", "login": "...", "password": "...", "extra": {"region_name": "..."}}
_FIELDS: dict[str, dict[str, Any]] = {
    "postgres_query": {
        "conn_type": "postgres",
        "host": "...",
        "port": 5432,
        "schema": "...",
        "login": "...",
        "password": "...",
    },
    "redis_info": {"conn_type": "redis", "host": "...", "port": 6379, "password": "..."},
    "aws_resource": _CLOUD,
    "object_storage": _CLOUD,
    "kubernetes_resource": {"conn_type": "kubernetes", "host": "https://...", "password": "..."},
    "git_repository": {"conn_type": "git", "extra": {"url": "https://..."}},
    "slack_channel": {"conn_type": "slack", "password": "xoxb-..."},
    "oncall_schedule": {
        "conn_type": "http",
        "host": "https://api.pagerduty.com",
        "extra": {"headers": {"Authorization": "Token token=..."}},
    },
}
"""Fields of a connection by the kind of check that asks it, as ``connections.example.yaml`` names them."""


def shown(value: Any) -> str:
    """Return a value in a few words."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}…"


_WIDTH = 40
