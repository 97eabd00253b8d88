"""Compute end to end against moto: what AWS refuses comes out unknown, with the reason."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import boto3
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from stratum_pipeline.kernel.collect import Account
from stratum_pipeline.modules.compute import MODULE
from stratum_pipeline.modules.compute.inventory import (
    Images,
    Instances,
    LaunchTemplates,
    RegionSettings,
    Snapshots,
    Volumes,
)
from stratum_pipeline.modules.compute.user_data import LIMIT, user_data_secrets

from ..parity import STRANGER
from .conftest import ME, OTHER, REGION, Edit
from .estate import (
    IMAGE,
    READY,
    again,
    calls,
    disk,
    failing,
    judged,
    launch,
    open_group,
    profile,
    public_subnet,
    scan,
    share,
    snapshot,
    unknown,
)

Refuse = Callable[..., None]
SECRET = "AKIAIOSFODNN7EXAMPLE"
SCRIPT = f"#!/bin/sh\nexport AWS_ACCESS_KEY_ID={SECRET}\n"
EMPTY = {
    "GetEbsEncryptionByDefault": 1,
    "GetSnapshotBlockPublicAccessState": 1,
    "GetImageBlockPublicAccessState": 1,
    "GetInstanceMetadataDefaults": 1,
    "GetSerialConsoleAccessStatus": 1,
    "DescribeInstances": 1,
    "DescribeVolumes": 1,
    "DescribeSnapshots": 1,
    "DescribeImages": 1,
    "DescribeLaunchTemplates": 1,
    "DescribeLaunchConfigurations": 1,
    "DescribeAutoScalingGroups": 1,
}
SIZE: dict[str, Any] = {"MinSize": 0, "MaxSize": 2, "DesiredCapacity": 0}


@pytest.fixture
def estate(ec2: Any, scaling: Any) -> dict[str, str]:
    """Something of each kind; what is wrong with it is asserted below."""
    subnet = public_subnet(ec2)
    group = open_group(ec2, subnet)
    names = {
        "open": launch(
            ec2, subnet, group, public=True, IamInstanceProfile=profile(), UserData=SCRIPT
        ),
        "hidden": launch(ec2, subnet, group, **READY),
    }
    volume = disk(ec2)
    names |= {"volume": volume, "snapshot": snapshot(ec2, volume)}
    ec2.attach_volume(VolumeId=volume, InstanceId=names["hidden"], Device="/dev/sdf")
    share(ec2, names["snapshot"], UserIds=[STRANGER])
    share(ec2, names["snapshot"], GroupNames=["all"])
    names["image"] = ec2.create_image(InstanceId=names["hidden"], Name="golden")["ImageId"]
    for whom in ({"Group": "all"}, {"UserId": STRANGER}):
        ec2.modify_image_attribute(ImageId=names["image"], LaunchPermission={"Add": [whom]})
    data = {"ImageId": IMAGE, "UserData": base64.b64encode(SCRIPT.encode()).decode()}
    names["template"] = ec2.create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData=data
    )["LaunchTemplate"]["LaunchTemplateId"]
    scaling.create_launch_configuration(
        LaunchConfigurationName="old",
        ImageId=IMAGE,
        InstanceType="t3.micro",
        UserData=SCRIPT,
        AssociatePublicIpAddress=True,
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="old",
        LaunchConfigurationName="old",
        AvailabilityZones=[f"{REGION}a"],
        **SIZE,
    )
    return names


def test_facts_become_verdicts(account: Account, estate: dict[str, str]):
    found = judged(account, REGION, OTHER)
    instances = {(r, i) for r, i in failing(found) if i in (estate["open"], estate["hidden"])}
    both = ("instance.imdsv1", "instance.user_data_secrets", "instance.exposed_services")
    every = ("instance.outdated_image", "instance.paravirtual", "instance.detailed_monitoring")
    assert instances == {
        *((rule, estate["open"]) for rule in (*both, *every)),
        *((rule, estate["hidden"]) for rule in ("instance.no_profile", *every)),
    }
    storage = {(r, i) for r, i in failing(found) if r.startswith(("snapshot.", "image."))}
    assert {
        ("snapshot.public", estate["snapshot"]),
        ("snapshot.outsiders", estate["snapshot"]),
        ("image.public", estate["image"]),
        ("image.outsiders", estate["image"]),
    } <= storage
    assert ("snapshot.unencrypted", estate["snapshot"]) not in storage  # its volume is the finding
    assert ("volume.unencrypted", estate["volume"]) in failing(found)
    assert {r for r, i in failing(found) if i == estate["template"]} == {
        "launch_template.imdsv1",
        "launch_template.secrets",
    }
    assert {r for r, i in failing(found) if i == "old"} == {
        "launch_configuration.imdsv1",
        "launch_configuration.public_ip",
        "launch_configuration.secrets",
        "auto_scaling_group.launch_configuration",
        "auto_scaling_group.single_zone",
        "auto_scaling_group.single_type",
    }
    regions = found.fails.filter(pl.col("rule_id") == "compute.region.imdsv2_default")["region"]
    assert set(regions) == {REGION, OTHER}
    assert found.unknowns.is_empty()
    assert found.gaps.is_empty()


def test_an_empty_region_costs_a_call_for_each_setting_and_listing(account: Account):
    scan(account)
    assert calls(account) == EMPTY


def test_calls_of_an_estate(account: Account, ec2: Any):
    """A call per instance, for its user data; a call per snapshot or image that can be shared."""
    subnet = public_subnet(ec2)
    group = open_group(ec2, subnet)
    for _ in range(3):
        launch(ec2, subnet, group, public=True)
    boto3.client("kms", region_name=REGION).describe_key(KeyId="alias/aws/ebs")  # makes it
    for volume in (disk(ec2), disk(ec2, Encrypted=True)):
        for _ in range(2):
            snapshot(ec2, volume)
    key = ec2.describe_volumes(Filters=[{"Name": "encrypted", "Values": ["true"]}])["Volumes"]
    kept = scan(account)[Snapshots]
    assert kept.height == 4
    assert key[0]["KmsKeyId"]
    assert calls(account) == EMPTY | {
        "DescribeInstanceAttribute": 3,
        "DescribeImages": 2,  # own, and those in use
        "DescribeSubnets": 1,
        "DescribeRouteTables": 1,
        "DescribeSecurityGroups": 1,
        "DescribeSnapshots": 2,  # own, and those that are public
        "DescribeKey": 1,
        "DescribeSnapshotAttribute": 4,  # moto's snapshots don't name their key
    }


def test_a_snapshot_under_the_managed_key_is_shared_with_nobody(
    account: Account, ec2: Any, edit: dict[str, Edit]
):
    managed = boto3.client("kms", region_name=REGION).describe_key(KeyId="alias/aws/ebs")
    arn = managed["KeyMetadata"]["Arn"]
    volume = disk(ec2, Encrypted=True)
    theirs, own = snapshot(ec2, volume), snapshot(ec2, volume)
    keys = {theirs: arn, own: f"arn:aws:kms:{REGION}:{ME}:key/customer-managed"}
    edit["DescribeSnapshots"] = lambda one: one.update(KmsKeyId=keys[one["SnapshotId"]])
    scan(account)
    assert calls(account)["DescribeSnapshotAttribute"] == 1


def test_who_may_not_ask_for_the_managed_key_asks_for_each_snapshot(
    account: Account, ec2: Any, refuse: Refuse
):
    snapshot(ec2, disk(ec2, Encrypted=True))
    refuse("DescribeKey", "AccessDeniedException")
    found = judged(account)
    assert calls(account)["DescribeSnapshotAttribute"] == 1
    assert "snapshot.outsiders" not in unknown(found)


@pytest.mark.parametrize(
    ("operation", "tables"),
    [
        ("DescribeVolumes", {Volumes}),
        ("DescribeSnapshots", {Snapshots}),
        ("DescribeInstances", {Instances}),
        ("DescribeLaunchTemplates", {LaunchTemplates}),
    ],
)
def test_all_pages_are_read(
    account: Account, ec2: Any, small_pages: int, operation: str, tables: set[Any]
):
    for number in range(small_pages + 2):
        launch(ec2)
        snapshot(ec2, disk(ec2))
        ec2.create_launch_template(
            LaunchTemplateName=f"t{number}", LaunchTemplateData={"ImageId": IMAGE}
        )
    inventory = scan(account)
    for table in tables:
        assert inventory[table].height > small_pages
    assert calls(account)[operation] >= 2


REFUSALS = {
    "GetEbsEncryptionByDefault": {"region.ebs_default_encryption"},
    "GetSnapshotBlockPublicAccessState": {
        "region.snapshot_block_public_access",
        "snapshot.public",
    },
    "GetImageBlockPublicAccessState": {"region.image_block_public_access"},
    "GetInstanceMetadataDefaults": {
        "region.imdsv2_default",
        "launch_template.imdsv1",
        "launch_configuration.imdsv1",
    },
    "GetSerialConsoleAccessStatus": {"region.serial_console"},
    "DescribeInstanceAttribute": {"instance.user_data_secrets"},
    "DescribeSubnets": {"instance.exposed_services", "instance.reachable_profile"},
    "DescribeRouteTables": {"instance.exposed_services", "instance.reachable_profile"},
    "DescribeSecurityGroups": {"instance.exposed_services", "instance.reachable_profile"},
    "DescribeSnapshotAttribute": {"snapshot.outsiders"},
    "DescribeImageAttribute": {"image.outsiders"},
    "DescribeLaunchTemplateVersions": {
        "launch_template.imdsv1",
        "launch_template.public_ip",
        "launch_template.secrets",
    },
    # Listings: rows of others hang on them.
    "DescribeVolumes": {"snapshot.unencrypted"},
    "DescribeSnapshots": {"volume.no_snapshot", "volume.stale_snapshot"},
    "DescribeAutoScalingGroups": {
        "launch_configuration.imdsv1",
        "launch_configuration.public_ip",
    },
    "DescribeImages": {
        "instance.outdated_image",
        "instance.foreign_image",
        "launch_template.imdsv1",
        "launch_configuration.imdsv1",
    },
    "DescribeInstances": set[str](),
    "DescribeLaunchTemplates": set[str](),
    "DescribeLaunchConfigurations": set[str](),
}


def test_every_operation_is_refused_below():
    names = {operation.partition(":")[2] for operation in MODULE.operations}
    elsewhere = {"DescribeRegions", "DescribeKey", "GetManagedPrefixListEntries"}
    assert names - elsewhere == REFUSALS.keys()


@pytest.mark.parametrize("operation", REFUSALS)
@pytest.mark.parametrize(
    ("code", "outcome"),
    [("UnauthorizedOperation", "denied"), ("RequestLimitExceeded", "throttled")],
)
def test_what_is_refused_is_unknown_and_the_rest_stays(
    account: Account,
    estate: dict[str, str],
    refuse: Refuse,
    operation: str,
    code: str,
    outcome: str,
):
    everything = judged(again(account))
    refuse(operation, code)
    found = judged(account)
    assert unknown(found).keys() >= REFUSALS[operation]
    (gap,) = {(g["operation"].partition(":")[2], g["outcome"]) for g in found.gaps.to_dicts()}
    assert gap == (operation, outcome)
    for rule in REFUSALS[operation]:
        assert {operation in why for why in unknown(found)[rule]} == {True}
    # Nothing fails that did not, and nothing is called good that was bad.
    assert failing(found) <= failing(everything)
    lost = failing(everything) - failing(found)
    rules = {rule for rule, _ in lost}
    unlisted = found.gaps.filter(pl.col("unlisted"))["rules"].explode(empty_as_null=True)
    blind = {rule.removeprefix("compute.") for rule in unlisted.drop_nulls()}
    assert rules <= unknown(found).keys() | blind


def test_a_refusal_in_one_region_leaves_the_other(account: Account, ec2: Any, refuse: Refuse):
    disk(ec2)
    boto3.client("ec2", region_name=OTHER).create_volume(AvailabilityZone=f"{OTHER}a", Size=1)
    refuse("DescribeVolumes", "UnauthorizedOperation", lambda region, _: region == OTHER)
    found = judged(account, REGION, OTHER)
    assert found.fails.filter(pl.col("rule_id") == "compute.volume.unencrypted").height == 1
    observed = found.observed.filter(pl.col("rule_id") == "compute.volume.unencrypted")
    assert observed["region"].to_list() == [REGION]


def test_a_prefix_list_that_may_not_be_read_is_unknown(account: Account, ec2: Any, refuse: Refuse):
    prefix_list = ec2.create_managed_prefix_list(
        PrefixListName="all",
        AddressFamily="IPv4",
        MaxEntries=5,
        Entries=[{"Cidr": "0.0.0.0/0"}],
    )["PrefixList"]["PrefixListId"]
    subnet = public_subnet(ec2)
    group = open_group(ec2, subnet, PrefixListIds=[{"PrefixListId": prefix_list}])
    instance = launch(ec2, subnet, group, public=True)
    assert ("instance.exposed_services", instance) in failing(judged(again(account)))
    refuse("GetManagedPrefixListEntries", "UnauthorizedOperation")
    found = judged(account)
    assert ("instance.exposed_services", instance) not in failing(found)
    why = "ec2:GetManagedPrefixListEntries denied (UnauthorizedOperation)"
    assert unknown(found)["instance.exposed_services"] == {why}


def test_the_main_route_table_counts_where_a_subnet_has_none(account: Account, ec2: Any):
    subnet = public_subnet(ec2)
    (where,) = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
    bare = ec2.create_subnet(VpcId=where["VpcId"], CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    instance = launch(ec2, bare, open_group(ec2, subnet), public=True)
    found = judged(account)  # the main table has no route to the internet
    assert ("instance.exposed_services", instance) not in failing(found)
    assert ("instance.public_address", instance) in failing(found)


def test_block_public_access_shields(account: Account, ec2: Any, edit: dict[str, Edit]):
    subnet = public_subnet(ec2)
    instance = launch(ec2, subnet, open_group(ec2, subnet), public=True)
    block = {"InternetGatewayBlockMode": "block-ingress"}
    edit["DescribeSubnets"] = lambda one: one.update(BlockPublicAccessStates=block)
    assert ("instance.exposed_services", instance) not in failing(judged(account))


def test_images_in_use(account: Account, ec2: Any, edit: dict[str, Edit]):
    ids = [
        ec2.register_image(Name=name)["ImageId"] for name in ("amazons", "strangers", "old", "new")
    ]
    told: dict[str, dict[str, Any]] = {
        ids[0]: {"OwnerId": "137112412989", "ImageOwnerAlias": "amazon"},
        ids[1]: {"OwnerId": STRANGER},
        ids[2]: {"DeprecationTime": "2020-01-01T00:00:00.000Z"},
        ids[3]: {"DeprecationTime": "2099-01-01T00:00:00.000Z"},
    }
    edit["DescribeImages"] = lambda one: one.update(told[one["ImageId"]])
    amazons, strangers, old, new = (launch(ec2, ImageId=image) for image in ids)
    gone = launch(ec2)
    found = failing(judged(account))
    assert {i for rule, i in found if rule == "instance.foreign_image"} == {strangers}
    assert {i for rule, i in found if rule == "instance.outdated_image"} == {old, gone}
    assert amazons
    assert new


def test_templates_are_read_in_one_call_unless_they_have_more_versions(account: Account, ec2: Any):
    encoded = base64.b64encode(SCRIPT.encode()).decode()
    templates = [
        ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)[
            "LaunchTemplate"
        ]["LaunchTemplateId"]
        for name, data in (("few", {"ImageId": IMAGE}), ("many", {"UserData": encoded}))
    ]
    for template, count in zip(templates, (1, 2), strict=True):
        for _ in range(count):
            ec2.create_launch_template_version(
                LaunchTemplateId=template, LaunchTemplateData={"ImageId": IMAGE, **READY}
            )
    ec2.modify_launch_template(LaunchTemplateId=templates[1], DefaultVersion="2")
    found = judged(account)
    assert calls(account)["DescribeLaunchTemplateVersions"] == 2
    assert ("launch_template.secrets", templates[1]) in failing(found)  # in version 1 alone
    assert ("launch_template.imdsv1", templates[0]) in failing(found)  # its default
    assert ("launch_template.imdsv1", templates[1]) not in failing(found)


def test_instances_of_a_group_are_not_asked_for_their_templates_user_data(
    account: Account, ec2: Any, scaling: Any
):
    """Nor are volumes that go with them asked to be kept."""
    encoded = base64.b64encode(SCRIPT.encode()).decode()
    template = ec2.create_launch_template(
        LaunchTemplateName="web",
        LaunchTemplateData={"ImageId": IMAGE, "InstanceType": "t3.micro", "UserData": encoded},
    )["LaunchTemplate"]["LaunchTemplateId"]
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web",
        LaunchTemplate={"LaunchTemplateId": template, "Version": "1"},
        AvailabilityZones=[f"{REGION}a", f"{REGION}b"],
        MinSize=3,
        MaxSize=3,
    )
    found = judged(account)
    assert calls(account).get("DescribeInstanceAttribute", 0) == 0
    assert {r for r, _ in failing(found) if r.endswith("secrets")} == {"launch_template.secrets"}
    lax = found.fails.filter(pl.col("rule_id") == "compute.instance.imdsv1")
    arn = f"arn:aws:ec2:{REGION}:{ME}:launch-template/{template}"
    assert lax["root_cause"].to_list() == [arn] * 3


def test_a_groups_volumes_are_disposable(
    account: Account, ec2: Any, scaling: Any, edit: dict[str, Edit]
):
    scaling.create_launch_configuration(
        LaunchConfigurationName="web", ImageId=IMAGE, InstanceType="t3.micro"
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web",
        LaunchConfigurationName="web",
        AvailabilityZones=[f"{REGION}a"],
        MinSize=1,
        MaxSize=1,
    )
    pet = launch(ec2)

    def goes(volume: dict[str, Any]) -> None:
        for attachment in volume["Attachments"]:
            attachment["DeleteOnTermination"] = True

    edit["DescribeVolumes"] = goes
    volumes = scan(account)[Volumes].to_dicts()
    assert {tuple(v["instances"]) == (pet,): v["disposable"] for v in volumes} == {
        True: False,
        False: True,
    }


def test_snapshots_date_their_volumes(account: Account, ec2: Any, edit: dict[str, Edit]):
    bare, by_hand, by_policy, by_backup = (disk(ec2) for _ in range(4))
    tags = {
        snapshot(ec2, volume): tag
        for volume, tag in (
            (by_hand, "Name"),
            (by_policy, "aws:dlm:lifecycle-policy-id"),
            (by_backup, "aws:backup:source-resource"),
        )
    }
    unfinished = snapshot(ec2, bare)

    def change(one: dict[str, Any]) -> None:
        one["Tags"] = [{"Key": tags.get(one["SnapshotId"], ""), "Value": "x"}]
        one["State"] = "pending" if one["SnapshotId"] == unfinished else "completed"

    edit["DescribeSnapshots"] = change
    rows = {row["volume_id"]: row for row in scan(account)[Volumes].to_dicts()}
    found = {volume: row["newest_snapshot_at"].year > 1970 for volume, row in rows.items()}
    assert found == {bare: False, by_hand: True, by_policy: True, by_backup: True}
    scheduled = {volume: row["newest_scheduled_at"].year > 1970 for volume, row in rows.items()}
    assert scheduled == {bare: False, by_hand: False, by_policy: True, by_backup: True}


def test_settings_as_stored(account: Account, ec2: Any):
    ec2.enable_ebs_encryption_by_default()
    (row,) = scan(account)[RegionSettings].to_dicts()
    assert row["arn"] == f"arn:aws:ec2:{REGION}:{ME}:setting/defaults"
    assert row["ebs_encryption"] is True
    assert (row["snapshot_block"], row["image_block"]) == ("unblocked", "unblocked")
    assert (row["default_tokens"], row["default_endpoint"]) == ("", "")


def test_shares_with_the_organization_are_kept_whole(account: Account, ec2: Any):
    image = ec2.create_image(InstanceId=launch(ec2), Name="golden")["ImageId"]
    arn = "arn:aws:organizations::111122223333:organization/o-exampleorgid"
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"OrganizationArn": arn}]})
    assert scan(account)[Images]["shared_with"].to_list() == [[arn]]


def test_an_unchanged_estate_gives_equal_frames(account: Account, estate: dict[str, str]):
    first, second = scan(account), scan(again(account))
    for table, rows in first.items():
        assert_frame_equal(rows, second[table])


MIME = (
    "MIME-Version: 1.0\n"
    'Content-Type: multipart/mixed; boundary="B"\n\n'
    "--B\nContent-Type: text/x-shellscript\nContent-Transfer-Encoding: base64\n\n"
    f"{base64.b64encode(SCRIPT.encode()).decode()}\n--B--\n"
)


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        ("", []),
        (encoded(b"#!/bin/sh\nyum -y update\n"), []),
        (encoded(SCRIPT.encode()), ["AWS Access Key"]),
        (encoded(gzip.compress(SCRIPT.encode(), mtime=0)), ["AWS Access Key"]),
        (encoded(MIME.encode()), ["AWS Access Key"]),
        (encoded(gzip.compress(MIME.encode(), mtime=0)), ["AWS Access Key"]),
        (SCRIPT, ["AWS Access Key"]),  # stored plain
        (encoded(b"\xff\xfe\x00"), []),
        (encoded(gzip.compress(b"#!/bin/sh\n", mtime=0)[:-4]), None),  # cut off
        (encoded(b"\x1f\x8bnonsense"), None),
        (encoded(gzip.compress(b"\n" * (LIMIT + 1), mtime=0)), None),  # more than is unpacked
        (encoded(gzip.compress(SCRIPT.encode() + b"\n" * LIMIT, mtime=0)), ["AWS Access Key"]),
    ],
)
def test_user_data(given: str, kinds: list[str] | None):
    assert user_data_secrets(given) == kinds


@pytest.mark.parametrize("code", [None, "UnauthorizedOperation"])
def test_no_secret_is_kept_anywhere(
    account: Account,
    ec2: Any,
    estate: dict[str, str],
    refuse: Refuse,
    edit: dict[str, Edit],
    caplog: pytest.LogCaptureFixture,
    code: str | None,
):
    """Planted in instances (plain, gzip, MIME parts), a template and a launch configuration."""
    caplog.set_level("DEBUG", logger="stratum_pipeline")
    for raw in (gzip.compress(SCRIPT.encode(), mtime=0), MIME.encode()):
        launch(ec2, UserData=raw)
    if code:  # what fails half-way must not quote what it had
        refuse("DescribeImages", code)

        def broken(version: dict[str, Any]) -> None:
            version["LaunchTemplateData"]["MetadataOptions"] = SCRIPT

        edit["DescribeLaunchTemplateVersions"] = broken
    inventory = scan(account)
    found = judged(again(account))
    assert "AWS Access Key" in json.dumps([f.to_dicts() for f in inventory.values()], default=str)
    kept = [frame.write_json() for frame in inventory.values()]
    kept += [frame.write_json() for frame in vars(found).values()]
    kept += [account.coverage().write_json(), caplog.text]
    for text in kept:
        assert SECRET not in text
        assert encoded(SCRIPT.encode())[:40] not in text
