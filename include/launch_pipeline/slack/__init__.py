"""What people read and click in Slack: pure builders, the schema they obey, and the way back."""

from __future__ import annotations
