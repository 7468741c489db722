"""Tests of a running api-server: a package, so that it ends with its last test."""

from __future__ import annotations
