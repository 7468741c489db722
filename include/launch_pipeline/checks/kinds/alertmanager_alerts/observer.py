"""Observes ``alertmanager_alerts``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.json_api import Api, records
from launch_pipeline.checks.kinds.alertmanager_alerts.probe import deliver
from launch_pipeline.checks.verdict import Observation, Subject

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.alertmanager_alerts.definition import AlertmanagerAlertsParams

_SHOWN = 20
_EVERY_STATE = [(state, "true") for state in ("active", "silenced", "inhibited", "unprocessed")]

Alert = dict[str, Any]


async def observe(params: AlertmanagerAlertsParams, ctx: CheckContext) -> Observation:
    """List the firing alerts, or send a test alert and follow it to its receiver.

    Raises Unreachable if Alertmanager does not answer, Inconclusive if it refuses a matcher.
    """
    api = await Api.connect(ctx, params.conn_id, timed=params.inject is not None)
    if params.inject is not None:
        return await deliver(params, api)
    found, watchdog = await asyncio.gather(_alerts(api, params.matchers), _watchdog(api, params.watchdog))
    silenced = [alert for alert in found if (alert.get("status") or {}).get("silencedBy")]
    counted = found if params.include_silenced else [alert for alert in found if alert not in silenced]
    facts: dict[str, Any] = {
        "alerts": [_shown(alert) for alert in counted],
        "count": len(counted),
        "silenced": [_shown(alert)["name"] for alert in silenced],
        "watchdog_firing": watchdog,
    }
    summary = {**facts, "alerts": facts["alerts"][:_SHOWN]}
    return Observation(
        subjects=(Subject(name="alerts", facts=facts),), authority=api.authority, summary=summary
    )


async def _alerts(api: Api, matchers: tuple[str, ...]) -> list[Alert]:
    """Return all firing alerts, muted ones included: an inhibited alert fires, and a silence is evidence."""
    filters = [("filter", matcher) for matcher in matchers]
    reply = await api.get("/api/v2/alerts", [*filters, *_EVERY_STATE])
    return records(reply.document, "alerts")


async def _watchdog(api: Api, name: str) -> bool | None:
    """Return whether the watchdog fires; Alertmanager drops it minutes after the pipeline broke."""
    if not name:
        return None
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return bool(await _alerts(api, (f'alertname="{escaped}"',)))


def _shown(alert: Alert) -> dict[str, Any]:
    labels = alert.get("labels") or {}
    return {
        "name": labels.get("alertname"),
        "severity": labels.get("severity"),
        "startsAt": alert.get("startsAt"),
        "receivers": [receiver.get("name") for receiver in alert.get("receivers") or []],
    }
