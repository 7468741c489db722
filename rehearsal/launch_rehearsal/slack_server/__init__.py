"""Fake Slack for rehearsals and tests: Slack's protocol for programs, a page for people."""

from __future__ import annotations
