"""What must hold of an instance itself."""

from functools import partial

import polars as pl

from stratum_pipeline.kernel.rule import SCANNED_AT, Rule, Severity, age_days, never
from stratum_pipeline.kernel.table import each, some

from ..inventory import Instances
from .exposure import HAS_PROFILE, REACHED, RUNS

MAX_DAYS_UP = 180

_instance = partial(Rule, table=Instances)
_source = (
    pl.when(Instances.launched_by.fill_null("") != "")
    .then(Instances.launched_by)
    .otherwise(pl.col("arn"))
)

imdsv1 = _instance(
    id="compute.instance.imdsv1",
    fails=(Instances.metadata_endpoint == "enabled") & (Instances.http_tokens != "required"),
    severity=Severity.MEDIUM,
    exposed=REACHED,
    # Its successors come out the same until that is changed.
    root_cause=_source,
    related=pl.concat_list(pl.when(HAS_PROFILE).then(Instances.profile)),
    title="Instance answers IMDSv1",
    rationale="Version 1 of the metadata service hands the role's credentials and the user data to"
    " any plain GET, such as one that a server-side request forgery makes the instance send.",
    remediation="Require IMDSv2, once the metric MetadataNoToken shows that nothing uses version 1;"
    " where an Auto Scaling group starts the instances, in its launch template.",
    console="EC2 > Instances > {instance_id} > Actions > Instance settings > Modify instance"
    " metadata options > IMDSv2: Required",
    cli="aws ec2 modify-instance-metadata-options --region {region} --instance-id {instance_id}"
    " --http-tokens required --http-endpoint enabled",
    breaks="Software whose SDK is too old for IMDSv2 gets no more credentials, and containers none"
    " while the hop limit is 1.",
    undo="`aws ec2 modify-instance-metadata-options --region {region} --instance-id {instance_id}"
    " --http-tokens optional`",
    criteria=("CC6.1",),
)

user_data_secrets = _instance(
    id="compute.instance.user_data_secrets",
    fails=some(Instances.user_data_secrets, pl.element() != ""),
    severity=Severity.HIGH,
    exposed=REACHED,
    title="Instance's user data holds secrets",
    rationale="Every process on the instance, and everyone who may describe it, reads the user"
    " data in plain text.",
    remediation="Rotate the secret, keep it in Secrets Manager or Parameter Store, and let the"
    " instance fetch it by its role.",
    console="EC2 > Instances > {instance_id} > Actions > Instance settings > Edit user data",
    cli="aws ec2 modify-instance-attribute --region {region} --instance-id {instance_id}"
    " --user-data Value=file://user-data.txt",
    breaks="User data can be changed only while the instance is stopped; what was set up by it"
    " must find the secret elsewhere.",
    undo="Write the old user data back with the same command; a rotated secret stays rotated.",
    criteria=("CC6.1",),
)

no_profile = _instance(
    id="compute.instance.no_profile",
    when=RUNS,
    fails=~HAS_PROFILE,
    severity=Severity.LOW,
    title="Instance has no role",
    rationale="Software on it that calls AWS can do so only with long-lived keys, kept on its disk"
    " and rotated by nobody.",
    remediation="Attach an instance profile with the permissions it needs, if it calls AWS at all;"
    " then look for keys on it and delete them.",
    console="EC2 > Instances > {instance_id} > Actions > Security > Modify IAM role",
    cli="aws ec2 associate-iam-instance-profile --region {region} --instance-id {instance_id}"
    " --iam-instance-profile Name=<profile>",
    breaks="Nothing stops; software on the instance that finds the role first may use it in place"
    " of the keys it had.",
    undo="`aws ec2 disassociate-iam-instance-profile --region {region} --association-id"
    " <association-id>`",
    criteria=("CC6.1",),
)

uptime = _instance(
    id="compute.instance.uptime",
    when=RUNS,
    fails=age_days(Instances.launched_at) > MAX_DAYS_UP,
    severity=Severity.LOW,
    title=f"Instance has run for more than {MAX_DAYS_UP} days",
    rationale="Patches of the kernel and of long-running libraries take effect only at a restart,"
    " and a host that is never replaced drifts from what its configuration says.",
    remediation="Replace it from a current image, or patch and restart it.",
    console="EC2 > Instances > {instance_id} > Instance state > Reboot instance",
    cli="aws ec2 stop-instances --region {region} --instance-ids {instance_id}\n"
    "aws ec2 start-instances --region {region} --instance-ids {instance_id}",
    breaks="It is down while it restarts; a public address that is not elastic changes, and"
    " instance store volumes lose their data.",
    undo="A restart can't be taken back; start from the newest snapshot if it doesn't come up.",
    criteria=("CC7.1",),
)

paravirtual = _instance(
    id="compute.instance.paravirtual",
    fails=Instances.virtualization == "paravirtual",
    severity=Severity.LOW,
    title="Instance is paravirtual",
    rationale="Only old instance types run paravirtual images: without the isolation and the"
    " hardware of the Nitro System, and without images that are still maintained.",
    remediation="Rebuild it from a current HVM image on a current instance type.",
    console="EC2 > Instances > Launch instances, in place of {instance_id}",
    cli="aws ec2 create-image --region {region} --instance-id {instance_id} --name <name>",
    breaks="Another instance takes its place: addresses, instance store data and what names its id"
    " change.",
    undo="Keep the old instance stopped until the new one has proved itself, then start it again"
    " if need be.",
    criteria=("CC7.1",),
)

