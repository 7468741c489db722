"""Kind ``http_request``: does this request get the expected response, and how fast.

Facts: ``status, headers`` (names in lower case)``, json, yaml, text, url, last, statuses, latency_ms,
failures``, and ``counts``, the number of answers by the value of ``count_by``. Several ``Set-Cookie`` are a
list. ``json`` is unknown where the answer is not JSON, or not whole; further pages by ``Link: rel=next`` are
read. ``yaml`` is read of any answer, if ``expect`` names it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import (
    Criteria,
    Name,
    Names,
    Params,
    compares,
    exactly_one,
    merged,
)
from launch_pipeline.checks.kinds.http_request.says import says
from launch_pipeline.checks.language.expect import as_list
from launch_pipeline.checks.language.paths import compiled, roots_of
from launch_pipeline.checks.language.variables import placeholders

_LAST_STATUS = re.compile(r"\blast\.status\b")
_SAFE = {"GET", "HEAD", "OPTIONS"}
_ALLOW_ORIGIN = "access-control-allow-origin"
_PREFLIGHT = "access-control-request-method"


class HttpRequestParams(Params):
    """A request; ``expect`` applies to each of ``paths``."""

    conn_id: str = "http"
    path: Name | None = None
    """Path on the connection's host; ``/`` unless given."""
    paths: Names | None = None
    """Several paths, instead of ``path``."""
    method: Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """Only GET, HEAD and OPTIONS are retried after a time-out."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Headers, besides those of the connection."""
    query: dict[str, str | list[str]] = Field(default_factory=dict)
    """Query parameters; a list repeats its name."""
    json_body: Annotated[Any, Field(alias="json")] = None
    """Body sent as JSON."""
    body: str | None = None
    """Body sent as it is."""
    auth: Name = "connection"
    """``connection``, ``none``, ``invalid``, or the id of another connection whose secret is used."""
    samples: Annotated[int, Field(ge=1, le=1000)] = 1
    """Requests per path; latencies and statuses cover all of them."""
    concurrency: Annotated[int, Field(ge=1, le=100)] = 1
    """How many samples are requested at the same time."""
    count_by: Name | None = None
    """JMESPath into each answer (``status, headers, json``), whose values are counted: ``json.release``."""
    public: bool = False
    """Whether the name must be reached where its users reach it, not at an address of the environment's
    ``addresses``; a rehearsal has no other."""
    follow_redirects: bool = False
    """Whether to follow redirects; only ever within the same host."""
    look_every: Duration = timedelta(minutes=1)
    """The product's own limiter counts every look, as do the figures of its edge: 1000 requests of a client
    in 15 minutes are a usual limit. GitHub answers 5000 requests an hour, and 30 searches a minute
    (docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api)."""

    @model_validator(mode="after")
    def _one_target_one_body(self) -> Self:
        if self.path and self.paths:
            exactly_one({"path": self.path, "paths": self.paths})
        if self.json_body is not None and self.body is not None:
            exactly_one({"json": True, "body": True})
        return self

    @field_validator("count_by", mode="after")
    @classmethod
    def _can_be_read(cls, path: str | None) -> str | None:
        if path and not placeholders(path):
            compiled(path)
        return path

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the paths to request, at least one."""
        return self.paths or (self.path or "/",)

    @property
    def expects_status(self) -> bool:
        """Return whether the item's ``expect`` compares the status of the answer itself."""
        return any(_of_status(expression) for expression, wanted in self.expect.items() if compares(wanted))

    @property
    def wants_refusal(self) -> bool:
        """Return whether it asks, as a browser does, whether a foreign origin is refused."""
        sent = {name.lower(): value for name, value in self.headers.items()}
        origin = sent.get("origin", "")
        return (
            self.method == "OPTIONS"
            and bool(origin)
            and _PREFLIGHT in sent
            and any(
                _ALLOW_ORIGIN in expression and all(_excludes(text, origin) for text in as_list(wanted))
                for expression, wanted in self.expect.items()
            )
        )


def _of_status(expression: str) -> bool:
    """Return whether an expression reads nothing but the status, or how often each was answered."""
    roots = roots_of(expression)
    if roots == {"last"}:
        return bool(_LAST_STATUS.search(expression)) and "last" not in _LAST_STATUS.sub("", expression)
    return bool(roots) and roots <= {"status", "statuses"}


def _excludes(comparison: str, origin: str) -> bool:
    """Return whether a comparison holds for no origin, or for any but this one."""
    text = comparison.strip()
    if text.startswith(("not in", "!=")):
        return origin in text
    return text == "absent" or (text.startswith(("==", "in")) and origin not in text and "*" not in text)


def criteria(params: HttpRequestParams) -> Criteria:
    """Require status 200 for every sample, unless the item compares the status."""
    if params.expects_status:
        return merged({}, params)
    if params.samples > 1:
        return merged({'statuses."200"': f"== {params.samples}"}, params)
    if params.method != "OPTIONS":
        return merged({"status": "== 200"}, params)
    # A preflight is refused with 403 by Spring and with 400 by Starlette, or answered without the header.
    return merged({"status": "in [200, 204, 400, 403]" if params.wants_refusal else "in [200, 204]"}, params)


def repeatable(params: HttpRequestParams) -> bool:
    """Return whether a retry is safe: a single request, no burst and no POST."""
    return params.method in _SAFE and params.samples == 1


KIND = Kind(
    name="http_request",
    params=HttpRequestParams,
    observe="launch_pipeline.checks.kinds.http_request.observer:observe",
    criteria=criteria,
    says=says,
    default_conn_id="http",
    repeatable=repeatable,
)
