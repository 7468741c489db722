"""Reads the conditions of a Kubernetes object: what they say, and of which generation.

A condition is good when true, or bad when true. Its type says which, by the names that the API conventions
and controllers use (https://github.com/kubernetes/community, api-conventions, "Typical status properties").
"""

from __future__ import annotations

import json
import re
from enum import Enum
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.kubernetes_resource.objects import Thing, Unsaid, first, listed, part, whole
from launch_pipeline.checks.kinds.kubernetes_resource.phases import complaint, hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BAD = re.compile(
    r"^(?:Failed|Unhealthy|Invalid|Missing|Insufficient|NonStructural|Frequent|Corrupt)"
    r"|(?:Degraded|Fail(?:ed|ure|ures|ing)|Errors?|Stalled|Reconciling|Pressure|Unavailable|NotReady|Unready"
    r"|Unhealthy|Paused|Suspended|Terminating|Deleting|Disrupting|DisruptionTarget|Invalid|Conflicts?|Conflicted"
    r"|Unschedulable|Unknown|Blocked|Outdated|Expired|Fallback|Aborted|Issuing|Pending|Exceeded|Rejected|Denied"
    r"|Resizing|Lost|Stopped|Unreachable|Throttled|Hibernated|hibernation|Violated|Mismatch|Orphaned|Deadlock|ReadonlyFilesystem)(?:Occurred|Detected)?$"
)
_VAGUE = re.compile(
    r"(?:Warnings?|Deprecated|Progressing|InProgress|Upgrading|Updating|Rolling(?:Out|Update)?"
    r"|Scaling(?:Up|Down|In|Out)?|Remediating|Creating|Provisioning|Migrating|Rebalancing|Restarting|Restoring"
    r"|Recovering|Draining|Initializing|Installing|Reconfiguring)$"
)
_TROUBLE = re.compile(
    r"fail|error|exceed|deadline|time[ds]?.?out|stuck|stall|cannot|could not|unable|degrad|denied|refus"
    r"|not (?:ready|available|progress)",
    re.IGNORECASE,
)
_WORKS = re.compile(
    r"(?:Ready|Available|Healthy|Succeeded|Success|Archiving|Valid|Verified|Synced|SystemID)$"
)
_READY = frozenset({"Ready", "Available", "Healthy"})
_GOOD = frozenset({
    *_READY, "Established", "Synced", "Accepted", "Programmed", "ResolvedRefs", "Reconciled", "Initialized",
    "Valid", "Succeeded", "Installed", "Admitted", "Scheduled",
})  # fmt: skip


class Polarity(Enum):
    """What it means that a condition is true."""

    GOOD = "good"
    BAD = "bad"
    VAGUE = "vague"
    """A word on the way, such as ``Progressing`` or ``RollingOut``: true is unclear, false is settled."""
    UNKNOWN = "unknown"


def polarity(name: str) -> Polarity:
    """Return what a type of condition means: ``Degraded`` is bad when true, ``NotDegraded`` is good."""
    bare = re.sub(r"^(?:Not|No)(?=[A-Z])", "", name)
    negated = bare != name
    if _VAGUE.search(bare):
        return Polarity.GOOD if negated else Polarity.VAGUE
    if _BAD.search(bare):
        return Polarity.GOOD if negated else Polarity.BAD
    if negated:
        return Polarity.BAD
    return Polarity.GOOD if name in _GOOD else Polarity.UNKNOWN


def conditions(thing: Mapping[str, Any]) -> list[Thing]:
    """Return the conditions of an object; autoscaling/v1 keeps them in an annotation, as JSON."""
    found = listed(part(thing, "status"), "conditions")
    note = part(thing, "metadata", "annotations").get("autoscaling.alpha.kubernetes.io/conditions")
    if found or not isinstance(note, str):
        return found
    try:
        return listed({"items": json.loads(note)}, "items")
    except ValueError:
        return []


def state(condition: Mapping[str, Any]) -> str:
    """Return ``True``, ``False`` or ``Unknown``, or whatever else a controller wrote."""
    return str(condition.get("status")).strip().capitalize()


def said(condition: Mapping[str, Any]) -> str:
    """Return a condition as a sentence."""
    words = condition.get("message") or condition.get("reason") or ""
    return f"{condition.get('type')} is {condition.get('status')}: {words}".rstrip(": ")[:200]


def named(found: Iterable[Thing], name: str) -> list[Thing]:
    """Return all conditions of a type; controllers may share an object."""
    return [one for one in found if one.get("type") == name]


