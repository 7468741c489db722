"""The report formats, one module for each; a reader raises ValueError if it cannot read the report."""

from __future__ import annotations
