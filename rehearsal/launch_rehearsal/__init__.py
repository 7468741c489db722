"""A whole launch in minutes: the same Dags, a stand-in of the product, simulated people."""

from __future__ import annotations
