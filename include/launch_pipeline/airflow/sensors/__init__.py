"""Wait for the windows of the launch day."""

from __future__ import annotations
