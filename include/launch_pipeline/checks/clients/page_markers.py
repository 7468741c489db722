"""Finds the marker of a further page in JSON, at any depth; null, empty and false say that there is none.

Names are compared without case and punctuation: ``next_page_token``, ``nextPageToken``, ``next-page-token``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DEEPEST = 40
_HELD = 3
"""How deep what speaks about a list lies in other such mappings."""
_TOKENS = {
    "nextcursor", "nextpage", "nextpagetoken", "nextpageurl", "nextpageuri", "nextpagelink", "nextpagehref",
    "nextpagestart", "nextpagenumber", "nextpagecursor", "nextpagekey", "nextlink", "odatanextlink",
    "nexttoken", "nextmarker", "nexturl", "nexturi", "nexthref", "nextrecordsurl", "nextoffset", "nextstart",
    "nextcontinuationtoken", "continuationtoken", "lastevaluatedkey", "groupnexttoken", "moretopicsurl",
}  # fmt: skip
"""Google, Slack, OData, Salesforce, Bitbucket, Azure, DynamoDB, Prometheus' rules, Discourse."""
_TRUE = {
    "hasmore", "hasmorepages", "hasmoreresults", "hasmoreitems", "hasnextpage", "hasnext", "moreresults",
    "moreavailable", "istruncated", "truncated", "incompleteresults", "resultstruncated", "resulttruncated",
    "moreitemsincollection",
}  # fmt: skip
_ENDS = {"hasmore", "hasmorepages", "hasmoreresults", "hasmoreitems", "hasnextpage", "hasnext"}
"""What says, if it is false, that an address or a token of a next page is none: Paddle, Zendesk."""
_FALSE = {"islastpage", "islast", "last"}
"""Bitbucket, Jira, and Spring's pages."""
_HOLDERS = {
    "paging",
    "pagination",
    "links",
    "pages",
    "meta",
    "page",
    "pageinfo",
    "cursor",
    "cursors",
    "resultinfo",
    "responsemetadata",
    "metadata",
}
"""Mappings that speak about the list beside them: JSON:API, HAL, Slack, HubSpot, Kubernetes, Cloudflare."""
_AFTER = (".resultinfo.cursors", ".meta.page")
"""Where ``after`` is the next page: Cloudflare, Datadog. Facebook's cursors have it on the last, too."""
_BEGINS = {"continue", "marker", "cursor", "offset"}
"""Texts at which the next page begins: Kubernetes, Square, Airtable."""
_TOTALS = re.compile(r"total(count|results|items|elements|hits|size|records|rows)?|(odata)?count")
_PARTS = {
    ("nodes", "edges"): "totalcount",
    ("hits",): "total",
}
"""Lists with the count beside them, wherever that is: GraphQL's connections, Elasticsearch's hits."""
_DIGITS = 16
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


def _about(document: Mapping[str, Any], level: int = 0) -> list[Mapping[str, Any]]:
    """Return a mapping, and those in it, and in them, that speak about its lists."""
    if level == _HELD:
        return [document]
    held = [one for name, one in document.items() if isinstance(one, dict) and _plain(name) in _HOLDERS]
    return [document, *(inner for one in held for inner in _about(one, level + 1))]


def _ended(document: Mapping[str, Any]) -> bool:
    """Return whether a mapping says that there is no further page."""
    said = [(_plain(name), value) for one in _about(document) for name, value in one.items()]
    return any(value is False and name in _ENDS for name, value in said)


def _inside(value: Any, level: int) -> str:
    """Look for names that mean a page wherever they stand."""
    if level > _DEEPEST:
        return ""
    if isinstance(value, list):
        return next(filter(None, (_inside(one, level + 1) for one in value)), "")
    if not isinstance(value, dict):
        return ""
    ended = _ended(value) or _not_full(value)
    named = next(filter(None, (_named(name, inner, ended=ended) for name, inner in value.items())), "")
    inner = (
        _inside(one, level + 1) for name, one in value.items() if not (ended and _plain(name) in _HOLDERS)
    )
    return named or _part(value) or next(filter(None, inner), "")


def _named(name: str, value: Any, *, ended: bool) -> str:
    known = _plain(name)
    token = known in _TOKENS and not ended and not isinstance(value, list) and _says(value)
    flag = value is True or (isinstance(value, str) and value.lower() == "true")
    return f"'{name}'" if token or (known in _TRUE and flag) else ""


def _not_full(document: Mapping[str, Any]) -> bool:
    """Return whether the list is shorter than a page of Datadog, which names the next offset all the same."""
    sizes = [
        one["size"] for one in _about(document) if "next_offset" in one and isinstance(one.get("size"), int)
    ]
    lists = _lists(document)
    return bool(sizes) and len(lists) == 1 and len(lists[0]) < sizes[0]


