"""Define the check kind ``tcp_port``, and observe for it."""

from __future__ import annotations
