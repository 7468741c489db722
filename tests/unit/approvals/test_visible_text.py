"""What of a reason can be seen: properties over all of Unicode, and the characters that were tried."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch_pipeline.approvals.visible_text import visible_length

UNSEEN = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] in "ZCM"]
FILLERS = {
    "Hangul choseong filler": "\u115f",
    "Hangul jungseong filler": "\u1160",
    "Hangul filler": "\u3164",
    "half-width Hangul filler": "\uffa0",
    "Braille blank": "\u2800",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "variation selector": "\ufe0f",
    "variation selector supplement": "\U000e0100",
    "tag": "\U000e0041",
    "right-to-left override": "\u202e",
    "isolate": "\u2066",
    "combining grapheme joiner": "\u034f",
    "Mongolian vowel separator": "\u180e",
    "ideographic space": "\u3000",
    "no-break space": "\u00a0",
    "a mark alone": "\u0301",
    "private use": "\ue000",
    "a null notehead": "\U0001d159",
}


@pytest.mark.parametrize("character", FILLERS.values(), ids=FILLERS)
def test_what_shows_nothing_counts_nothing(character: str) -> None:
    """Forty of them are no reason, and they stretch none."""
    assert visible_length(character * 40) == 0
    assert visible_length(f"{character}n{character}o{character}") == 2


@given(st.text(st.sampled_from([*UNSEEN, *FILLERS.values()])))
def test_no_mixture_of_them_counts(text: str) -> None:
    """Nor does any text that is made of nothing else."""
    assert visible_length(text) == 0


@given(st.text(), st.text())
def test_length_is_counted_by_the_character(one: str, other: str) -> None:
    """Texts add up, none is longer than its characters, and what is put between changes nothing."""
    assert visible_length(one + other) == visible_length(one) + visible_length(other)
    assert visible_length(one) <= len(one)
    assert visible_length("\u200b".join(one)) == visible_length(one)


@given(st.text(st.characters(categories=["L", "N", "P"], max_codepoint=0x10FF), max_size=50))
def test_letters_digits_and_points_count(text: str) -> None:
    """In the scripts up to Georgian each of them counts, however it is composed."""
    assert visible_length(text) == len(text)
    assert visible_length(unicodedata.normalize("NFD", text)) >= len(text)


def test_a_compatibility_form_is_one_character() -> None:
    """What NFKC would write as a sentence is a single sign."""
    assert len(unicodedata.normalize("NFKC", "\ufdfa")) > 10
    assert visible_length("\ufdfa") == 1
    assert visible_length("日本語 ok ①") == 6
