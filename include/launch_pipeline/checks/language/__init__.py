"""The language of expectations: paths, comparisons, values, patterns, variables. Pure functions."""

from __future__ import annotations
