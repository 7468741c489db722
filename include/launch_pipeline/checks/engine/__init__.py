"""Run checks: kinds by name, their parameters, the environment, retries and limits."""

from __future__ import annotations
