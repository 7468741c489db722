"""Hold what all parts of the product share: plan, health, series, logs."""

from __future__ import annotations
