"""An answer that says it is not whole is recognised by each vendor's own marker, and by nothing else."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from typing import Any

import pytest

from launch_pipeline.checks.clients.pages import joined
from launch_pipeline.checks.clients.wholeness import (
    aws,
    aws_lacks,
    broken,
    elasticsearch,
    further,
    next_link,
    prometheus,
)

VECTOR = {"resultType": "vector", "result": []}
SHARDS = {"total": 5, "successful": 5, "skipped": 0, "failed": 0}
HITS = {"total": {"value": 0, "relation": "eq"}, "hits": []}

# See prometheus.io/docs/prometheus/latest/querying/api, docs.victoriametrics.com/cluster-victoriametrics,
# m3db.io/docs/operational_guide/resource_limits; thanos.io/tip/components/query.md ("partial response").
METRICS: dict[str, tuple[dict[str, Any], bool]] = {
    "a plain answer": ({"status": "success", "data": VECTOR}, False),
    "infos are no warnings": ({"status": "success", "data": VECTOR, "infos": ["PromQL info: metric might not be a counter"]}, False),
    "hints of Prometheus 2.48": ({"status": "success", "data": VECTOR, "warnings": ['PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "x" (1:5)']}, False),
    "a hint and a warning": ({"status": "success", "data": VECTOR, "warnings": ["PromQL info: x", 'PromQL warning: bucket label "le" is missing']}, True),
    "warnings as a text": ({"status": "success", "data": VECTOR, "warnings": "remote read failed"}, True),
    "partial in other words": ({"status": "success", "data": VECTOR, "partial": True}, True),
    "no warnings": ({"status": "success", "data": VECTOR, "warnings": []}, False),
    "Thanos without a store": ({"status": "success", "data": VECTOR, "warnings": ["No StoreAPIs matched for this query"]}, True),
    "VictoriaMetrics, whole": ({"status": "success", "isPartial": False, "data": VECTOR}, False),
    "VictoriaMetrics without a node": ({"status": "success", "isPartial": True, "data": VECTOR}, True),
}  # fmt: skip


@pytest.mark.parametrize(("document", "partial"), METRICS.values(), ids=METRICS.keys())
def test_metrics(document: dict[str, Any], partial: bool) -> None:
    """Warnings and ``isPartial`` say that a store is missing, infos do not."""
    assert bool(prometheus(document)) is partial
    assert bool(broken(200, {}, document)) is partial


def test_m3_says_it_in_a_header() -> None:
    """M3 cuts a result at its limits and says so in headers only (its ``src/x/headers/headers.go``)."""
    assert prometheus({"status": "success", "data": VECTOR}, {"m3-returned-data-limited": '{"Limited":true}'})
    limited = {"m3-results-limited": "max_fetch_series_limit_applied"}
    assert prometheus({"status": "success", "data": VECTOR}, limited)
    assert further(limited, {"status": "success", "data": VECTOR})


# elastic.co/guide/en/elasticsearch/reference/current: search-search (_shards, _clusters), async-search,
# modules-cross-cluster-search (the details of each cluster), esql-across-clusters (is_partial).
SEARCHES: dict[str, tuple[dict[str, Any], str]] = {
    "a whole search": ({"timed_out": False, "_shards": SHARDS, "hits": HITS}, ""),
    "skipped shards hold no match": ({"timed_out": False, "_shards": {**SHARDS, "skipped": 4}, "hits": HITS}, ""),
    "a count": ({"count": 0, "_shards": SHARDS}, ""),
    "hits of version 6": ({"_shards": SHARDS, "hits": {"total": 3, "hits": []}}, ""),
    "a whole search of clusters": ({"_shards": SHARDS, "_clusters": {"total": 2, "successful": 2, "skipped": 0, "running": 0, "partial": 0, "failed": 0}}, ""),
    "no index": ({"timed_out": False, "_shards": {"total": 0, "successful": 0, "skipped": 0, "failed": 0}, "hits": HITS}, "no index"),
    "a failed shard": ({"_shards": {"total": 5, "successful": 4, "skipped": 0, "failed": 1}}, "1 of 5 shards failed"),
    "a shard without an answer": ({"_shards": {"total": 5, "successful": 4, "skipped": 0, "failed": 0}}, "only 4 of 5"),
    "timed out": ({"timed_out": True, "_shards": SHARDS, "hits": HITS}, "timed out"),
    "terminate_after": ({"terminated_early": True, "timed_out": False, "_shards": SHARDS, "hits": HITS}, "ended early"),
    "not all were counted": ({"_shards": SHARDS, "hits": {"total": {"value": 10000, "relation": "gte"}, "hits": []}}, "some of the hits"),
    "a partial cluster": ({"_shards": SHARDS, "_clusters": {"total": 3, "successful": 2, "skipped": 0, "running": 0, "partial": 1, "failed": 0}}, "partial"),
    "a failed cluster": ({"_shards": SHARDS, "_clusters": {"total": 3, "successful": 2, "skipped": 0, "running": 0, "partial": 0, "failed": 1}}, "failed"),
    "a cluster that is still searched": ({"_shards": SHARDS, "_clusters": {"total": 3, "successful": 0, "skipped": 0, "running": 3, "partial": 0, "failed": 0}}, "running"),
    "clusters before 8.10": ({"_shards": SHARDS, "_clusters": {"total": 3, "successful": 2, "skipped": 1}}, "skipped"),
    "by the details alone": ({"_shards": SHARDS, "_clusters": {"total": 1, "successful": 1, "details": {"two": {"status": "partial", "timed_out": False}}}}, "two"),
    "an asynchronous search": (
        {"id": "FmRldE8zREVEUzA2", "is_partial": True, "is_running": True,
         "response": {"took": 1122, "timed_out": False, "_shards": {"total": 562, "successful": 3, "skipped": 0, "failed": 0}, "hits": HITS}},
        "partial"),
    "a finished asynchronous search": ({"is_partial": False, "is_running": False, "response": {"timed_out": False, "_shards": SHARDS, "hits": HITS}}, ""),
    "a finished one that lacks shards": ({"is_partial": False, "response": {"_shards": {**SHARDS, "failed": 2}}}, "2 of 5"),
    "failures beside a count of none": ({"_shards": {**SHARDS, "failures": [{"shard": 0, "reason": {"type": "node_disconnected_exception"}}]}}, "node_disconnected"),
    "one that still runs": ({"is_partial": False, "is_running": True, "_shards": SHARDS, "hits": HITS}, "still runs"),
    "an error beside the hits": ({"_shards": SHARDS, "hits": HITS, "error": {"type": "x"}}, "not complete"),
    "splits of Quickwit that failed": ({"_shards": SHARDS, "hits": HITS, "failed_splits": [{"split_id": "01H"}]}, "01H"),
    "ES|QL": ({"took": 70, "is_partial": True, "columns": [], "values": []}, "partial"),
}  # fmt: skip


@pytest.mark.parametrize(("document", "reason"), SEARCHES.values(), ids=SEARCHES.keys())
def test_searches(document: dict[str, Any], reason: str) -> None:
    """A search counts only if every shard of every cluster was searched to its end."""
    for found in (elasticsearch(document), broken(200, {}, document)):
        assert (bool(found), reason in found) == (bool(reason), True), found


GITHUB = '<https://api.github.com/repositories/1300192/issues?page=2>; rel="prev", <https://api.github.com/repositories/1300192/issues?page=4>; rel="next", <https://api.github.com/repositories/1300192/issues?page=515>; rel="last"'
# docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api; RFC 8288, 3 and its examples;
# docs.sentry.io/api/pagination.
LINKS: dict[str, tuple[str, str]] = {
    "GitHub": (GITHUB, "https://api.github.com/repositories/1300192/issues?page=4"),
    "the last page of GitHub": ('<https://api.github.com/x?page=1>; rel="first", <https://api.github.com/x?page=7>; rel="prev"', ""),
    "without quotes": ("</chapter2>; rel=next", "/chapter2"),
    "several relations": ('</terms>; rel="copyright Next"; anchor="#foo"', "/terms"),
    "in capitals": ('<TheBook/chapter4>; REL="NEXT"; title*=UTF-8\'de\'n%c3%a4chstes', "TheBook/chapter4"),
    "a comma in the address": ('<https://x/a,b?ids=1,2>; rel="next"', "https://x/a,b?ids=1,2"),
    "a semicolon in a title": ('</a>; title="one; rel=next"; rel="prev", </b>; rel="next"', "/b"),
    "a title that speaks of next": ('</a>; title="rel=next"; rel="up"', ""),
    "the first relation counts": ('</a>; rel="up"; rel="next"', ""),
    "Sentry, more": ('<https://sentry.io/api/0/x/?cursor=0:0:1>; rel="previous"; results="false", <https://sentry.io/api/0/x/?cursor=0:100:0>; rel="next"; results="true"; cursor="0:100:0"', "https://sentry.io/api/0/x/?cursor=0:100:0"),
    "Sentry, the end": ('<https://sentry.io/api/0/x/?cursor=0:200:0>; rel="next"; results="false"; cursor="0:200:0"', ""),
    "another relation": ("</style.css>; rel=preload; as=style", ""),
    "prefetch is not next": ('</a>; rel="next-archive"', ""),
    "nothing": ("", ""),
}  # fmt: skip


@pytest.mark.parametrize(("link", "target"), LINKS.values(), ids=LINKS.keys())
def test_link(link: str, target: str) -> None:
    """The next page is found as RFC 8288 writes it, and where the vendor says that it is empty it is none."""
    assert next_link({"link": link}) == target


# docs.gitlab.com/api/rest (x-next-page is empty on the last page); postgrest.org (Content-Range);
# developer.hashicorp.com/consul/api-docs/features/filtering; devcenter.heroku.com/articles/platform-api-reference (Next-Range).
HEADERS: dict[str, tuple[dict[str, str], Any, bool]] = {
    "GitLab": ({"x-next-page": "2", "x-page": "1", "x-per-page": "20"}, [], True),
    "the last page of GitLab": ({"x-next-page": "", "x-page": "1", "x-per-page": "20"}, [], False),
    "Consul": ({"x-consul-results-filtered-by-acls": "false"}, [], False),
    "Nomad": ({"x-nomad-nexttoken": "6f3a"}, [], True),
    "Heroku": ({"next-range": "id 0123..; max=200"}, [], True),
    "PostgREST, a part": ({"content-range": "items 0-24/3573458"}, [], True),
    "PostgREST, the end": ({"content-range": "items 25-49/50"}, [], True),
    "PostgREST, all": ({"content-range": "items 0-24/25"}, [], False),
    "PostgREST without a unit, a part": ({"content-range": "0-24/3573458"}, [], True),
    "PostgREST without a unit, all": ({"content-range": "0-24/25"}, [], False),
    "PostgREST without a count": ({"content-range": "0-24/*"}, [], False),
    "WordPress": ({"x-wp-total": "25", "x-wp-totalpages": "3"}, [{}] * 10, True),
    "WordPress, all": ({"x-wp-total": "2", "x-wp-totalpages": "1"}, [{}] * 2, False),
    "Fiserv": ({"hasmorerecords": "true"}, [{}], True),
    "Fiserv, the end": ({"hasmorerecords": "false"}, [{}], False),
    "flask-smorest": ({"x-pagination": '{"total": 50, "total_pages": 5, "page": 1, "next_page": 2}'}, [{}] * 10, True),
    "flask-smorest, the end": ({"x-pagination": '{"total": 2, "total_pages": 1, "page": 1}'}, [{}] * 2, False),
    "a pagination of another form": ({"x-pagination": "page=1"}, [{}], False),
    "Harbor": ({"x-total-count": "31"}, [{}] * 10, True),
    "Harbor, all": ({"x-total-count": "2"}, [{}] * 2, False),
    "nothing": ({"content-type": "application/json"}, [], False),
}  # fmt: skip


@pytest.mark.parametrize(("headers", "document", "partial"), HEADERS.values(), ids=HEADERS.keys())
def test_headers(headers: dict[str, str], document: Any, partial: bool) -> None:
    """A header that names a further page, or fewer items than there are, says that the list is not whole."""
    assert bool(further(headers, document)) is partial


# Each from the vendor's reference of the list that is named.
DOCUMENTS: dict[str, tuple[Any, bool]] = {
    "GitHub's search, all": ({"total_count": 1, "incomplete_results": False, "items": [{}]}, False),
    "GitHub's search, a page": ({"total_count": 40, "incomplete_results": False, "items": [{}]}, True),
    "GitHub's tree": ({"sha": "9fb0", "tree": [{"path": "f"}], "truncated": True}, True),
    "GitHub's whole tree": ({"sha": "9fb0", "tree": [{"path": "f"}], "truncated": False}, False),
    "Slack": ({"ok": True, "channels": [], "response_metadata": {"next_cursor": "dGVhbTpDMDYxRkE1UEI="}}, True),
    "Slack, the end": ({"ok": True, "channels": [], "response_metadata": {"next_cursor": ""}}, False),
    "Slack's history": ({"ok": True, "messages": [], "has_more": True, "pin_count": 0}, True),
    "PagerDuty": ({"incidents": [], "limit": 25, "offset": 0, "total": None, "more": True}, True),
    "PagerDuty, the end": ({"incidents": [], "limit": 25, "offset": 0, "total": None, "more": False}, False),
    "Stripe": ({"object": "list", "url": "/v1/customers", "has_more": True, "data": []}, True),
    "Google": ({"kind": "compute#instanceList", "items": [], "nextPageToken": "CAUQAA"}, True),
    "Google Calendar, the end": ({"items": [], "nextSyncToken": "CPDAlvWDx70CEPDAlvWDx70CGAU="}, False),
    "OData": ({"@odata.context": "$metadata#users", "value": [], "@odata.nextLink": "https://graph.microsoft.com/v1.0/users?$skiptoken=X"}, True),
    "Azure": ({"value": [], "nextLink": "https://management.azure.com/x?%24skiptoken=1"}, True),
    "Django REST": ({"count": 1023, "next": "https://api.example.org/accounts/?page=5", "previous": None, "results": []}, True),
    "Django REST, the end": ({"count": 2, "next": None, "previous": None, "results": [1, 2]}, False),
    "JSON:API": ({"data": [], "links": {"self": "/a?page=1", "next": {"href": "/a?page=2"}}}, True),
    "JSON:API, the end": ({"data": [], "links": {"self": "/a?page=2", "next": None}}, False),
    "HAL": ({"_links": {"self": {"href": "/orders"}, "next": {"href": "/orders?page=2"}}, "_embedded": {"orders": []}}, True),
    "HAL with a template": ({"_links": {"next": {"href": "/orders{?page}", "templated": False}}, "_embedded": {}}, True),
    "an offset of nothing": ({"items": [], "next_offset": 0}, False),
    "an offset": ({"items": [], "next_offset": 50}, True),
    "Spring by its numbers": ({"content": [], "page": {"size": 20, "totalPages": 3, "number": 0}}, True),
    "Spring's last page by its numbers": ({"content": [], "page": {"size": 20, "totalPages": 3, "number": 2}}, False),
    "Terraform Cloud": ({"data": [], "meta": {"pagination": {"current-page": 1, "next-page": 2, "total-pages": 3}}}, True),
    "Terraform Cloud, the end": ({"data": [], "meta": {"pagination": {"current-page": 3, "next-page": None, "total-pages": 3}}}, False),
    "HubSpot": ({"results": [], "paging": {"next": {"after": "NTI1Cg", "link": "?after=NTI1Cg"}}}, True),
    "Facebook, the end": ({"data": [], "paging": {"cursors": {"after": "MTAxN", "before": "NDMyN"}}}, False),
    "Kubernetes": ({"kind": "PodList", "metadata": {"resourceVersion": "10245", "continue": "ENCODED_CONTINUE_TOKEN"}, "items": []}, True),
    "Kubernetes, the end": ({"kind": "PodList", "metadata": {"resourceVersion": "10245", "continue": ""}, "items": []}, False),
    "Kubernetes, what remains": ({"kind": "PodList", "metadata": {"remainingItemCount": 753}, "items": []}, True),
    "Jira": ({"startAt": 0, "maxResults": 50, "total": 120, "issues": [{}] * 50}, True),
    "Jira, all": ({"startAt": 0, "maxResults": 50, "total": 1, "issues": [{}]}, False),
    "Jira's boards": ({"maxResults": 2, "startAt": 1, "isLast": False, "values": []}, True),
    "SonarQube": ({"paging": {"pageIndex": 1, "pageSize": 100, "total": 206}, "issues": [{}] * 100}, True),
    "Spring": ({"content": [], "last": False, "totalPages": 3, "totalElements": 41, "number": 0}, True),
    "Spring, the only page": ({"content": [{}], "last": True, "totalPages": 1, "totalElements": 1, "number": 0}, False),
    "page of pages": ({"data": [], "page": 1, "total_pages": 4}, True),
    "last of pages": ({"data": [], "page": 4, "total_pages": 4}, False),
    "Bitbucket": ({"size": 25, "isLastPage": False, "nextPageStart": 25, "values": []}, True),
    "Salesforce": ({"totalSize": 4000, "done": False, "nextRecordsUrl": "/services/data/v58.0/query/01g-2000", "records": []}, True),
    "Airtable": ({"records": [], "offset": "itrEN2TCbrcSN2BMs"}, True),
    "Square": ({"payments": [], "cursor": "bP9mAsEMYPUGjjGNaNO5"}, True),
    "Nexus": ({"items": [], "continuationToken": "88491cd1d185dd136f143f20c4e7d50c"}, True),
    "Nexus, the end": ({"items": [], "continuationToken": None}, False),
    "DynamoDB": ({"Items": [], "Count": 0, "LastEvaluatedKey": {"id": {"S": "7"}}}, True),
    "Prometheus' rules": ({"status": "success", "data": {"groups": [], "groupNextToken": "2f3a"}}, True),
    "GraphQL": ({"data": {"repository": {"issues": {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "Y3"}}}}}, True),
    "GraphQL, the end": ({"data": {"repository": {"issues": {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": "Y3"}}}}}, False),
    "GraphQL, in an element": ({"data": {"nodes": [{"labels": {"pageInfo": {"hasNextPage": True}}}]}}, True),
    "Cloudflare by its count": ({"success": True, "errors": [], "result": [{}] * 20, "result_info": {"page": 1, "per_page": 20, "count": 20, "total_count": 2000}}, True),
    "Cloudflare, all": ({"success": True, "errors": [], "result": [{}] * 2, "result_info": {"page": 1, "per_page": 20, "count": 2, "total_count": 2, "total_pages": 1}}, False),
    "Cloudflare by a cursor": ({"result": [{}], "result_info": {"cursors": {"after": "yyy", "before": "xxx"}, "per_page": 1}}, True),
    "Cloudflare by a cursor, the end": ({"result": [{}], "result_info": {"cursors": {"after": "", "before": "xxx"}, "per_page": 1}}, False),
    "Datadog's logs": ({"data": [{}], "meta": {"page": {"after": "eyJzdGFydEF0Ijo"}, "status": "done"}}, True),
    "Datadog's logs, the end": ({"data": [{}], "meta": {"page": {}, "status": "done"}}, False),
    "Datadog's incidents": ({"data": [{}] * 10, "meta": {"pagination": {"offset": 0, "next_offset": 10, "size": 10}}}, True),
    "Datadog's incidents, a page that is not full": ({"data": [{}] * 3, "meta": {"pagination": {"offset": 0, "next_offset": 10, "size": 10}}}, False),
    "DigitalOcean by its links": ({"droplets": [{}], "links": {"pages": {"next": "https://api.digitalocean.com/v2/droplets?page=2"}}}, True),
    "DigitalOcean by its count": ({"droplets": [{}], "links": {}, "meta": {"total": 40}}, True),
    "DigitalOcean, all": ({"droplets": [{}], "links": {}, "meta": {"total": 1}}, False),
    "SCIM": ({"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 70, "startIndex": 1, "itemsPerPage": 50, "Resources": [{}] * 50}, True),
    "SCIM, all": ({"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 2, "Resources": [{}] * 2}, False),
    "OData by its count": ({"@odata.count": 7, "value": [{}]}, True),
    "OData 2 by its count": ({"d": {"__count": "57", "results": [{}]}}, True),
    "Azure's resource graph": ({"totalRecords": 1, "count": 1, "data": [{}], "resultTruncated": "true"}, True),
    "Azure's resource graph, all": ({"totalRecords": 1, "count": 1, "data": [{}], "resultTruncated": "false"}, False),
    "numbers of pages as texts": ({"data": [{}] * 2, "pagination": {"page": "1", "pages": "7"}}, True),
    "Jira's comments of an issue": ({"issues": [{"fields": {"comment": {"comments": [{}], "maxResults": 1, "total": 9, "startAt": 0}}}]}, True),
    "GraphQL by a count in an element": ({"data": {"nodes": [{"comments": {"totalCount": 9, "nodes": [{}]}}]}}, True),
    "Elasticsearch shows ten hits": ({"hits": {"total": {"value": 30, "relation": "eq"}, "hits": [{}] * 10}}, True),
    "Elasticsearch shows all hits": ({"hits": {"total": {"value": 2, "relation": "eq"}, "hits": [{}] * 2}}, False),
    "Paddle, the end has an address": ({"data": [{}], "meta": {"pagination": {"per_page": 50, "next": "https://api.paddle.com/products?after=pro_01", "has_more": False, "estimated_total": 1}}}, False),
    "Paddle": ({"data": [{}], "meta": {"pagination": {"per_page": 1, "next": "https://api.paddle.com/products?after=pro_01", "has_more": True, "estimated_total": 9}}}, True),
    "Zendesk, the end has an address": ({"tickets": [{}], "meta": {"has_more": False, "after_cursor": "xxx"}, "links": {"next": "https://example.zendesk.com/api/v2/tickets.json?page[after]=xxx"}}, False),
    "an end that stands elsewhere": ({"data": [{}], "links": {"next": "/a?page=2"}, "included": [{"labels": {"has_more": False}}]}, True),
    "the cursor of this page": ({"items": [{}], "cursor": "abc", "next_cursor": None}, False),
    "texts that are all there": ({"total_count": 2, "names": ["a", "b"]}, False),
    "two lists that are all there": ({"totalCount": 4, "open": [{}, {}], "closed": [{}, {}]}, False),
    "an end that has a token": ({"items": [{}], "has_more": False, "next_cursor": "x"}, False),
    "an end of the outer list": ({"data": [{}], "has_more": False, "child": {"items": [{}], "next": "/x"}}, True),
    "a size in bytes": ({"files": [{}], "total_size": 1048576}, False),
    "a cart": ({"items": [{}, {}], "count": 5, "total": 99}, False),
    "a health document": ({"status": "UP", "components": {"db": {"status": "UP", "details": {"total": 7, "free": 3}}}}, False),
    "a summary of tests": ({"total": 120, "failed": ["a"]}, False),
    "a linked list": ({"steps": [{"id": 1, "next": 2, "last": False}]}, False),
    "a list of numbers": ([1, 2, 3], False),
    "a text": ("next_page", False),
}  # fmt: skip


@pytest.mark.parametrize(("document", "partial"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_documents(document: Any, partial: bool) -> None:
    """A page says that there is another, in each vendor's words; null, empty and false say that there is none."""
    assert bool(further({}, document)) is partial, further({}, document)


