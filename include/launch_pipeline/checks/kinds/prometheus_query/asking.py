"""Asks a server of Prometheus' API, and reads its series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from yarl import URL

from launch_pipeline.checks.clients import wholeness
from launch_pipeline.checks.clients.clock_skew import refuse_skew
from launch_pipeline.checks.clients.http import (
    Answer,
    Request,
    authority,
    busy,
    credentials,
    refused_credentials,
    send,
)
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo
    from launch_pipeline.checks.kinds.prometheus_query.coverage import Window
    from launch_pipeline.checks.kinds.prometheus_query.definition import PrometheusQueryParams

Points = list[tuple[float, float]]
"""Times (epoch, s) and values."""
Document = dict[str, Any]


@dataclass(frozen=True)
class Series:
    """One series of an answer."""

    labels: dict[str, str]
    points: Points

    @property
    def newest(self) -> float:
        """Return the time (epoch, s) of the newest sample; 0 without samples."""
        return max((at for at, _ in self.points), default=0.0)


@dataclass(frozen=True)
class Server:
    """A server of Prometheus' API, as one check asks it."""

    ctx: CheckContext
    connection: ConnectionInfo
    params: PrometheusQueryParams
    at: float | None = None
    """The moment (epoch, s) that is looked at instead of now."""

    @property
    def authority(self) -> str:
        """Return the authority as evidence shows it."""
        return authority(URL(self.connection.base_url))

    async def ask(self, query: str, window: Window | None) -> Document:
        """Query now or at the server's moment, or over a window.

        Raises Unreachable if the server does not answer, Inconclusive if it cannot evaluate the query.
        """
        form = {"query": query, "timeout": seconds(self.params.timeout.total_seconds())}
        if window is not None:
            form |= {name: seconds(getattr(window, of)) for name, of in _TIMES.items()}
        elif self.at is not None:
            form["time"] = seconds(self.at)
        request = Request(
            url=URL(self.connection.base_url + "/api/v1/" + ("query_range" if window else "query")),
            method="POST",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            data=urlencode(form).encode(),
            credentials=credentials(self.connection),
        )
        async with self.ctx.clients.limit(authority(request.url)):
            answer = await self._sent(request)
        document = await _document(answer, self.params.conn_id)
        if window is not None:  # otherwise the server's own time counts
            refuse_skew(self.ctx, answer.url, answer.headers)
        _whole(self.params, document, answer, self.authority)
        return document

    async def _sent(self, request: Request) -> Answer:
        try:
            return await send(self.ctx, self.connection, request)
        except Unreachable as error:
            # POST is used because queries may be long; a retry is safe.
            raise Unreachable(error.reason, retryable=True) from error


_TIMES = {"start": "begin", "end": "end", "step": "step"}


def seconds(value: float) -> str:
    """Format a duration or a moment in seconds without a unit: Prometheus refuses ``0.5s``."""
    return f"{value:.3f}"


async def _document(answer: Answer, conn_id: str) -> Document:
    if answer.status in {401, 403}:
        raise refused_credentials(answer, conn_id)
    wait = busy(answer)
    if wait is not None:
        raise wait
    document = await answer.json()
    if isinstance(document, dict) and document.get("status") == "success" and _has_data(document):
        return document
    said = document.get("error", "") if isinstance(document, dict) else ""
    message = f"{answer.url} could not evaluate the query (status {answer.status}): {said or 'no document'}"
    if answer.status >= 500 and not said:  # noqa: PLR2004
        raise Unreachable(message[:400], retryable=True)
    raise Inconclusive(message[:400])


def _has_data(document: Document) -> bool:
    data = document.get("data")
    return isinstance(data, dict) and isinstance(data.get("result"), list)


def _whole(params: PrometheusQueryParams, document: Document, answer: Answer, asked: str) -> None:
    """Raise Inconclusive for an answer that is not whole: a store behind the server may be missing in it."""
    judged = any("warnings" in expression for expression in params.expect)
    body = {**document, "warnings": None} if judged else document
    if why := wholeness.prometheus(body, answer.headers) or wholeness.broken(
        answer.status, answer.headers, None
    ):
        raise Inconclusive(f"{asked} {why}"[:400])


def series_of(document: Document) -> list[Series]:
    """Parse a scalar, a vector or a matrix; values are strings, such as NaN and +Inf."""
    data = document["data"]
    try:
        if data.get("resultType") in {"scalar", "string"}:
            return [Series({}, [_point(data["result"])])]
        return [Series(one["metric"], _points(one)) for one in data["result"]]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        message = f"the answer does not have the form of Prometheus': {error}"
        raise Inconclusive(message) from error


def _points(one: dict[str, Any]) -> Points:
    if "histogram" in one or "histograms" in one:
        message = "the query returns a histogram; take a quantile of it"
        raise Inconclusive(message)
    return [_point(pair) for pair in (one["values"] if "values" in one else [one["value"]])]


def _point(pair: list[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
