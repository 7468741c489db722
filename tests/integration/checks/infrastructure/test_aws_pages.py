"""``aws_resource`` where an answer is one of several, lacks what was asked for, or seems to go on.

moto answers everything at once, so that the pages are written here, in the form of botocore's models.
"""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from launch_pipeline.checks.verdict import Verdict
from servers.checking import check, context, raw, run
from servers.moto_server import connection
from servers.web import serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.checks.verdict import CheckResult

    Answer = Callable[[dict[str, Any]], dict[str, Any]]

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE


def asked(answer: Answer, service: str, operation: str, **params: Any) -> CheckResult:
    """Run one check against a server that answers each request, as JSON, from its body."""

    async def serve(request: web.Request) -> web.Response:
        body = await request.text()
        document = answer(json.loads(body) if body else dict(request.query))
        return web.json_response(document, content_type="application/x-amz-json-1.1")

    async def ask() -> CheckResult:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", serve)
        async with serving(app) as port:
            ctx = context({"aws": connection(f"http://127.0.0.1:{port}")})
            return await check(ctx, "aws_resource", service=service, operation=operation, **params)

    return run(ask())


def of_pages(member: str, token: str, *pages: list[dict[str, Any]], ends: bool = True) -> Answer:
    """Serve pages by a token that counts them; without ``ends`` the last one has a token too (WAFv2)."""

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        number = int(body.get(token) or 0)
        page = pages[number] if number < len(pages) else []
        further = (
            {token: str(number + 1)} if number + 1 < len(pages) or (not ends and number < len(pages)) else {}
        )
        return {member: page, **further}

    return answer


GOOD, BAD = {"Name": "good", "Id": "1", "ARN": "arn:a"}, {"Name": "bad", "Id": "2", "ARN": "arn:b"}
NO_BAD = {"length(WebACLs[?Name=='bad'])": "== 0"}
WAF: dict[str, tuple[Answer, Verdict]] = {
    "one page": (of_pages("WebACLs", "NextMarker", [GOOD]), P),
    "a marker with the last page": (of_pages("WebACLs", "NextMarker", [GOOD], ends=False), P),
    "what is bad is on the second page": (of_pages("WebACLs", "NextMarker", [GOOD], [BAD]), F),
    "and there with a marker": (of_pages("WebACLs", "NextMarker", [GOOD], [BAD], ends=False), F),
    "behind an empty page": (of_pages("WebACLs", "NextMarker", [GOOD], [], [BAD]), F),
    "without an end": (lambda body: {"WebACLs": [GOOD], "NextMarker": str(int(body.get("NextMarker") or 0) + 1)}, Q),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "verdict"), WAF.values(), ids=WAF.keys())
def test_pages_that_botocore_does_not_read(answer: Answer, verdict: Verdict) -> None:
    """Pages are read to their end; a marker that brings nothing new is the end (boto3 issue 3715)."""
    result = asked(answer, "wafv2", "list_web_acls", arguments={"Scope": "REGIONAL"}, expect=NO_BAD)
    assert result.verdict is verdict, result.headline


DAYS = [
    {"TimePeriod": {"Start": f"2026-01-0{day}", "End": "x"}, "Total": {}, "Estimated": False}
    for day in (1, 2)
]


def test_costs_of_all_pages() -> None:
    """Cost Explorer pages by a token of its own, and repeats on each page what it was grouped by."""
    answer = of_pages("ResultsByTime", "NextPageToken", DAYS[:1], DAYS[1:])
    arguments = {
        "TimePeriod": {"Start": "2026-01-01", "End": "2026-01-03"},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"],
    }
    result = asked(
        answer, "ce", "get_cost_and_usage", arguments=arguments, expect={"length(ResultsByTime)": "== 2"}
    )
    assert result.verdict is P, result.headline


