"""What the peer's compute checks are about, as rows."""

from datetime import datetime, timedelta
from typing import Any

from stratum_pipeline.kernel import table
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.modules.compute.rules import (
    exposure,
    instances,
    launching,
    settings,
    storage,
)
from stratum_pipeline.modules.cost.rules.instances import stopped

from ...conftest import SCANNED_AT
from ..parity import Case
from .samples import OFF, ROUTED, interface, ports, version

NEVER = datetime.fromisoformat(table.NEVER)


def ago(days: int) -> Any:
    return SCANNED_AT - timedelta(days=days)


RUNS: dict[str, Any] = {
    "state": "running",
    "enclaves": False,
    "profile": "",
    "interfaces": [interface()],
    "subnets": OFF,
    "gateways": ROUTED,
    "groups": ["sg-1"],
    "ingress": [],
}
"""At a public address, nothing open."""

ENCLAVE = RUNS | {"enclaves": True}
PROFILE = {"profile": "arn:aws:iam::111111111111:instance-profile/web"}
LAX = {"metadata_endpoint": "enabled", "http_tokens": "optional"}
KEPT: dict[str, Any] = {"state": "in-use", "disposable": False, "created_at": ago(90)}
CONFIGURED = {"groups": ["arn:group"]}


def change(rule: Rule, row: dict[str, Any], broken: dict[str, Any], fixed: dict[str, Any]) -> Case:
    return Case(rule, row | broken, row | fixed)


def port(*numbers: int, row: dict[str, Any] = RUNS, rule: Rule = exposure.exposed_services) -> Case:
    """Any of these ports open to the world, against the same ports open to an office."""
    return Case(
        rule,
        row | {"ingress": [ports(number, cidrs=["0.0.0.0/0"]) for number in numbers]},
        row | {"ingress": [ports(number, cidrs=["198.51.100.0/24"]) for number in numbers]},
    )


def ranges(*numbers: int) -> list[Case]:
    """Each port by itself, over IPv6, and within a range: what one rule is to see."""
    return [
        *(port(number) for number in numbers),
        change(
            exposure.exposed_services,
            RUNS | {"interfaces": [interface(ipv4=[], ipv6=["2600:1f18::9"])]},
            {"ingress": [ports(numbers[0] - 1, numbers[0] + 1, cidrs=["::/0"])]},
            {"ingress": [ports(numbers[0] - 1, numbers[0] + 1, cidrs=["2001:db8::/48"])]},
        ),
    ]


TEMPLATE: dict[str, Any] = {
    "default_tokens": "",
    "images": [{"image_id": "ami-1", "imds_v2": False}],
}


def template(rule: Rule, broken: dict[str, Any], fixed: dict[str, Any]) -> Case:
    return Case(
        rule,
        TEMPLATE | {"versions": [version(**broken)]},
        TEMPLATE | {"versions": [version(**fixed)]},
    )


