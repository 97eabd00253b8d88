"""Each compute rule on rows small enough to read."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from stratum_pipeline.kernel import table
from stratum_pipeline.kernel.correlate import Index, correlate
from stratum_pipeline.kernel.evaluate import evaluate
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.modules.compute.correlate import CORRELATIONS
from stratum_pipeline.modules.compute.inventory import Snapshots
from stratum_pipeline.modules.compute.rules import (
    exposure,
    instances,
    launching,
    settings,
    storage,
)

from ...conftest import SCANNED_AT
from ..parity import ARN, COVERED, ME, OURS, SIBLING, STRANGER, judge, verdict
from .samples import (
    HALVES,
    HIDDEN,
    OFF,
    OTHER_SUBNET,
    ROUTED,
    V6_ONLY,
    interface,
    permission,
    ports,
    version,
)

NEVER = datetime.fromisoformat(table.NEVER)
PROFILE = "arn:aws:iam::111111111111:instance-profile/web"
UNIT = f"arn:aws:organizations::{STRANGER}:ou/{OURS}/ou-1234-abcdefgh"
INSTANCE = f"arn:aws:ec2:us-east-1:{ME}:instance/i-1"


def ago(days: int) -> Any:
    return SCANNED_AT - timedelta(days=days)


REACHABLE: dict[str, Any] = {
    "state": "running",
    "enclaves": False,
    "profile": "",
    "interfaces": [interface()],
    "subnets": OFF,
    "gateways": ROUTED,
    "groups": ["sg-1", "sg-2"],
    "ingress": [permission()],
}
"""SSH from everywhere."""

WEB = REACHABLE | {"ingress": [ports(80), ports(443)]}
BEHIND = REACHABLE | {"interfaces": [HIDDEN], "subnets": [], "gateways": []}
LAX = {"metadata_endpoint": "enabled", "http_tokens": "optional"}
KEPT: dict[str, Any] = {
    "state": "in-use",
    "disposable": False,
    "created_at": ago(90),
    "newest_snapshot_at": ago(1),
    "newest_scheduled_at": NEVER,
}
OLD_IMAGE, NEW_IMAGE = ([{"image_id": "ami-1", "imds_v2": new}] for new in (False, True))
TEMPLATE: dict[str, Any] = {"images": OLD_IMAGE, "default_tokens": ""}
CONFIGURATION: dict[str, Any] = {
    "groups": ["arn:group"],
    "http_tokens": "",
    "metadata_endpoint": "",
    "default_tokens": "",
    "image_imds_v2": False,
}


def to(target: str) -> list[dict[str, str]]:
    return [{"subnet_id": "subnet-1", "ipv4": target, "ipv6": target}]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "fail"),
        ({"interfaces": [V6_ONLY]}, "pass"),  # opened to IPv4 only
        ({"interfaces": [V6_ONLY], "ingress": [permission(cidrs=["::/0"])]}, "fail"),
        ({"interfaces": [HIDDEN]}, "pass"),
        ({"interfaces": [HIDDEN, interface()]}, "fail"),
        ({"interfaces": []}, "pass"),
        ({"interfaces": None}, "unknown"),
        ({"interfaces": None, "ingress": []}, "unknown"),  # who knows its groups
        ({"state": "stopped"}, "n/a"),
        ({"state": None}, "unknown"),
        ({"gateways": to("nat-1")}, "pass"),
        ({"gateways": to("tgw-1")}, "pass"),
        ({"gateways": to("")}, "pass"),
        ({"gateways": to("vpce-1")}, "fail"),  # a firewall's endpoint: what it lets through
        ({"gateways": to("eni-1")}, "unknown"),  # an appliance: NAT, or a firewall
        ({"gateways": []}, "unknown"),  # a table of another account's
        ({"gateways": None}, "unknown"),
        ({"gateways": None, "ingress": []}, "pass"),  # nothing is open, routed or not
        ({"subnets": [{"subnet_id": "subnet-1", "internet_block": "block-ingress"}]}, "pass"),
        ({"subnets": [{"subnet_id": "subnet-1", "internet_block": "block-bidirectional"}]}, "pass"),
        ({"subnets": None}, "unknown"),
        ({"groups": None, "ingress": None}, "unknown"),
        ({"groups": ["sg-2"], "ingress": []}, "unknown"),  # the group's rules were not listed
        ({"ingress": []}, "pass"),
        ({"ingress": [permission(group_id="sg-2")]}, "pass"),  # of another's interface
        ({"ingress": [permission(protocol="icmp")]}, "pass"),
        ({"ingress": [permission(protocol="udp")]}, "pass"),
        ({"ingress": [permission(protocol="6")]}, "fail"),
        ({"ingress": [permission(protocol="-1", from_port=-1, to_port=-1)]}, "fail"),
        ({"ingress": [ports(0, 65535)]}, "fail"),
        ({"ingress": [ports(1024, 65535)]}, "fail"),
        ({"ingress": [ports(443)]}, "pass"),
        ({"ingress": [ports(8080)]}, "pass"),
        ({"ingress": [ports(11211, protocol="udp")]}, "fail"),
        ({"ingress": [permission(cidrs=["10.0.0.0/8", "192.168.0.0/16"])]}, "pass"),
        ({"ingress": [permission(cidrs=["203.0.113.0/24"])]}, "pass"),
        ({"ingress": [permission(cidrs=HALVES)]}, "fail"),
        ({"ingress": [permission(cidrs=[half]) for half in HALVES]}, "fail"),
        ({"ingress": [permission(cidrs=[None])]}, "unknown"),  # a prefix list we may not read
        ({"ingress": [permission(cidrs=["0.0.0.0/0", None])]}, "fail"),
    ],
)
def test_what_the_internet_reaches(change: dict[str, Any], expected: str):
    assert verdict(exposure.exposed_services, REACHABLE | change) == expected


def test_networks_that_two_groups_admit_add_up():
    """To more than a /8, the most that one owner holds."""
    one, other = permission(cidrs=["3.0.0.0/8"]), permission(cidrs=["4.0.0.0/9"], group_id="sg-2")
    both = REACHABLE | {"interfaces": [interface(groups=["sg-1", "sg-2"])]}
    assert verdict(exposure.exposed_services, both | {"ingress": [one, other]}) == "fail"
    assert verdict(exposure.exposed_services, both | {"ingress": [one]}) == "pass"
    assert verdict(exposure.exposed_services, REACHABLE | {"ingress": [one, other]}) == "pass"


def test_one_finding_names_all_services_the_group_that_opens_them_and_the_role():
    row = {
        "arn": INSTANCE,
        "profile": PROFILE,
        "interfaces": [interface(groups=["sg-1", "sg-2"])],
        "ingress": [ports(443), *(ports(port, group_id="sg-2") for port in (22, 3306, 6379))],
    }
    (found,) = judge(exposure.exposed_services, REACHABLE | row).fails.to_dicts()
    group = f"arn:aws:ec2:us-east-1:{ME}:security-group/sg-2"
    assert found["root_cause"] == group
    assert found["related"] == sorted([group, group.replace("sg-2", "sg-1"), PROFILE])
    assert found["exposed"] is True
    assert '"exposed_services":["SSH","MySQL","Redis"]' in found["evidence"]


def test_every_port_open_is_said_in_one_word():
    row = REACHABLE | {"ingress": [permission(protocol="-1", from_port=-1, to_port=-1)]}
    (found,) = judge(exposure.exposed_services, row).fails.to_dicts()
    assert '"exposed_services":["every port"]' in found["evidence"]


@pytest.mark.parametrize(
    ("row", "speaks"),
    [
        (REACHABLE | {"profile": PROFILE}, exposure.exposed_services),
        (REACHABLE | {"enclaves": True}, exposure.exposed_services),
        (WEB | {"ingress": [ports(5000)], "enclaves": True}, exposure.enclave_host_exposed),
        (
            WEB | {"ingress": [ports(5000)], "enclaves": True, "profile": PROFILE},
            exposure.enclave_host_exposed,
        ),
        (WEB | {"profile": PROFILE}, exposure.reachable_profile),
        (WEB | {"profile": PROFILE, "enclaves": True}, exposure.reachable_profile),
        (WEB, exposure.public_address),
        (WEB | {"ingress": [], "profile": PROFILE}, exposure.public_address),
        (WEB | {"gateways": to("nat-1"), "profile": PROFILE}, exposure.public_address),
        (BEHIND, None),
    ],
)
def test_one_way_in_is_one_finding(row: dict[str, Any], speaks: Rule | None):
    fails = [rule for rule in exposure.RULES if verdict(rule, row) == "fail"]
    assert fails == ([] if speaks is None else [speaks])


@pytest.mark.parametrize(
    ("rule", "row", "expected"),
    [
        (exposure.enclave_host_exposed, WEB | {"enclaves": True}, "pass"),
        (exposure.enclave_host_exposed, WEB | {"enclaves": False}, "n/a"),
        (exposure.enclave_host_exposed, WEB | {"enclaves": True, "ingress": None}, "unknown"),
        (exposure.reachable_profile, BEHIND | {"profile": PROFILE}, "pass"),
        (exposure.reachable_profile, WEB, "pass"),
        (exposure.reachable_profile, WEB | {"profile": PROFILE, "gateways": None}, "unknown"),
        (exposure.public_address, BEHIND, "pass"),
        (exposure.public_address, WEB | {"interfaces": None}, "unknown"),
        (settings.ebs_default_encryption, {"ebs_encryption": False}, "fail"),
        (settings.ebs_default_encryption, {"ebs_encryption": True}, "pass"),
        (settings.ebs_default_encryption, {}, "unknown"),
        (settings.snapshot_block_public_access, {"snapshot_block": "unblocked"}, "fail"),
        (settings.snapshot_block_public_access, {"snapshot_block": "block-new-sharing"}, "pass"),
        (settings.snapshot_block_public_access, {"snapshot_block": "block-all-sharing"}, "pass"),
        (settings.snapshot_block_public_access, {}, "unknown"),
        (settings.image_block_public_access, {"image_block": "unblocked"}, "fail"),
        (settings.image_block_public_access, {"image_block": "block-new-sharing"}, "pass"),
        (settings.image_block_public_access, {}, "unknown"),
        (settings.imdsv2_default, {"default_tokens": "", "default_endpoint": ""}, "fail"),
        (settings.imdsv2_default, {"default_tokens": "optional", "default_endpoint": ""}, "fail"),
        (settings.imdsv2_default, {"default_tokens": "required"}, "pass"),
        (settings.imdsv2_default, {"default_endpoint": "disabled"}, "pass"),
        (settings.imdsv2_default, {"default_tokens": ""}, "unknown"),
        (settings.serial_console, {"serial_console": True}, "fail"),
        (settings.serial_console, {"serial_console": False}, "pass"),
        (settings.serial_console, {}, "unknown"),
        (instances.imdsv1, REACHABLE | LAX, "fail"),
        (instances.imdsv1, LAX | {"http_tokens": "required"}, "pass"),
        (instances.imdsv1, LAX | {"metadata_endpoint": "disabled"}, "pass"),
        (instances.imdsv1, LAX | {"http_tokens": None}, "unknown"),
        (instances.imdsv1, LAX | {"launched_by": None, "interfaces": None}, "fail"),
        (instances.user_data_secrets, {"user_data_secrets": ["Private Key"]}, "fail"),
        (instances.user_data_secrets, {"user_data_secrets": []}, "pass"),
        (instances.user_data_secrets, {"user_data_secrets": None}, "unknown"),
        (instances.no_profile, {"state": "running", "profile": ""}, "fail"),
        (instances.no_profile, {"state": "running", "profile": PROFILE}, "pass"),
        (instances.no_profile, {"state": "stopped", "profile": ""}, "n/a"),
        (instances.no_profile, {"state": "running"}, "unknown"),
        (instances.uptime, {"state": "running", "launched_at": ago(181)}, "fail"),
        (instances.uptime, {"state": "running", "launched_at": ago(180)}, "pass"),
        (instances.uptime, {"state": "stopped", "launched_at": ago(999)}, "n/a"),
        (instances.uptime, {"state": "running"}, "unknown"),
        (instances.paravirtual, {"virtualization": "paravirtual"}, "fail"),
        (instances.paravirtual, {"virtualization": "hvm"}, "pass"),
        (instances.paravirtual, {}, "unknown"),
        (instances.outdated_image, {"image_exists": False}, "fail"),
        (instances.outdated_image, {"image_exists": True, "image_deprecated_at": ago(1)}, "fail"),
        (instances.outdated_image, {"image_exists": True, "image_deprecated_at": ago(-1)}, "pass"),
        (instances.outdated_image, {"image_exists": True, "image_deprecated_at": NEVER}, "pass"),
        (instances.outdated_image, {"image_exists": True}, "unknown"),
        (instances.foreign_image, {"image_owners": [STRANGER]}, "fail"),
        (instances.foreign_image, {"image_owners": [SIBLING]}, "pass"),
        (instances.foreign_image, {"image_owners": [ME]}, "pass"),
        (instances.foreign_image, {"image_owners": []}, "pass"),
        (instances.foreign_image, {"image_owners": None}, "unknown"),
        (instances.detailed_monitoring, {"state": "running", "monitoring": "disabled"}, "fail"),
        (instances.detailed_monitoring, {"state": "running", "monitoring": "pending"}, "pass"),
        (instances.detailed_monitoring, {"state": "stopped", "monitoring": "disabled"}, "n/a"),
        (instances.detailed_monitoring, {"state": "running"}, "unknown"),
        (instances.several_networks, {"interfaces": [interface(), OTHER_SUBNET]}, "fail"),
        (instances.several_networks, {"interfaces": [interface(), interface()]}, "pass"),
        (instances.several_networks, {"interfaces": [interface(), None]}, "unknown"),
        (instances.enclave_host_stopped, {"enclaves": True, "state": "stopped"}, "fail"),
        (instances.enclave_host_stopped, {"enclaves": True, "state": "running"}, "pass"),
        (instances.enclave_host_stopped, {"enclaves": False, "state": "stopped"}, "n/a"),
        (instances.enclave_host_stopped, {"enclaves": True}, "unknown"),
        (storage.volume_unencrypted, {"encrypted": False}, "fail"),
        (storage.volume_unencrypted, {"encrypted": True}, "pass"),
        (storage.volume_unencrypted, {}, "unknown"),
        (storage.no_snapshot, KEPT | {"newest_snapshot_at": NEVER}, "fail"),
        (storage.no_snapshot, KEPT, "pass"),
        (storage.no_snapshot, KEPT | {"newest_snapshot_at": None}, "unknown"),
        (
            storage.no_snapshot,
            KEPT | {"newest_snapshot_at": NEVER, "created_at": ago(1)},
            "pass",  # tonight's schedule will make the first
        ),
        (storage.no_snapshot, KEPT | {"newest_snapshot_at": NEVER, "disposable": True}, "n/a"),
        (storage.no_snapshot, KEPT | {"newest_snapshot_at": NEVER, "disposable": None}, "unknown"),
        (storage.no_snapshot, KEPT | {"newest_snapshot_at": NEVER, "state": "available"}, "n/a"),
        (storage.stale_snapshot, KEPT, "pass"),
        (storage.stale_snapshot, KEPT | {"newest_snapshot_at": ago(8)}, "fail"),
        (
            storage.stale_snapshot,
            KEPT | {"newest_snapshot_at": ago(30), "newest_scheduled_at": ago(30)},
            "pass",
        ),
        (
            storage.stale_snapshot,
            KEPT | {"newest_snapshot_at": ago(36), "newest_scheduled_at": ago(36)},
            "fail",  # the schedule has ended
        ),
        (storage.stale_snapshot, KEPT | {"newest_snapshot_at": NEVER}, "n/a"),
        (storage.stale_snapshot, KEPT | {"newest_snapshot_at": None}, "unknown"),
        (storage.snapshot_public, {"public": True, "block": "unblocked"}, "fail"),
        (storage.snapshot_public, {"public": True, "block": "block-new-sharing"}, "fail"),
        (storage.snapshot_public, {"public": True, "block": "block-all-sharing"}, "pass"),
        (storage.snapshot_public, {"public": True}, "unknown"),
        (storage.snapshot_public, {"public": False}, "pass"),
        (storage.snapshot_public, {"block": "unblocked"}, "unknown"),
        (storage.snapshot_outsiders, {"shared_with": [SIBLING, STRANGER]}, "fail"),
        (storage.snapshot_outsiders, {"shared_with": [SIBLING]}, "pass"),
        (storage.snapshot_outsiders, {"shared_with": []}, "pass"),
        (storage.snapshot_outsiders, {"shared_with": None}, "unknown"),
        (storage.snapshot_unencrypted, {"encrypted": False, "volume_unencrypted": False}, "fail"),
        (storage.snapshot_unencrypted, {"encrypted": True, "volume_unencrypted": False}, "pass"),
        (storage.snapshot_unencrypted, {"encrypted": False, "volume_unencrypted": True}, "n/a"),
        (storage.snapshot_unencrypted, {"encrypted": False}, "unknown"),
        (storage.image_public, {"public": True}, "fail"),
        (storage.image_public, {"public": False}, "pass"),
        (storage.image_public, {}, "unknown"),
        (storage.image_outsiders, {"shared_with": [STRANGER]}, "fail"),
        (storage.image_outsiders, {"shared_with": [SIBLING, UNIT]}, "pass"),
        (storage.image_outsiders, {"shared_with": None}, "unknown"),
        (launching.template_imdsv1, TEMPLATE | {"versions": [version()]}, "fail"),
        (
            launching.template_imdsv1,
            TEMPLATE | {"versions": [version(http_tokens="required")]},
            "pass",
        ),
        (
            launching.template_imdsv1,
            TEMPLATE | {"versions": [version(metadata_endpoint="disabled")]},
            "pass",
        ),
        (launching.template_imdsv1, TEMPLATE | {"versions": [version(live=False)]}, "pass"),
        (
            launching.template_imdsv1,  # the latest is good, the default is not
            TEMPLATE | {"versions": [version(), version(number=2, http_tokens="required")]},
            "fail",
        ),
        (
            launching.template_imdsv1,
            TEMPLATE | {"versions": [version()], "default_tokens": "required"},
            "pass",
        ),
        (
            launching.template_imdsv1,  # what the version says counts more
            TEMPLATE
            | {"versions": [version(http_tokens="optional")], "default_tokens": "required"},
            "fail",
        ),
        (
            launching.template_imdsv1,
            TEMPLATE | {"versions": [version()], "images": NEW_IMAGE},
            "pass",  # Amazon Linux 2023 brings IMDSv2
        ),
        (
            launching.template_imdsv1,  # and the region's default counts more than the image
            TEMPLATE | {"versions": [version()], "images": NEW_IMAGE, "default_tokens": "optional"},
            "fail",
        ),
        (
            launching.template_imdsv1,
            TEMPLATE | {"versions": [version(image_id="resolve:ssm:/aws/service/ami")]},
            "unknown",
        ),
        (launching.template_imdsv1, TEMPLATE | {"versions": [version(image_id="")]}, "fail"),
        (
            launching.template_imdsv1,
            TEMPLATE | {"versions": [version()], "images": None},
            "unknown",
        ),
        (
            launching.template_imdsv1,
            TEMPLATE | {"versions": [version()], "default_tokens": None},
            "unknown",
        ),
        (launching.template_imdsv1, TEMPLATE, "unknown"),
        (launching.template_public_ip, {"versions": [version(public_ip=True)]}, "fail"),
        (launching.template_public_ip, {"versions": [version(public_ip=True, live=False)]}, "pass"),
        (launching.template_public_ip, {"versions": [version()]}, "pass"),
        (launching.template_public_ip, {"versions": None}, "unknown"),
        (launching.template_secrets, {"versions": [version(secrets=["Private Key"])]}, "fail"),
        (
            launching.template_secrets,  # an old version is read as easily
            {"versions": [version(secrets=["Private Key"], live=False), version(number=2)]},
            "fail",
        ),
        (launching.template_secrets, {"versions": [version()]}, "pass"),
        (launching.template_secrets, {"versions": [version(secrets=None)]}, "unknown"),
        (launching.configuration_imdsv1, CONFIGURATION, "fail"),
        (launching.configuration_imdsv1, CONFIGURATION | {"http_tokens": "required"}, "pass"),
        (launching.configuration_imdsv1, CONFIGURATION | {"default_tokens": "required"}, "pass"),
        (launching.configuration_imdsv1, CONFIGURATION | {"image_imds_v2": True}, "pass"),
        (launching.configuration_imdsv1, CONFIGURATION | {"metadata_endpoint": "disabled"}, "pass"),
        (launching.configuration_imdsv1, CONFIGURATION | {"image_imds_v2": None}, "unknown"),
        (launching.configuration_imdsv1, CONFIGURATION | {"groups": []}, "n/a"),
        (launching.configuration_public_ip, {"groups": ["arn:g"], "public_ip": True}, "fail"),
        (launching.configuration_public_ip, {"groups": ["arn:g"], "public_ip": False}, "pass"),
        (launching.configuration_public_ip, {"groups": [], "public_ip": True}, "n/a"),
        (launching.configuration_public_ip, {"public_ip": True}, "unknown"),
        (launching.configuration_secrets, {"groups": [], "secrets": ["Private Key"]}, "fail"),
        (launching.configuration_secrets, {"secrets": []}, "pass"),
        (launching.configuration_secrets, {"secrets": None}, "unknown"),
        (launching.launch_configuration, {"launch_configuration": "web"}, "fail"),
        (launching.launch_configuration, {"launch_configuration": ""}, "pass"),
        (launching.launch_configuration, {}, "unknown"),
        (launching.elb_health_check, {"balanced": True, "health_checks": ["EC2"]}, "fail"),
        (launching.elb_health_check, {"balanced": True, "health_checks": ["EBS", "ELB"]}, "pass"),
        (launching.elb_health_check, {"balanced": True, "health_checks": ["VPC_LATTICE"]}, "pass"),
        (launching.elb_health_check, {"balanced": False, "health_checks": ["EC2"]}, "n/a"),
        (launching.elb_health_check, {"balanced": True}, "unknown"),
        (launching.single_zone, {"zones": ["us-east-1a"]}, "fail"),
        (launching.single_zone, {"zones": ["us-east-1a", "us-east-1b"]}, "pass"),
        (launching.single_zone, {}, "unknown"),
        (launching.single_type, {"by_requirements": False, "instance_types": []}, "fail"),
        (launching.single_type, {"by_requirements": False, "instance_types": ["a", "b"]}, "pass"),
        (launching.single_type, {"by_requirements": True, "instance_types": []}, "pass"),
        (launching.single_type, {"by_requirements": False}, "unknown"),
        (launching.capacity_rebalance, {"spot": True, "capacity_rebalance": False}, "fail"),
        (launching.capacity_rebalance, {"market": "spot", "capacity_rebalance": False}, "fail"),
        (launching.capacity_rebalance, {"spot": True, "capacity_rebalance": True}, "pass"),
        (
            launching.capacity_rebalance,
            {"spot": False, "market": "", "capacity_rebalance": False},
            "n/a",
        ),
        (launching.capacity_rebalance, {"spot": False, "capacity_rebalance": False}, "unknown"),
    ],
)
def test_verdict(rule: Rule, row: dict[str, Any], expected: str):
    assert verdict(rule, row) == expected


def test_who_is_ours_must_be_known_to_call_anyone_a_stranger():
    row = {"arn": ARN, "account_id": ME, "region": "us-east-1", "shared_with": [STRANGER]}
    frames: dict[Any, Any] = {Snapshots: Snapshots.frame([row])}
    found = evaluate("compute", [storage.snapshot_outsiders], frames, COVERED, SCANNED_AT)
    assert found.fails.is_empty()
    assert found.unknowns.height == 1


def test_instances_of_a_group_have_their_template_for_root_cause():
    template = f"arn:aws:ec2:us-east-1:{ME}:launch-template/lt-1"
    for starter, cause in ((template, template), ("", INSTANCE), (None, INSTANCE)):
        row = BEHIND | LAX | {"arn": INSTANCE, "launched_by": starter}
        (found,) = judge(instances.imdsv1, row).fails.to_dicts()
        assert found["root_cause"] == cause


def test_a_public_snapshot_names_its_volume():
    row = {
        "arn": f"arn:aws:ec2:us-east-1:{ME}:snapshot/snap-1",
        "volume_id": "vol-1",
        "public": True,
        "block": "unblocked",
    }
    volume = f"arn:aws:ec2:us-east-1:{ME}:volume/vol-1"
    (snapshot,) = judge(storage.snapshot_public, row).fails.to_dicts()
    (disk,) = judge(
        storage.volume_unencrypted, {"arn": volume, "encrypted": False}
    ).fails.to_dicts()
    assert snapshot["related"] == disk["related"] == [volume]


def index(*findings: tuple[Rule, dict[str, Any]], known: list[dict[str, Any]] | None = None):
    """The open findings, as correlations see them: of rows, and of other modules."""
    found = [judge(rule, row).fails for rule, row in findings]
    mine = pl.concat(found).select(Index.schema().names())
    return pl.concat([mine, Index.frame(known or [])])


def told(findings: pl.DataFrame) -> dict[str, str]:
    """By rule, the severity that a correlation raises its finding to."""
    rules = dict(findings.select("finding_id", "rule_id").iter_rows())
    contexts = pl.concat([correlate(one, findings) for one in CORRELATIONS])
    return {rules[row["finding_id"]]: row["severity"] for row in contexts.to_dicts()}


def test_a_reachable_instance_that_answers_imdsv1_is_worse_than_both():
    at = {"arn": INSTANCE, "profile": PROFILE, **LAX}
    exposed = index((exposure.exposed_services, REACHABLE | at), (instances.imdsv1, REACHABLE | at))
    assert told(exposed) == {"compute.instance.exposed_services": "critical"}
    web = index((exposure.reachable_profile, WEB | at), (instances.imdsv1, WEB | at))
    assert told(web) == {"compute.instance.imdsv1": "high"}
    other = at | {"arn": f"{INSTANCE}2"}
    apart = index((exposure.exposed_services, REACHABLE | at), (instances.imdsv1, BEHIND | other))
    assert told(apart) == {}


def test_a_reachable_instance_with_an_administrators_role():
    row = REACHABLE | {"arn": INSTANCE, "profile": PROFILE}
    role = {
        "finding_id": "f",
        "rule_id": "iam.role.workload_administrator",
        "account_id": ME,
        "resource_arn": f"arn:aws:iam::{ME}:role/web",
        "related": [PROFILE],
    }
    found = index((exposure.exposed_services, row), known=[role])
    assert told(found) == {"compute.instance.exposed_services": "critical"}
    elsewhere = index((exposure.exposed_services, row), known=[role | {"related": ["other"]}])
    assert told(elsewhere) == {}


def test_a_volume_of_which_a_public_snapshot_exists():
    volume = {"arn": f"arn:aws:ec2:us-east-1:{ME}:volume/vol-1", "encrypted": False}
    shared = {
        "arn": f"arn:aws:ec2:us-east-1:{ME}:snapshot/snap-1",
        "public": True,
        "block": "unblocked",
    }
    for volume_id, expected in (("vol-1", {"compute.volume.unencrypted": "critical"}), ("v", {})):
        found = index(
            (storage.volume_unencrypted, volume),
            (storage.snapshot_public, shared | {"volume_id": volume_id}),
        )
        assert told(found) == expected
