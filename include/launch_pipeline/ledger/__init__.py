"""Store what happens in a launch: records, seals, the ledger and the state of each launch."""

from __future__ import annotations
