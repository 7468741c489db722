"""Build what is announced, as data: any channel can show it."""

from __future__ import annotations
