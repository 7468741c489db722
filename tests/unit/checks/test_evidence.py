"""Evidence: no secret survives, it stays small, it has one form."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launch_pipeline.checks.canonical import canonical_json, digest, plain
from launch_pipeline.checks.limits import LIMIT_BYTES, limit
from launch_pipeline.checks.redaction import is_sensitive, redact, redact_finding
from launch_pipeline.checks.verdict import CheckResult, Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "hunter2-correct-horse"


@pytest.mark.parametrize(
    "planted",
    [
        {"headers": {"Authorization": SECRET}},
        {"a": [{"Set-Cookie": f"sid={SECRET}"}]},
        {"db_password": SECRET},
        {"x-api-key": SECRET},
        {"authToken": SECRET},
        {"clientSecret": {"inner": SECRET}},
        f"https://user:{SECRET}@host/path",
        f"postgresql://{SECRET}@host/db",
        f"header was Bearer {SECRET}",
        f"password={SECRET} host=x",
        f'{{"token": "{SECRET}"}}',
        f"see ?api_key={SECRET}&b=1",
    ],
    ids=str,
)
def test_planted_secret_never_survives(planted: Any) -> None:
    """A secret is hidden by its field's name or its shape."""
    assert SECRET not in json.dumps(redact(planted))


@pytest.mark.parametrize("secret", ["p@ss w/rd", 'qu"ote', "naïve", SECRET])
def test_known_secret_is_hidden_in_every_spelling(secret: str) -> None:
    """A connection's password is hidden plain, in URLs, in JSON and in base64, in keys and values."""
    from base64 import b64encode  # noqa: PLC0415

    spellings = [
        secret,
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        b64encode(secret.encode()).decode(),
    ]
    text = json.dumps(redact({secret: [f"<{s}>" for s in spellings]}, [secret]), ensure_ascii=False)
    assert not any(spelling in text for spelling in spellings)


def test_short_secret_hides_whole_words_only() -> None:
    """A very short password does not make evidence unreadable."""
    assert redact("a cat sat", ["a"]) == "*** cat sat"


@pytest.mark.parametrize("name", ["tokenCount", "key", "author", "monkey", "keys(data)", "passed"])
def test_harmless_names_are_kept(name: str) -> None:
    """A field is not hidden because a secret's name is part of its own."""
    assert not is_sensitive(name)


def test_finding_about_a_secret_field_is_hidden() -> None:
    """What a path to a secret field saw is hidden; whether it held is not."""
    finding = Finding(
        subject="s", expression='headers."set-cookie"', wanted="exists", actual="sid=1", holds=True
    )
    assert redact_finding(finding).actual == "***"


def result(**fields: Any) -> CheckResult:
    given_fields = {
        "kind": "http_request", "params": {}, "authority": "x", "verdict": Verdict.FAILED, "headline": "h",
        "started_at": datetime(2026, 1, 1, tzinfo=UTC), "duration_ms": 1, "attempts": 1,
    }  # fmt: skip
    return CheckResult(**{**given_fields, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"observed": {"a": "x" * 100_000}},
        {"observed": {str(n): "x" * 500 for n in range(5000)}},
        {"params": {"deep": [["y" * 3000] * 200] * 50}},
        {"findings": tuple(
            Finding(subject=f"s{n}", expression="a" * 300, wanted="== 1", actual="z" * 900, holds=n != 700)
            for n in range(900)
        )},
        {"authority": "a" * 90_000, "headline": "h" * 90_000},
    ],
    ids=["text", "mapping", "nested", "findings", "strings"],
)  # fmt: skip
def test_result_is_bounded(fields: dict[str, Any]) -> None:
    """A result is at most 16 KiB; a comparison that failed is kept before those that held."""
    cut = limit(result(**fields))
    assert len(canonical_json(cut)) <= LIMIT_BYTES
    assert cut.verdict is Verdict.FAILED
    assert not fields.get("findings") or not cut.findings[0].holds


def test_canonical_json_has_no_nan() -> None:
    """NaN and infinities become texts, because JSON does not know them."""
    assert canonical_json({"b": math.nan, "a": [-math.inf]}) == b'{"a":["-Infinity"],"b":"NaN"}'


def test_digest_ignores_the_order_of_keys() -> None:
    """The same evidence has the same digest."""
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})


@pytest.mark.parametrize("length", range(8, len(SECRET)))
def test_half_of_a_secret_is_hidden(length: int) -> None:
    """Who cuts a text may cut a secret in two; what is left of it says too much."""
    assert SECRET[:length] not in redact(f"401: bad credentials me:{SECRET[:length]}", [SECRET])
    assert redact(f"the word {SECRET[:7]}", [SECRET]) == "the word hunter2"


def test_secret_number_is_hidden() -> None:
    """A secret of digits is hidden in numbers too."""
    assert redact({"a": 12345678, "b": [9123456780], "c": 12.5}, ["12345678"]) == {
        "a": "***",
        "b": ["***"],
        "c": 12.5,
    }


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = {"a": [value]}
    return value


def test_deep_nesting_is_cut() -> None:
    """What a server nests hundreds of levels deep is kept to sixty."""
    kept = plain(nested(400))
    assert "cut" in json.dumps(kept)
    assert json.dumps(kept).count("{") <= 31
    assert plain(nested(20)) == nested(20)


def test_long_number_is_named() -> None:
    """A number of thousands of digits, which Python itself does not write, is described."""
    assert plain([16**5000, 2**64]) == ["a number of 20001 bits", 2**64]


@settings(deadline=None)
@given(
    st.recursive(
        st.integers() | st.floats() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_everything_can_be_kept(value: Any) -> None:
    """Whatever was seen, its evidence is made."""
    assert len(canonical_json(limit(result(observed={"seen": plain(value)})))) <= LIMIT_BYTES


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes(),
    lambda v: st.lists(v) | st.dictionaries(st.text(), v),
)


@settings(deadline=None)
@given(values)
def test_canonical_json_is_total_and_stable(value: Any) -> None:
    """Anything has a canonical form, which is that of what it reads back to."""
    once = canonical_json(value)
    assert canonical_json(json.loads(once)) == once


@settings(deadline=None)
@given(values, st.text(min_size=8, alphabet="abcXYZ0123456789'\"\\/%&= {}ä\n"))
def test_known_secret_never_survives(value: Any, secret: str) -> None:
    """Wherever a secret is put, and however it is written there, it is hidden."""
    written = [f"a{secret}b", f"a{secret!r}b", json.dumps({"a": secret}), quote(secret, safe="")]
    hidden = redact(plain([value, {"texts": written, secret: secret}]), [secret])
    said = list(texts(hidden))
    forms = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, safe="")}
    assert not [text for text in said if any(form in text for form in forms)]


def texts(value: Any) -> Iterator[str]:
    """Every text and number of plain data, as it would be read."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif not isinstance(value, bool):
        yield str(value)
