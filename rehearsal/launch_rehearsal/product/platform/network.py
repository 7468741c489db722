"""The network of the cloud account, in the forms of EC2, the load balancers, RDS and EKS.

Broken, every subnet has a route to the internet, the database's port is open to the world, no flow log is
active, and the databases and the cluster's API server are public.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from launch_rehearsal.product.platform.aws_xml import Tree

VPC = "vpc-0a1b2c3d4e5f60718"
_EC2 = "http://ec2.amazonaws.com/doc/2016-11-15/"
_BALANCERS = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
_RDS = "http://rds.amazonaws.com/doc/2014-10-31/"
_WEB_PORTS, _DATABASE_PORT = (80, 443), 5432
_PRIVATE, _PUBLIC = ("a", "b"), "edge"
_WORLD = "0.0.0.0/0"


class Network:
    """Describe what the account has, working or broken."""

    def __init__(self, region: str, *, works: bool) -> None:
        self._region, self._works = region, works

    @property
    def operations(self) -> Mapping[str, tuple[str, Callable[[], Tree]]]:
        """Return the namespace and the answer of each operation that is asked by a form."""
        return {
            "DescribeSubnets": (_EC2, self._subnets),
            "DescribeRouteTables": (_EC2, self._route_tables),
            "DescribeFlowLogs": (_EC2, self._flow_logs),
            "DescribeSecurityGroups": (_EC2, self._security_groups),
            "DescribeTargetGroups": (_BALANCERS, self._target_groups),
            "DescribeDBInstances": (_RDS, self._databases),
        }

    def _subnets(self) -> Tree:
        subnets = [
            {
                "subnetId": f"subnet-{zone}",
                "vpcId": VPC,
                "availabilityZone": f"{self._region}{zone}",
                "mapPublicIpOnLaunch": False,
            }
            for zone in _PRIVATE
        ]
        return {"subnetSet": {"item": subnets}}

    def _route_tables(self) -> Tree:
        """Return the tables of the private subnets, that of the public one, and the main one."""
        inner = {"natGatewayId": "nat-1"} if self._works else {"gatewayId": "igw-1"}
        tables = [
            _table("private", [f"subnet-{zone}" for zone in _PRIVATE], inner),
            _table("public", [f"subnet-{_PUBLIC}"], {"gatewayId": "igw-1"}),
            _table("main", [], {}),
        ]
        return {"routeTableSet": {"item": tables}}

    def _flow_logs(self) -> Tree:
        log = {"flowLogId": "fl-1", "flowLogStatus": "ACTIVE", "deliverLogsStatus": "SUCCESS"}
        return {"flowLogSet": {"item": [log] if self._works else []}}

    def _security_groups(self) -> Tree:
        ports = _WEB_PORTS if self._works else (*_WEB_PORTS, _DATABASE_PORT)
        world = {"item": [{"cidrIp": _WORLD}]}
        permissions = [
            {"ipProtocol": "tcp", "fromPort": port, "toPort": port, "ipRanges": world} for port in ports
        ]
        # Path-MTU discovery: "fragmentation needed".
        permissions.append({"ipProtocol": "icmp", "fromPort": 3, "toPort": 4, "ipRanges": world})
        group = {"groupId": "sg-1", "groupName": "edge", "ipPermissions": {"item": permissions}}
        return {"securityGroupInfo": {"item": [group]}}

    def _target_groups(self) -> Tree:
        group = {
            "TargetGroupName": "ingress",
            "Protocol": "HTTP",
            "HealthCheckEnabled": True,
            "HealthCheckProtocol": "HTTP" if self._works else "TCP",
            "HealthCheckPath": "/healthz",
        }
        return {"DescribeTargetGroupsResult": {"TargetGroups": {"member": [group]}}}

    def _databases(self) -> Tree:
        """Return a database of another product in the same VPC: the product's own runs in the cluster."""
        database = {
            "DBInstanceIdentifier": "reports",
            "PubliclyAccessible": not self._works,
            "DBSubnetGroup": {"VpcId": VPC},
        }
        return {"DescribeDBInstancesResult": {"DBInstances": {"DBInstance": [database]}}}

    def cluster(self, name: str) -> Tree:
        """Return the answer of EKS, which is JSON."""
        access = {
            "vpcId": VPC,
            "endpointPublicAccess": True,
            "endpointPrivateAccess": True,
            "publicAccessCidrs": ["203.0.113.0/24" if self._works else _WORLD],
        }
        return {"cluster": {"name": name, "status": "ACTIVE", "resourcesVpcConfig": access}}


def _table(name: str, subnets: list[str], outside: dict[str, str]) -> Tree:
    routes = [{"destinationCidrBlock": "10.0.0.0/16", "gatewayId": "local", "state": "active"}]
    routes += [{"destinationCidrBlock": _WORLD, **outside, "state": "active"}] if outside else []
    explicit = [{"main": False, "subnetId": subnet, "routeTableId": f"rtb-{name}"} for subnet in subnets]
    own = explicit or [{"main": True, "routeTableId": f"rtb-{name}"}]
    return {
        "routeTableId": f"rtb-{name}",
        "vpcId": VPC,
        "routeSet": {"item": routes},
        "associationSet": {"item": own},
    }