def _part(document: Mapping[str, Any]) -> str:
    """Look for counts that mean the list beside them wherever they stand: GraphQL, Jira, Elasticsearch."""
    names = {_plain(name): value for name, value in document.items()}
    for lists, count in _PARTS.items():
        rows = next((names[name] for name in lists if isinstance(names.get(name), list)), None)
        total = _count(_unwrapped(names.get(count)))
        if rows is not None and total is not None and total > len(rows):
            return f"{len(rows)} of {total} are listed"
    if names.keys() >= {"startat", "maxresults"}:
        return _uncounted(document)
    return ""


def _unwrapped(value: Any) -> Any:
    return value.get("value") if isinstance(value, dict) else value


def _beside(document: Mapping[str, Any], trail: str, *, lists: bool) -> str:
    """Look for names that mean a page only where they stand beside a list, or in what speaks about one."""
    ended = _ended(document) or _not_full(document)
    about_list = not ended and (lists or trail.rpartition(".")[2] in _HOLDERS)
    found = next((name for name, value in document.items() if about_list and _weak(name, value, trail)), "")
    if found and not _refuted(found, document):
        return f"'{found}'"
    if counted := _uncounted(document) or _ordinal(document):
        return counted
    for name, value in document.items():
        if isinstance(value, dict) and not (ended and _plain(name) in _HOLDERS):
            inner = _beside(value, f"{trail}.{_plain(name)}", lists=_has_list(value))
            if inner:
                return inner
    return ""


def _weak(name: str, value: Any, trail: str) -> bool:
    known, holder = _plain(name), trail.rpartition(".")[2]
    if known == "more":
        return value is True
    if known in _FALSE:
        return value is False
    if known in {"next", "remainingitemcount"}:
        return not isinstance(value, list) and _says(value)
    if known == "continue" and holder != "metadata":
        return False
    begins = known in _BEGINS or (known == "after" and trail.endswith(_AFTER))
    return begins and isinstance(value, str) and bool(value)


def _refuted(found: str, document: Mapping[str, Any]) -> bool:
    """Return whether a cursor is that of this page, since that of the next page has a name of its own."""
    return _plain(found) in _BEGINS and not _TOKENS.isdisjoint(map(_plain, document))


def _lists(document: Mapping[str, Any]) -> list[list[Any]]:
    return [value for value in document.values() if isinstance(value, list)]


def _uncounted(document: Mapping[str, Any]) -> str:
    """Return that a total is larger than the lists beside it, together and each."""
    lists = _lists(document)
    if not lists:
        return ""
    rows = sum(len(one) for one in lists if any(isinstance(row, dict) for row in one))
    listed = max(rows, *map(len, lists))
    names = {_plain(name) for one in (document, *_mappings(document)) for name in one}
    for name, total, held in _totals(document):
        counts = _plain(name) != "total" or held or bool(names & _COMPANIONS)
        if counts and total > listed:
            return f"{listed} of '{name}' {total} are listed"
    return ""


def _mappings(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (value for value in document.values() if isinstance(value, dict))


def _totals(document: Mapping[str, Any]) -> Iterator[tuple[str, int, bool]]:
    """Yield the names that may count a list, their value, and whether they stand in what speaks of it."""
    for one in _about(document):
        for name, value in one.items():
            total = _count(value)
            if total is not None and _TOTALS.fullmatch(_plain(name)) and _counts_rows(name, one):
                yield name, total, one is not document


def _counts_rows(name: str, document: Mapping[str, Any]) -> bool:
    """Return whether a name counts rows, not bytes or pieces, as OData's and Salesforce's do."""
    known = _plain(name)
    if known in {"count", "odatacount"}:
        return name.startswith(("@", "__"))
    return known != "totalsize" or "done" in document


def _count(value: Any) -> int | None:
    """Read a count, also one that is written as a text."""
    if isinstance(value, str) and value.isdecimal() and len(value) < _DIGITS:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _ordinal(document: Mapping[str, Any]) -> str:
    """Return that a page is not the last of those that it counts; Spring's ``number`` begins with 0."""
    counted = {_plain(name): _count(value) for name, value in document.items()}
    numbers = {name: value for name, value in counted.items() if value is not None}
    last = next((numbers[name] for name in _PAGES if name in numbers), 0)
    here = next((numbers[name] for name in _ORDINALS if name in numbers), None)
    here = numbers["number"] + 1 if here is None and "number" in numbers else here
    return f"page {here} of {last}" if here is not None and last > max(here, 1) else ""