def stale(thing: Mapping[str, Any], condition: Mapping[str, Any]) -> str:
    """Return why a condition is not about the object as it is now: it has a generation of its own."""
    seen = condition.get("observedGeneration")
    generation = whole(part(thing, "metadata").get("generation"))
    if seen is None or generation is None or whole(seen) == generation:
        return ""
    return f"{condition.get('type')} is of generation {seen}, not of {generation}"


def lacking(thing: Mapping[str, Any], found: list[Thing], *wanted: str) -> str:
    """Return why conditions are not met: each must be there, be true, and be of this generation."""
    for name in wanted:
        same = named(found, name)
        if not same:
            return f"there is no condition {name} yet"
        for one in same:
            reason = said(one) if state(one) != "True" else stale(thing, one)
            if reason:
                return reason
    return ""


def unmet(thing: Mapping[str, Any], found: list[Thing]) -> str:
    """Return the first condition that is good when true and is not, or is of another generation."""
    good = [one for one in found if polarity(str(one.get("type"))) is Polarity.GOOD]
    return first(*(said(one) for one in good if state(one) != "True"), *(stale(thing, one) for one in good))


def bad(found: list[Thing]) -> str:
    """Return the first condition that is bad when true, and is true."""
    wrong = (one for one in found if polarity(str(one.get("type"))) is Polarity.BAD)
    return first(*(said(one) for one in wrong if state(one) == "True"))


def broken(found: Iterable[Thing]) -> str:
    """Return the first condition that is false, and by whose name something works while it is true.

    Controllers that sum up in ``Ready`` leave others out of the sum: archiving, backups, tests.
    """
    works = (one for one in found if _works(str(one.get("type"))) and one.get("severity") != "Info")
    return first(*(said(one) for one in works if state(one) == "False"))


def _works(name: str) -> bool:
    return _WORKS.search(name) is not None and polarity(name) is not Polarity.BAD


def generic(thing: Mapping[str, Any]) -> str:
    """Judge an object of a kind without a rule by its conditions alone.

    It is ready if ``Ready``, ``Available`` or ``Healthy`` is true, of this generation, and nothing speaks
    against it. Raises Unsaid if nothing says so, or if something is said that cannot be understood.
    """
    found = conditions(thing)
    kind = thing.get("kind")
    good = [one for one in found if polarity(str(one.get("type"))) is Polarity.GOOD]
    reason = first(bad(found), unmet(thing, found), complaint(thing))
    if reason:
        return reason
    if not any(one.get("type") in _READY for one in good):
        message = f"nothing says whether a {kind} is ready; set 'ready: false' and expect its fields"
        raise Unsaid(message)
    _refuse_vague(found)
    _refuse_undated(thing, good)
    deeper = hint(thing)
    if deeper:
        message = f"{deeper}, and nothing says what that means; set 'ready: false' and expect its fields"
        raise Unsaid(message)
    return ""


def _refuse_vague(found: list[Thing]) -> None:
    """Raise Unsaid for a condition that may speak against the object."""
    for one in found:
        meaning, now = polarity(str(one.get("type"))), state(one)
        if now == "False" and _settled(one, meaning):
            continue
        unclear = meaning is Polarity.VAGUE or (meaning is Polarity.UNKNOWN and now != "True")
        if unclear or now not in {"True", "False"}:
            message = (
                f"{said(one)}, and nothing says what that means; set 'ready: false' and expect its fields"
            )
            raise Unsaid(message)


def _settled(condition: Mapping[str, Any], meaning: Polarity) -> bool:
    """Return whether a false condition speaks against nothing.

    Nothing goes on and nothing went wrong, or its controller calls it information (``severity`` of Knative
    and of Cluster API).
    """
    words = f"{condition.get('reason')} {condition.get('message')}"
    return condition.get("severity") == "Info" or (meaning is Polarity.VAGUE and not _TROUBLE.search(words))


def _refuse_undated(thing: Mapping[str, Any], good: list[Thing]) -> None:
    """Raise Unsaid if an object was changed and nothing says that its controller saw the change."""
    generation = whole(part(thing, "metadata").get("generation"))
    dated = "observedGeneration" in part(thing, "status") or any("observedGeneration" in one for one in good)
    if not dated and (generation or 0) > 1:
        message = f"nothing says whether a {thing.get('kind')} is ready since generation {generation}"
        raise Unsaid(message)
