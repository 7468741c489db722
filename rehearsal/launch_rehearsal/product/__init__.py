"""Serve the launched product and its surroundings as small real services on loopback, in one process."""

from __future__ import annotations
