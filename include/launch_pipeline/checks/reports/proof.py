"""Finds out of which commit and time a report is; one that does not say so proves nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from launch_pipeline.checklist.duration import format_duration
from launch_pipeline.checks.language.values import moment
from launch_pipeline.checks.reports.fetching import SIDECAR
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from launch_pipeline.checks.reports.parsed import Parsed

_SKEW = timedelta(minutes=5)


class Wanted(Protocol):
    """What a report must be about, and how old it may be."""

    @property
    def uri(self) -> str:
        """Where it is."""

    @property
    def subject(self) -> str:
        """The commit; empty if it need not have one."""

    @property
    def max_age(self) -> timedelta:
        """Its maximum age."""


@dataclass(frozen=True)
class Origin:
    """The commit and the time of a report."""

    commit: str
    generated_at: datetime


def origin(wanted: Wanted, sidecar: dict[str, Any], parsed: Parsed, now: datetime) -> Origin:
    """Return commit and time; raises Inconclusive if the report proves nothing about the commit wanted."""
    beside = str(sidecar.get("commit") or "")
    commit = _commit(wanted, beside, _inside(wanted, parsed, beside))
    generated = when(sidecar.get("generated_at")) or when(parsed.generated_at)
    _refuse_unproven(wanted, sidecar)
    _about_this_commit(wanted, commit)
    return Origin(commit, _fresh(wanted, generated, now))


def _commit(wanted: Wanted, beside: str, inside: str) -> str:
    """Return the commit; raises Inconclusive if report and sidecar disagree: one of them was replaced."""
    if beside and inside and beside.strip().lower() != inside.strip().lower() and wanted.subject.strip():
        message = f"{wanted.uri} names commit {_short(inside)}, but the {SIDECAR} beside it {beside[:12]}"
        raise Inconclusive(message)
    return beside or inside


def _inside(wanted: Wanted, parsed: Parsed, beside: str) -> str:
    """Return the commit that the report names; raises Inconclusive if a part and the sidecar name none.

    A part may cover several repositories: the wanted commit is one of those that it names.
    """
    subject = wanted.subject.strip().lower()
    named = [[commit.strip().lower() for commit in part] for part in parsed.commits if part]
    other = next((part[0] for part in named if subject not in part), "")
    if not named or other:
        return other or parsed.commit
    if len(named) < len(parsed.commits) and not beside:
        message = f"a part of {wanted.uri} does not name its commit; write {SIDECAR} beside it"
        raise Inconclusive(message)
    return subject


def _refuse_unproven(wanted: Wanted, sidecar: dict[str, Any]) -> None:
    """Raise Inconclusive where the program that wrote the report did not run on a known commit."""
    reason = sidecar.get("unproven")
    if reason and wanted.subject.strip():
        message = f"{wanted.uri} is about no known commit: {reason}"
        raise Inconclusive(message[:400])


def _about_this_commit(wanted: Wanted, commit: str) -> None:
    subject = wanted.subject.strip().lower()
    if not subject:
        return
    if not commit:
        message = f"{wanted.uri} does not name its commit; write {SIDECAR} beside it"
        raise Inconclusive(message)
    if commit.strip().lower() != subject:
        message = f"{wanted.uri} is about commit {_short(commit)}, not {subject[:12]}"
        raise Inconclusive(message)


def _short(commits: str) -> str:
    return ", ".join(commit[:12] for commit in commits.split(", "))[:100]


def _fresh(wanted: Wanted, generated: datetime | None, now: datetime) -> datetime:
    if generated is None:
        message = f"{wanted.uri} does not say when it was generated; write {SIDECAR} beside it"
        raise Inconclusive(message)
    age = now - generated
    if age > wanted.max_age:
        hours = age.total_seconds() / 3600
        message = f"{wanted.uri} is stale: {hours:.1f} h old, want at most {format_duration(wanted.max_age)}"
        raise Inconclusive(message)
    if age < -_SKEW:
        message = f"{wanted.uri} says that it was generated in the future ({generated.isoformat()})"
        raise Inconclusive(message)
    return generated


def when(value: Any) -> datetime | None:
    """Parse the time of a report; without a zone it is UTC, as in JUnit XML."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    read = moment(value)
    if read is None and isinstance(value, str):
        read = moment(f"{value.strip()}+00:00")
    return read
