"""Play the monitoring: Prometheus, Alertmanager, Grafana."""

from __future__ import annotations
