"""Serve the product's PagerDuty: an incident per critical alert, and two people on call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_rehearsal.product.base.plan import Part
from launch_rehearsal.vendors.pagerduty import PagerDuty, entry, method, user_id

if TYPE_CHECKING:
    from launch_rehearsal.product.base.health import Health
    from launch_rehearsal.product.monitoring.prometheus import Monitoring

SCHEDULE = "PAZORA1"
SERVICE = "PAZSRV1"
_PEOPLE = ("Olga Tanaka", "Omar Haddad")
_METHODS = ("phone", "push_notification", "email")


class OnCall(PagerDuty):
    """Serve two levels without an end; broken, both are empty."""

    def __init__(self, key: str, health: Health, monitoring: Monitoring) -> None:
        super().__init__(key=key)
        self._health, self._monitoring = health, monitoring
        self.methods = {user_id(name): [method(sort) for sort in _METHODS] for name in _PEOPLE}

    def on_calls(self) -> list[dict[str, Any]]:
        """Return who is on call, first level first."""
        if not self._health.works(Part.ON_CALL):
            return []
        return [entry(None, None, name, level, SCHEDULE) for level, name in enumerate(_PEOPLE, 1)]

    def services(self) -> dict[str, dict[str, Any]]:
        """Return the one service of the product."""
        return {
            SERVICE: {"id": SERVICE, "name": "Azora", "status": "critical" if self.incidents() else "active"}
        }

    def incidents(self) -> list[dict[str, Any]]:
        """Return an open incident for each critical alert that fires."""
        return [
            {
                "id": f"P{name.upper()[:6]}",
                "title": name,
                "status": "triggered",
                "urgency": "high",
                "service": {"id": SERVICE, "type": "service_reference"},
            }
            for name, severity in self._monitoring.firing()
            if severity == "critical"
        ]
