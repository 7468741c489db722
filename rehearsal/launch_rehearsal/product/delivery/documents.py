"""Write the documents of the product's repository: short texts about what the fake product is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SENTENCES = (
    "The gateway is the only way in; it knows who asks, limits how often, and answers errors as JSON.",
    "The constitutional service judges every text before it leaves the product and keeps what it judged.",
    "The knowledge ocean finds sources for a question, seven of ten from our own library.",
    "The router decides which of three tiers answers a question, the cheapest that is good enough first.",
    "The on-call engineer checks the gateway first, since everything passes through it.",
    "Each service answers its health under one path and counts its requests, so that a fault has a place.",
    "The database keeps people, courses and the audit log; every change of its schema is a migration.",
    "A release is one commit; what was built, tested and scanned names that commit or does not count.",
    "The edge speaks TLS 1.2 and newer, sends plain requests on, and sets the headers browsers need.",
    "Production is never changed by hand; a change is a commit that a second person has reviewed.",
    "Decisions are written down with their reasons, where the next person looks for them.",
    "If a step fails, stop, say so in the incident channel, and go back to the last step that held.",
)


def document(title: str, headings: Iterable[str], words: int, front: str = "") -> str:
    """Write a Markdown document of at least so many words under its headings."""
    names = list(headings) or ["Purpose"]
    each = -(-words // len(names)) + 1
    parts = [f"---\n{front}\n---\n" if front else "", f"# {title}\n"]
    for number, name in enumerate(names):
        parts.append(f"\n## {name}\n\n{_prose(each, number)}\n")
    return "".join(parts)


def _prose(words: int, first: int) -> str:
    written: list[str] = []
    count, number = 0, first
    while count < words:
        sentence = _SENTENCES[number % len(_SENTENCES)]
        written.append(sentence)
        count += len(sentence.split())
        number += 5
    return "\n".join(written)