# spec.graphql.org/October2021/#sec-Errors; cloud.google.com/run/docs/reference/rest (unreachable);
# docs.github.com/en/rest/search (incomplete_results); GKE's ListClustersResponse (missingZones), Bigtable's
# ListInstancesResponse (failedLocations), Compute Engine's InstancesScopedList (warning); docs.datadoghq.com/api/latest/logs
# (meta.status, meta.warnings); elastic.co, "Nodes stats" (_nodes).
BROKEN: dict[str, tuple[int, Any, bool]] = {
    "GraphQL with an error": (200, {"data": {"hero": None}, "errors": [{"message": "Name for character with ID 1002 could not be fetched."}]}, True),
    "GraphQL": (200, {"data": {"hero": {"name": "R2-D2"}}}, False),
    "an error without data": (400, {"errors": [{"message": "Syntax Error"}]}, False),
    "GitHub gave up": (200, {"total_count": 0, "incomplete_results": True, "items": []}, True),
    "Google without a region": (200, {"services": [], "unreachable": ["projects/p/locations/europe-west1"]}, True),
    "GKE without a zone": (200, {"clusters": [{}], "missingZones": ["europe-west1-b"]}, True),
    "Bigtable without a location": (200, {"instances": [{}], "failedLocations": ["projects/p/locations/z"]}, True),
    "Compute Engine without a zone": (200, {"items": {"zones/a": {"warning": {"code": "UNREACHABLE", "message": "m"}}}}, True),
    "Compute Engine's empty zones": (200, {"items": {"zones/a": {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": "m"}}}}, False),
    "Datadog gave up": (200, {"data": [], "meta": {"status": "timeout", "elapsed": 9000}}, True),
    "Datadog warns": (200, {"data": [], "meta": {"status": "done", "warnings": [{"code": "unknown_index"}]}}, True),
    "a health document": (200, {"ok": True, "meta": {"status": "timeout"}}, False),
    "Datadog": (200, {"data": [], "meta": {"status": "done", "elapsed": 132}}, False),
    "Elasticsearch without a node": (200, {"_nodes": {"total": 3, "successful": 2, "failed": 1}, "nodes": {}}, True),
    "Elasticsearch's nodes": (200, {"_nodes": {"total": 3, "successful": 3, "failed": 0}, "nodes": {}}, False),
    "a part": (206, {"a": 1}, True),
    "a list": (200, [1], False),
}  # fmt: skip


@pytest.mark.parametrize(("status", "document", "partial"), BROKEN.values(), ids=BROKEN.keys())
def test_broken(status: int, document: Any, partial: bool) -> None:
    """Where a part was not looked at, not even the totals are right."""
    assert bool(broken(status, {}, document)) is partial


def test_what_a_token_may_not_see_is_missing() -> None:
    """Consul leaves out what the token has no right to, and a larger page would not show it."""
    assert broken(200, {"x-consul-results-filtered-by-acls": "true"}, [])
    assert not broken(200, {"x-consul-results-filtered-by-acls": "false"}, [])


def test_a_part_of_unknown_size_is_broken() -> None:
    """A 206 without a total is a part, however much of it there is (RFC 9110, 15.3.7)."""
    assert broken(206, {"content-range": "0-9/*"}, [{}] * 10)
    assert not broken(206, {"content-range": "0-9/10"}, [{}] * 10)


# The members are those of botocore's models of the operation that is named.
AWS: dict[str, tuple[dict[str, Any], bool]] = {
    "ec2 describe_vpcs": ({"Vpcs": [], "NextToken": "x"}, True),
    "ec2 describe_vpcs, all": ({"Vpcs": []}, False),
    "iam list_roles": ({"Roles": [], "IsTruncated": True, "Marker": "x"}, True),
    "iam list_roles, the end": ({"Roles": [], "IsTruncated": False, "Marker": "x"}, False),
    "cloudfront list_distributions": ({"DistributionList": {"IsTruncated": True, "NextMarker": "x", "Items": []}}, True),
    "cloudfront list_cache_policies": ({"CachePolicyList": {"NextMarker": "x", "MaxItems": 1, "Items": []}}, True),
    "cloudfront, the end": ({"DistributionList": {"Marker": "", "IsTruncated": False, "Items": []}}, False),
    "kms list_keys": ({"Keys": [], "Truncated": True, "NextMarker": "x"}, True),
    "firehose list_delivery_streams": ({"DeliveryStreamNames": [], "HasMoreDeliveryStreams": True}, True),
    "dynamodb list_global_tables": ({"GlobalTables": [], "LastEvaluatedGlobalTableName": "t"}, True),
    "route53 list_resource_record_sets": ({"ResourceRecordSets": [], "IsTruncated": True, "NextRecordName": "b."}, True),
    "apigateway get_domain_name_access_associations": ({"items": [], "position": "x"}, True),
    "cognito-idp list_devices": ({"Devices": [], "PaginationToken": "x"}, True),
    "cloudwatch get_metric_data": ({"MetricDataResults": [{"Id": "m", "Values": [], "StatusCode": "PartialData"}]}, True),
    "cloudwatch get_metric_data, all": ({"MetricDataResults": [{"Id": "m", "Values": [], "StatusCode": "Complete"}]}, False),
    "wafv2 get_ip_set": ({"IPSet": {"Addresses": []}, "LockToken": "x"}, False),
    "s3 list_object_versions": ({"Versions": [], "DeleteMarkers": [{"Key": "a"}], "IsTruncated": False, "KeyMarker": ""}, False),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "goes_on"), AWS.values(), ids=AWS.keys())
def test_aws_goes_on(answer: dict[str, Any], goes_on: bool) -> None:
    """A token for the next page, or a flag, says that an operation has more, at whatever depth."""
    assert bool(aws(answer)) is goes_on


LACKS: dict[str, tuple[dict[str, Any], bool]] = {
    "ecs describe_tasks": ({"tasks": [], "failures": [{"arn": "t", "reason": "MISSING"}]}, True),
    "ecs describe_clusters": ({"clusters": [{}], "failures": []}, False),
    "ssm get_parameters": ({"Parameters": [], "InvalidParameters": ["/app/key"]}, True),
    "guardduty get_members": ({"Members": [], "UnprocessedAccounts": [{"AccountId": "1", "Result": "r"}]}, True),
    "health describe_event_details": ({"successfulSet": [], "failedSet": [{"eventArn": "a"}]}, True),
    "inspector describe_findings": ({"findings": [], "failedItems": {"arn": {"failureCode": "ITEM_DOES_NOT_EXIST"}}}, True),
    "opensearch describe_vpc_endpoints": ({"VpcEndpoints": [], "VpcEndpointErrors": [{"VpcEndpointId": "e"}]}, True),
    "compute-optimizer": ({"errors": [{"identifier": "a", "code": "c"}], "volumeRecommendations": []}, True),
    "billing get_credit_allocation_history": ({"partialResults": True}, True),
    "cloudwatch get_metric_data, a message": ({"MetricDataResults": [], "Messages": [{"Code": "MaxMetricsExceeded", "Value": "v"}]}, True),
    "logs get_query_results, not yet": ({"results": [], "status": "Running"}, True),
    "logs get_query_results, too late": ({"results": [], "status": "Timeout"}, True),
    "logs get_query_results": ({"results": [], "status": "Complete"}, False),
    "iam get_service_last_accessed_details, not yet": ({"JobStatus": "IN_PROGRESS", "ServicesLastAccessed": [], "IsTruncated": False}, True),
    "iam get_service_last_accessed_details": ({"JobStatus": "COMPLETED", "ServicesLastAccessed": [], "IsTruncated": False}, False),
    "cloudtrail get_query_results, not yet": ({"QueryStatus": "RUNNING", "QueryResultRows": []}, True),
    "a thing that runs": ({"Status": "Running", "JobStatus": "x"}, False),
    "batch describe_jobs": ({"jobs": [{"status": "RUNNING"}]}, False),
    "a reason of the thing itself": ({"Status": "FAILED", "FailureReason": "x"}, False),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "lacks"), LACKS.values(), ids=LACKS.keys())
def test_aws_lacks(answer: dict[str, Any], lacks: bool) -> None:
    """What an operation lists as not found or not read is missing in the rest, unless the item judges it."""
    assert bool(aws_lacks(answer)) is lacks
    assert not aws_lacks({name: value for name, value in answer.items() if name != "partialResults"}, answer)


def test_pages_are_joined() -> None:
    """Lists follow each other, what every page repeats is said once, and what one page says is dropped."""
    first = {"total_count": 3, "runs": [1, 2], "token": "b", "dims": ["d"], "in": {"list": ["x"]}, "n": 2}
    second = {"total_count": 3, "runs": [3], "dims": ["d"], "in": {"list": ["y"]}, "n": 1, "extra": ["e"]}
    assert joined(first, second) == {
        "total_count": 3, "runs": [1, 2, 3], "dims": ["d"], "in": {"list": ["x", "y"]}, "extra": ["e"],
    }  # fmt: skip
    assert joined([{"a": 1}], [{"a": 2}]) == [{"a": 1}, {"a": 2}]
    assert joined([1], {"a": 1}) is None
    assert joined({"a": 1}, "text") is None
