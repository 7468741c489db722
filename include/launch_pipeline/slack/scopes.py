"""List the OAuth scopes of the two Slack tokens: the bridge's and the checks'."""

from __future__ import annotations

BRIDGE_SCOPES = ("chat:write", "users:read")
EMAIL_SCOPE = "users:read.email"
"""The bridge needs it as well if the policy finds people by e-mail."""
CHECK_SCOPES = ("channels:read", "channels:history", "users:read")
"""A check reads public channels and their members; it writes nothing."""
