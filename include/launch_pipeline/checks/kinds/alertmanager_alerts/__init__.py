"""Define the check kind ``alertmanager_alerts``, and observe for it."""

from __future__ import annotations
