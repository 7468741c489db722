"""Change what a running launch runs by: amend, retarget, hold, resume. Each change is a row of its chain."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.sequence import T_0, title
from launch_pipeline.checks.canonical import canonical_json
from launch_pipeline.errors import LaunchRefused
from launch_pipeline.ledger.database import connected
from launch_pipeline.ledger.definitions import store_definitions
from launch_pipeline.ledger.facts import Amended, Held, Resumed, Retargeted, Started, Target
from launch_pipeline.ledger.launches import (
    active_or_refuse,
    count_rows,
    get_launch,
    launch_entry,
    locked_launch,
    reason_or_refuse,
)
from launch_pipeline.ledger.ledger import append_within
from launch_pipeline.ledger.plan import LaunchPlan
from launch_pipeline.ledger.proof.fact_rules import amendment_problem
from launch_pipeline.ledger.schema import OUTCOMES, EntryKind

if TYPE_CHECKING:
    from psycopg import Connection

    from launch_pipeline.ledger.facts import ByAPerson, Changed
    from launch_pipeline.ledger.launch import Launch, Via

COMMIT = re.compile(r"[0-9a-f]{40}")
RELEASE = re.compile(r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z.-]+)?")
"""A release as semantic versioning writes it."""
_BEGUN = "SELECT 1 FROM launch.ledger WHERE launch_id = %s AND dag_id = %s AND kind = ANY(%s) LIMIT 1"
_START = "SELECT content FROM launch.ledger WHERE launch_id = %s AND kind = %s ORDER BY position LIMIT 1"
_AMEND = "UPDATE launch.launches SET checklist_digests = %s, environment_digest = %s WHERE launch_id = %s"
_RETARGET = "UPDATE launch.launches SET release = %s, release_sha = %s WHERE launch_id = %s"
_HOLD = "UPDATE launch.launches SET held_at = clock_timestamp() WHERE launch_id = %s RETURNING held_at"
_RESUME = "UPDATE launch.launches SET held_at = NULL WHERE launch_id = %s"


@dataclass(frozen=True)
class By:
    """The person who changes a launch, and why."""

    person: str
    reason: str
    via: Via

    def said(self) -> dict[str, Any]:
        """Return the fields of a row."""
        return {"by": self.person, "reason": self.reason, "via": self.via}


@dataclass(frozen=True)
class Amendment:
    """The definitions to run by from now on."""

    plan: LaunchPlan
    checklist_digests: dict[str, str]
    environment_digest: str
    changes: tuple[Changed, ...]
    definitions: tuple[Any, ...] = field(repr=False)
    """The documents of the digests."""
    replaces: tuple[dict[str, str], str] = field(default=({}, ""), repr=False)
    """The digests that it was compared with: those of the checklists, and that of the environment."""


class Changes:
    """The changes of a launch in a database; each call is one short transaction.

    Every method raises LaunchRefused for a missing reason, an unknown launch and an ended one, and
    LedgerUnavailable.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def amend(
        self, launch_id: str, amendment: Amendment, by: By, *, confirmed_by: str | None = None
    ) -> Launch:
        """Replace the definitions that a launch runs by; the rules of its start stay.

        Raises LaunchRefused where another amendment came first, where nothing changes, where a person
        confirms their own amendment, and for phases, steps, decision or rollback that the launch did not
        begin with.
        """
        reason_or_refuse(by.reason, "amend")
        if confirmed_by == by.person:
            raise LaunchRefused(f"{by.person} asked for this amendment. Another person has to confirm it.")
        if not amendment.changes:
            raise LaunchRefused(f"Nothing differs from what the launch {launch_id!r} runs by.")
        with connected(self._dsn) as connection:
            before = _locked(connection, launch_id, "be amended")
            if (before.checklist_digests, before.environment_digest) != amendment.replaces:
                message = f"The launch {launch_id!r} was amended meanwhile. Look at the differences again."
                raise LaunchRefused(message)
            plan = _plan_or_refuse(connection, launch_id, amendment.plan)
            store_definitions(connection, amendment.definitions)
            digests = canonical_json(amendment.checklist_digests).decode()
            connection.execute(_AMEND, [digests, amendment.environment_digest, launch_id])
            said = Amended(
                **by.said(),
                confirmed_by=confirmed_by,
                changes=amendment.changes,
                checklist_digests=amendment.checklist_digests,
                environment_digest=amendment.environment_digest,
                plan=plan,
            )
            return _changed(connection, launch_id, EntryKind.LAUNCH_AMENDED, said)

    def retarget(self, launch_id: str, release_sha: str, by: By, *, release: str | None = None) -> Launch:
        """Move a launch to another commit, and to another release if one is given.

        The same target again changes nothing. Raises LaunchRefused for what is no full commit id or no
        release, and once T-0 has begun.
        """
        reason_or_refuse(by.reason, "retarget")
        _target_or_refuse(release_sha, release)
        with connected(self._dsn) as connection:
            before = _locked(connection, launch_id, "be retargeted")
            was = Target(release=before.release, release_sha=before.release_sha)
            to = Target(release=release or before.release, release_sha=release_sha)
            if was == to:
                return before
            _not_launched_or_refuse(connection, launch_id)
            connection.execute(_RETARGET, [to.release, to.release_sha, launch_id])
            said = Retargeted.model_validate({**by.said(), "from": was, "to": to})
            return _changed(connection, launch_id, EntryKind.LAUNCH_RETARGETED, said)

    def hold(self, launch_id: str, by: By) -> Launch:
        """Put a launch on hold: no window opens until it is resumed. One that is on hold stays as it is."""
        reason_or_refuse(by.reason, "hold")
        with connected(self._dsn) as connection:
            before = _locked(connection, launch_id, "be held")
            if before.held_at is not None:
                return before
            [(held_at,)] = connection.execute(_HOLD, [launch_id]).fetchall()
            said = Held(**by.said(), held_at=held_at.astimezone(UTC))
            return _changed(connection, launch_id, EntryKind.LAUNCH_HELD, said)

    def resume(self, launch_id: str, by: By) -> Launch:
        """Lift the hold of a launch; one that is not on hold stays as it is."""
        reason_or_refuse(by.reason, "resume")
        with connected(self._dsn) as connection:
            before = _locked(connection, launch_id, "be resumed")
            if before.held_at is None:
                return before
            connection.execute(_RESUME, [launch_id])
            return _changed(connection, launch_id, EntryKind.LAUNCH_RESUMED, Resumed(**by.said()))


