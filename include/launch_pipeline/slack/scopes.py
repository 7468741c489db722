"""List the OAuth scopes of the two Slack tokens: the bridge's and that of the checks."""

from __future__ import annotations

BRIDGE_SCOPES = ("chat:write", "users:read")
EMAIL_SCOPE = "users:read.email"
"""The bridge needs it as well where the policy finds people by their address."""
CHECK_SCOPES = ("channels:read", "channels:history", "users:read")
"""A check looks into public channels and at their members; it writes nothing."""
