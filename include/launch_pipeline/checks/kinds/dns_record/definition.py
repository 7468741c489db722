"""Kind ``dns_record``: what do the resolvers answer.

Facts per name: ``answers{resolver: [values]}, count`` (the fewest)``, ttl`` (the largest, in s)``,
consistent, missing, unexpected`` (against ``values``).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Names, Params, merged
from launch_pipeline.checks.kinds.dns_record.says import says


class DnsRecordParams(Params):
    """Names to look up on every resolver."""

    names: Names
    """Names; each is looked up on every resolver."""
    type: Literal["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"] = "A"
    """The type of the records."""
    values: Names | None = None
    """The exact set of answers, in any order."""
    min_answers: Annotated[int, Field(ge=1)] = 1
    """The minimum number of answers from each resolver."""
    resolvers: Names = ("system",)
    """``system``, an address, or ``address:port``."""
    max_ttl: Annotated[int, Field(ge=0)] | None = None
    """Seconds; a longer TTL keeps old answers in caches."""
    consistent: bool = True
    """Whether all resolvers must agree; geographic DNS legitimately does not."""


def criteria(params: DnsRecordParams) -> Criteria:
    """Require enough answers on every resolver, the values, a short TTL, and agreement."""
    defaults = {"count": f">= {params.min_answers}"}
    if params.consistent:
        defaults["consistent"] = "== true"
    if params.values is not None:
        defaults |= {"missing": "== []", "unexpected": "== []"}
    if params.max_ttl is not None:
        defaults["ttl"] = f"<= {params.max_ttl}"
    return merged(defaults, params)


KIND = Kind(
    name="dns_record",
    params=DnsRecordParams,
    observe="launch_pipeline.checks.kinds.dns_record.observer:observe",
    criteria=criteria,
    says=says,
)
