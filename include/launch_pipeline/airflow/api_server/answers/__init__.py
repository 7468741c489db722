"""Guard answers to requests, from wherever they come."""

from __future__ import annotations
