"""Hold contacts, roles and policy, and decide who may answer what."""

from __future__ import annotations
