"""Read and weigh expectations: paths, values, patterns, variables. Pure."""

from __future__ import annotations
