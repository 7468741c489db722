"""What a run knows of its launch: the run's configuration, read once and strictly."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from launch_pipeline.errors import ConfigurationError

CONF_TEMPLATE = "{{ dag_run.conf | tojson }}"
"""Template of a field that carries the run's configuration into triggers, as JSON text."""


class LaunchContext(BaseModel):
    """The launch that a run belongs to.

    The conductor's form fills it and every phase receives it. A phase that somebody triggers on its own
    has a launch of its own: its run id, with nothing configured, so that its checks ask people.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    launch_id: str
    environment: str = ""
    rehearsal: bool = False
    release: str = ""
    release_sha: str = ""
    previous_release: str = ""
    launch_at: str = ""
    """As the form gave it; a launch that was postponed has its time in the ledger."""
    started_by: str | None = None
    """Airflow user who triggered the launch."""
    reason: str = ""
    """Why a rollback was offered."""

    @classmethod
    def of_run(cls, run_id: str, conf: str | dict[str, Any] | None) -> LaunchContext:
        """Read a run's configuration, as an object or as the JSON text of a template.

        Raises ConfigurationError where a field cannot be read; anybody may trigger a phase by hand.
        """
        values = json.loads(conf) if isinstance(conf, str) else conf
        known = {k: v for k, v in (values or {}).items() if v is not None}
        try:
            return cls.model_validate({**known, "launch_id": run_id})
        except ValidationError as error:
            first = error.errors()[0]
            source, place = f"configuration of run {run_id!r}", ".".join(map(str, first["loc"]))
            fix = "trigger another run with it corrected."
            raise ConfigurationError(source, place, f"{first['input']!r} is not accepted.", fix) from error

    def conf(self) -> dict[str, Any]:
        """The configuration to hand to another run of the same launch."""
        return self.model_dump(exclude={"launch_id"})

    def variables(self, launch_at: datetime | None = None) -> dict[str, Any]:
        """Launch variables for ``${name}``; an empty field is no variable, so it is named as missing.

        ``launch_at`` is the launch time in force, where it is known better than by the form.
        """
        now = datetime.now(UTC)
        moment = launch_at.isoformat() if launch_at else self.launch_at
        values = {
            "launch_id": self.launch_id,
            "release": self.release,
            "release_sha": self.release_sha,
            "previous_release": self.previous_release,
            "launch_at": moment,
            "launch_date": moment[:10],
            "today": now.date().isoformat(),
            "run_nonce": hashlib.sha256(f"{self.launch_id} {now.isoformat()}".encode()).hexdigest()[:16],
        }
        return {name: value for name, value in values.items() if value}
