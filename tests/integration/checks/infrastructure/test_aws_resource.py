"""``aws_resource`` against moto's server: EC2, WAF, cost."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.kinds.aws_resource.definition import AwsResourceParams
from launch_pipeline.checks.verdict import Verdict
from servers import moto_server
from servers.checking import check, context, raw, run
from servers.moto_server import connection
from servers.odd import Odd
from servers.shipped import shipped
from servers.web import serving

if TYPE_CHECKING:
    from launch_pipeline.checks.verdict import CheckResult

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
SHIPPED = shipped("aws_resource")
ELSEWHERE = "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/app/none/0"


@pytest.fixture(scope="module")
def cloud(aws: str) -> dict[str, Any]:
    """Create a correct network with a firewall, and one whose database is open to the world."""
    ec2, waf = moto_server.client(aws, "ec2"), moto_server.client(aws, "wafv2")
    made: dict[str, Any] = {"url": aws, "eks_cluster": "azora"}
    for name, block in (("vpc_id", "10.0.0.0/16"), ("open", "10.1.0.0/16")):
        made[name] = ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
    zones = [("a", "10.0.0.0/24"), ("b", "10.0.1.0/24")]
    subnets = [
        ec2.create_subnet(
            VpcId=made["vpc_id"], CidrBlock=block, AvailabilityZone=f"{moto_server.REGION}{zone}"
        )["Subnet"]["SubnetId"]
        for zone, block in zones
    ]
    made["private_subnets"] = subnets
    moto_server.bucket(aws, "flow-logs")
    ec2.create_flow_logs(ResourceIds=[made["vpc_id"]], ResourceType="VPC", TrafficType="ALL",
                         LogDestinationType="s3", LogDestination="arn:aws:s3:::flow-logs")  # fmt: skip
    for vpc, port in ((made["vpc_id"], 443), (made["open"], 5432)):
        group = ec2.create_security_group(GroupName=f"g{port}", Description="d", VpcId=vpc)["GroupId"]
        world = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[world])
    seen = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "m"}
    rule = {"Name": "rate", "Priority": 1, "Action": {"Block": {}}, "VisibilityConfig": seen,
            "Statement": {"RateBasedStatement": {"Limit": 2000, "AggregateKeyType": "IP"}}}  # fmt: skip
    acl = waf.create_web_acl(
        Name="w", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=seen, Rules=[rule]
    )
    balancers = moto_server.client(aws, "elbv2")
    made["alb_arn"] = balancers.create_load_balancer(Name="azora", Subnets=subnets)["LoadBalancers"][0][
        "LoadBalancerArn"
    ]
    balancers.create_target_group(
        Name="ingress", Protocol="HTTP", Port=80, VpcId=made["vpc_id"], HealthCheckPath="/healthz"
    )
    group = balancers.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    balancers.create_listener(
        LoadBalancerArn=made["alb_arn"], Protocol="HTTP", Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )  # fmt: skip
    moto_server.client(aws, "eks").create_cluster(
        name="azora", roleArn="arn:aws:iam::123456789012:role/eks",
        resourcesVpcConfig={"subnetIds": subnets, "publicAccessCidrs": ["203.0.113.0/24"]},
    )  # fmt: skip
    waf.associate_web_acl(WebACLArn=acl["Summary"]["ARN"], ResourceArn=made["alb_arn"])
    return made


def asked(url: str, service: str, operation: str, **params: Any) -> CheckResult:
    return moto_server.asked(url, "aws_resource", service=service, operation=operation, **params)


NOT_BY_MOTO = ("cost", "firewall_rules.2")
"""moto knows no days of costs, and no VPC of an EKS cluster."""


@pytest.mark.parametrize("name", [name for name in SHIPPED if not any(one in name for one in NOT_BY_MOTO)])
def test_shipped_checks_pass_on_a_good_cloud(cloud: dict[str, Any], name: str) -> None:
    """What the checklists ask of AWS is there to be read."""
    (result,) = run(run_checks([SHIPPED[name]], context({"aws": connection(cloud["url"])}, variables=cloud)))
    assert result.verdict is P, result.headline


def test_shipped_cost_check_is_answered(cloud: dict[str, Any]) -> None:
    """Cost by day is asked with its own words; moto knows no days, which is a no and no error."""
    (spec,) = [spec for name, spec in SHIPPED.items() if "cost" in name]
    variables = {"launch_date": "2026-01-01", "today": "2026-01-08"}
    (result,) = run(run_checks([spec], context({"aws": connection(cloud["url"])}, variables=variables)))
    assert (result.verdict, "length(ResultsByTime) = 0" in raw(result)) == (F, True), result.headline


def of_vpc(vpc: str) -> dict[str, Any]:
    return {"Filters": [{"Name": "vpc-id", "Values": [vpc]}]}


def test_an_open_database_is_found(cloud: dict[str, Any]) -> None:
    """A port that the world may reach is a no, in the checklist's own expression."""
    (spec,) = [spec for name, spec in SHIPPED.items() if "security_groups" in name]
    variables = {**cloud, "vpc_id": cloud["open"]}
    (result,) = run(run_checks([spec], context({"aws": connection(cloud["url"])}, variables=variables)))
    assert (result.verdict, "= 1, want == 0" in raw(result)) == (F, True), result.headline


