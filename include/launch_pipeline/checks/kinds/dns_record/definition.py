"""Kind ``dns_record``: what do the resolvers answer.

Facts per name: ``answers{resolver: [values]}, count`` (the fewest)``, ttl`` (the largest, in s)``,
consistent, missing, unexpected`` (against ``values``).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Names, Params, merged


class DnsRecordParams(Params):
    """Names to look up on every resolver."""

    names: Names
    """Each is looked up on every resolver."""
    type: Literal["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"] = "A"
    """The type of the records."""
    values: Names | None = None
    """The exact set of answers, in any order."""
    min_answers: Annotated[int, Field(ge=1)] = 1
    """The fewest answers that any resolver may give."""
    resolvers: Names = ("system",)
    """``system``, an address, or ``address:port``."""
    max_ttl: Annotated[int, Field(ge=0)] | None = None
    """Seconds; a longer one would keep an old answer alive."""
    consistent: bool = True
    """Every resolver must say the same; geographic DNS legitimately does not."""


def criteria(params: DnsRecordParams) -> Criteria:
    """Enough answers on every resolver, the wanted values, a short enough TTL, no contradiction."""
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
)