REPEATED: dict[str, tuple[str, str, Answer, dict[str, Any], str]] = {
    "botocore's own pager meets one token twice": (
        "logs", "describe_log_groups", lambda _: {"logGroups": [], "nextToken": "again"},
        {"expect": {"length(logGroups[?!retentionInDays])": "== 0"}}, "token"),
    "botocore's own pager meets no end": (
        "logs", "describe_log_groups", lambda body: {"logGroups": [], "nextToken": str(int(body.get("nextToken") or 0) + 1)},
        {"expect": {"length(logGroups)": "== 0"}}, "more than 100 pages"),
    "a flag without a token": (
        "firehose", "list_delivery_streams", lambda _: {"DeliveryStreamNames": ["a"], "HasMoreDeliveryStreams": True},
        {"expect": {"contains(DeliveryStreamNames, 'old')": "== false"}}, "HasMoreDeliveryStreams"),
    "a metric whose values are not all there": (
        "ssm", "get_parameters", lambda _: {"Parameters": [], "InvalidParameters": ["/app/x"]},
        {"arguments": {"Names": ["/app/x"]}, "expect": {"length(Parameters[?Type!='SecureString'])": "== 0"}}, "InvalidParameters"),
    "a task that is gone": (
        "ecs", "describe_tasks", lambda _: {"tasks": [], "failures": [{"arn": "arn:t", "reason": "MISSING"}]},
        {"arguments": {"tasks": ["t"]}, "expect": {"length(tasks[?lastStatus!='RUNNING'])": "== 0"}}, "MISSING"),
    "a service that is not spoken of": (
        "ecs", "describe_services", lambda _: {"services": [{"serviceName": "web", "runningCount": 1, "desiredCount": 1}], "failures": []},
        {"arguments": {"services": ["web", "api"]}, "expect": {"length(services[?runningCount != desiredCount])": "== 0"}}, "nothing of api"),
    "a job that is not spoken of": (
        "batch", "describe_jobs", lambda _: {"jobs": []},
        {"arguments": {"jobs": ["7f"]}, "expect": {"length(jobs[?status=='FAILED'])": "== 0"}}, "nothing of 7f"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("service", "operation", "answer", "params", "said"), REPEATED.values(), ids=REPEATED.keys()
)
def test_answers_that_prove_nothing(
    service: str, operation: str, answer: Answer, params: dict[str, Any], said: str
) -> None:
    """What goes on without an end, or does not speak of all that was named, is no answer."""
    result = asked(answer, service, operation, **params)
    assert (result.verdict, said in raw(result)) == (Q, True), result.headline


SPOKEN: dict[str, tuple[str, str, Answer, dict[str, Any], Verdict]] = {
    "by its ARN alone": (
        "ecs", "describe_services", lambda _: {"services": [{"serviceArn": "arn:aws:ecs:eu-central-1:1:service/prod/api", "runningCount": 2, "desiredCount": 2}], "failures": []},
        {"arguments": {"cluster": "prod", "services": ["api"]}, "expect": {"length(services[?runningCount != desiredCount])": "== 0"}}, P),
    "asked for by its ARN": (
        "ecs", "describe_services", lambda _: {"services": [{"serviceName": "api", "runningCount": 1, "desiredCount": 2}], "failures": []},
        {"arguments": {"services": ["arn:aws:ecs:eu-central-1:1:service/api"]}, "expect": {"length(services[?runningCount != desiredCount])": "== 0"}}, F),
    "in other letters": (
        "secretsmanager", "list_secrets", lambda _: {"SecretList": [{"Name": "DB"}]}, {"expect": {"length(SecretList)": "== 1"}}, P),
    "the failures are judged by the item": (
        "ecs", "describe_services", lambda _: {"services": [{"serviceName": "api"}], "failures": [{"reason": "MISSING"}]},
        {"arguments": {"services": ["api"]}, "expect": {"failures": "== []"}}, F),
    "attributes are no names": (
        "ecs", "list_attributes", lambda _: {"attributes": []},
        {"arguments": {"targetType": "container-instance", "attributeName": "x"}, "expect": {"length(attributes)": "== 0"}}, P),
}  # fmt: skip


@pytest.mark.parametrize(
    ("service", "operation", "answer", "params", "verdict"), SPOKEN.values(), ids=SPOKEN.keys()
)
def test_answers_that_count(
    service: str, operation: str, answer: Answer, params: dict[str, Any], verdict: Verdict
) -> None:
    """A thing is spoken of by its name or its ARN, whichever of them was asked for."""
    result = asked(answer, service, operation, **params)
    assert result.verdict is verdict, result.headline


ZONES = (
    '<ListHostedZonesByNameResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><HostedZones/>'
    "<IsTruncated>{}</IsTruncated><MaxItems>100</MaxItems></ListHostedZonesByNameResponse>"
)


@pytest.mark.parametrize(("truncated", "verdict"), [("true", Q), ("false", P)])
def test_flag_of_an_xml_answer(truncated: str, verdict: Verdict) -> None:
    """Route 53 says by a flag that there is more, and the operation has no token of one name."""

    async def serve(_: web.Request) -> web.Response:
        return web.Response(text=ZONES.format(truncated), content_type="text/xml")

    async def ask() -> CheckResult:
        app = web.Application()
        app.router.add_get("/{path:.*}", serve)
        async with serving(app) as port:
            ctx = context({"aws": connection(f"http://127.0.0.1:{port}")})
            expect = {"length(HostedZones)": "== 0"}
            return await check(
                ctx, "aws_resource", service="route53", operation="list_hosted_zones_by_name", expect=expect
            )

    result = run(ask())
    assert result.verdict is verdict, result.headline
