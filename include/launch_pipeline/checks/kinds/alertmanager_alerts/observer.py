"""Observes ``alertmanager_alerts``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.json_api import Api, records
from launch_pipeline.checks.kinds.alertmanager_alerts import watchdog
from launch_pipeline.checks.kinds.alertmanager_alerts.probe import deliver
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.alertmanager_alerts.definition import AlertmanagerAlertsParams

_SHOWN = 20
_EVERY_STATE = [(state, "true") for state in ("active", "silenced", "inhibited", "unprocessed")]

Alert = dict[str, Any]


async def observe(params: AlertmanagerAlertsParams, ctx: CheckContext) -> Observation:
    """List the firing alerts, or send a test alert and follow it to its receiver.

    Raises Unreachable if Alertmanager does not answer, Inconclusive if it refuses a matcher, or has only
    begun to know the alerts.
    """
    api = await Api.connect(ctx, params.conn_id, timed=params.inject is not None)
    if params.inject is not None:
        return await deliver(params, api)
    found, watch, _ = await asyncio.gather(_alerts(api, params.matchers), _watch(api, params), _settled(api))
    silenced = [alert for alert in found if (alert.get("status") or {}).get("silencedBy")]
    counted = found if params.include_silenced else [alert for alert in found if alert not in silenced]
    facts: dict[str, Any] = {
        "alerts": [_shown(alert) for alert in counted],
        "count": len(counted),
        "silenced": [_shown(alert)["name"] for alert in silenced],
        "watchdog_firing": watch.firing,
    }
    summary = {**facts, "alerts": facts["alerts"][:_SHOWN], "watchdog_known_by": list(watch.known_by)}
    unknown = {"watchdog_firing": watch.unknown} if watch.unknown else {}
    subject = Subject(name="alerts", facts=facts, unknown=unknown)
    return Observation(subjects=(subject,), authority=api.authority, summary=summary)


async def _alerts(api: Api, matchers: tuple[str, ...]) -> list[Alert]:
    """Return all firing alerts, muted ones included: an inhibited alert fires, and a silence is evidence."""
    filters = [("filter", matcher) for matcher in matchers]
    reply = await api.get("/api/v2/alerts", [*filters, *_EVERY_STATE])
    return records(reply.document, "alerts")


async def _watch(api: Api, params: AlertmanagerAlertsParams) -> watchdog.Watch:
    """Look for the watchdog; Alertmanager drops it minutes after the pipeline broke."""
    if not params.watchdog:
        return watchdog.Watch(None)
    escaped = params.watchdog.replace("\\", "\\\\").replace('"', '\\"')
    return watchdog.seen(params, await _alerts(api, (f'alertname="{escaped}"',)), api.ctx.clock())


async def _settled(api: Api) -> None:
    """Raise Inconclusive while Alertmanager's cluster is settling (openapi.yaml, ``clusterStatus``)."""
    document = (await api.get("/api/v2/status")).document
    cluster = document.get("cluster") if isinstance(document, dict) else None
    if isinstance(cluster, dict) and cluster.get("status") == "settling":
        message = f"{api.authority} has just started and is settling: it may not know every alert yet"
        raise Inconclusive(message, retryable=True)


def _shown(alert: Alert) -> dict[str, Any]:
    labels = alert.get("labels") or {}
    return {
        "name": labels.get("alertname"),
        "severity": labels.get("severity"),
        "startsAt": alert.get("startsAt"),
        "receivers": [receiver.get("name") for receiver in alert.get("receivers") or []],
    }
