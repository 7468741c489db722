"""Clients that several kinds share: bounded responses, guarded addresses."""

from __future__ import annotations
