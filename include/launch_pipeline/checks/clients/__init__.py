"""Talk to what is checked: bounded, guarded clients that several kinds share."""

from __future__ import annotations
