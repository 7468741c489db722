"""Describe the launch that a run belongs to, for its checks, requests and records."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.ledger.launch import Launch


class LaunchContext(BaseModel):
    """The launch that a run belongs to.

    The conductor's form fills it once, for ``admit``. After that it is read from the launch's row in the
    ledger, never from a run's configuration or an XCom.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    launch_id: str
    environment: str = ""
    rehearsal: bool = False
    release: str = ""
    release_sha: str = ""
    previous_release: str = ""
    launch_at: str = ""
    """The launch time with its zone; once the launch is admitted, the time in force."""
    started_by: str | None = None
    """The Airflow user who triggered the conductor's run."""
    checklist_digests: dict[str, str] = {}
    """The definitions in force, by Dag id; see ``launch/in_force.py``."""
    environment_digest: str = ""
    held_at: str = ""
    """The time since which the launch is on hold; empty if it is not."""

    @classmethod
    def of_form(cls, run_id: str, form: Mapping[str, Any], started_by: str) -> LaunchContext:
        """Read the conductor's form.

        Raises ConfigurationError if a field cannot be read.
        """
        known = {name: value for name, value in form.items() if value is not None}
        try:
            return cls.model_validate({**known, "launch_id": run_id, "started_by": started_by})
        except ValidationError as error:
            first = error.errors()[0]
            source, place = f"configuration of run {run_id!r}", ".".join(map(str, first["loc"]))
            fix = "correct it and trigger another run."
            raise ConfigurationError(source, place, f"{first['input']!r} is not accepted.", fix) from error

    @classmethod
    def of_launch(cls, launch: Launch) -> LaunchContext:
        """Read a launch's row in the ledger."""
        return cls(
            launch_id=launch.launch_id,
            environment=launch.environment,
            rehearsal=launch.rehearsal,
            release=launch.release,
            release_sha=launch.release_sha,
            previous_release=str(launch.conf.get("previous_release") or ""),
            # Whatever time zone the database shows it in: records rest on how it is written.
            launch_at=launch.launch_at.astimezone(UTC).isoformat(),
            started_by=launch.started_by,
            checklist_digests=launch.checklist_digests,
            environment_digest=launch.environment_digest,
            held_at=launch.held_at.isoformat() if launch.held_at else "",
        )

    def conf(self) -> dict[str, Any]:
        """Return the configuration for another run of the same launch: the form, and who sent it."""
        return self.model_dump(exclude={"launch_id", "checklist_digests", "environment_digest", "held_at"})

    def variables(self) -> dict[str, Any]:
        """Return the variables for ``${name}``; empty fields are left out and so reported missing."""
        now = datetime.now(UTC)
        values = {
            "launch_id": self.launch_id,
            "release": self.release,
            "release_sha": self.release_sha,
            "previous_release": self.previous_release,
            "launch_at": self.launch_at,
            "launch_date": self.launch_at[:10],
            "today": now.date().isoformat(),
            "now": now.isoformat(),
            "run_nonce": hashlib.sha256(f"{self.launch_id} {now.isoformat()}".encode()).hexdigest()[:16],
        }
        return {name: value for name, value in values.items() if value}


def launch_variables(given: dict[str, Any]) -> dict[str, Any]:
    """Return the variables that a launch with these form fields would set, and all other given values."""
    texts = [name for name, field in LaunchContext.model_fields.items() if field.annotation is str]
    form = {name: str(given[name]) for name in texts if name in given}
    return {**LaunchContext.model_validate({"launch_id": "terminal", **form}).variables(), **given}


def launch_names() -> frozenset[str]:
    """Return the names of the variables that a launch sets from its form and its clock."""
    filled = {
        name: "2030-01-01" for name, field in LaunchContext.model_fields.items() if field.annotation is str
    }
    return frozenset(LaunchContext.model_validate(filled).variables())
