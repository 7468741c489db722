"""Play the people of a rehearsal: who answers what, when."""

from __future__ import annotations
