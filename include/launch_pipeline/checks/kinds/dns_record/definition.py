"""Kind ``dns_record``: what do the resolvers answer.

Facts per name: ``answers{resolver: [values]}, count`` (the fewest)``, ttl`` (the largest of the chain, in
s)``, consistent, missing, unexpected`` (against ``values``). A resolver says how long it still keeps an
answer: that a ``ttl`` is short only the zone's own servers prove, so they are asked if the item wants it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from launch_pipeline.checklist.duration import Duration
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
    """The exact set of answers, in any order; a text may be written as one string. Of A and AAAA a name, such
    as a load balancer's or a CDN's, stands for what the same resolver answers for it: each answer must be one
    of those addresses, and the resolvers need not agree. Addresses of the other family are left out, so that
    one list may serve both types; with ``expect: {count: '>= 0'}`` none may be left."""
    min_answers: Annotated[int, Field(ge=1)] = 1
    """The minimum number of answers from each resolver; a null MX or SRV record is none."""
    resolvers: Names = ("system",)
    """``system``, an address, or ``address:port``."""
    max_ttl: Annotated[int, Field(ge=0)] | None = None
    """Seconds; a longer TTL, of the record or of an alias before it, keeps old answers in caches."""
    consistent: bool = True
    """Whether all resolvers must agree; geographic DNS legitimately does not."""
    look_every: Duration = timedelta(seconds=15)
    """Public resolvers answer all the world; a name that moves is seen when its TTL is over."""

    @model_validator(mode="after")
    def _values_are_records(self) -> Self:
        fixed = [value for value in self.values or () if "${" not in value]
        if fixed:
            from launch_pipeline.checks.kinds.dns_record import values  # noqa: PLC0415  (loads dnspython)

            own = [value for value in fixed if not values.of_other_family(self.type, value)]
            none_left = not own and len(fixed) == len(self.values or ()) and "count" not in self.expect
            for value in fixed if none_left else own:
                if not values.stands_for_others(self.type, value):
                    values.wanted(self.type, value)
        return self


def _of_others(params: DnsRecordParams) -> bool:
    """Return whether a name stands for the values, whose addresses change and differ by resolver."""
    if not params.values:
        return False
    from launch_pipeline.checks.kinds.dns_record.values import stands_for_others  # noqa: PLC0415  (as above)

    return any(stands_for_others(params.type, value) for value in params.values)


def criteria(params: DnsRecordParams) -> Criteria:
    """Require enough answers on every resolver, the values, a short TTL, and agreement."""
    defaults = {"count": f">= {params.min_answers}"}
    if params.consistent and not _of_others(params):
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
