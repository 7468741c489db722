"""SARIF: the findings of static analysis, by the standard (SARIF 2.1.0, docs.oasis-open.org/sarif)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.report.formats.findings import GRADES, Hit, counted, never_ran
from launch_pipeline.checks.kinds.report.formats.sarif_rules import NOTIFICATIONS, RULES, Found, Tool
from launch_pipeline.checks.language.values import number
from launch_pipeline.checks.reports.parsed import Parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Object = dict[str, Any]
_ELSEWHERE = ("results", "invocations", "driver", "extensions", "policies")
"""Properties that decide on a run and may lie in another file (3.15.3)."""
_INCOMPLETE = re.compile(
    r"partial.?parsing|(syntax|lexical|parse|ast builder|matching|fatal) error|time.?out|out of memory"
    r"|stack overflow|too many matches",
    re.IGNORECASE,
)
"""Ids of warnings that something was not analysed: Semgrep's (``error_type`` in its semgrep_output_v1)."""
_NO_FILES = "it does not list the files that it looked at"
_LEVELS = {"error": "high", "warning": "medium", "note": "low", "none": "low"}
_HARMLESS = {"none", "note", "warning"}
_NO_FINDING = {"pass", "notApplicable", "informational"}
_STEPS = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.0, "low"))
_GRAVEST = 10.0


def read_sarif(document: Object, rules: Sequence[str]) -> Parsed:
    """Grade the results of every run; refuse a run that did not look at everything."""
    runs = [_Run(run) for run in document["runs"]]
    if not runs:
        message = "it holds no run"
        raise ValueError(message)
    if any(one.get(key) for one in document.get("inlineExternalProperties") or [] for key in _ELSEWHERE):
        message = "a part of a run is beside the runs (inlineExternalProperties, 3.13.6); put it into its run"
        raise ValueError(message)
    for run in runs:
        run.refuse_unless_whole()
    ran = {name for run in runs for name in run.rules_that_ran()}
    doubts = never_ran(rules, ran, "it does not show that these rules ran:")
    hits = [hit for run in runs for hit in run.hits()]
    counts = counted(hits, rules, doubts)
    times = [run.time() for run in runs]
    files = sum(run.files() for run in runs)
    return Parsed(
        tool=runs[0].name,
        facts=counts.facts
        | {"warnings": sum(run.warnings() for run in runs)}
        | ({"files": files} if files else {}),
        commits=tuple(run.commits() for run in runs),
        generated_at=min(times) if all(times) else None,
        worst=counts.worst,
        unknown=counts.unknown | ({} if files else {"files": _NO_FILES}),
    )


