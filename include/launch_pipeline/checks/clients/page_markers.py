"""Finds the marker of a further page in JSON, at any depth; null, empty and false say that there is none.

Names are compared without case and punctuation: ``next_page_token``, ``nextPageToken``, ``next-page-token``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DEEPEST = 40
_TOKENS = {
    "nextcursor", "nextpage", "nextpagetoken", "nextpageurl", "nextpageuri", "nextpagelink", "nextpagehref",
    "nextpagestart", "nextpagenumber", "nextpagecursor", "nextpagekey", "nextlink", "odatanextlink",
    "nexttoken", "nextmarker", "nexturl", "nexturi", "nexthref", "nextrecordsurl", "nextoffset", "nextstart",
    "nextcontinuationtoken", "continuationtoken", "lastevaluatedkey", "groupnexttoken", "moretopicsurl",
}  # fmt: skip
"""Google, Slack, OData, Salesforce, Bitbucket, Azure, DynamoDB, Prometheus' rules, Discourse."""
_TRUE = {
    "hasmore", "hasmorepages", "hasmoreresults", "hasmoreitems", "hasnextpage", "hasnext", "moreresults",
    "moreavailable", "istruncated", "truncated", "incompleteresults", "resultstruncated",
}  # fmt: skip
_FALSE = {"islastpage", "islast", "last"}
"""Bitbucket, Jira, and Spring's pages."""
_HOLDERS = {
    "paging",
    "pagination",
    "links",
    "meta",
    "page",
    "pageinfo",
    "cursor",
    "cursors",
    "responsemetadata",
    "metadata",
}
"""Mappings that speak about the list beside them: JSON:API, HAL, Slack, HubSpot, Kubernetes."""
_BEGINS = {"continue", "marker", "cursor", "offset"}
"""Texts at which the next page begins: Kubernetes, Square, Airtable."""
_TOTALS = re.compile(r"total(count|results|items|elements|hits|size|records|rows)?")
_COMPANIONS = {
    "perpage", "pagesize", "page", "pageindex", "limit", "maxresults", "startat", "offset", "ps", "p",
    "start", "skip",
}  # fmt: skip
"""What stands beside a bare ``total`` that counts the list, and not something else."""
_PAGES = {"totalpages", "pagecount", "lastpage", "pages"}
_ORDINALS = {"page", "currentpage", "pageindex", "pagenumber"}
_NOT_NAME = re.compile(r"[^a-z0-9]")


def further_page(document: Any) -> str:
    """Return why a document is one of several pages, naming the marker; empty if it has none."""
    if not isinstance(document, dict):
        found = _inside(document, 0)
    else:
        found = _beside(document, "", lists=_has_list(document)) or _inside(document, 0)
    return f"there is a further page ({found})" if found else ""


def _plain(name: Any) -> str:
    return _NOT_NAME.sub("", str(name).lower())


def _says(value: Any) -> bool:
    """Return whether the value of a marker names a page: a URL, a token, a number above 0."""
    if isinstance(value, dict):
        return any(map(_says, value.values()))
    if isinstance(value, bool):
        return False
    return value > 0 if isinstance(value, int | float) else bool(value)


def _has_list(document: Mapping[str, Any]) -> bool:
    return any(isinstance(value, list) for value in document.values())


def _inside(value: Any, level: int) -> str:
    """Look for names that mean a page wherever they stand."""
    if level > _DEEPEST:
        return ""
    if isinstance(value, list):
        return next(filter(None, (_inside(one, level + 1) for one in value)), "")
    if not isinstance(value, dict):
        return ""
    named = next(filter(None, (_named(name, inner) for name, inner in value.items())), "")
    return named or next(filter(None, (_inside(inner, level + 1) for inner in value.values())), "")


def _named(name: str, value: Any) -> str:
    known = _plain(name)
    token = known in _TOKENS and not isinstance(value, list) and _says(value)
    return f"'{name}'" if token or (known in _TRUE and value is True) else ""


def _beside(document: Mapping[str, Any], holder: str, *, lists: bool) -> str:
    """Look for names that mean a page only where they stand beside a list, or in what speaks about one."""
    about_list = lists or holder in _HOLDERS
    found = next((name for name, value in document.items() if about_list and _weak(name, value, holder)), "")
    if found:
        return f"'{found}'"
    if counted := _uncounted(document) or _ordinal(document):
        return counted
    for name, value in document.items():
        if isinstance(value, dict):
            inner = _beside(value, _plain(name), lists=_has_list(value))
            if inner:
                return inner
    return ""


def _weak(name: str, value: Any, holder: str) -> bool:
    known = _plain(name)
    if known == "more":
        return value is True
    if known in _FALSE:
        return value is False
    if known in {"next", "remainingitemcount"}:
        return not isinstance(value, list) and _says(value)
    if known == "continue" and holder != "metadata":
        return False
    return known in _BEGINS and isinstance(value, str) and bool(value)


def _uncounted(document: Mapping[str, Any]) -> str:
    """Return that a total is larger than the only list beside it."""
    lists = [value for value in document.values() if isinstance(value, list)]
    names = {_plain(name) for name in document} | {
        _plain(inner) for value in document.values() if isinstance(value, dict) for inner in value
    }
    if len(lists) != 1:
        return ""
    for name, total in _totals(document):
        counts = _plain(name) != "total" or bool(names & _COMPANIONS)
        if counts and total > len(lists[0]):
            return f"{len(lists[0])} of '{name}' {total} are listed"
    return ""


def _totals(document: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    inner = [
        value for name, value in document.items() if isinstance(value, dict) and _plain(name) in _HOLDERS
    ]
    for one in (document, *inner):
        for name, value in one.items():
            if isinstance(value, int) and not isinstance(value, bool) and _TOTALS.fullmatch(_plain(name)):
                yield name, value


def _ordinal(document: Mapping[str, Any]) -> str:
    """Return that a page is not the last of those that it counts; Spring's ``number`` begins with 0."""
    numbers = {
        _plain(name): value
        for name, value in document.items()
        if isinstance(value, int) and not isinstance(value, bool)
    }
    last = next((numbers[name] for name in _PAGES if name in numbers), 0)
    here = next((numbers[name] for name in _ORDINALS if name in numbers), None)
    here = numbers["number"] + 1 if here is None and "number" in numbers else here
    return f"page {here} of {last}" if here is not None and last > max(here, 1) else ""
