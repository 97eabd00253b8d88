"""What must hold of launch templates and configurations, and of Auto Scaling groups."""

from functools import partial

import polars as pl

from stratum_pipeline.kernel.rule import Rule, Severity
from stratum_pipeline.kernel.table import each, has, some

from ..inventory import AutoScalingGroups, LaunchConfigurations, LaunchTemplates

NEW_VERSION = (
    "aws ec2 create-launch-template-version --region {region} --launch-template-id {template_id}"
    " --source-version '$Latest' --launch-template-data "
)
OLD_VERSION = (
    "`aws ec2 modify-launch-template --region {region} --launch-template-id {template_id}"
    " --default-version <old-version>`"
)
NEW_INSTANCES_ONLY = (
    "Running instances stay as they are until they are replaced, such as by an instance refresh"
)
TO_TEMPLATE = (
    "aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name"
    " <group> --launch-template 'LaunchTemplateName=<template>,Version=$Latest'"
)
TO_CONFIGURATION = (
    "`aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name"
    " <group> --launch-configuration-name {name}`"
)
TEMPLATE = "EC2 > Launch Templates > {template_id} > Actions > Modify template (create new version)"
CONFIGURATION = "EC2 > Launch Configurations > {name} > Actions > Copy to launch template"

_template = partial(Rule, table=LaunchTemplates, console=TEMPLATE, undo=OLD_VERSION)
_configuration = partial(
    Rule, table=LaunchConfigurations, console=CONFIGURATION, cli=TO_TEMPLATE, undo=TO_CONFIGURATION
)
_group = partial(
    Rule,
    table=AutoScalingGroups,
    console="EC2 > Auto Scaling Groups > {name} > Details > Edit",
)

template_imdsv1 = _template(
    id="compute.launch_template.imdsv1",
    # `lax_versions` implies the rest: it is named for the reason where part is unknown.
    fails=some(LaunchTemplates.lax_versions, pl.element() > 0)
    & some(LaunchTemplates.versions, each("http_tokens") != "required")
    & (
        (LaunchTemplates.default_tokens != "required")
        | some(LaunchTemplates.versions, each("http_tokens") == "optional")
    ),
    severity=Severity.MEDIUM,
    title="Launch template starts instances that answer IMDSv1",
    rationale="Neither the template's default or latest version, nor the region, nor the image"
    " requires IMDSv2, so a forged request can fetch the credentials of each instance's role.",
    remediation="Require IMDSv2 in a new version, and make it the default.",
    cli=NEW_VERSION + '\'{{"MetadataOptions": {{"HttpTokens": "required"}}}}\'',
    breaks=f"{NEW_INSTANCES_ONLY}; on new ones, software whose SDK is too old for IMDSv2 gets no"
    " credentials.",
    criteria=("CC6.1",),
)

template_public_ip = _template(
    id="compute.launch_template.public_ip",
    fails=some(LaunchTemplates.versions, each("live") & each("public_ip")),
    severity=Severity.MEDIUM,
    title="Launch template gives instances public addresses",
    rationale="Each instance started from it, by a group that scales out included, stands at a"
    " public address with only its security groups before it.",
    remediation="Leave the address out in a new version, launch in private subnets behind a load"
    " balancer, and make that version the default.",
    cli=NEW_VERSION + '\'{{"NetworkInterfaces": [{{"DeviceIndex": 0, "AssociatePublicIpAddress":'
    " false}}]}}'",
    breaks=f"{NEW_INSTANCES_ONLY}; new ones can't be reached from the internet, and reach it only"
    " through a NAT gateway.",
    criteria=("CC6.6",),
)

template_secrets = _template(
    id="compute.launch_template.secrets",
    fails=some(LaunchTemplates.versions, some(each("secrets"), pl.element() != "")),
    severity=Severity.HIGH,
    title="Launch template's user data holds secrets",
    rationale="Whoever may describe launch templates reads every version's user data, old ones"
    " included, and so does every process on the instances.",
    remediation="Rotate the secret, keep it in Secrets Manager or Parameter Store, let instances"
    " fetch it by their role, and delete the versions that hold it.",
    cli="aws ec2 delete-launch-template-versions --region {region} --launch-template-id"
    " {template_id} --versions <version>",
    breaks="Groups and fleets that name a deleted version can't launch; instances set up by it"
    " must find the secret elsewhere.",
    undo="Create the version again: `aws ec2 create-launch-template-version --region {region}"
    " --launch-template-id {template_id} --launch-template-data file://data.json`; a rotated"
    " secret stays rotated.",
    criteria=("CC6.1",),
)

_used = LaunchConfigurations.groups.list.len() > 0

configuration_imdsv1 = _configuration(
    id="compute.launch_configuration.imdsv1",
    when=_used,
    fails=(LaunchConfigurations.metadata_endpoint != "disabled")
    & (
        (LaunchConfigurations.http_tokens == "optional")
        | (
            (LaunchConfigurations.http_tokens == "")
            & (
                (LaunchConfigurations.default_tokens == "optional")
                | (
                    (LaunchConfigurations.default_tokens == "")
                    & ~LaunchConfigurations.image_imds_v2
                )
            )
        )
    ),
    severity=Severity.MEDIUM,
    related=LaunchConfigurations.groups,
    title="Launch configuration starts instances that answer IMDSv1",
    rationale="Neither it, nor the region, nor the image requires IMDSv2, so a forged request can"
    " fetch the credentials of each instance's role.",
    remediation="Copy it to a launch template that requires IMDSv2, and have the group use that; a"
    " launch configuration can't be changed.",
    breaks=f"{NEW_INSTANCES_ONLY}; on new ones, software whose SDK is too old for IMDSv2 gets no"
    " credentials.",
    criteria=("CC6.1",),
)

