"""Kind ``alertmanager_alerts``: is nothing firing; does a test alert reach its receiver.

Facts: ``alerts[{name, severity, startsAt, receivers}], count, silenced, watchdog_firing, delivered``.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from launch_pipeline.checks.kind import Kind
from launch_pipeline.checks.params import Criteria, Name, Params, merged


class AlertmanagerAlertsParams(Params):
    """Which alerts count, or which to inject."""

    conn_id: str = "alertmanager"
    matchers: tuple[Name, ...] = ('severity="critical"',)
    max: Annotated[int, Field(ge=0)] = 0
    watchdog: str = "Watchdog"
    """An alert that always fires; silence without it is a broken pipe. Empty: not looked for."""
    include_silenced: bool = False
    inject: dict[str, str] | None = None
    """Labels of a test alert. It pages people."""
    receiver: Name | None = None

    @model_validator(mode="after")
    def _delivery_needs_receiver(self) -> Self:
        if (self.inject is None) is not (self.receiver is None):
            message = "'inject' and 'receiver' belong together: which alert, and who must get it"
            raise ValueError(message)
        return self


def criteria(params: AlertmanagerAlertsParams) -> Criteria:
    """Delivered, where one is injected; else few enough, with the watchdog firing."""
    if params.inject is not None:
        return merged({"delivered": "== true"}, params)
    watchdog = {"watchdog_firing": "== true"} if params.watchdog else {}
    return merged({"count": f"<= {params.max}", **watchdog}, params)


KIND = Kind(
    name="alertmanager_alerts",
    params=AlertmanagerAlertsParams,
    observe=None,
    criteria=criteria,
    default_conn_id="alertmanager",
    repeatable=lambda params: params.inject is None,
)
