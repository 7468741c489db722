"""Tests of monitoring servers: a package, so that they end with its last test."""

from __future__ import annotations
