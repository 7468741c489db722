"""Play the people of a rehearsal, and the operator."""

from __future__ import annotations
