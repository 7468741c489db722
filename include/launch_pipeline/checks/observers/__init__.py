"""Who looks: one module per kind, loaded only when a check of that kind runs."""

from __future__ import annotations