outdated_image = _instance(
    id="compute.instance.outdated_image",
    fails=~Instances.image_exists
    | (~never(Instances.image_deprecated_at) & (Instances.image_deprecated_at < SCANNED_AT)),
    severity=Severity.LOW,
    title="Instance runs from an image that is deprecated or gone",
    rationale="Whoever made the image no longer keeps it up, so what it brought is old, and the"
    " instance can't be started anew from it.",
    remediation="Rebuild the instance from a current image; look up Amazon's in its public"
    " parameters.",
    console="EC2 > Instances > {instance_id} > Details > AMI ID {image_id}",
    cli="aws ec2 describe-images --region {region} --image-ids {image_id} --include-deprecated",
    breaks="Another instance takes its place: addresses, instance store data and what names its id"
    " change.",
    undo="Keep the old instance stopped until the new one has proved itself, then start it again"
    " if need be.",
    criteria=("CC7.1",),
)

foreign_image = _instance(
    id="compute.instance.foreign_image",
    fails=some(Instances.image_outsiders, pl.element() != ""),
    severity=Severity.MEDIUM,
    title="Instance runs from a stranger's image",
    rationale="The image belongs to an account that is neither of the organization nor Amazon nor"
    " a seller of the AWS Marketplace. Anyone can publish an image under a name that looks"
    " official, with whatever code in it.",
    remediation="Find out who owns the image; rebuild from one that Amazon, the Marketplace or the"
    " organization provides, and allow only such owners with Allowed AMIs.",
    console="EC2 > Instances > {instance_id} > Details > AMI ID {image_id}",
    cli="aws ec2 describe-images --region {region} --image-ids {image_id}",
    breaks="Another instance takes its place: addresses, instance store data and what names its id"
    " change.",
    undo="Keep the old instance stopped until the new one has proved itself, then start it again"
    " if need be.",
    criteria=("CC6.8",),
)

detailed_monitoring = _instance(
    id="compute.instance.detailed_monitoring",
    when=RUNS,
    fails=~Instances.monitoring.is_in(["enabled", "pending"]),
    severity=Severity.LOW,
    title="Instance is measured every five minutes only",
    rationale="Alarms and Auto Scaling see what happens up to five minutes late.",
    remediation="Turn on detailed monitoring where alarms or scaling depend on the metrics.",
    console="EC2 > Instances > {instance_id} > Actions > Monitor and troubleshoot > Manage"
    " detailed monitoring",
    cli="aws ec2 monitor-instances --region {region} --instance-ids {instance_id}",
    breaks="Nothing stops; CloudWatch bills about seven metrics per instance, some 2 USD a month.",
    undo="`aws ec2 unmonitor-instances --region {region} --instance-ids {instance_id}`",
    criteria=("CC7.2",),
)

several_networks = _instance(
    id="compute.instance.several_networks",
    fails=some(Instances.interfaces, each("subnet_id") != each("subnet_id").first()),
    severity=Severity.LOW,
    title="Instance stands in several subnets",
    rationale="It can carry traffic between networks that route tables and network ACLs keep"
    " apart, which firewall appliances do on purpose and others by mistake. Several interfaces in"
    " one subnet, as container nodes have them, are no matter.",
    remediation="Leave it one subnet, unless it is an appliance that joins them.",
    console="EC2 > Network Interfaces > Instance ID: {instance_id} > Actions > Detach",
    cli="aws ec2 detach-network-interface --region {region} --attachment-id <attachment-id>",
    breaks="What reaches the instance at the interface's addresses no longer does.",
    undo="`aws ec2 attach-network-interface --region {region} --instance-id {instance_id}"
    " --network-interface-id <interface-id> --device-index 1`",
    criteria=("CC6.6",),
)

enclave_host_stopped = _instance(
    id="compute.instance.enclave_host_stopped",
    when=Instances.enclaves,
    fails=Instances.state == "stopped",
    severity=Severity.LOW,
    title="Host of Nitro Enclaves is stopped",
    rationale="Its enclaves ended with it, so whoever depends on them finds none.",
    remediation="Start the instance and its enclaves, or terminate it if they are no longer used.",
    console="EC2 > Instances > {instance_id} > Instance state > Start instance",
    cli="aws ec2 start-instances --region {region} --instance-ids {instance_id}",
    breaks="Nothing stops; the instance is billed again, and enclaves must be started in it.",
    undo="`aws ec2 stop-instances --region {region} --instance-ids {instance_id}`",
    criteria=("A1.1",),
)

RULES = (
    imdsv1,
    user_data_secrets,
    no_profile,
    uptime,
    paravirtual,
    outdated_image,
    foreign_image,
    detailed_monitoring,
    several_networks,
    enclave_host_stopped,
)
