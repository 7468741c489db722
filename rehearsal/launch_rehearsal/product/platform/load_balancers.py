"""The cloud's load balancer, as Elastic Load Balancing describes it; broken, a zone of it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_rehearsal.product.platform.aws_xml import answered, xml

if TYPE_CHECKING:
    from aiohttp import web

_NAMESPACE = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
_ARN = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/azora/50dc6c495c0c9188"


def described(region: str, *, works: bool) -> web.Response:
    """Return the answer of ``DescribeLoadBalancers`` for the one balancer."""
    zones = [
        {"ZoneName": f"{region}{zone}", "SubnetId": f"subnet-{zone}"} for zone in ("ab" if works else "a")
    ]
    balancer = {
        "LoadBalancerArn": _ARN,
        "LoadBalancerName": "azora",
        "Scheme": "internet-facing",
        "Type": "application",
        "State": {"Code": "active"},
        "AvailabilityZones": {"member": zones},
    }
    result = {"DescribeLoadBalancersResult": {"LoadBalancers": {"member": [balancer]}}}
    return answered(xml("DescribeLoadBalancersResponse", result, _NAMESPACE))
