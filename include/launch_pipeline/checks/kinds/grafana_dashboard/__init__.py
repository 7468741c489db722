"""Define the check kind ``grafana_dashboard``, and observe for it."""

from __future__ import annotations
