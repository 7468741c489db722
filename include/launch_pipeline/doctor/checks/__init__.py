"""Find out what the checks of a checklist can reach."""

from __future__ import annotations
