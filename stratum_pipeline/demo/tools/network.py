"""EC2: a VPC, and the groups, interfaces, endpoints and instances in it."""

from dataclasses import dataclass
from typing import Any

from ..accounts import Account
from .core import Json, api, policy

IMAGE = "ami-0abcdef1234567890"
WORLD = ("0.0.0.0/0", "::/0")
HALVES = ("0.0.0.0/1", "128.0.0.0/1")
"""The world again, in a form that a search for 0.0.0.0/0 doesn't find."""
FIREWALL_SERVICE = "vpce-svc-0a1b2c3d4e5f60718"
"""Behind it stand the firewalls that inspect what enters and leaves."""


def tcp(port: int, *sources: str) -> Json:
    """Ingress on one TCP port; see `ingress` for the sources."""
    return ingress("tcp", *sources) | {"FromPort": port, "ToPort": port}


def ingress(protocol: str, *sources: str) -> Json:
    """An ingress rule ("-1" is every protocol).

    A source is a CIDR, a group's id, or "<account id>/<group id>" for another account's.
    """
    groups = [source.rpartition("/") for source in sources if "sg-" in source]
    cidrs = [source for source in sources if "sg-" not in source]
    return {
        "IpProtocol": protocol,
        "IpRanges": [{"CidrIp": c} for c in cidrs if ":" not in c],
        "Ipv6Ranges": [{"CidrIpv6": c} for c in cidrs if ":" in c],
        "UserIdGroupPairs": [
            {"GroupId": group} | ({"UserId": owner} if owner else {}) for owner, _, group in groups
        ],
    }


