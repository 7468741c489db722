"""Kind ``alertmanager_alerts``: is anything firing; does a test alert reach its receiver.

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
from launch_pipeline.checks.kinds.alertmanager_alerts.says import says


class AlertmanagerAlertsParams(Params):
    """The alerts to count, or a test alert to inject."""

    conn_id: str = "alertmanager"
    matchers: tuple[Name, ...] = ('severity="critical"',)
    """Matchers of the alerts that count, in Alertmanager's syntax; all must match."""
    max: Annotated[int, Field(ge=0)] = 0
    """How many of these alerts may fire."""
    watchdog: str = "Watchdog"
    """An alert that must always fire: without it the pipeline is broken. Empty: not checked."""
    watchdog_matchers: tuple[Name, ...] | None = None
    """Matchers of the watchdog. By default those of ``matchers`` on labels of an environment, such as
    ``cluster="prod"``, and on further labels that it carries, but not on ``severity``, ``namespace`` and the
    like. ``[]`` if one watchdog speaks for all."""
    include_silenced: bool = False
    """Whether silenced alerts count as well."""
    inject: dict[str, str] | None = None
    """Labels of a test alert. It pages people, so it is sent once, and only while no other alert takes the
    same route; ``wait`` bounds the time to wait for that and to follow the alert."""
    receiver: Name | None = None
    """The receiver in Alertmanager's configuration that must get the test alert."""

    @model_validator(mode="before")
    @classmethod
    def _send_once(cls, given: Any) -> Any:
        """Turn ``wait`` into one long attempt: every further poll would page people again."""
        if not isinstance(given, dict) or given.get("inject") is None:
            return given
        try:
            wait = parse_duration(given.get("wait", timedelta()))
            timeout = parse_duration(given.get("timeout", cls.model_fields["timeout"].default))
        except ValueError:
            return given
        return {**given, "timeout": max(timeout, wait), "wait": timedelta()}

    @model_validator(mode="after")
    def _matchers_of_a_watchdog(self) -> Self:
        if self.watchdog_matchers is not None and (not self.watchdog or self.inject is not None):
            message = "'watchdog_matchers' is of no use here: no watchdog is looked for; leave it out"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _delivery_needs_receiver(self) -> Self:
        if (self.inject is None) is not (self.receiver is None):
            message = "'inject' and 'receiver' go together: the alert, and who must get it; give both"
            raise ValueError(message)
        return self


def criteria(params: AlertmanagerAlertsParams) -> Criteria:
    """Require delivery of an injected alert; otherwise few enough alerts and a firing watchdog."""
    if params.inject is not None:
        to_receiver = f"contains {params.receiver}"
        defaults = {"configured_receivers": to_receiver, "receivers": to_receiver}
        return merged({**defaults, "failed_notifications": "== 0", "delivered": "== true"}, params)
    watchdog = {"watchdog_firing": "== true"} if params.watchdog else {}
    # The names of the alerts are a better headline than their number.
    names = {"alerts[].name": "== []"} if params.max == 0 and "count" not in params.expect else {}
    return merged({**names, "count": f"<= {params.max}", **watchdog}, params)


KIND = Kind(
    name="alertmanager_alerts",
    params=AlertmanagerAlertsParams,
    observe="launch_pipeline.checks.kinds.alertmanager_alerts.observer:observe",
    criteria=criteria,
    says=says,
    default_conn_id="alertmanager",
    repeatable=lambda params: params.inject is None,
)
