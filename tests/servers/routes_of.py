"""Print every route of this environment's api-server as JSON: in the schema or hidden, of Flask or of ours.

Run as a program in the environment of an api-server: ``python routes_of.py``.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

FLASK = "flask "
"""Before the path of a route that FAB's Flask application serves."""


def routes_below(app: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Give method and path of every route of an application and of those mounted in it."""
    if rules := getattr(getattr(app, "app", None), "url_map", None):
        yield from _of_flask(rules, prefix)
        return
    inner = getattr(app, "_make", None) or getattr(app, "_app", None)
    if inner is not None and not hasattr(app, "routes"):
        # Ours are made late, behind their doors.
        yield from routes_below(inner() if callable(inner) and hasattr(app, "_make") else inner, prefix)
        return
    if latest := getattr(app, "_latest_version_router", None):
        # The execution API finds its routes by the version of its contract.
        yield from routes_below(latest, prefix)
    for route in getattr(app, "routes", ()):
        methods = getattr(route, "methods", None)
        if hasattr(route, "app") and not methods:
            yield from routes_below(route.app, prefix + route.path)
        else:
            yield from ((method, prefix + route.path) for method in methods or ("*",))


def _of_flask(rules: Any, prefix: str) -> Iterator[tuple[str, str]]:
    for rule in rules.iter_rules():
        yield from ((method, f"{FLASK}{prefix}{rule.rule}") for method in rule.methods)


def main() -> None:
    """Make the application as the api-server does, and print its routes."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    from airflow.api_fastapi.app import create_app  # noqa: PLC0415 - needs the environment

    found = {route for route in routes_below(create_app()) if route[0] not in {"HEAD", "OPTIONS"}}
    json.dump(sorted(found, key=lambda route: (route[1], route[0])), sys.stdout)


if __name__ == "__main__":
    main()
