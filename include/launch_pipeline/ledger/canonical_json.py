"""Read and write JSON that every reader understands alike, and refuse any other with a reason."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

DEEPEST = 60
"""The maximum depth of a row's content; ``checks.canonical`` cuts off what is deeper."""
MOST_DIGITS, MOST_BITS = 4300, 12900
"""The maximum size of a whole number; ``checks.canonical`` keeps none that is longer."""
_NUL_OR_HALF = re.compile("[\x00\ud800-\udfff]")


def read_json(text: str, deepest: int = DEEPEST) -> Any:
    """Read JSON that every reader understands alike.

    Raises ValueError with the reason: invalid JSON, a duplicate key, NaN or infinity, half of a surrogate
    pair, NUL, a byte order mark, or a number or nesting beyond the limits.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_integer,
        )
    except RecursionError:
        message = "it is nested too deeply"
        raise ValueError(message) from None
    if _depth_and_texts(value) > deepest:
        message = f"it is nested deeper than {deepest} levels"
        raise ValueError(message)
    return value


def written(value: Any) -> str:
    """Write the canonical form: sorted keys, no spaces, no unnecessary escapes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def read_canonical(text: str) -> Any:
    """Read JSON in the canonical form. Raises ValueError with the reason."""
    value = read_json(text)
    if written(value) != text:
        message = "it is not written in canonical JSON"
        raise ValueError(message)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        message = f"the key {twice!r} appears twice"
        raise ValueError(message)
    return made


def _constant(word: str) -> Any:
    message = f"{word} is not a JSON number"
    raise ValueError(message)


def _float(digits: str) -> float:
    number = float(digits)
    if number in {float("inf"), float("-inf")}:
        message = f"the number {digits[:20]} is too large"
        raise ValueError(message)
    return number


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MOST_DIGITS or int(digits).bit_length() >= MOST_BITS:
        message = f"the number {digits[:20]}... is too long"
        raise ValueError(message)
    return int(digits)


def _depth_and_texts(value: Any) -> int:
    """Return the depth, and check every text on the way, without recursion."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        here, level = waiting.pop()
        if isinstance(here, str):
            _text_or_refuse(here)
        elif isinstance(here, dict | list):
            deepest = max(deepest, level)
            inside: Iterable[Any] = [*here, *here.values()] if isinstance(here, dict) else here
            waiting += [(each, level + 1) for each in inside]
    return deepest


def _text_or_refuse(text: str) -> None:
    found = _NUL_OR_HALF.search(text)
    if found:
        message = f"a text holds {'NUL' if found[0] == chr(0) else 'half of a surrogate pair'}"
        raise ValueError(message)
