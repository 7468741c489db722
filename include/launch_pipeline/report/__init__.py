"""The report of a launch: the document itself, with what became of each line behind it."""

from __future__ import annotations