@dataclass(frozen=True)
class Network:
    """A VPC; `names` gathers the ids of what stands in it, by the Name tag we gave."""

    account: Account
    names: dict[str, str]
    region: str
    vpc: str
    public: str
    private: str
    default_group: str

    @classmethod
    def build(
        cls,
        account: Account,
        names: dict[str, str],
        name: str,
        region: str,
        logs: str = "kept",
        *,
        cidr: str = "10.0.0.0/16",
        endpoints: bool = True,
    ) -> "Network":
        """A VPC with a public and two private subnets, and flow logs: kept | failing | none.

        They are named <name>, <name>-public, <name>-private, <name>-private-b, <name>-default
        and <name>-logs; with `endpoints` there are <name>-ec2, <name>-firewall and their group
        <name>-endpoints. The default group allows nothing, and the network ACL, <name>-acl,
        keeps SSH and RDP out.
        """
        ec2 = api(account, "ec2", region)
        vpc = ec2.create_vpc(CidrBlock=cidr, **_tags("vpc", name))["Vpc"]["VpcId"]
        public, private, spare = (
            ec2.create_subnet(
                VpcId=vpc,
                CidrBlock=cidr.replace(".0.0/16", f".{third}.0/24"),
                AvailabilityZone=f"{region}{zone}",
                **_tags("subnet", f"{name}-{side}"),
            )["Subnet"]["SubnetId"]
            for third, (side, zone) in enumerate(
                (("public", "a"), ("private", "a"), ("private-b", "b"))
            )
        )
        made = cls._of(account, names, name, region, vpc, public, private)
        names[f"{name}-private-b"] = spare
        made._open_to_internet(name)
        made._close_defaults(name)
        if endpoints:
            made._endpoints(name, cidr)
        if logs != "none":
            made._log_flows(name, failing=logs == "failing")
        return made

    @classmethod
    def default(cls, account: Account, names: dict[str, str], region: str) -> "Network":
        """The region's default VPC, named default-vpc; all its subnets are public."""
        ec2 = api(account, "ec2", region)
        vpc = ec2.create_default_vpc()["Vpc"]["VpcId"]
        subnets = [s["SubnetId"] for s in ec2.describe_subnets(**_in(vpc))["Subnets"]]
        return cls._of(account, names, "default-vpc", region, vpc, subnets[0], subnets[1])

    @classmethod
    def known(cls, account: Account, names: dict[str, str], name: str, region: str) -> "Network":
        """One that was built before."""
        sides = (names[f"{name}-{side}"] for side in ("public", "private", "default"))
        return cls(account, names, region, names[name], *sides)

    @classmethod
    def _of(
        cls,
        account: Account,
        names: dict[str, str],
        name: str,
        region: str,
        vpc: str,
        public: str,
        private: str,
    ) -> "Network":
        groups = api(account, "ec2", region).describe_security_groups(**_in(vpc))
        (default_group,) = (g["GroupId"] for g in groups["SecurityGroups"])
        names |= {
            name: vpc,
            f"{name}-public": public,
            f"{name}-private": private,
            f"{name}-default": default_group,
        }
        return cls(account, names, region, vpc, public, private, default_group)

    @property
    def api(self) -> Any:
        return api(self.account, "ec2", self.region)

    def _open_to_internet(self, name: str) -> None:
        gateway = self.api.create_internet_gateway(**_tags("internet-gateway", name))
        gateway_id = gateway["InternetGateway"]["InternetGatewayId"]
        self.api.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=self.vpc)
        table = self.api.create_route_table(VpcId=self.vpc, **_tags("route-table", name))
        table_id = table["RouteTable"]["RouteTableId"]
        self.api.create_route(
            RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id
        )
        self.api.associate_route_table(RouteTableId=table_id, SubnetId=self.public)

    def _close_defaults(self, name: str) -> None:
        """The default group and network ACL, as they come, let everything through."""
        anything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        self.api.revoke_security_group_egress(GroupId=self.default_group, IpPermissions=[anything])
        (acl,) = self.api.describe_network_acls(**_in(self.vpc))["NetworkAcls"]
        self.names[f"{name}-acl"] = acl["NetworkAclId"]
        for number, port in enumerate((22, 3389), 1):
            self.api.create_network_acl_entry(
                NetworkAclId=acl["NetworkAclId"],
                RuleNumber=number,
                Protocol="6",
                PortRange={"From": port, "To": port},
                CidrBlock="0.0.0.0/0",
                RuleAction="deny",
                Egress=False,
            )

    def open_network_acl(self, name: str) -> None:
        """Let SSH and RDP in again."""
        for number in (1, 2):
            self.api.delete_network_acl_entry(
                NetworkAclId=self.names[f"{name}-acl"], RuleNumber=number, Egress=False
            )

    def _endpoints(self, name: str, cidr: str) -> None:
        """To the EC2 API, for the account's own principals, and to the firewalls."""
        group = self.group(f"{name}-endpoints", tcp(443, cidr))
        own = {"StringEquals": {"aws:PrincipalAccount": self.account.id}}
        self.endpoint(
            f"{name}-ec2",
            f"com.amazonaws.{self.region}.ec2",
            VpcEndpointType="Interface",
            SubnetIds=[self.private, self.names[f"{name}-private-b"]],
            SecurityGroupIds=[group],
            PolicyDocument=policy(
                {"Principal": "*", "Action": "*", "Resource": "*", "Condition": own}
            ),
        )
        self.endpoint(
            f"{name}-firewall",
            f"com.amazonaws.vpce.{self.region}.{FIREWALL_SERVICE}",
            VpcEndpointType="GatewayLoadBalancer",
            SubnetIds=[self.public],
        )

    def endpoint(self, name: str, service: str, **options: Any) -> None:
        self.names[name] = self.api.create_vpc_endpoint(
            VpcId=self.vpc, ServiceName=service, **options, **_tags("vpc-endpoint", name)
        )["VpcEndpoint"]["VpcEndpointId"]

    def _log_flows(self, name: str, *, failing: bool) -> None:
        """To the account's log bucket; or, failing, to a log group that isn't there."""
        to: dict[str, str] = {
            "LogDestinationType": "s3",
            "LogDestination": f"arn:aws:s3:::acme-{self.account.name}-logs",
        }
        if failing:
            to = {
                "LogGroupName": f"/vpc/{name}",
                "DeliverLogsPermissionArn": f"arn:aws:iam::{self.account.id}:role/flow-logs",
            }
        (self.names[f"{name}-logs"],) = self.api.create_flow_logs(
            ResourceIds=[self.vpc],
            ResourceType="VPC",
            TrafficType="ALL",
            **to,
            **_tags("vpc-flow-log", f"{name}-logs"),
        )["FlowLogIds"]

    def give_public_addresses(self) -> None:
        """Whatever is launched in the public subnet becomes reachable."""
        self.api.modify_subnet_attribute(SubnetId=self.public, MapPublicIpOnLaunch={"Value": True})

    def group(self, name: str, *rules: Json) -> str:
        """Id of a new security group with these ingress rules."""
        group = self.names[name] = self.api.create_security_group(
            GroupName=name, Description=name, VpcId=self.vpc, **_tags("security-group", name)
        )["GroupId"]
        if rules:
            self.api.authorize_security_group_ingress(GroupId=group, IpPermissions=list(rules))
        return group

    def interface(self, name: str, group: str) -> None:
        """A network interface in the private subnet, with `group`."""
        self.api.create_network_interface(
            SubnetId=self.private, Groups=[group], **_tags("network-interface", name)
        )

    def instance(self, name: str, group: str, profile: str) -> None:
        """An instance in the public subnet, with `group` and the instance profile."""
        (made,) = self.api.run_instances(
            ImageId=IMAGE,
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            SubnetId=self.public,
            SecurityGroupIds=[group],
            IamInstanceProfile={"Name": profile},
            MetadataOptions={"HttpTokens": "required"},
            ClientToken=name,  # or botocore draws one, each time another
            **_tags("instance", name),
        )["Instances"]
        self.names[name] = made["InstanceId"]


def _tags(kind: str, name: str) -> Json:
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]}


def _in(vpc: str) -> Json:
    return {"Filters": [{"Name": "vpc-id", "Values": [vpc]}]}
