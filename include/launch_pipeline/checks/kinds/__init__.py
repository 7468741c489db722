"""One module per check kind: its parameters, its default criteria and its observer."""

from __future__ import annotations
