"""What must hold of a region's settings for EC2 and EBS."""

from functools import partial

from stratum_pipeline.kernel.rule import Rule, Severity

from ..inventory import RegionSettings

_region = partial(Rule, table=RegionSettings)

ebs_default_encryption = _region(
    id="compute.region.ebs_default_encryption",
    fails=~RegionSettings.ebs_encryption,
    severity=Severity.MEDIUM,
    title="New EBS volumes are not encrypted by default",
    rationale="Whoever creates a volume or copies a snapshot without thinking of encryption gets"
    " an unencrypted one, which can be shared with anyone and can't be encrypted in place.",
    remediation="Turn on EBS encryption by default in the region, with a customer managed key"
    " where snapshots are shared between accounts.",
    console="EC2 > Dashboard > Data protection and security > EBS encryption > Manage ({region})",
    cli="aws ec2 enable-ebs-encryption-by-default --region {region}",
    breaks="Existing volumes stay as they are; launches fail whose role may not use the key, or"
    " whose Auto Scaling service role lacks a grant on a customer managed key.",
    undo="`aws ec2 disable-ebs-encryption-by-default --region {region}`",
    criteria=("CC6.1", "CC6.7"),
)

snapshot_block_public_access = _region(
    id="compute.region.snapshot_block_public_access",
    fails=RegionSettings.snapshot_block == "unblocked",
    severity=Severity.MEDIUM,
    title="EBS snapshots could be made public",
    rationale="One wrong permission on any snapshot publishes a whole disk, with the data and the"
    " credentials on it; public snapshots are searched for within minutes.",
    remediation="Block public access to snapshots in the region: block-all-sharing also takes back"
    " what is public already.",
    console="EC2 > Dashboard > Data protection and security > Block public access for EBS"
    " snapshots > Manage ({region})",
    cli="aws ec2 enable-snapshot-block-public-access --region {region} --state block-all-sharing",
    breaks="Whoever restores the account's public snapshots can't any more; sharing with named"
    " accounts goes on.",
    undo="`aws ec2 disable-snapshot-block-public-access --region {region}`",
    criteria=("CC6.1", "CC6.6"),
)

image_block_public_access = _region(
    id="compute.region.image_block_public_access",
    fails=RegionSettings.image_block == "unblocked",
    severity=Severity.MEDIUM,
    title="Machine images could be made public",
    rationale="One wrong launch permission publishes an image with all that was installed and left"
    " on its disk.",
    remediation="Block public access to images in the region. Images that are public already stay"
    " so until their launch permission is reset.",
    console="EC2 > Dashboard > Data protection and security > Block public access for AMIs >"
    " Manage ({region})",
    cli="aws ec2 enable-image-block-public-access --region {region}"
    " --image-block-public-access-state block-new-sharing",
    breaks="Nobody can publish another image from the region; sharing with named accounts goes on.",
    undo="`aws ec2 disable-image-block-public-access --region {region}`",
    criteria=("CC6.1", "CC6.6"),
)

imdsv2_default = _region(
    id="compute.region.imdsv2_default",
    fails=(RegionSettings.default_tokens != "required")
    & (RegionSettings.default_endpoint != "disabled"),
    severity=Severity.MEDIUM,
    title="New instances need not use IMDSv2",
    rationale="A launch that says nothing of the metadata service, from an image that says nothing"
    " either, answers IMDSv1, whose credentials a forged request can fetch.",
    remediation="Require IMDSv2 by default in the region.",
    console="EC2 > Dashboard > Data protection and security > IMDS defaults > Manage ({region})",
    cli="aws ec2 modify-instance-metadata-defaults --region {region} --http-tokens required",
    breaks="Running instances stay as they are; on new ones, software whose SDK is too old for"
    " IMDSv2 gets no credentials.",
    undo="`aws ec2 modify-instance-metadata-defaults --region {region}"
    " --http-tokens no-preference`",
    criteria=("CC6.1",),
)

serial_console = _region(
    id="compute.region.serial_console",
    fails=RegionSettings.serial_console,
    severity=Severity.LOW,
    title="Serial console of instances can be used",
    rationale="It gives a login prompt past every security group and network control, to whoever"
    " may push a key to it and knows a password of the system.",
    remediation="Turn off access to the serial console, and turn it on only while an instance must"
    " be rescued.",
    console="EC2 > Dashboard > Data protection and security > EC2 Serial Console > Manage"
    " ({region})",
    cli="aws ec2 disable-serial-console-access --region {region}",
    breaks="An instance that can't be reached by network can't be rescued until it is on again.",
    undo="`aws ec2 enable-serial-console-access --region {region}`",
    criteria=("CC6.1", "CC6.6"),
)

RULES = (
    ebs_default_encryption,
    snapshot_block_public_access,
    image_block_public_access,
    imdsv2_default,
    serial_console,
)
