"""Common parameters of all kinds, and the merge of an item's ``expect`` with the defaults."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.language.expect import as_list, parse_expectations
from launch_pipeline.checks.language.says import Sentences, parse_sentence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Name = Annotated[str, Field(min_length=1, max_length=1000)]
"""A name, such as a host, a path or a rule; may hold ``${variable}``."""
Names = Annotated[tuple[Name, ...], Field(min_length=1)]
"""At least one name."""
Criteria = dict[str, list[str]]
"""JMESPath to the comparisons it must meet."""


class Params(Frozen):
    """The common parameters: connection, expectations, times.

    Each kind adds its own in a subclass; unknown keys are errors. Numbers are accepted as text,
    because YAML reads ``release: 2026`` as a number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    conn_id: str = ""
    """The Airflow connection with host and secret; each kind has a default."""
    expect: dict[str, str | list[str]] = Field(default_factory=dict)
    """JMESPath into the observation, and the comparison (or several) it must meet."""
    says: str | Sentences = ""
    """The result in one sentence for people: ``{value:percent} of requests failed; limit 0.1 %``."""
    timeout: Duration = timedelta(seconds=30)
    """Hard limit of one attempt."""
    wait: Duration = timedelta()
    """Poll until the verdict is ``passed``, for at most this long."""
    interval: Duration = timedelta(seconds=15)
    """The pause between polls."""
    look_every: Duration = timedelta()
    """The least time between two looks while a launch is watched."""

    @field_validator("expect", mode="after")
    @classmethod
    def _readable(cls, expect: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        parse_expectations(expect)
        return expect

    @field_validator("says", mode="after")
    @classmethod
    def _sayable(cls, says: str | Sentences) -> str | Sentences:
        if isinstance(says, str) and says:
            parse_sentence(says)
        return says

    @model_validator(mode="after")
    def _times_make_sense(self) -> Self:
        if self.timeout <= timedelta() or self.interval <= timedelta():
            message = "'timeout' and 'interval' must be longer than 0; write for example 30s"
            raise ValueError(message)
        if self.wait < timedelta():
            message = "'wait' cannot be negative; write for example 2m, or leave it out"
            raise ValueError(message)
        if self.look_every < timedelta():
            message = "'look_every' cannot be negative; write for example 1m, or leave it out"
            raise ValueError(message)
        return self


def merged(defaults: Mapping[str, str | Sequence[str]], params: Params) -> Criteria:
    """Merge the item's ``expect`` into the defaults of the kind.

    Only a comparison of that very fact replaces a default; that it ``exists`` compares nothing.
    """
    criteria = {path: as_list(wanted) for path, wanted in defaults.items()}
    for path, wanted in params.expect.items():
        given = as_list(wanted)
        criteria[path] = given if compares(given) else [*criteria.get(path, ()), *given]
    return criteria


def compares(wanted: str | Sequence[str]) -> bool:
    """Return whether comparisons say anything of a value but that it is there."""
    return as_list(wanted) != ["exists"]


def exactly_one(values: Mapping[str, Any]) -> None:
    """Raise ValueError unless exactly one of the named parameters is given."""
    given = [name for name, value in values.items() if value]
    if len(given) != 1:
        message = f"give exactly one of {', '.join(values)}; {' and '.join(given) or 'none'} given"
        raise ValueError(message)
