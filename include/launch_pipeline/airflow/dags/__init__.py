"""Build the Dags: one for each phase, and the conductor. Parsed by the Dag processor every minute."""

from __future__ import annotations
