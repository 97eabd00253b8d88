"""Reading a demonstration organization through boto3, as a scan does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from stratum_pipeline.demo import Organization

REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2")

EC2 = {
    "describe_vpcs": "Vpcs",
    "describe_subnets": "Subnets",
    "describe_security_groups": "SecurityGroups",
    "describe_network_interfaces": "NetworkInterfaces",
    "describe_instances": "Reservations",
    "describe_route_tables": "RouteTables",
    "describe_internet_gateways": "InternetGateways",
    "describe_flow_logs": "FlowLogs",
    "describe_network_acls": "NetworkAcls",
    "describe_vpc_endpoints": "VpcEndpoints",
    "describe_vpc_endpoint_service_configurations": "ServiceConfigurations",
    "describe_vpc_peering_connections": "VpcPeeringConnections",
    "describe_transit_gateways": "TransitGateways",
    "describe_transit_gateway_attachments": "TransitGatewayAttachments",
    "describe_vpn_connections": "VpnConnections",
    "describe_client_vpn_endpoints": "ClientVpnEndpoints",
}
NETWORKS = {
    ("elbv2", "describe_load_balancers"): ("LoadBalancers", "{LoadBalancerArn}"),
    ("elb", "describe_load_balancers"): (
        "LoadBalancerDescriptions",
        "arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/{LoadBalancerName}",
    ),
    ("network-firewall", "list_firewalls"): ("Firewalls", "{FirewallArn}"),
    ("network-firewall", "list_firewall_policies"): ("FirewallPolicies", "{Arn}"),
    ("config", "describe_configuration_aggregators"): (
        "ConfigurationAggregators",
        "{ConfigurationAggregatorArn}",
    ),
    ("config", "describe_aggregation_authorizations"): (
        "AggregationAuthorizations",
        "{AggregationAuthorizationArn}",
    ),
    ("config", "describe_config_rules"): ("ConfigRules", "{ConfigRuleArn}"),
    ("config", "describe_conformance_pack_status"): (
        "ConformancePackStatusDetails",
        "{ConformancePackArn}",
    ),
    ("directconnect", "describe_connections"): (
        "connections",
        "arn:aws:directconnect:{region}:{account}:dxcon/{connectionId}",
    ),
    ("directconnect", "describe_virtual_interfaces"): (
        "virtualInterfaces",
        "arn:aws:directconnect:{region}:{account}:dxvif/{virtualInterfaceId}",
    ),
}
"""Of other services: the answer's list, and the ARN of an item."""
EC2_ARN = "arn:aws:ec2:{region}:{account}:"
SSM_ARN = "arn:aws:ssm:{region}:{account}:"
STANDING = {
    ("ec2", "describe_addresses"): ("Addresses", EC2_ARN + "elastic-ip/{AllocationId}"),
    ("ec2", "describe_images"): ("Images", EC2_ARN + "image/{ImageId}"),
    ("ec2", "describe_launch_templates"): (
        "LaunchTemplates",
        EC2_ARN + "launch-template/{LaunchTemplateId}",
    ),
    ("ec2", "describe_nat_gateways"): ("NatGateways", EC2_ARN + "natgateway/{NatGatewayId}"),
    ("ec2", "describe_snapshots"): ("Snapshots", EC2_ARN + "snapshot/{SnapshotId}"),
    ("ec2", "describe_volumes"): ("Volumes", EC2_ARN + "volume/{VolumeId}"),
    ("autoscaling", "describe_auto_scaling_groups"): ("AutoScalingGroups", "{AutoScalingGroupARN}"),
    ("autoscaling", "describe_launch_configurations"): (
        "LaunchConfigurations",
        "{LaunchConfigurationARN}",
    ),
    ("logs", "describe_log_groups"): ("logGroups", "{logGroupArn}"),
    ("rds", "describe_db_clusters"): ("DBClusters", "{DBClusterArn}"),
    ("rds", "describe_db_cluster_snapshots"): ("DBClusterSnapshots", "{DBClusterSnapshotArn}"),
    ("rds", "describe_db_instances"): ("DBInstances", "{DBInstanceArn}"),
    ("rds", "describe_db_snapshots"): ("DBSnapshots", "{DBSnapshotArn}"),
    ("secretsmanager", "list_secrets"): ("SecretList", "{ARN}"),
    ("ssm", "describe_instance_information"): (
        "InstanceInformationList",
        SSM_ARN + "managed-instance/{InstanceId}",
    ),
    ("ssm", "describe_parameters"): ("Parameters", SSM_ARN + "parameter{Name}"),
    ("ssm", "list_associations"): ("Associations", SSM_ARN + "association/{AssociationId}"),
    ("ssm", "list_documents"): ("DocumentIdentifiers", SSM_ARN + "document/{Name}"),
}
"""As NETWORKS, of what changes by itself: it is looked up, and not compared."""
IAM = {
    "list_saml_providers": "SAMLProviderList",
    "list_server_certificates": "ServerCertificateMetadataList",
}
OUTSIDE = (
    ("accessanalyzer", "list_analyzers", "analyzers", "arn"),
    ("rolesanywhere", "list_trust_anchors", "trustAnchors", "trustAnchorArn"),
    ("rolesanywhere", "list_profiles", "profiles", "profileArn"),
)
REGIONAL = (
    ("dax", "describe_clusters", "Clusters", "ClusterArn"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings", "EventSourceMappingArn"),
    ("lambda", "list_functions", "Functions", "FunctionArn"),
    ("lambda", "list_layers", "Layers", "LayerArn"),
)
BUCKET = (
    "get_bucket_policy",
    "get_bucket_policy_status",
    "get_bucket_acl",
    "get_bucket_versioning",
    "get_bucket_logging",
    "get_bucket_encryption",
    "get_bucket_ownership_controls",
    "get_bucket_replication",
    "get_public_access_block",
    "get_bucket_location",
)


SESSION = boto3.Session()  # one for all accounts: it caches the service models


@dataclass(frozen=True)
class Aws:
    """Clients of `organization`: the caller's own, and in each account the scan role's."""

    organization: Organization
    attempts: int = 1
    keys: dict[str, tuple[str, str, str]] = field(default_factory=dict[str, tuple[str, str, str]])

    def id(self, account: str) -> str:
        return next(a.id for a in self.organization.accounts if a.name == account)

    @property
    def scanned(self) -> list[str]:
        return [a.name for a in self.organization.accounts if not a.suspended]

    def caller(self, service: str) -> Any:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        keys = [self.organization.credentials[name] for name in names]
        return self._client(keys, service, "us-east-1")

    def client(self, account: str, service: str, region: str = "us-east-1", **options: Any) -> Any:
        """A client in `account`, whose scan role is assumed once."""
        if account not in self.keys:
            got = self.assume(account)["Credentials"]
            self.keys[account] = got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]
        return self._client(self.keys[account], service, region, **options)

    def assume(self, account: str, **changed: str) -> Any:
        asked = {
            "RoleArn": f"arn:aws:iam::{self.id(account)}:role/stratum/scan-iam",
            "RoleSessionName": "tests",
            "ExternalId": self.organization.external_id,
        }
        return self.caller("sts").assume_role(**asked | changed)

    def _client(self, keys: Sequence[str], service: str, region: str, **options: Any) -> Any:
        return SESSION.client(
            service,
            region,
            endpoint_url=self.organization.endpoint_url,
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
            aws_session_token=keys[2],
            config=Config(retries={"total_max_attempts": self.attempts}, **options),
        )

    def standing(self) -> Iterator[str]:
        """ARNs of EC2 instances and of STANDING, in every account and region."""
        for account in self.scanned:
            for region in REGIONS:
                here = {"region": region, "account": self.id(account)}
                ec2 = self.client(account, "ec2", region)
                for reservation in ec2.describe_instances()["Reservations"]:
                    for instance in reservation["Instances"]:
                        yield (EC2_ARN + "instance/{InstanceId}").format_map(instance | here)
                for (service, operation), (key, arn) in STANDING.items():
                    client = self.client(account, service, region)
                    if client.can_paginate(operation):
                        pages = client.get_paginator(operation).paginate()
                    else:
                        pages = [getattr(client, operation)()]
                    for page in pages:
                        yield from (arn.format_map(item | here) for item in page[key])

    def listing(self) -> dict[str, Any]:
        """All there is, by "<account> <region> <operation> [resource]"; for a refusal, its code."""
        found: dict[str, Any] = {}

        def note(where: str, client: Any, operation: str, **asked: Any) -> Any:
            try:
                body = getattr(client, operation)(**asked)
            except ClientError as error:
                body = error.response["Error"]["Code"]
            else:
                del body["ResponseMetadata"]
            found[f"{where} {operation} {' '.join(asked.values())}".rstrip()] = body
            return body

        for account in self.scanned:
            iam = self.client(account, "iam")
            iam.generate_credential_report()
            report = note(account, iam, "get_credential_report")
            del report["GeneratedTime"]
            for operation in (
                "get_account_summary",
                "get_account_password_policy",
                "get_account_authorization_details",
                "list_open_id_connect_providers",
                "list_virtual_mfa_devices",
                *IAM,
            ):
                note(account, iam, operation)
            control = self.client(account, "s3control")
            mine = {"AccountId": self.id(account)}
            note(account, control, "get_public_access_block", **mine)
            wide = note(account, control, "list_multi_region_access_points", **mine)
            for point in () if wide == "AccessDenied" else wide["AccessPoints"]:
                operation = "get_multi_region_access_point_policy"
                note(account, control, operation, **mine, Name=point["Name"])
            s3 = self.client(account, "s3")
            buckets = note(account, s3, "list_buckets")
            for bucket in () if buckets == "AccessDenied" else buckets["Buckets"]:
                for operation in BUCKET:
                    note(account, s3, operation, Bucket=bucket["Name"])
            for region in REGIONS:
                note(f"{account} {region}", self.client(account, "dynamodb", region), "list_tables")
                for service, operation, *_ in (*OUTSIDE, *REGIONAL):
                    client = self.client(account, service, region)
                    note(f"{account} {region}", client, operation)
                for service, operation in NETWORKS:
                    client = self.client(account, service, region)
                    note(f"{account} {region} {service}", client, operation)
                control = self.client(account, "s3control", region)
                points = note(f"{account} {region}", control, "list_access_points", **mine)
                for point in () if points == "AccessDenied" else points["AccessPointList"]:
                    for operation in ("get_access_point", "get_access_point_policy"):
                        note(f"{account} {region}", control, operation, **mine, Name=point["Name"])
                ec2 = self.client(account, "ec2", region)
                for operation in EC2:
                    note(f"{account} {region}", ec2, operation)
        return found
