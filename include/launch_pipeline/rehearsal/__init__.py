"""The rehearsal: a stand-in of the launched product and people who answer as themselves."""

from __future__ import annotations
