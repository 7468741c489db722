"""Define the check kind ``tls_certificate``, and observe for it."""

from __future__ import annotations
