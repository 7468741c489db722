"""Compute what the product's services answer: small, real and deterministic, without I/O."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from typing import Any

EMBEDDING_SIZE = 1536
PASSING_SCORE = 70
INTERNAL_SHARE = 0.7
"""Seven of ten sources are the product's own."""

_WORDS = re.compile(r"[a-z0-9']+")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"\+?\d[\d ()-]{7,}\d")
_TOGETHER = {"community", "together", "share", "everyone", "we", "ubuntu", "help", "learn", "our", "us"}
_ALONE = {"profit", "yourself", "secret", "exploit", "hoard", "only", "mine", "keep"}
_GROUPS = {"women", "men", "girls", "boys", "foreigners", "immigrants", "elderly"}
_JUDGING = {"too", "emotional", "always", "never", "cannot", "stupid", "lazy", "inferior"}
_HARM = {"weapon", "explosive", "bomb", "poison", "malware", "attack"}
_SMALL = {"what", "is", "the", "a", "an", "of", "to", "for", "and", "in", "on", "how", "does", "with"}
_DEMANDING = {
    "design": 3,
    "justify": 3,
    "analysis": 2,
    "risk": 2,
    "budget": 2,
    "reform": 2,
    "national": 1,
    "compare": 2,
    "recommend": 2,
    "explain": 2,
    "plan": 2,
    "paths": 1,
}
_RAP_FROM, _EXTERNAL_FROM = 2, 6
TIERS = {"SIMPLE": "LOCAL_LLM", "MODERATE": "RAP_SYSTEM", "COMPLEX": "EXTERNAL_LLM"}
PRICES = {"LOCAL_LLM": 0.0002, "RAP_SYSTEM": 0.004, "EXTERNAL_LLM": 0.06}
"""US dollars for a query, by the tier that answers it."""


def words(text: str) -> list[str]:
    """Return the words in lower case."""
    return _WORDS.findall(text.lower())


def without_personal_data(text: str) -> str:
    """Mask e-mail addresses and phone numbers."""
    return _PHONE.sub("[phone]", _EMAIL.sub("[e-mail]", text))


def validate(content: str) -> dict[str, Any]:
    """Judge a text by the four rules of the constitution."""
    said = set(words(content))
    filtered = without_personal_data(content)
    score = max(0, min(100, 75 + 10 * len(said & _TOGETHER) - 25 * len(said & _ALONE)))
    biased = bool(said & _GROUPS) and bool(said & _JUDGING)
    harmful = bool(said & _HARM)
    penalty = 40 * biased + 60 * harmful + 10 * (filtered != content)
    compliance = max(0, min(100, score + 10) - penalty)
    return {
        "isValid": not harmful and not biased and compliance >= PASSING_SCORE,
        "complianceScore": compliance,
        "metadata": {
            "ubuntuValidation": {"score": score, "found": sorted(said & (_TOGETHER | _ALONE))},
            "biasDetection": {"hasBias": biased},
            "privacyFilter": {"hasPII": filtered != content, "filteredOutput": filtered},
            "harmPrevention": {"isHarmful": harmful},
        },
    }


def embed(text: str) -> list[float]:
    """Hash words into a vector of length one."""
    vector = [0.0] * EMBEDDING_SIZE
    for word in words(text):
        if word not in _SMALL:
            vector[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % EMBEDDING_SIZE] += 1.0
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]


@dataclass(frozen=True)
class Document:
    """One source."""

    id: str
    text: str
    internal: bool
    vector: tuple[float, ...]


def library() -> list[Document]:
    """Build the sources: a few about the canary question, more about other topics."""
    about = {
        "ubuntu-philosophy-001": "What is Ubuntu philosophy? Ubuntu philosophy: I am because we are.",
    }
    subjects = ("teaching", "reading", "mathematics", "farming", "music", "health", "history", "physics")
    ways = ("for villages", "for teachers", "at home")
    texts = {f"{s}-{n:03}": f"{s} philosophy {w}" for s in subjects for n, w in enumerate(ways)}
    return [
        Document(name, text, number % 3 != 2, tuple(embed(text)))  # noqa: PLR2004 - every third is external
        for number, (name, text) in enumerate({**about, **texts}.items())
    ]


def retrieve(sources: list[Document], query: str, top: int) -> list[tuple[Document, float]]:
    """Return the best sources, best first, seven tenths of them our own."""
    wanted = embed(query)
    present = [(i, value) for i, value in enumerate(wanted) if value]
    scored = [(s, sum(value * s.vector[i] for i, value in present)) for s in sources]
    ranked = sorted(scored, key=lambda pair: (-pair[1], pair[0].id))
    own = round(top * INTERNAL_SHARE)
    chosen = [pair for pair in ranked if pair[0].internal][:own]
    chosen += [pair for pair in ranked if not pair[0].internal][: top - own]
    return sorted(chosen, key=lambda pair: (-pair[1], pair[0].id))


def classify(query: str) -> tuple[str, float]:
    """Return how demanding a query is, with the confidence."""
    weight = sum(_DEMANDING.get(word, 0) for word in words(query))
    distance = min(abs(weight - _RAP_FROM + 0.5), abs(weight - _EXTERNAL_FROM + 0.5))
    sure = round(min(0.99, 0.55 + distance / 10), 2)
    if weight >= _EXTERNAL_FROM:
        return "COMPLEX", sure
    return ("MODERATE" if weight >= _RAP_FROM else "SIMPLE"), sure