def test_page_that_is_not_the_last() -> None:
    """What the second page says counts; moto gives everything at once, so two pages are written here."""

    async def answer(request: web.Request) -> web.Response:
        again = "NextToken" in await request.post()
        item = f"<vpcId>vpc-{2 if again else 1}</vpcId><state>{'pending' if again else 'available'}</state>"
        token = "" if again else "<nextToken>more</nextToken>"
        text = f"<DescribeVpcsResponse><requestId>r</requestId>{token}<vpcSet><item>{item}</item></vpcSet>"
        return web.Response(text=f"{text}</DescribeVpcsResponse>", content_type="text/xml")

    async def ask() -> CheckResult:
        app = web.Application()
        app.router.add_post("/", answer)
        async with serving(app) as port:
            ctx = context({"aws": connection(f"http://127.0.0.1:{port}")})
            expect = {"length(Vpcs[?State=='pending'])": "== 0"}
            return await check(ctx, "aws_resource", service="ec2", operation="describe_vpcs", expect=expect)

    result = run(ask())
    assert (result.verdict, "= 1, want == 0" in raw(result)) == (F, True), result.headline


def test_all_pages_are_read(cloud: dict[str, Any]) -> None:
    """A page is no answer: what is on the next one counts."""
    arguments = {"MaxResults": 5}
    world = {
        "length(SecurityGroups[].IpPermissions[] | [?FromPort==`5432`])": "== 1",
        "length(SecurityGroups)": ">= 12",
    }
    ec2 = moto_server.client(cloud["url"], "ec2")
    for number in range(10):
        ec2.create_security_group(GroupName=f"a{number}", Description="d", VpcId=cloud["open"])
    assert (
        asked(cloud["url"], "ec2", "describe_security_groups", arguments=arguments, expect=world).verdict is P
    )


