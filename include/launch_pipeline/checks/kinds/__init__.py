"""One folder per check kind: its definition (parameters and criteria), its observer and its helpers."""

from __future__ import annotations