def _locked(connection: Connection[Any], launch_id: str, what: str) -> Launch:
    found = locked_launch(connection, launch_id)
    active_or_refuse(found, what)
    return found


def _changed(connection: Connection[Any], launch_id: str, kind: EntryKind, said: ByAPerson) -> Launch:
    number = count_rows(connection, launch_id, kind) + 1
    append_within(connection, launch_entry(launch_id, kind, said, number))
    return get_launch(connection, launch_id)


def _plan_or_refuse(connection: Connection[Any], launch_id: str, plan: LaunchPlan) -> LaunchPlan:
    """Return the plan of an amendment with the rules of the start, which bind the launch to its end."""
    row = connection.execute(_START, [launch_id, EntryKind.LAUNCH_STARTED]).fetchone()
    began = Started.model_validate(row[0]).plan if row else LaunchPlan()
    kept = plan.model_copy(update={"rules": began.rules})
    if problem := amendment_problem(kept, began):
        message = (
            f"The launch {launch_id!r} cannot be amended: {problem}. Finish it with the version of this"
            " package that it began with, or start another launch."
        )
        raise LaunchRefused(message)
    return kept


def _target_or_refuse(release_sha: str, release: str | None) -> None:
    if not COMMIT.fullmatch(release_sha):
        message = f"{release_sha!r} is not a full commit id. Write all 40 hexadecimal digits."
        raise LaunchRefused(message)
    if release is not None and not RELEASE.fullmatch(release):
        raise LaunchRefused(f"{release!r} is not a release. Write it as 1.0.0 or 1.0.0-rc.1.")


def _not_launched_or_refuse(connection: Connection[Any], launch_id: str) -> None:
    if connection.execute(_BEGUN, [launch_id, T_0, list(OUTCOMES)]).fetchone():
        message = (
            f"{title(T_0)} has begun, so the launch {launch_id!r} cannot move to another commit. Roll it"
            " back, or let it end, and start another launch."
        )
        raise LaunchRefused(message)