ANSWERS: dict[str, tuple[str, str, dict[str, Any], Verdict, str]] = {
    "no such thing": ("ec2", "describe_vpcs", {"arguments": {"VpcIds": ["vpc-00000000"]}, "expect": {"length(Vpcs)": ">= 1"}},
                      F, "length(Vpcs)"),
    "no such thing, by its error": ("ec2", "describe_vpcs", {"arguments": {"VpcIds": ["vpc-00000000"]},
                                    "expect": {"error.code": "== InvalidVpcID.NotFound"}}, P, "NotFound"),
    "an empty list": ("ec2", "describe_vpcs", {"arguments": {"Filters": [{"Name": "tag:x", "Values": ["y"]}]},
                                               "expect": {"length(Vpcs)": "== 0"}}, P, "= 0"),
    "an unknown operation": ("ec2", "describe_unicorns", {"expect": {"a": "exists"}}, Q, "no operation 'describe_unicorns'"),
    "an unknown service": ("unicorns", "list_unicorns", {"expect": {"a": "exists"}}, Q, "unicorns"),
    "a wrong argument": ("ec2", "describe_vpcs", {"arguments": {"Unicorns": 1}, "expect": {"Vpcs": "exists"}}, Q, "Unicorns"),
    "a secret": ("secretsmanager", "get_secret_value", {"arguments": {"SecretId": "x"}, "expect": {"Name": "exists"}}, Q, "returns secrets"),
    "a decrypted parameter": ("ssm", "get_parameter", {"arguments": {"Name": "x", "WithDecryption": True}, "expect": {"Parameter": "exists"}}, Q, "returns secrets"),
    "a token": ("sts", "get_session_token", {"expect": {"Credentials": "exists"}}, Q, "returns secrets"),
    "a file": ("s3", "get_object", {"arguments": {"Bucket": "b", "Key": "k"}, "expect": {"Body": "exists"}}, Q, "a file"),
    "times are comparable": ("iam", "get_account_summary", {"expect": {"SummaryMap": "exists"}}, P, "SummaryMap"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("service", "operation", "params", "verdict", "headline"), ANSWERS.values(), ids=ANSWERS.keys()
)
def test_answer(
    cloud: dict[str, Any],
    service: str,
    operation: str,
    params: dict[str, Any],
    verdict: Verdict,
    headline: str,
) -> None:
    """An answer is judged; a question that cannot be asked, or would bring a secret, is not."""
    result = asked(cloud["url"], service, operation, **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_a_firewall_that_is_not_there(cloud: dict[str, Any]) -> None:
    """A load balancer without a firewall is a no."""
    expect = {"WebACL.Rules[?Statement.RateBasedStatement] | length(@)": ">= 1"}
    result = asked(
        cloud["url"], "wafv2", "get_web_acl_for_resource", arguments={"ResourceArn": ELSEWHERE}, expect=expect
    )
    assert result.verdict is F, result.headline


@pytest.mark.parametrize(
    "operation", ["terminate_instances", "delete_vpc", "Describe_vpcs", "describe_vpcs; x", "getattr"]
)
def test_only_looking_is_allowed(operation: str) -> None:
    """An operation that is not describe, list or get is refused when the checklist is read."""
    with pytest.raises(ValidationError):
        AwsResourceParams(service="ec2", operation=operation, expect={"a": "exists"})


def said(code: str, status: int, **headers: str) -> Odd:
    body = f"<Response><Errors><Error><Code>{code}</Code><Message>m</Message></Error></Errors></Response>"
    return Odd(status, body.encode(), "text/xml", headers)


ODD: dict[str, tuple[Odd, str, int]] = {
    "401": (said("AuthFailure", 401), "credentials", 1),
    "403": (said("UnauthorizedOperation", 403), "credentials", 1),
    "429 is waited for": (said("TooManyRequestsException", 429, **{"Retry-After": "1"}), "busy", 3),
    "throttled": (said("RequestLimitExceeded", 503), "busy", 3),
    "a request that is not understood": (said("InvalidParameterValue", 400), "InvalidParameterValue", 1),
    "500": (said("InternalError", 500), "answered 500", 3),
    "slow": (Odd(slow=True), "no answer within", 3),
    "wrong content type": (Odd(200, b"hello", "text/plain"), "does not speak the AWS API", 1),
    "a redirect to another host": (Odd(302, headers={"Location": "http://localhost:1/"}), "a redirect", 1),
    "huge": (Odd(huge=True, content_type="text/xml"), "more than 16 MiB", 1),
    "truncated": (Odd(200, b"<DescribeVpcsResponse><vpcSet>", "text/xml"), "does not speak the AWS API", 1),
}  # fmt: skip


@pytest.mark.parametrize(("odd", "headline", "attempts"), ODD.values(), ids=ODD.keys())
def test_odd_answers_are_inconclusive(odd: Odd, headline: str, attempts: int) -> None:
    """Whatever goes wrong on the way is no verdict on the cloud."""
    params: dict[str, Any] = {"service": "ec2", "operation": "describe_vpcs"}
    result = moto_server.odd_answer(odd, "aws_resource", **params, expect={"length(Vpcs)": ">= 1"})
    assert (result.verdict, headline in raw(result), result.attempts) == (Q, True, attempts), result.headline


def test_nobody_there_is_inconclusive() -> None:
    """A refused connection is asked three times."""
    result = asked("http://127.0.0.1:1", "ec2", "describe_vpcs", expect={"Vpcs": "exists"})
    assert (result.verdict, result.attempts) == (Q, 3), result.headline


def test_a_group_that_aws_leaves_out(cloud: dict[str, Any]) -> None:
    """Auto Scaling answers an empty list for a name that it does not know: nothing was looked at."""
    arguments = {"AutoScalingGroupNames": ["azora-web"]}
    expect = {"length(AutoScalingGroups[?length(Instances) < DesiredCapacity])": "== 0"}
    params: dict[str, Any] = {"arguments": arguments, "expect": expect}
    result = asked(cloud["url"], "autoscaling", "describe_auto_scaling_groups", **params)
    assert (result.verdict, "says nothing of azora-web" in raw(result)) == (Q, True), result.headline
