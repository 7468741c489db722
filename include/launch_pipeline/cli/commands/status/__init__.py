"""Show where a launch is: read it, render it, time its windows."""

from __future__ import annotations
