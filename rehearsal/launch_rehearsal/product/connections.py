"""List the connections and variables by which a launch reaches the fake product."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from launch_pipeline.stack.ports import LOOPBACK
from launch_rehearsal.product.base.plan import DATABASE, DATABASE_USER, DOMAIN, Part
from launch_rehearsal.product.platform.cloud import ACCESS_KEY, REGION
from launch_rehearsal.vendors.pagerduty import authorization as pagerduty_authorization

if TYPE_CHECKING:
    from launch_rehearsal.product.base.plan import ProductPlan

_AUTHORITIES = {
    "github": "github",
    "prometheus": "prometheus",
    "alertmanager": "alertmanager",
    "grafana": "grafana",
    "loki": "loki",
    "kubernetes": "kubernetes",
    "registry": "registry",
    "openai": "openai",
    "vector_db": "vector",
    "statuspage": "statuspage",
    "status_page_public": "status",
}
"""Path of the authority by connection."""
CLOSED_PORTS = (22, 5432, 6379, 9090, 9093, 3000, 6443)
"""Ports of the product's public name that must be closed."""
RESOLVERS = ("1.1.1.1:53", "8.8.8.8:53", "9.9.9.9:53", "system")

Connection = dict[str, Any]


def connections(plan: ProductPlan) -> dict[str, Connection]:
    """Return every connection by id, in the fields of Airflow's JSON form."""
    service = plan.tokens["service"]
    gateway = {"conn_type": "http", "host": plan.url(Part.GATEWAY), "password": service}
    found: dict[str, Connection] = {
        "api_gateway": gateway,
        "staging": gateway,
        "plain_user": {**gateway, "password": plan.tokens["plain_user"]},
        "rate_limit_probe": {**gateway, "password": plan.tokens["rate_limit_probe"]},
        "browser_session": {
            "conn_type": "http",
            "host": plan.url(Part.GATEWAY),
            "extra": {"headers": {"Cookie": f"session={plan.tokens['session']}"}},
        },
        "production_session": {
            "conn_type": "http",
            "host": plan.url(Part.GATEWAY),
            "extra": {"headers": {"Cookie": f"session={plan.tokens['session']}"}},
        },
        "edge": {
            "conn_type": "http",
            "host": f"https://{DOMAIN}",
            "extra": {"ca_file": str(plan.authority_file)},
        },
        "git": {"conn_type": "git", "extra": {"path": str(plan.repository)}},
        "postgres": _postgres(plan),
        "staging_postgres": _postgres(plan),
        "aws": {
            "conn_type": "aws",
            "login": ACCESS_KEY,
            "password": plan.tokens["cloud"],
            "extra": {
                "region_name": REGION,
                "endpoint_url": plan.url("cloud"),
                "addressing_style": "path",
            },
        },
    }
    if plan.redis:
        found["redis"] = _redis(plan)
    for part in (Part.CONSTITUTIONAL_AI, Part.KNOWLEDGE_OCEAN, Part.AI_ROUTING):
        found[part.value] = {"conn_type": "http", "host": plan.url(part), "password": service}
    for name, path in _AUTHORITIES.items():
        host = f"{plan.url('authorities')}/{path}"
        found[name] = {"conn_type": "http", "host": host, "password": service}
    found["pagerduty"] = {
        "conn_type": "http",
        "host": f"{plan.url('authorities')}/pagerduty",
        "extra": {"headers": {"Authorization": pagerduty_authorization(service)}},
    }
    return found


def _postgres(plan: ProductPlan) -> Connection:
    return {
        "conn_type": "postgres",
        "host": LOOPBACK,
        "port": plan.ports["database"],
        "login": DATABASE_USER,
        "password": plan.tokens["database"],
        "schema": DATABASE,
    }


def _redis(plan: ProductPlan) -> Connection:
    # The second host is used if the first does not answer.
    hosts = ",".join(f"{LOOPBACK}:{port}" for port in plan.caches[:2])
    return {"conn_type": "redis", "host": hosts, "password": plan.tokens["redis"]}


def connection_variables(plan: ProductPlan) -> dict[str, str]:
    """Return the environment variables from which Airflow reads the connections."""
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(c) for name, c in connections(plan).items()}


def addresses(plan: ProductPlan) -> dict[str, str]:
    """Return the loopback addresses of the product's public names and of the resolvers."""

    def at(name: str) -> str:
        return f"{LOOPBACK}:{plan.ports[name]}"

    found = {f"{DOMAIN}:80": at("edge_plain"), f"{DOMAIN}:443": at("edge")}
    found |= {f"*.{DOMAIN}:443": at("edge"), "api.openai.example:443": at("authorities")}
    found |= {f"{DOMAIN}:{port}": at("closed") for port in CLOSED_PORTS}
    found["github.com:22"] = at("control")
    return found | dict.fromkeys(RESOLVERS, at("dns"))


def overlay(committed: dict[str, Any], plan: ProductPlan, schema_fingerprint: str) -> dict[str, Any]:
    """Add the ports, folders and fingerprint of this rehearsal to the committed environment."""
    variables = {
        **committed.get("variables", {}),
        "reports": str(plan.reports),
        "schema_fingerprint": schema_fingerprint,
    }
    return {**committed, "variables": variables, "addresses": addresses(plan)}
