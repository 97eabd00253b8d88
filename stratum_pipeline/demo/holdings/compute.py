"""EC2: instances, volumes, images, snapshots, launch templates, auto scaling."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from moto.autoscaling.models import autoscaling_backends
from moto.ec2.models import ec2_backends

from ..accounts import DATA, HOME, IRELAND, PRODUCTION, REGIONS, SANDBOX, STAGING, SYDNEY, Account
from ..repairs.compute import OLD_IMAGE, STRANGERS_IMAGE, Held, held
from ..tools import Workshop
from ..tools.core import BORN, Json, api
from ..tools.network import IMAGE

VENDOR = "999988887777"
"""An account of nobody in the organization."""

KEY = "export AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\n"  # AWS's own example
PASSWORD = "mysql -h db.internal -u root --password='kX9w2Lq7vTz4'\n"


def furnish(at: Workshop) -> None:
    for region in REGIONS:
        settle(held(at.account.id, region))
    for region in list(ec2_backends[at.account.id]):
        keep_well(at, region)
    PLANTS.get(at.account, lambda at: None)(at)


def settle(here: Held) -> None:
    """What the platform team sets in every region."""
    here.encrypts = True
    here.snapshot_block, here.image_block = "block-all-sharing", "block-new-sharing"
    here.metadata = {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}


def keep_well(at: Workshop, region: str) -> None:
    """What others made in the region is encrypted and measured."""
    ec2: Any = ec2_backends[at.account.id][region]
    for volume in ec2.volumes.values():
        volume.encrypted, volume.kms_key_id = True, ec2._create_default_encryption_key()
    for instance in ec2.all_instances():
        instance.monitoring_state = "enabled"


def production(at: Workshop) -> None:
    names = at.names["production"]
    host = machine(
        at,
        HOME,
        "tokenizer",
        "database",
        [{"SubnetId": names["orders-private"]}],
        InstanceType="m5.2xlarge",
        IamInstanceProfile={"Name": "web"},
    )
    moto: Any = ec2_backends[at.account.id][HOME]
    moto.get_instance(host).enclave_options = {"Enabled": True}


def staging(at: Workshop) -> None:
    ec2, names = api(at.account, "ec2"), at.names["staging"]
    template = names["web-template"] = ec2.create_launch_template(
        LaunchTemplateName="web",
        LaunchTemplateData={"ImageId": IMAGE, "UserData": _encoded(PASSWORD)},
        ClientToken="web",
    )["LaunchTemplate"]["LaunchTemplateId"]
    for description, data in {"public": LAX, "internal": {}}.items():
        ec2.create_launch_template_version(
            LaunchTemplateId=template,
            VersionDescription=description,
            LaunchTemplateData={"ImageId": IMAGE, "InstanceType": "t3.micro", **data},
            ClientToken=description,
        )
    ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")
    strict = ec2.create_launch_template(
        LaunchTemplateName="api",
        LaunchTemplateData={"ImageId": IMAGE, "InstanceType": "t3.micro", **STRICT},
        ClientToken="api",
    )["LaunchTemplate"]["LaunchTemplateId"]

    scaling: Any = api(at.account, "autoscaling")
    scaling.create_launch_configuration(
        LaunchConfigurationName="workers",
        ImageId=IMAGE,
        InstanceType="t3.micro",
        UserData=KEY,
        AssociatePublicIpAddress=True,
        MetadataOptions={"HttpTokens": "optional"},
    )
    scaling.create_launch_configuration(
        LaunchConfigurationName="former-workers",  # of no group any more
        ImageId=IMAGE,
        InstanceType="t3.micro",
        **STRICT,
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="workers",
        LaunchConfigurationName="workers",
        AvailabilityZones=[f"{HOME}a"],
        **SIZE,
    )
    types = [{"InstanceType": kind} for kind in ("t3.micro", "t3a.micro")]
    (target,) = api(at.account, "elbv2").describe_target_groups()["TargetGroups"]
    well: Json = {
        "CapacityRebalance": True,
        "HealthCheckType": "ELB",
        "TargetGroupARNs": [target["TargetGroupArn"]],
    }
    for group, used, more in (("batch", template, {}), ("api", strict, well)):
        spec = {"LaunchTemplateId": used, "Version": "$Latest"}
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=group,
            MixedInstancesPolicy={
                "LaunchTemplate": {"LaunchTemplateSpecification": spec, "Overrides": types},
                "InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": 0},
            },
            AvailabilityZones=[f"{HOME}a", f"{HOME}b"],
            **SIZE,
            **more,
        )
    moto: Any = autoscaling_backends[at.account.id][HOME]
    moto.launch_configurations["workers"].arn = names["workers-configuration"] = (
        f"arn:aws:autoscaling:{HOME}:{at.account.id}:launchConfiguration:"
        "0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9:launchConfigurationName/workers"
    )
    for number, name in enumerate(("workers", "batch", "api"), 1):
        group = moto.autoscaling_groups[name]
        group._id = f"00000000-0000-4000-8000-{number:012}"  # moto draws it unseeded
        names[f"{name}-group"] = group.arn
    moto.autoscaling_groups["workers"].load_balancer_names = ["workers"]


def data(at: Workshop) -> None:
    names = at.names["data"]
    moto: Any = ec2_backends[at.account.id][IRELAND]
    outside = [{"AssociatePublicIpAddress": True, "SubnetId": names["lake-public"]}]
    host = machine(at, IRELAND, "enclave-host", "notebook", outside)
    moto.get_instance(host).enclave_options = {"Enabled": True}
    machine(at, IRELAND, "crawler", "search", outside)  # its group admits IPv6, which it has not
    inside = [{"SubnetId": names["lake-private"]}]
    spare = machine(at, IRELAND, "enclave-spare", "notebook", inside)
    moto.get_instance(spare).enclave_options = {"Enabled": True}
    ec2: Any = api(at.account, "ec2", IRELAND)
    ec2.stop_instances(InstanceIds=[spare])

    root = _root(moto, host)
    for name, account_id in (("for-vendor", VENDOR), ("for-production", PRODUCTION.id)):
        names[name] = ec2.create_snapshot(VolumeId=root, Description=name)["SnapshotId"]
        ec2.modify_snapshot_attribute(
            SnapshotId=names[name],
            Attribute="createVolumePermission",
            OperationType="add",
            UserIds=[account_id],
        )
    ours = f"arn:aws:organizations::{at.account.id}:organization/{at.organization_id}"
    image(at, IRELAND, "vendor-appliance", {"UserId": VENDOR})
    image(at, IRELAND, "golden", {"OrganizationArn": ours})


def sandbox(at: Workshop) -> None:
    """Machines nobody rebuilt, and a region that nobody set up."""
    names, account = at.names["sandbox"], at.account.id
    held(account, SYDNEY).__init__(serial_console=True)
    held(account, HOME).snapshot_block = "block-new-sharing"  # too late for what is public
    moto: Any = ec2_backends[account][HOME]
    inside = [{"SubnetId": names["lab-private"]}]
    old = machine(
        at,
        HOME,
        "old-lab",
        "anything",
        inside,
        ImageId=OLD_IMAGE,
        MetadataOptions={"HttpTokens": "optional"},
        Monitoring={"Enabled": False},
        UserData=KEY,
    )
    forgotten = moto.get_instance(old)
    forgotten.launch_time, forgotten.virtualization_type = BORN, "paravirtual"
    both = [*inside, {"SubnetId": names["lab-public"]}]
    appliance = machine(at, HOME, "appliance", "anything", both, ImageId=STRANGERS_IMAGE)
    names["appliance-root"] = _root(moto, appliance)

    ec2: Any = api(at.account, "ec2")
    disk = names["lab-data"] = ec2.create_volume(
        AvailabilityZone=f"{HOME}a", Size=20, VolumeType="gp3"
    )["VolumeId"]
    ec2.attach_volume(VolumeId=disk, InstanceId=old, Device="/dev/sdf")
    held(account, HOME).without_backup |= {names["appliance-root"], disk}
    copy = names["public-copy"] = ec2.create_snapshot(VolumeId=disk, Description="For the forum")[
        "SnapshotId"
    ]
    ec2.modify_snapshot_attribute(
        SnapshotId=copy,
        Attribute="createVolumePermission",
        OperationType="add",
        GroupNames=["all"],
    )
    public = image(at, HOME, "public-image", {"Group": "all"})
    plain = moto.amis[public].ebs_snapshot
    plain.encrypted, names["plain-snapshot"] = False, plain.id


SIZE: dict[str, Any] = {"MinSize": 0, "MaxSize": 4, "DesiredCapacity": 0}
LAX: Json = {
    "MetadataOptions": {"HttpTokens": "optional"},
    "NetworkInterfaces": [{"DeviceIndex": 0, "AssociatePublicIpAddress": True}],
}
STRICT: Json = {"MetadataOptions": {"HttpTokens": "required"}}
PLANTS: dict[Account, Callable[[Workshop], None]] = {
    PRODUCTION: production,
    STAGING: staging,
    DATA: data,
    SANDBOX: sandbox,
}


def machine(
    at: Workshop, region: str, name: str, group: str, interfaces: list[Json], **options: Any
) -> str:
    """Id of a new instance with these interfaces; well configured but for `options`."""
    ec2, names = api(at.account, "ec2", region), at.names[at.account.name]
    nics = [
        {"DeviceIndex": index, "Groups": [names[group]], "AssociatePublicIpAddress": False} | nic
        for index, nic in enumerate(interfaces)
    ]
    usual: Json = {
        "ImageId": IMAGE,
        "InstanceType": "t3.micro",
        "MetadataOptions": {"HttpTokens": "required"},
        "Monitoring": {"Enabled": True},
    }
    (made,) = ec2.run_instances(
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=nics,
        BlockDeviceMappings=[
            {"DeviceName": "/dev/sda1", "Ebs": {"Encrypted": True, "VolumeSize": 8}}
        ],
        ClientToken=name,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}],
        **usual | options,
    )["Instances"]
    names[name] = made["InstanceId"]
    return names[name]


def image(at: Workshop, region: str, name: str, shared_with: Json) -> str:
    """Id of a new image, encrypted, launched by whom it is shared with."""
    ec2, names = api(at.account, "ec2", region), at.names[at.account.name]
    names[name] = ec2.register_image(Name=name)["ImageId"]
    ec2.modify_image_attribute(ImageId=names[name], LaunchPermission={"Add": [shared_with]})
    moto: Any = ec2_backends[at.account.id][region]
    moto.amis[names[name]].ebs_snapshot.encrypted = True
    return names[name]


def _root(moto: Any, instance: str) -> str:
    (volume,) = (
        v for v in moto.volumes.values() if v.attachment and v.attachment.instance.id == instance
    )
    return volume.id


def _encoded(script: str) -> str:
    return b64encode(f"#!/bin/sh\n{script}".encode()).decode()
