"""Show the workspace in a browser."""

from __future__ import annotations
