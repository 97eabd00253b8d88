"""EC2."""

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.ec2.models.security_groups import SecurityGroupBackend
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces
from moto.ec2.responses.flow_logs import FlowLogs
from moto.ec2.responses.internet_gateways import InternetGateways
from moto.ec2.responses.network_acls import NetworkACLs
from moto.ec2.responses.route_tables import RouteTables
from moto.ec2.responses.security_groups import SecurityGroups
from moto.ec2.responses.subnets import Subnets
from moto.ec2.responses.vpcs import VPCs

from ..accounts import REGIONS

moto_create_default_vpc: Any = EC2Backend.create_default_vpc
moto_create_subnet: Any = EC2Backend.create_subnet
moto_add_source_group: Any = SecurityGroupBackend._add_source_group  # pyright: ignore[reportPrivateUsage]


def apply() -> None:
    moto: Any = EC2Backend
    moto.create_default_vpc = create_default_vpc
    moto.create_subnet = create_subnet
    moto._add_source_group = add_source_group
    RegionsAndZonesBackend.regions = [
        region for region in RegionsAndZonesBackend.regions if region.name in REGIONS
    ]
    for responses, operation, key in PAGELESS:
        setattr(responses, operation, in_pages(getattr(responses, operation), key))


def create_default_vpc(self: Any) -> Any:
    """moto gives every region of every account a default VPC; accounts here start bare."""
    still_being_made = not hasattr(self, "default_vpc")
    return None if still_being_made else moto_create_default_vpc(self)


def create_subnet(self: Any, vpc_id: str, *args: Any, **options: Any) -> Any:
    """moto has the first subnet in a zone hand out public addresses, in any VPC."""
    subnet = moto_create_subnet(self, vpc_id, *args, **options)
    if not self.get_vpc(vpc_id).is_default:
        subnet.default_for_az = subnet.map_public_ip_on_launch = False
    return subnet


def add_source_group(self: Any, groups: list[dict[str, Any]] | None, vpc: str | None) -> Any:
    """moto doesn't find a group of another account, and refuses the rule."""
    groups = groups or []
    foreign = [g for g in groups if g.get("UserId", self.account_id) != self.account_id]
    own = [g for g in groups if g not in foreign]
    return moto_add_source_group(self, own, vpc) + foreign


PAGELESS = (
    (ElasticNetworkInterfaces, "describe_network_interfaces", "NetworkInterfaces"),
    (FlowLogs, "describe_flow_logs", "FlowLogs"),
    (InternetGateways, "describe_internet_gateways", "InternetGateways"),
    (NetworkACLs, "describe_network_acls", "NetworkAcls"),
    (RouteTables, "describe_route_tables", "RouteTables"),
    (SecurityGroups, "describe_security_groups", "SecurityGroups"),
    (Subnets, "describe_subnets", "Subnets"),
    (VPCs, "describe_vpcs", "Vpcs"),
)


def in_pages(describe: Callable[[Any], ActionResult], key: str) -> Callable[[Any], ActionResult]:
    """moto ignores MaxResults in these listings."""

    def page(self: Any) -> ActionResult:
        found: Any = describe(self).result
        items = list(found[key])
        start = int(self._get_param("NextToken") or 0)
        end = start + int(self._get_param("MaxResults") or len(items))
        found[key] = items[start:end]
        return ActionResult(found | ({"NextToken": str(end)} if end < len(items) else {}))

    return page
