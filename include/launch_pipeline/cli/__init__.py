"""The ``launch`` command."""

from __future__ import annotations
