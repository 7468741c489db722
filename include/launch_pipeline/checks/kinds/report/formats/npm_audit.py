"""npm's audit JSON: the known vulnerabilities of dependencies, and pnpm's, which is npm's first version.

``auditReportVersion: 2`` lists packages (``audit-report.js`` in npm/cli); the first version lists advisories.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.report.formats.findings import GRADES, Hit, counted
from launch_pipeline.checks.language.values import number
from launch_pipeline.checks.reports.parsed import Parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]
_GRADES = {
    "critical": "critical",
    "high": "high",
    "moderate": "medium",
    "low": "low",
    "info": "informational",
}
_TOTALS = ("dependencies", "totalDependencies", "devDependencies", "optionalDependencies")


def read_npm_audit(document: Object) -> Parsed:
    """Grade the vulnerable packages; where the registry refused to answer, npm writes an error instead."""
    if document.get("error") or "metadata" not in document:
        told = document.get("error") or document
        message = f"npm could not audit: {told.get('summary') or told.get('message') or told.get('code')}"
        raise ValueError(message[:200])
    metadata = document["metadata"]
    if not _looked_at(metadata):
        message = "no dependency was looked at"
        raise ValueError(message)
    hits = list(_hits(document))
    counts = counted(hits, (), list(_doubts(hits, metadata["vulnerabilities"])))
    return Parsed("npm", counts.facts, worst=counts.worst, unknown=counts.unknown)


def _looked_at(metadata: Object) -> float:
    """Return how many dependencies were looked at."""
    held = metadata.get("dependencies")
    if isinstance(held, dict):
        return number(held.get("total")) or 0
    return max(number(metadata.get(key)) or 0 for key in _TOTALS)


def _hits(document: Object) -> Iterator[Hit]:
    listed = document["vulnerabilities"] if "vulnerabilities" in document else document["advisories"]
    for name, one in listed.items():
        grade = _GRADES.get(str(one.get("severity")), "")
        doubt = "" if grade else f"the severity of {name} is not known"
        yield Hit((str(one.get("name") or one.get("module_name") or name),), grade, _title(one), doubt=doubt)


def _title(one: Object) -> str:
    via = [cause.get("title") for cause in one.get("via") or [] if isinstance(cause, dict)]
    return str(one.get("title") or next(filter(None, via), ""))


def _doubts(hits: list[Hit], stated: Object) -> Iterator[str]:
    """Say where npm's own counts are missing, or larger than what it lists."""
    for word, grade in _GRADES.items():
        listed = sum(hit.grade == grade for hit in hits)
        count = number(stated.get(word))
        if grade in GRADES and (count is None or count > listed):
            yield f"it counts {stated.get(word, 'no')} {word} vulnerabilities, and lists {listed}"
