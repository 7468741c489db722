"""Kind ``http_request``: does this request get that answer, and how fast.

Facts: ``status, headers`` (names in lower case)``, json, text, last, statuses, latency_ms, failures``.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Names, Params, exactly_one, merged

_STATUS = re.compile(r'(?<![.\w"])status(es)?\b')
_SAFE = {"GET", "HEAD", "OPTIONS"}


class HttpRequestParams(Params):
    """A request; ``expect`` applies to each of ``paths``."""

    conn_id: str = "http"
    path: Name | None = None
    """Below the connection's host; ``/`` unless given."""
    paths: Names | None = None
    """Several, instead of ``path``."""
    method: Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """Only GET, HEAD and OPTIONS are asked again after a time-out."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Beside those of the connection."""
    query: dict[str, str | list[str]] = Field(default_factory=dict)
    """Parameters of the address; a list repeats its name."""
    json_body: Annotated[Any, Field(alias="json")] = None
    """Sent as JSON."""
    body: str | None = None
    """Sent as it is."""
    auth: Name = "connection"
    """``connection``, ``none``, ``invalid``, or the id of another connection whose secret is used."""
    samples: Annotated[int, Field(ge=1, le=1000)] = 1
    """How often each path is asked; latencies and statuses are of all of them."""
    concurrency: Annotated[int, Field(ge=1, le=100)] = 1
    """How many of the samples at the same time."""
    follow_redirects: bool = False
    """Within the same host only, in any case."""

    @model_validator(mode="after")
    def _one_target_one_body(self) -> Self:
        if self.path and self.paths:
            exactly_one({"path": self.path, "paths": self.paths})
        if self.json_body is not None and self.body is not None:
            exactly_one({"json": True, "body": True})
        return self

    @property
    def targets(self) -> tuple[str, ...]:
        """The paths to ask, at least one."""
        return self.paths or (self.path or "/",)

    @property
    def expects_status(self) -> bool:
        """Whether the item itself says which status it wants."""
        return any(_STATUS.search(expression) for expression in self.expect)


def criteria(params: HttpRequestParams) -> Criteria:
    """Status 200 for every sample, unless the item speaks of the status itself."""
    if params.expects_status:
        return merged({}, params)
    if params.samples > 1:
        return merged({'statuses."200"': f"== {params.samples}"}, params)
    return merged({"status": "in [200, 204]" if params.method == "OPTIONS" else "== 200"}, params)


def repeatable(params: HttpRequestParams) -> bool:
    """Tell whether asking again changes nothing: a single safe request, no burst and no POST."""
    return params.method in _SAFE and params.samples == 1


KIND = Kind(
    name="http_request",
    params=HttpRequestParams,
    observe="launch_pipeline.checks.kinds.http_request.observer:observe",
    criteria=criteria,
    default_conn_id="http",
    repeatable=repeatable,
)
