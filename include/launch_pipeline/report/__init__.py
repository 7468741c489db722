"""Build the report of a launch: the document itself, with the outcome of each line behind it."""

from __future__ import annotations
