"""Write the catalogue of items and the editors' schema."""

from __future__ import annotations
