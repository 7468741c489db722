"""Reads from Alertmanager's routes whether the alerts of a rule can reach a receiver that notifies.

A receiver without integrations notifies of nothing, and is the only one after an installation of
kube-prometheus-stack (its ``values.yaml``: receiver ``"null"``). The labels of an alert are those of the rule
and of the series: of labels that the rule does not set, a route may match or not
(prometheus.io/docs/alerting/latest/configuration, route).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.json_api import mapping, records
from launch_pipeline.checks.clients.matchers import Matcher, read
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Labels = dict[str, str]
Route = dict[str, Any]


def unrouted(configuration: Mapping[str, Any], rules: list[dict[str, Any]]) -> list[str]:
    """Name the rules whose alerts reach no receiver that notifies, whatever labels the series have."""
    listed = records(configuration.get("receivers"), "receivers")
    notifying = {str(one.get("name")) for one in listed if _notifies(one)}
    root = mapping(configuration.get("route"), "route")
    return [
        f"{rule['name']}: only {', '.join(sorted(ends))}"
        for rule in rules
        if not (ends := _ends(root, "", _labels(rule))) & notifying
    ]


def _notifies(receiver: Mapping[str, Any]) -> bool:
    return any(name.endswith("_configs") and value for name, value in receiver.items())


def _labels(rule: Mapping[str, Any]) -> Labels:
    """Return the labels that are known: templates are filled in by the series."""
    given = {name: str(value) for name, value in (rule.get("labels") or {}).items() if "{{" not in str(value)}
    return {**given, "alertname": str(rule["name"])}


def _ends(route: Route, inherited: str, labels: Labels) -> set[str]:
    """Return the receivers at which an alert with these labels and maybe others can end."""
    receiver = str(route.get("receiver") or inherited)
    found: set[str] = set()
    taken = False
    for child in records(route.get("routes") or [], "routes"):
        matchers = list(_matchers(child))
        known = [one for one in matchers if one.name in labels]
        if not all(one.matches(labels) for one in known):
            continue
        found |= _ends(child, receiver, labels)
        if len(known) == len(matchers):
            taken = True
            if not child.get("continue"):
                break
    return found if taken else found | {receiver}


def _matchers(route: Route) -> Iterator[Matcher]:
    """Yield the matchers of a route, also in the form of before Alertmanager 0.22."""
    for text in route.get("matchers") or []:
        for one in _split(str(text)):
            matcher = read(one)
            if matcher is None:
                message = f"the route's matcher '{one[:80]}' cannot be read"
                raise Inconclusive(message)
            yield matcher
    for sign, name in (("=", "match"), ("=~", "match_re")):
        for label, value in (route.get(name) or {}).items():
            yield Matcher(str(label), sign, str(value))


def _split(text: str) -> list[str]:
    """Split ``{a="b",c="d"}``, which may stand in one text; commas in quotes are none."""
    inner, quoted, parts = text.strip().removeprefix("{").removesuffix("}"), False, [""]
    for sign in inner:
        quoted ^= sign == '"'
        if sign == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += sign
    return [part for part in parts if part.strip()]