configuration_public_ip = _configuration(
    id="compute.launch_configuration.public_ip",
    when=_used,
    fails=LaunchConfigurations.public_ip,
    severity=Severity.MEDIUM,
    related=LaunchConfigurations.groups,
    title="Launch configuration gives instances public addresses",
    rationale="Each instance that its group starts stands at a public address with only its"
    " security groups before it.",
    remediation="Copy it to a launch template without the address, in private subnets behind a"
    " load balancer, and have the group use that.",
    breaks=f"{NEW_INSTANCES_ONLY}; new ones can't be reached from the internet, and reach it only"
    " through a NAT gateway.",
    criteria=("CC6.6",),
)

configuration_secrets = _configuration(
    id="compute.launch_configuration.secrets",
    fails=some(LaunchConfigurations.secrets, pl.element() != ""),
    severity=Severity.HIGH,
    related=LaunchConfigurations.groups,
    title="Launch configuration's user data holds secrets",
    rationale="Whoever may describe launch configurations reads it, used or not, and so does every"
    " process on the instances.",
    remediation="Rotate the secret, keep it in Secrets Manager or Parameter Store, let instances"
    " fetch it by their role, move the group to a launch template and delete the configuration.",
    breaks="Instances set up by it must find the secret elsewhere; a deleted configuration can't"
    " be used again.",
    criteria=("CC6.1",),
)

launch_configuration = _group(
    id="compute.auto_scaling_group.launch_configuration",
    fails=AutoScalingGroups.launch_configuration != "",
    severity=Severity.LOW,
    title="Auto Scaling group still uses a launch configuration",
    rationale="AWS has closed launch configurations to new accounts and instance types: no new"
    " setting of EC2 comes to them, and they can't be versioned.",
    remediation="Copy the launch configuration to a launch template, and have the group use that.",
    cli="aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name"
    " {name} --launch-template 'LaunchTemplateName=<template>,Version=$Latest'",
    breaks=f"{NEW_INSTANCES_ONLY}.",
    undo="`aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name"
    " {name} --launch-configuration-name {launch_configuration}`",
    criteria=("CC8.1",),
)

elb_health_check = _group(
    id="compute.auto_scaling_group.elb_health_check",
    when=AutoScalingGroups.balanced,
    fails=~(
        has(AutoScalingGroups.health_checks, "ELB")
        | has(AutoScalingGroups.health_checks, "VPC_LATTICE")
    ),
    severity=Severity.LOW,
    title="Auto Scaling group does not ask its load balancer for health",
    rationale="An instance that runs, but no longer answers, stays in the group and is not"
    " replaced.",
    remediation="Add the load balancer's health checks to the group, with a grace period as long"
    " as an instance takes to start.",
    cli="aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name"
    " {name} --health-check-type ELB --health-check-grace-period 300",
    breaks="Instances that the load balancer finds unhealthy are terminated: all of them, one"
    " after another, where its health check is wrong.",
    undo="`aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name"
    " {name} --health-check-type EC2`",
    criteria=("A1.2",),
)

single_zone = _group(
    id="compute.auto_scaling_group.single_zone",
    fails=AutoScalingGroups.zones.list.n_unique() < 2,
    severity=Severity.MEDIUM,
    title="Auto Scaling group launches in one availability zone",
    rationale="Where that zone fails, or has no capacity, the group has nowhere to go.",
    remediation="Add subnets of other availability zones, and enable them in the load balancer.",
    cli="aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name"
    " {name} --vpc-zone-identifier <subnet-id>,<subnet-id>",
    breaks="The group evens out its zones by replacing instances; traffic between zones is billed,"
    " and volumes of the one zone can't be attached in another.",
    undo="`aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name"
    " {name} --vpc-zone-identifier <subnet-id>`",
    criteria=("A1.2",),
)

single_type = _group(
    id="compute.auto_scaling_group.single_type",
    fails=~AutoScalingGroups.by_requirements
    & (AutoScalingGroups.instance_types.list.n_unique() < 2),
    severity=Severity.LOW,
    title="Auto Scaling group can launch one instance type only",
    rationale="When AWS has no more of that type in a zone, the group can't scale or replace what"
    " failed.",
    remediation="Give it a mixed instances policy with several types, or with what a type must"
    " have.",
    cli="aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name"
    " {name} --mixed-instances-policy file://policy.json",
    breaks=f"{NEW_INSTANCES_ONLY}; new ones may have another size, price or processor.",
    undo="`aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name"
    " {name} --launch-template 'LaunchTemplateName=<template>,Version=$Latest'`",
    criteria=("A1.2",),
)

capacity_rebalance = _group(
    id="compute.auto_scaling_group.capacity_rebalance",
    when=AutoScalingGroups.spot | (AutoScalingGroups.market == "spot"),
    fails=~AutoScalingGroups.capacity_rebalance,
    severity=Severity.LOW,
    title="Auto Scaling group waits until its Spot Instances are taken",
    rationale="It replaces them only after they are gone, so capacity is short in between.",
    remediation="Turn on Capacity Rebalancing, with several instance types and zones to choose"
    " from.",
    cli="aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name"
    " {name} --capacity-rebalance",
    breaks="Instances at risk are replaced earlier, and old and new ones run, and are billed, side"
    " by side for a while.",
    undo="`aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name"
    " {name} --no-capacity-rebalance`",
    criteria=("A1.2",),
)

RULES = (
    template_imdsv1,
    template_public_ip,
    template_secrets,
    configuration_imdsv1,
    configuration_public_ip,
    configuration_secrets,
    launch_configuration,
    elb_health_check,
    single_zone,
    single_type,
    capacity_rebalance,
)
