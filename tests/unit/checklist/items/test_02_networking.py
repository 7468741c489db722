"""Week 2, the network: what each item must not pass by, and the ordinary good systems that it must accept."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import Verdict
from servers.aws_answers import app, items, permission, route_table
from servers.checking import context, run
from servers.moto_server import connection
from servers.shipped import shipped
from servers.web import serving

if TYPE_CHECKING:
    from launch_pipeline.checks.verdict import CheckResult
    from launch_rehearsal.product.platform.aws_xml import Tree

P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
CHECKS = shipped("aws_resource")
VARIABLES = with_product(
    {
        "vpc_id": "vpc-1",
        "private_subnets": ["subnet-0a", "subnet-0b"],
        "alb_arn": "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/app/shop/0",
        "eks_cluster": "shop",
        "domain": "shop.test",
    }
)


def asked(check: str, **answers: Tree) -> CheckResult:
    """Run one shipped check against AWS with these answers."""

    async def ask() -> CheckResult:
        async with serving(app(answers)) as port:
            ctx = context({"aws": connection(f"http://127.0.0.1:{port}")}, variables=VARIABLES)
            (result,) = await run_checks([CHECKS[f"infrastructure_setup.{check}"]], ctx)
            return result

    return run(ask())


def subnet(name: str, zone: str, vpc: str = "vpc-1", *, public: bool = False) -> Tree:
    return {"subnetId": name, "vpcId": vpc, "availabilityZone": zone, "mapPublicIpOnLaunch": public}


SUBNETS: dict[str, tuple[tuple[Tree, ...], Verdict]] = {
    "two zones": ((subnet("subnet-0a", "a"), subnet("subnet-0b", "b")), P),
    "one zone": ((subnet("subnet-0a", "a"), subnet("subnet-0b", "a")), F),
    "one is of another VPC": ((subnet("subnet-0a", "a"), subnet("subnet-0b", "b", "vpc-2")), F),
    "one is not told of": ((subnet("subnet-0a", "a"),), Q),
}


@pytest.mark.parametrize(("subnets", "verdict"), SUBNETS.values(), ids=SUBNETS.keys())
def test_private_subnets(subnets: tuple[Tree, ...], verdict: Verdict) -> None:
    """The named subnets are in this VPC and in two zones."""
    result = asked("vpc.0", DescribeSubnets=items("subnetSet", *subnets))
    assert result.verdict is verdict, result.headline


BOTH = ("subnet-0a", "subnet-0b")
ROUTES: dict[str, tuple[tuple[Tree, ...], Verdict]] = {
    "behind a NAT gateway": ((route_table(*BOTH, to="nat-1"), route_table("subnet-0c", to="igw-1"), route_table(main=True)), P),
    "a table for each zone": ((route_table(BOTH[0], to="nat-1"), route_table(BOTH[1], to="nat-2"), route_table(main=True)), P),
    "behind a VPN gateway": ((route_table(*BOTH, to="vgw-1"), route_table(main=True)), P),
    "without a way out": ((route_table(*BOTH), route_table("subnet-0c", to="igw-1"), route_table(main=True)), P),
    "by the main table, which is private": ((route_table("subnet-0c", to="igw-1"), route_table(to="nat-1", main=True)), P),
    "of their own, beside a public main table": ((route_table(*BOTH, to="nat-1"), route_table("subnet-0c", to="igw-1", main=True)), P),
    "public, without public addresses": ((route_table(*BOTH, to="igw-1"), route_table(main=True)), F),
    "one is public": ((route_table(BOTH[0], to="nat-1"), route_table(BOTH[1], to="igw-1"), route_table(main=True)), F),
    "by the main table, which is public": ((route_table(to="igw-1", main=True),), F),
    "one by the main table, which is public": ((route_table(BOTH[0], to="nat-1"), route_table(to="igw-1", main=True)), F),
    "no table": ((), F),
}  # fmt: skip


@pytest.mark.parametrize(("tables", "verdict"), ROUTES.values(), ids=ROUTES.keys())
def test_routes_of_private_subnets(tables: tuple[Tree, ...], verdict: Verdict) -> None:
    """A subnet is private by its route table, of its own or the main one, whatever addresses it assigns."""
    result = asked("vpc.1", DescribeRouteTables=items("routeTableSet", *tables))
    assert result.verdict is verdict, result.headline


def flow_log(state: str, delivery: str = "SUCCESS") -> Tree:
    return {"flowLogId": "fl-1", "flowLogStatus": state, "deliverLogsStatus": delivery}


@pytest.mark.parametrize(
    ("logs", "verdict"),
    [
        pytest.param((flow_log("ACTIVE"),), P, id="delivers"),
        pytest.param((flow_log("ACTIVE", "FAILED"), flow_log("ACTIVE")), P, id="one of two delivers"),
        pytest.param((flow_log("ACTIVE", "FAILED"),), F, id="active, and delivers nothing"),
        pytest.param((), F, id="none"),
    ],
)
def test_flow_logs(logs: tuple[Tree, ...], verdict: Verdict) -> None:
    """A flow log that cannot deliver is none."""
    result = asked("vpc.2", DescribeFlowLogs=items("flowLogSet", *logs))
    assert result.verdict is verdict, result.headline


WORLD = ("0.0.0.0/0", "::/0")
RULES: dict[str, tuple[tuple[Tree, ...], Verdict]] = {
    "web ports": ((permission("tcp", 80, 80, *WORLD), permission("tcp", 443, 443, *WORLD)), P),
    "HTTP/3": ((permission("tcp", 443, 443, *WORLD), permission("udp", 443, 443, *WORLD)), P),
    "path-MTU discovery": ((permission("icmp", 3, 4, "0.0.0.0/0"), permission("icmpv6", -1, -1, "::/0")), P),
    "a database for the VPC": ((permission("tcp", 5432, 5432, "10.0.0.0/16", "10.1.0.0/10"),), P),
    "everything within the group": ((permission("-1", None, None),), P),
    "a database for the world": ((permission("tcp", 443, 443, *WORLD), permission("tcp", 5432, 5432, "0.0.0.0/0")), F),
    "by IPv6 only": ((permission("tcp", 22, 22, "::/0"),), F),
    "all public IPv6 addresses": ((permission("tcp", 22, 22, "2000::/3"),), F),
    "the world in halves": ((permission("tcp", 22, 22, "0.0.0.0/1", "128.0.0.0/1"),), F),
    "a range that begins at 80": ((permission("tcp", 80, 65535, "0.0.0.0/0"),), F),
    "every protocol": ((permission("-1", None, None, "0.0.0.0/0"),), F),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "verdict"), RULES.values(), ids=RULES.keys())
def test_security_groups(rules: tuple[Tree, ...], verdict: Verdict) -> None:
    """Only web ports are open to the world; messages of ICMP have no port."""
    quiet = {"groupId": "sg-1", "ipPermissions": {"item": [permission("tcp", 22, 22, "10.0.0.0/8")]}}
    group = {"groupId": "sg-2", "ipPermissions": {"item": list(rules)}}
    result = asked("security_groups.0", DescribeSecurityGroups=items("securityGroupInfo", quiet, group))
    assert result.verdict is verdict, result.headline


def test_vpc_without_groups_is_the_wrong_one() -> None:
    """A VPC always has a default group: none is no proof that nothing is open."""
    result = asked("security_groups.0", DescribeSecurityGroups=items("securityGroupInfo"))
    assert result.verdict is F, result.headline


def rule(action: dict[str, Any] | None, *, rate: bool = True) -> dict[str, Any]:
    """Build a rule; a group of rules has no action of its own."""
    if action is None:
        return {
            "Name": "managed",
            "OverrideAction": {"None": {}},
            "Statement": {"ManagedRuleGroupStatement": {}},
        }
    statement = (
        {"RateBasedStatement": {"Limit": 2000, "AggregateKeyType": "IP"}}
        if rate
        else {"GeoMatchStatement": {}}
    )
    return {"Name": "r", "Action": action, "Statement": statement}


FIREWALLS: dict[str, tuple[dict[str, Any], Verdict]] = {
    "blocks": ({"WebACL": {"Rules": [rule({"Block": {}})]}}, P),
    "answers 429": ({"WebACL": {"Rules": [rule({"Block": {"CustomResponse": {"ResponseCode": 429}}})]}}, P),
    "challenges": ({"WebACL": {"Rules": [rule({"Challenge": {}})]}}, P),
    "beside managed rules": ({"WebACL": {"Rules": [rule(None), rule({"Block": {}}), rule({"Allow": {}}, rate=False)]}}, P),
    "only counts": ({"WebACL": {"Rules": [rule({"Count": {}})]}}, F),
    "blocks something else": ({"WebACL": {"Rules": [rule({"Block": {}}, rate=False), rule({"Count": {}})]}}, F),
    "no rule": ({"WebACL": {"Rules": []}}, F),
}  # fmt: skip


@pytest.mark.parametrize(("document", "verdict"), FIREWALLS.values(), ids=FIREWALLS.keys())
def test_firewall_of_the_load_balancer(document: dict[str, Any], verdict: Verdict) -> None:
    """A rule over the rate counts if it holds requests back; its action is an empty object."""
    result = asked("ddos_protection.0", GetWebACLForResource=document)
    assert result.verdict is verdict, result.headline


@pytest.mark.parametrize(
    "document", [{}, {"WebACL": {"Rules": [rule(None)]}}], ids=["none", "of managed rules"]
)
def test_firewall_that_limits_nothing_is_no_pass(document: dict[str, Any]) -> None:
    """A load balancer without a web ACL, or with one of other rules, does not pass."""
    assert asked("ddos_protection.0", GetWebACLForResource=document).verdict is not P


def group(protocol: str, *, enabled: bool = True) -> Tree:
    return {"TargetGroupName": "g", "HealthCheckEnabled": enabled, "HealthCheckProtocol": protocol}


@pytest.mark.parametrize(
    ("groups", "verdict"),
    [
        pytest.param([group("HTTP")], P, id="HTTP"),
        pytest.param([group("HTTP"), group("HTTPS")], P, id="two"),
        pytest.param([group("HTTP"), group("TCP")], F, id="one by TCP"),
        pytest.param([group("HTTP", enabled=False)], F, id="off"),
        pytest.param([], F, id="no target group"),
    ],
)
def test_health_checks_of_the_load_balancer(groups: list[Tree], verdict: Verdict) -> None:
    """Each target group asks by HTTP: a port that is open says nothing of what is behind it."""
    answer = {"DescribeTargetGroupsResult": {"TargetGroups": {"member": groups}}}
    result = asked("lb_health_checks.0", DescribeTargetGroups=answer)
    assert result.verdict is verdict, result.headline


def access(vpc: str = "vpc-1", *cidrs: str, public: bool = True) -> dict[str, Any]:
    config = {"vpcId": vpc, "endpointPublicAccess": public, "publicAccessCidrs": list(cidrs)}
    return {"cluster": {"name": "shop", "resourcesVpcConfig": config}}


@pytest.mark.parametrize(
    ("document", "verdict"),
    [
        pytest.param(access("vpc-1", "203.0.113.0/24"), P, id="from the office"),
        pytest.param(access("vpc-1", "0.0.0.0/0", public=False), P, id="private, as EKS tells it"),
        pytest.param(access("vpc-1", public=False), P, id="private"),
        pytest.param(access("vpc-1", "203.0.113.0/24", "0.0.0.0/0"), F, id="from everywhere"),
        pytest.param(access("vpc-1", "0.0.0.0/1", "128.0.0.0/1"), F, id="from everywhere, in halves"),
        pytest.param(access("vpc-2", "203.0.113.0/24"), F, id="another VPC"),
    ],
)
def test_api_server(document: dict[str, Any], verdict: Verdict) -> None:
    """The cluster of this VPC is not open to the world."""
    result = asked("firewall_rules.2", DescribeCluster=document)
    assert result.verdict is verdict, result.headline


def database(vpc: str = "vpc-1", *, public: bool) -> Tree:
    return {"DBInstanceIdentifier": "d", "PubliclyAccessible": public, "DBSubnetGroup": {"VpcId": vpc}}


@pytest.mark.parametrize(
    ("databases", "verdict"),
    [
        pytest.param([database(public=False)], P, id="RDS, private"),
        pytest.param([], P, id="no RDS: the database is in the cluster"),
        pytest.param([database(public=False), database("vpc-2", public=True)], P, id="another VPC's"),
        pytest.param([database(public=False), database(public=True)], F, id="a public one"),
    ],
)
def test_databases(databases: list[Tree], verdict: Verdict) -> None:
    """No database of this VPC has a public address."""
    answer = {"DescribeDBInstancesResult": {"DBInstances": {"DBInstance": databases}}}
    result = asked("firewall_rules.3", DescribeDBInstances=answer)
    assert result.verdict is verdict, result.headline
