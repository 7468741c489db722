"""Write what ZAP and Trivy report about the product: of staging, of production, and of each image."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from launch_rehearsal.product.base.plan import DOMAIN, SERVICES, job

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

STAGING = f"staging.{DOMAIN}"
PRODUCTION = (DOMAIN, f"api.{DOMAIN}")
IMAGES = tuple(map(job, SERVICES))
_ACTIVE_RULES = (
    *("6", "7", "20012", "20019", "40003", "40012", "40014", "40016", "40017", "40018"),
    *("40019", "40020", "40021", "40022", "40026", "40042", "90019", "90020"),
)


def zap(made: datetime, *hosts: str) -> dict[str, Any]:
    """Build a report of an active scan with one low finding, as the template traditional-json-plus does."""
    return {
        "@programName": "ZAP",
        "@version": "2.17.0",
        "created": made.isoformat(),
        "site": [_site(host) for host in hosts],
        "statistics": _statistics(_ACTIVE_RULES),
        "afPlanErrors": [],
        "afPlanWarns": [],
    }


def _site(host: str) -> dict[str, Any]:
    alert = {"pluginid": "10096", "name": "Timestamp Disclosure", "riskcode": "1", "confidence": "1"}
    return {
        "@name": f"https://{host}",
        "@host": host,
        "@port": "443",
        "@ssl": "true",
        "alerts": [alert],
        "statistics": {"stats.code.200": 5120, "stats.code.404": 311},
    }


def _statistics(rules: Iterable[str]) -> dict[str, int]:
    """Count what each rule did; a rule that found nothing to follow up sends no request."""
    statistics = {"stats.ascan.started": 1, "stats.ascan.time": 840_000, "domxss.gets.count": 96}
    for rule in rules:
        statistics |= {f"stats.ascan.{rule}.started": 1, f"stats.ascan.{rule}.time": 12_400}
        if rule not in {"40014", "40026"}:
            statistics[f"stats.ascan.{rule}.urls"] = 137
    return statistics | {f"stats.pscan.{rule}.time": 900 for rule in ("10096", "10202")}


def trivy(service: str, made: datetime, commit: str) -> dict[str, Any]:
    """Build a report of ``trivy image`` with one medium finding."""
    found = {"VulnerabilityID": "CVE-2024-0001", "PkgName": "zlib", "Severity": "MEDIUM", "Title": "a flaw"}
    name = f"azora/{service}:1.0.0"
    return {
        "SchemaVersion": 2,
        "CreatedAt": made.isoformat(),
        "ArtifactName": name,
        "ArtifactType": "container_image",
        "Metadata": _of_image(name, commit),
        "Results": [
            {
                "Target": f"{name} (debian 12.11)",
                "Class": "os-pkgs",
                "Type": "debian",
                "Packages": [{"ID": "zlib1g@1:1.2.13", "Name": "zlib1g", "Version": "1:1.2.13"}],
                "Vulnerabilities": [found],
            }
        ],
    }


def _of_image(name: str, commit: str) -> dict[str, Any]:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return {
        "OS": {"Family": "debian", "Name": "12.11"},
        "ImageID": f"sha256:{digest}",
        "RepoTags": [name],
        "RepoDigests": [f"{name.partition(':')[0]}@sha256:{digest}"],
        "ImageConfig": {
            "architecture": "amd64",
            "os": "linux",
            "config": {"User": "node", "Labels": {"org.opencontainers.image.revision": commit}},
        },
    }
