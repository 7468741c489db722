"""People: contacts, roles and policy, so that it can be said who may answer what."""

from __future__ import annotations