class _Run:
    """One run of a tool."""

    def __init__(self, run: Object) -> None:
        self._run = run
        self._tool = Tool(run)
        self.name = str(run["tool"]["driver"]["name"])
        self._graded = any(_severities([one]) for one in self._tool.described())

    def refuse_unless_whole(self) -> None:
        """Raise ValueError if the run says itself that its results are not all, or are elsewhere."""
        for reason in self._reasons():
            message = f"{self.name}: {reason}"
            raise ValueError(message)

    def _reasons(self) -> Iterator[str]:
        references = self._run.get("externalPropertyFileReferences") or {}
        if any(references.get(key) for key in _ELSEWHERE):
            yield "a part of the run is in another file; put it into this one"
        if not isinstance(self._run.get("results"), list):
            # Absent or null where the tool did not begin its analysis (3.14.23).
            yield "the run has no results: the tool did not search for any"
        for invocation in self._invocations():
            yield from self._failures(invocation)

    def _invocations(self) -> list[Object]:
        return self._run.get("invocations") or []

    def _failures(self, invocation: Object) -> Iterator[str]:
        """Give the signs that the tool failed (3.20.9 to 3.20.14, 3.20.21, 3.20.22)."""
        successful = invocation.get("executionSuccessful")
        if successful is not True and (successful is not None or invocation.get("exitCode")):
            yield f"the tool did not finish {invocation.get('exitCodeDescription') or ''}".strip()
        if any(invocation.get(key) for key in ("exitSignalName", "exitSignalNumber")):
            yield "a signal ended the tool"
        if invocation.get("processStartFailureMessage"):
            yield "the tool did not start"
        for notification in _notifications(invocation):
            if not self._levels(notification) <= _HARMLESS or self._tells_of_a_gap(notification):
                yield f"the tool says that its results are not all: {_text(notification)}"

    def _tells_of_a_gap(self, notification: Object) -> bool:
        """Return whether a warning is by its id about something that was not analysed."""
        found = self._tool.look_up(notification.get("descriptor") or {}, NOTIFICATIONS)
        return "warning" in self._levels(notification) and any(map(_INCOMPLETE.search, found.names))

    def _levels(self, notification: Object) -> set[str]:
        """Return the level of a notification, by default its descriptor's, else ``warning`` (3.58.6)."""
        if notification.get("level"):
            return {str(notification["level"])}
        found = self._tool.look_up(notification.get("descriptor") or {}, NOTIFICATIONS)
        return set(self._tool.levels(found, self._run, notification, NOTIFICATIONS)) or {"warning"}

    def warnings(self) -> int:
        """Count the notifications that the analysis might be incomplete."""
        told = [one for invocation in self._invocations() for one in _notifications(invocation)]
        return sum("warning" in self._levels(one) for one in told)

    def files(self) -> int:
        """Count the files that the run lists; a tool need not list those without a result (3.14.15)."""
        return len(self._run.get("artifacts") or [])

    def commits(self) -> tuple[str, ...]:
        """Return the commits that the run names; several where it covers several repositories."""
        controlled = self._run.get("versionControlProvenance") or []
        return tuple(str(one["revisionId"]) for one in controlled if one.get("revisionId"))

    def time(self) -> str:
        """Return when the run ended, else when it began; empty if it does not say."""
        told = [one.get("endTimeUtc") or one.get("startTimeUtc") or "" for one in self._invocations()]
        return min(map(str, told)) if told else ""

    def rules_that_ran(self) -> Iterable[str]:
        """Return the rules that were checked for: those listed and enabled, and those with a result.

        A rule whose only results say ``notApplicable`` was not evaluated (3.27.9).
        """
        evaluated: set[str] = set()
        skipped: set[str] = set()
        for result in self._run["results"]:
            names = self._tool.rule_of(result).names
            (skipped if result.get("kind") == "notApplicable" else evaluated).update(names)
        listed = {name for found in self._tool.enabled(self._run) for name in found.names}
        return evaluated | (listed - skipped)

    def hits(self) -> Iterator[Hit]:
        """Give the findings; what was found in an earlier run only is none (3.27.24)."""
        for result in self._run["results"]:
            if result.get("baselineState") != "absent" and not _is_no_finding(result):
                yield self._hit(result)

    def _hit(self, result: Object) -> Hit:
        found = self._tool.rule_of(result)
        grade, text, suppressed = self._grade(result, found), _text(result), _is_suppressed(result)
        named = found.name or "a rule without id"
        if result.get("kind", "fail") != "fail":
            doubt = f"{named}: the tool could not decide ({str(result['kind'])[:20]}): {text}"
            return Hit(found.names, "", text, suppressed, doubt, undecided=True)
        doubt = "" if grade else f"the severity of {named} is not known: its rule is not described"
        return Hit(found.names, grade, text, suppressed, doubt)

    def _grade(self, result: Object, found: Found) -> str:
        """Return the grade by ``security-severity``, else by level; empty if it cannot be known."""
        if not found.descriptors and (found.dangling or self._graded or not result.get("level")):
            return ""
        severities = _severities([result, *found.descriptors])
        if severities:
            return _by_severity(severities)
        stated = [str(result["level"])] if result.get("level") else []
        levels = stated or self._tool.levels(found, self._run, result, RULES) or ["warning"]
        grades = [_LEVELS.get(level, "") for level in levels]
        return "" if "" in grades else min(grades, key=GRADES.index)


def _is_no_finding(result: Object) -> bool:
    """Return whether the kind says so; a level contradicts it, since only a failure has one (3.27.9)."""
    return result.get("kind", "fail") in _NO_FINDING and result.get("level", "none") == "none"


def _is_suppressed(result: Object) -> bool:
    """Return whether every request to suppress is accepted, as one without a status is (3.35.3)."""
    requests = result.get("suppressions") or []
    return bool(requests) and all(one.get("status", "accepted") == "accepted" for one in requests)


def _notifications(invocation: Object) -> list[Object]:
    keys = ("toolExecutionNotifications", "toolConfigurationNotifications")
    return [one for key in keys for one in invocation.get(key) or []]


def _severities(holders: Sequence[Object]) -> list[float | None]:
    """Return each ``security-severity`` as a number of 0 to 10; None for any other text."""
    given = [(one.get("properties") or {}).get("security-severity") for one in holders]
    return [_severity(value) for value in given if value is not None]


def _severity(value: Any) -> float | None:
    read = number(value)
    return read if read is not None and 0 <= read <= _GRAVEST else None


def _by_severity(severities: Sequence[float | None]) -> str:
    known = [value for value in severities if value is not None]
    if len(known) < len(severities):
        return ""
    return next(grade for least, grade in _STEPS if max(known) >= least)


def _text(holder: Object) -> str:
    message = holder.get("message") or {}
    return str(message.get("text") or message.get("markdown") or message.get("id") or "")[:150]
