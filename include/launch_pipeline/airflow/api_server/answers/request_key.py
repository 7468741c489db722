"""The key of a request, and an answer to it as it was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.schema import RecordedBy
    from launch_pipeline.slack.messages.button_values import RequestPin

BUSY = ("busy", "Another answer to this item is being processed. Try again in a moment.")
SUPERSEDED = (
    "superseded",
    "This card shows an earlier try of the item. Answer on its newest card, which shows the current request.",
)
"""Code and sentence of refusals that both the guard and the delegated answers give."""


class RequestKey(NamedTuple):
    """The task of a run whose request is answered."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int


class SignedIn(NamedTuple):
    """The Airflow account that sends an answer."""

    user: str
    """Its user name, as in the contacts."""
    user_id: str = ""
    """Its id in the auth manager: FAB's number, or the user name itself."""


class Asked(NamedTuple):
    """An answer as it was sent, not checked yet."""

    key: RequestKey
    spec: ItemSpec
    user: str
    option: str
    fields: dict[str, Any]
    """Reason and signature, where they were sent."""
    via: RecordedBy
    pin: RequestPin | None = None
    """The try that the person saw; None where the way in does not say."""
    evidence: str | None = None
    """Digest of the evidence that the answer is for, or its first digits; None: the evidence at the time of
    the check."""
    user_id: str = ""
