"""Breaks of documents in the repository: removed, too short, without a heading, with a placeholder, old."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from breaks.values import LONG_AGO
from launch_rehearsal.product.delivery.repository import DOCUMENT, HISTORY
from launch_rehearsal.tampering.breaks import Act, Break

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from breaks.places import Place

_UNFINISHED = ("TODO: later", "console.log(1);")
"""What documents and sources may not have in them."""
_TEN_WORDS = "Ten words are not enough to be a document here."


def repository_breaks(params: Any, places: Sequence[Place]) -> Iterator[tuple[Break, ...]]:
    """Yield breaks of the documents that a check of ``git_repository`` reads."""
    read = [place for place in places if place.where.startswith(DOCUMENT)]
    if not read:
        return
    yield from _headings(params, read)
    if params.forbid:
        yield from _forbidden(read)
    kept = "\n\n".join(f"# {heading}" for heading in params.headings)
    yield tuple(_put(place, kept or _TEN_WORDS) for place in read)
    for place in read:
        yield (_put(place, _TEN_WORDS),)
        yield (Break(where=place.where, act=Act.DROP),)
    yield tuple(Break(where=place.where, act=Act.DROP) for place in read)
    yield (Break(where=HISTORY, at="date", put=LONG_AGO),)


def _headings(params: Any, read: Sequence[Place]) -> Iterator[tuple[Break, ...]]:
    """Remove one heading, wherever it is."""
    for heading in params.headings:
        found = [
            Break(where=place.where, at=f"/{number}", act=Act.DROP)
            for place in read
            for number, line in reversed(list(enumerate(_lines(place))))
            if line.startswith("#") and heading.lower() in line.lower()
        ]
        if found:
            yield tuple(found)


def _forbidden(read: Sequence[Place]) -> Iterator[tuple[Break, ...]]:
    for text in _UNFINISHED:
        yield (Break(where=read[0].where, at="body", act=Act.ADD, put=f"\n{text}\n"),)


def _lines(place: Place) -> list[str]:
    tree = place.document.tree
    return [str(line) for line in tree] if isinstance(tree, list) else [str(tree)]


def _put(place: Place, text: str) -> Break:
    return Break(where=place.where, at="body", put=text)
