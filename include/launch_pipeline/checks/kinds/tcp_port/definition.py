"""Kind ``tcp_port``: is the port open, or not open, as seen from where the check runs.

Facts per target, and per address of it if it has several: ``state``, one of ``open, refused, filtered,
unresolved``. An address that this machine could not try is ``unreachable``, and its state is unknown.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Names, Params, merged
from launch_pipeline.checks.kinds.tcp_port.says import says


class TcpPortParams(Params):
    """Ports to try."""

    targets: Names
    """``host:port`` each."""
    state: Literal["open", "not_open"] = "open"
    """``not_open`` is refused or filtered, at every address."""
    timeout: Duration = timedelta(seconds=5)
    """A port that does not answer within this time is filtered."""
    look_every: Duration = timedelta(minutes=1)
    """Ports that are tried more often look like a scan."""


def criteria(params: TcpPortParams) -> Criteria:
    """Require open, or refused or filtered; a name that does not resolve is never ``not_open``."""
    return merged({"state": "== open" if params.state == "open" else "in ['refused', 'filtered']"}, params)


KIND = Kind(
    name="tcp_port",
    params=TcpPortParams,
    observe="launch_pipeline.checks.kinds.tcp_port.observer:observe",
    criteria=criteria,
    says=says,
)
