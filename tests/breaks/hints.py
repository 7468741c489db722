"""Breaks that the search cannot find by itself, written by hand (``hints.yaml``)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from launch_rehearsal.tampering.breaks import Break

if TYPE_CHECKING:
    from breaks.conditions import Check

_FILE = Path(__file__).with_name("hints.yaml")


def hints_for(check: Check) -> list[Break]:
    """Return the breaks to try first: those of the item, then those of the kind."""
    known = _known()
    return [Break.model_validate(one) for name in (check.ref, check.spec.kind) for one in known.get(name, ())]


@lru_cache(maxsize=1)
def _known() -> dict[str, Any]:
    return yaml.safe_load(_FILE.read_text(encoding="utf-8")) or {}