CASES: dict[str, Case | list[Case]] = {
    "autoscaling_find_secrets_ec2_launch_configuration": Case(
        launching.configuration_secrets, {"secrets": ["Private Key"]}, {"secrets": []}
    ),
    "autoscaling_group_capacity_rebalance_enabled": change(
        launching.capacity_rebalance,
        {"spot": True, "market": ""},
        {"capacity_rebalance": False},
        {"capacity_rebalance": True},
    ),
    "autoscaling_group_elb_health_check_enabled": change(
        launching.elb_health_check,
        {"balanced": True},
        {"health_checks": ["EC2"]},
        {"health_checks": ["EC2", "ELB"]},
    ),
    "autoscaling_group_launch_configuration_no_public_ip": change(
        launching.configuration_public_ip, CONFIGURED, {"public_ip": True}, {"public_ip": False}
    ),
    "autoscaling_group_launch_configuration_requires_imdsv2": [
        change(
            launching.configuration_imdsv1,
            CONFIGURED | {"metadata_endpoint": "", "default_tokens": "", "image_imds_v2": False},
            {"http_tokens": tokens},
            {"http_tokens": "required"},
        )
        for tokens in ("", "optional")
    ],
    "autoscaling_group_multiple_az": Case(
        launching.single_zone, {"zones": ["us-east-1a"]}, {"zones": ["us-east-1a", "us-east-1b"]}
    ),
    "autoscaling_group_multiple_instance_types": change(
        launching.single_type,
        {"by_requirements": False},
        {"instance_types": ["t3.micro"]},
        {"instance_types": ["t3.micro", "t3a.micro"]},
    ),
    "autoscaling_group_using_ec2_launch_template": Case(
        launching.launch_configuration,
        {"launch_configuration": "web"},
        {"launch_configuration": ""},
    ),
    "dlm_ebs_snapshot_lifecycle_policy_exists": change(
        storage.stale_snapshot,
        KEPT | {"newest_snapshot_at": ago(20)},
        {"newest_scheduled_at": NEVER},
        {"newest_scheduled_at": ago(20)},
    ),
    "ec2_ami_account_block_public_access": Case(
        settings.image_block_public_access,
        {"image_block": "unblocked"},
        {"image_block": "block-new-sharing"},
    ),
    "ec2_ami_public": Case(storage.image_public, {"public": True}, {"public": False}),
    "ec2_confidential_workload_host_imdsv2_not_enforced": change(
        instances.imdsv1, ENCLAVE | LAX, {}, {"http_tokens": "required"}
    ),
    "ec2_confidential_workload_host_not_running": change(
        instances.enclave_host_stopped, ENCLAVE, {"state": "stopped"}, {"state": "running"}
    ),
    "ec2_confidential_workload_host_public_ip": change(
        exposure.public_address, ENCLAVE, {}, {"interfaces": [interface(ipv4=[])]}
    ),
    "ec2_confidential_workload_host_unrestricted_ingress": [
        port(8443, row=ENCLAVE, rule=exposure.enclave_host_exposed),
        port(3389, row=ENCLAVE),
    ],
    "ec2_confidential_workload_host_vsock_proxy_exposed": [
        port(number, row=ENCLAVE, rule=exposure.enclave_host_exposed)
        for number in (5000, 8000, 9000)
    ],
    "ec2_ebs_default_encryption": Case(
        settings.ebs_default_encryption, {"ebs_encryption": False}, {"ebs_encryption": True}
    ),
    "ec2_ebs_public_snapshot": [
        change(
            storage.snapshot_public, {"block": "unblocked"}, {"public": True}, {"public": False}
        ),
        change(  # repaired for the whole region
            storage.snapshot_public,
            {"public": True},
            {"block": "block-new-sharing"},
            {"block": "block-all-sharing"},
        ),
    ],
    "ec2_ebs_snapshot_account_block_public_access": Case(
        settings.snapshot_block_public_access,
        {"snapshot_block": "unblocked"},
        {"snapshot_block": "block-all-sharing"},
    ),
    "ec2_ebs_snapshots_encrypted": change(
        storage.snapshot_unencrypted,
        {"volume_unencrypted": False},
        {"encrypted": False},
        {"encrypted": True},
    ),
    "ec2_ebs_volume_encryption": Case(
        storage.volume_unencrypted, {"encrypted": False}, {"encrypted": True}
    ),
    "ec2_ebs_volume_protected_by_backup_plan": change(
        storage.stale_snapshot,
        KEPT | {"newest_snapshot_at": ago(9)},
        {"newest_scheduled_at": ago(90)},
        {"newest_scheduled_at": ago(9)},
    ),
    "ec2_ebs_volume_snapshots_exists": change(
        storage.no_snapshot, KEPT, {"newest_snapshot_at": NEVER}, {"newest_snapshot_at": ago(1)}
    ),
    "ec2_instance_account_imdsv2_enabled": change(
        settings.imdsv2_default,
        {"default_endpoint": ""},
        {"default_tokens": ""},
        {"default_tokens": "required"},
    ),
    "ec2_instance_detailed_monitoring_enabled": change(
        instances.detailed_monitoring, RUNS, {"monitoring": "disabled"}, {"monitoring": "enabled"}
    ),
    "ec2_instance_imdsv2_enabled": change(
        instances.imdsv1, RUNS | LAX, {}, {"http_tokens": "required"}
    ),
    "ec2_instance_internet_facing_with_instance_profile": change(
        exposure.reachable_profile, RUNS | {"ingress": [ports(443)]}, PROFILE, {"profile": ""}
    ),
    "ec2_instance_older_than_specific_days": change(
        instances.uptime, RUNS, {"launched_at": ago(181)}, {"launched_at": ago(180)}
    ),
    "ec2_instance_paravirtual_type": Case(
        instances.paravirtual, {"virtualization": "paravirtual"}, {"virtualization": "hvm"}
    ),
    "ec2_instance_port_cassandra_exposed_to_internet": ranges(7000, 7001, 7199, 9042, 9160),
    "ec2_instance_port_cifs_exposed_to_internet": ranges(139, 445),
    "ec2_instance_port_elasticsearch_kibana_exposed_to_internet": ranges(9200, 9300, 5601),
    "ec2_instance_port_ftp_exposed_to_internet": ranges(20, 21),
    "ec2_instance_port_kafka_exposed_to_internet": ranges(9092),
    "ec2_instance_port_kerberos_exposed_to_internet": ranges(88, 464, 749, 750),
    "ec2_instance_port_ldap_exposed_to_internet": ranges(389, 636),
    "ec2_instance_port_memcached_exposed_to_internet": ranges(11211),
    "ec2_instance_port_mongodb_exposed_to_internet": ranges(27017, 27018),
    "ec2_instance_port_mysql_exposed_to_internet": ranges(3306),
    "ec2_instance_port_oracle_exposed_to_internet": ranges(1521, 2483, 2484),
    "ec2_instance_port_postgresql_exposed_to_internet": ranges(5432),
    "ec2_instance_port_rdp_exposed_to_internet": ranges(3389),
    "ec2_instance_port_redis_exposed_to_internet": ranges(6379),
    "ec2_instance_port_sqlserver_exposed_to_internet": ranges(1433, 1434),
    "ec2_instance_port_ssh_exposed_to_internet": ranges(22),
    "ec2_instance_port_telnet_exposed_to_internet": ranges(23),
    "ec2_instance_profile_attached": change(instances.no_profile, RUNS, {"profile": ""}, PROFILE),
    "ec2_instance_public_ip": change(
        exposure.public_address, RUNS, {}, {"interfaces": [interface(ipv4=[])]}
    ),
    "ec2_instance_secrets_user_data": Case(
        instances.user_data_secrets,
        {"user_data_secrets": ["AWS Access Key"]},
        {"user_data_secrets": []},
    ),
    "ec2_instance_stopped_older_than_specific_days": change(
        stopped,  # of the module cost: what it still pays for is the harm
        {"state": "stopped", "volume_ids": ["vol-1"]},
        {"stopped": ago(31)},
        {"stopped": ago(2)},
    ),
    "ec2_instance_uses_single_eni": Case(
        instances.several_networks,
        {"interfaces": [interface(), interface(subnet_id="subnet-2")]},
        {"interfaces": [interface()]},
    ),
    "ec2_instance_with_outdated_ami": change(
        instances.outdated_image,
        {"image_exists": True},
        {"image_deprecated_at": ago(1)},
        {"image_deprecated_at": NEVER},
    ),
    "ec2_launch_template_imdsv2_required": template(
        launching.template_imdsv1, {"http_tokens": "optional"}, {"http_tokens": "required"}
    ),
    "ec2_launch_template_no_public_ip": template(
        launching.template_public_ip, {"public_ip": True}, {"public_ip": False}
    ),
    "ec2_launch_template_no_secrets": template(
        launching.template_secrets, {"live": False, "secrets": ["Basic Auth Credentials"]}, {}
    ),
}
