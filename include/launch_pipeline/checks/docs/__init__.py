"""Generates the catalogue of items, and the schema for editors."""

from __future__ import annotations
