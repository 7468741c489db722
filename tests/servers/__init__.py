"""Real servers on loopback for tests; import as ``servers.xyz``."""

from __future__ import annotations
