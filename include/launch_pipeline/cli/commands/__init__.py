"""The commands of ``launch``, one module each."""

from __future__ import annotations
