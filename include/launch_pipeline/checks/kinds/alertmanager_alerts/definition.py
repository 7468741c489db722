"""Kind ``alertmanager_alerts``: is nothing firing; does a test alert reach its receiver.

Facts: ``alerts[{name, severity, startsAt, receivers}], count, silenced, watchdog_firing``; of an injected
alert ``configured_receivers, receivers, notifications, failed_notifications, delivered``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from launch_pipeline.checklist.duration import parse_duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Params, merged


class AlertmanagerAlertsParams(Params):
    """Which alerts count, or which to inject."""

    conn_id: str = "alertmanager"
    matchers: tuple[Name, ...] = ('severity="critical"',)
    """Alerts that count, in Alertmanager's own form; all must match."""
    max: Annotated[int, Field(ge=0)] = 0
    """How many of them may fire."""
    watchdog: str = "Watchdog"
    """An alert that always fires; silence without it is a broken pipe. Empty: not looked for."""
    include_silenced: bool = False
    """Whether a silenced alert counts as well."""
    inject: dict[str, str] | None = None
    """Labels of a test alert. It pages people: it is sent once, and only while nothing else goes the same
    way; ``wait`` is how long that is waited for and the alert is followed."""
    receiver: Name | None = None
    """Who must get the test alert: a receiver of Alertmanager's configuration."""

    @model_validator(mode="before")
    @classmethod
    def _send_once(cls, given: Any) -> Any:
        """Turn the waiting into one long look: every poll would page somebody again."""
        if not isinstance(given, dict) or given.get("inject") is None:
            return given
        try:
            wait = parse_duration(given.get("wait", timedelta()))
            timeout = parse_duration(given.get("timeout", cls.model_fields["timeout"].default))
        except ValueError:
            return given
        return {**given, "timeout": max(timeout, wait), "wait": timedelta()}

    @model_validator(mode="after")
    def _delivery_needs_receiver(self) -> Self:
        if (self.inject is None) is not (self.receiver is None):
            message = "'inject' and 'receiver' belong together: which alert, and who must get it"
            raise ValueError(message)
        return self


def criteria(params: AlertmanagerAlertsParams) -> Criteria:
    """Delivered, where one is injected; else few enough, with the watchdog firing."""
    if params.inject is not None:
        to_receiver = f"contains {params.receiver}"
        defaults = {"configured_receivers": to_receiver, "receivers": to_receiver}
        return merged({**defaults, "failed_notifications": "== 0", "delivered": "== true"}, params)
    watchdog = {"watchdog_firing": "== true"} if params.watchdog else {}
    # The names say more than their number.
    names = {"alerts[].name": "== []"} if params.max == 0 and "count" not in params.expect else {}
    return merged({**names, "count": f"<= {params.max}", **watchdog}, params)


KIND = Kind(
    name="alertmanager_alerts",
    params=AlertmanagerAlertsParams,
    observe="launch_pipeline.checks.kinds.alertmanager_alerts.observer:observe",
    criteria=criteria,
    default_conn_id="alertmanager",
    repeatable=lambda params: params.inject is None,
)
