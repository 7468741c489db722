"""Play the platform: Kubernetes and the cloud."""

from __future__ import annotations
