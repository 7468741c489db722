"""Build messages and modals in Block Kit, and read what comes back. Pure."""

from __future__ import annotations
