"""Name a request, the try that was shown of it, and an answer as it was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.schema import RecordedBy


class RequestKey(NamedTuple):
    """Which gate an answer is for."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int


class Pin(NamedTuple):
    """Which try of a gate an answer is for, and what was shown of its evidence."""

    task_instance_id: str
    try_number: int
    evidence: str | None = None
    """Digest of the evidence or its begin, empty where none was shown; None: not pinned."""


class Asked(NamedTuple):
    """An answer as it was sent, before it is judged."""

    key: RequestKey
    spec: ItemSpec
    user: str
    option: str
    fields: dict[str, Any]
    """Reason and signature, as far as they were sent."""
    via: RecordedBy
    pin: Pin | None = None
    evidence: str | None = None
    """Digest that the answer is pinned to, or its begin; None: the evidence at the moment of judging."""
