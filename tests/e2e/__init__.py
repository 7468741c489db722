"""End-to-end tests: a package, so that its stacks end with its last test."""

from __future__ import annotations
