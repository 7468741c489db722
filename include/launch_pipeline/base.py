"""The base model of all values in the pipeline."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Validate a value once: unknown fields are errors, and nothing changes after construction."""

    model_config = ConfigDict(frozen=True, extra="forbid")
