"""Measures the budgets of the design, side by side in one run."""

from __future__ import annotations
