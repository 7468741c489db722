"""Tests of the rehearsal's product: a package, so that it ends with its last test."""

from __future__ import annotations
