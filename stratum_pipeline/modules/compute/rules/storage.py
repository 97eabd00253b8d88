"""What must hold of volumes, snapshots and images."""

from functools import partial

import polars as pl

from stratum_pipeline.kernel.rule import ALWAYS, ITSELF, Rule, Severity, age_days, never
from stratum_pipeline.kernel.table import some

from ..inventory import Images, Snapshots, Volumes

GRACE_DAYS = 1  # a new volume's first snapshot comes with the next night's schedule
STALE_DAYS, SCHEDULE_DAYS = 7, 35  # a schedule may be monthly

_volume = partial(Rule, table=Volumes)
_snapshot = partial(Rule, table=Snapshots)
_image = partial(Rule, table=Images)
_arn = pl.concat_str(
    pl.col("arn").str.extract(r"^(arn:[^:]+:ec2:[^:]+:)"),
    pl.col("account_id"),
    pl.lit(":volume/"),
    Snapshots.volume_id,
)
_of_volume = pl.concat_list(_arn)

volume_unencrypted = _volume(
    id="compute.volume.unencrypted",
    fails=~Volumes.encrypted,
    severity=Severity.MEDIUM,
    related=pl.concat_list(ITSELF),
    title="EBS volume is not encrypted",
    rationale="Its content lies readable on the disk and in every snapshot made of it, and those"
    " can be shared with anyone: no key policy stands in the way.",
    remediation="Make a snapshot, copy it encrypted, create a volume from the copy and put it in"
    " the old one's place; then delete the old volume and its unencrypted snapshots.",
    console="EC2 > Volumes > {volume_id} > Actions > Create snapshot",
    cli="aws ec2 create-snapshot --region {region} --volume-id {volume_id}\n"
    "aws ec2 copy-snapshot --region {region} --source-region {region}"
    " --source-snapshot-id <snapshot-id> --encrypted --kms-key-id <key-id>",
    breaks="The instance is down while its volume is exchanged, and what is written after the"
    " snapshot is lost; whoever uses the new volume needs the use of the key.",
    undo="Attach the old volume again: `aws ec2 attach-volume --region {region} --volume-id"
    " {volume_id} --instance-id <instance-id> --device <device>`.",
    criteria=("CC6.1", "CC6.7"),
)

_kept = (Volumes.state == "in-use") & ~Volumes.disposable

no_snapshot = _volume(
    id="compute.volume.no_snapshot",
    when=_kept,
    fails=never(Volumes.newest_snapshot_at) & (age_days(Volumes.created_at) > GRACE_DAYS),
    severity=Severity.MEDIUM,
    title="EBS volume has no snapshot",
    rationale="Whatever is lost with the volume, by mistake, by failure or by ransomware, is lost"
    " for good. Backups within the system, or in a logically air-gapped vault, are not looked at.",
    remediation="Put the volume under a plan of AWS Backup or a lifecycle policy of EBS; make a"
    " snapshot now.",
    console="EC2 > Volumes > {volume_id} > Actions > Create snapshot lifecycle policy",
    cli="aws ec2 create-snapshot --region {region} --volume-id {volume_id}",
    breaks="Nothing stops; snapshots are billed by the data that changed.",
    undo="`aws ec2 delete-snapshot --region {region} --snapshot-id <snapshot-id>`",
    criteria=("A1.2", "CC7.5"),
)

stale_snapshot = _volume(
    id="compute.volume.stale_snapshot",
    when=_kept & ~never(Volumes.newest_snapshot_at),
    # Only what a schedule made promises that more will come.
    fails=(age_days(Volumes.newest_snapshot_at) > STALE_DAYS)
    & (
        never(Volumes.newest_scheduled_at) | (age_days(Volumes.newest_scheduled_at) > SCHEDULE_DAYS)
    ),
    severity=Severity.MEDIUM,
    title="EBS volume's snapshots are old, and no schedule makes more",
    rationale=f"None is younger than {STALE_DAYS} days, and neither AWS Backup nor a lifecycle"
    f" policy has made one within {SCHEDULE_DAYS}: what changed since would be lost.",
    remediation="Put the volume under a plan of AWS Backup or a lifecycle policy of EBS.",
    console="EC2 > Lifecycle Manager > Create lifecycle policy, for {volume_id}",
    cli="aws dlm create-lifecycle-policy --region {region} --execution-role-arn <role-arn>"
    " --description <description> --state ENABLED --policy-details file://policy.json",
    breaks="Nothing stops; snapshots are billed by the data that changed.",
    undo="`aws dlm update-lifecycle-policy --region {region} --policy-id <policy-id> --state"
    " DISABLED`",
    criteria=("A1.2", "CC7.5"),
)

snapshot_public = _snapshot(
    id="compute.snapshot.public",
    fails=Snapshots.public & (Snapshots.block != "block-all-sharing"),
    severity=Severity.CRITICAL,
    exposed=ALWAYS,
    related=_of_volume,
    title="EBS snapshot is public",
    rationale="Anyone with an AWS account can make a volume of it and read the whole disk, deleted"
    " files and credentials included; there are scanners for such snapshots.",
    remediation="Make it private, block public access to snapshots in the region, and treat its"
    " content as known to strangers.",
    console="EC2 > Snapshots > {snapshot_id} > Actions > Modify permissions > Private",
    cli="aws ec2 reset-snapshot-attribute --region {region} --snapshot-id {snapshot_id}"
    " --attribute createVolumePermission",
    breaks="Whoever restores the snapshot from another account can't any more, accounts it was"
    " shared with by name included.",
    undo="`aws ec2 modify-snapshot-attribute --region {region} --snapshot-id {snapshot_id}"
    " --attribute createVolumePermission --operation-type add --user-ids <account-id>` shares it"
    " with one account again.",
    criteria=("CC6.1", "CC6.6"),
)

snapshot_outsiders = _snapshot(
    id="compute.snapshot.outsiders",
    fails=some(Snapshots.outsiders, pl.element() != ""),
    severity=Severity.HIGH,
    related=_of_volume,
    title="EBS snapshot is shared outside the organization",
    rationale="The other account can copy the whole disk to its own, where nothing done here takes"
    " it back.",
    remediation="Confirm that the account is meant to have the data; otherwise take its permission"
    " away.",
    console="EC2 > Snapshots > {snapshot_id} > Actions > Modify permissions",
    cli="aws ec2 modify-snapshot-attribute --region {region} --snapshot-id {snapshot_id}"
    " --attribute createVolumePermission --operation-type remove --user-ids <account-id>",
    breaks="The other account can't restore or copy the snapshot any more; copies it has stay.",
    undo="`aws ec2 modify-snapshot-attribute --region {region} --snapshot-id {snapshot_id}"
    " --attribute createVolumePermission --operation-type add --user-ids <account-id>`",
    criteria=("CC6.1", "CC6.3"),
)

snapshot_unencrypted = _snapshot(
    id="compute.snapshot.unencrypted",
    # Otherwise the volume is the finding: its snapshots follow once it is replaced.
    when=~Snapshots.volume_unencrypted,
    fails=~Snapshots.encrypted,
    severity=Severity.MEDIUM,
    title="EBS snapshot is not encrypted",
    rationale="No key policy stands between its content and whoever may share, copy or restore it.",
    remediation="Copy it encrypted, check the copy, and delete the original.",
    console="EC2 > Snapshots > {snapshot_id} > Actions > Copy snapshot > Encrypt this snapshot",
    cli="aws ec2 copy-snapshot --region {region} --source-region {region} --source-snapshot-id"
    " {snapshot_id} --encrypted --kms-key-id <key-id>",
    breaks="The copy has another id, which images, templates and scripts may name; it is billed in"
    " full beside the original until that is deleted.",
    undo="Delete the copy: `aws ec2 delete-snapshot --region {region} --snapshot-id <copy-id>`. A"
    " deleted original is back only if the Recycle Bin keeps it.",
    criteria=("CC6.1", "CC6.7"),
)

image_public = _image(
    id="compute.image.public",
    fails=Images.public,
    severity=Severity.CRITICAL,
    exposed=ALWAYS,
    title="Machine image is public",
    rationale="Anyone with an AWS account can launch it and read all that was left on its disk:"
    " code, keys, histories.",
    remediation="Make it private, block public access to images in the region, and replace every"
    " credential that was on it.",
    console="EC2 > AMIs > {image_id} > Actions > Edit AMI permissions > Private",
    cli="aws ec2 modify-image-attribute --region {region} --image-id {image_id}"
    " --launch-permission 'Remove=[{{Group=all}}]'",
    breaks="Whoever launches the image from another account can't any more, unless it is shared"
    " with that account.",
    undo="`aws ec2 modify-image-attribute --region {region} --image-id {image_id}"
    " --launch-permission 'Add=[{{UserId=<account-id>}}]'` shares it with one account again.",
    criteria=("CC6.1", "CC6.6"),
)

image_outsiders = _image(
    id="compute.image.outsiders",
    fails=some(Images.outsiders, pl.element() != ""),
    severity=Severity.HIGH,
    title="Machine image is shared outside the organization",
    rationale="The other account can launch the image, and read or copy all that is on its disk.",
    remediation="Confirm that the account is meant to have it; otherwise take its permission away.",
    console="EC2 > AMIs > {image_id} > Actions > Edit AMI permissions",
    cli="aws ec2 modify-image-attribute --region {region} --image-id {image_id}"
    " --launch-permission 'Remove=[{{UserId=<account-id>}}]'",
    breaks="The other account can't launch the image any more; its running instances and its"
    " copies stay.",
    undo="`aws ec2 modify-image-attribute --region {region} --image-id {image_id}"
    " --launch-permission 'Add=[{{UserId=<account-id>}}]'`",
    criteria=("CC6.1", "CC6.3"),
)

RULES = (
    volume_unencrypted,
    no_snapshot,
    stale_snapshot,
    snapshot_public,
    snapshot_outsiders,
    snapshot_unencrypted,
    image_public,
    image_outsiders,
)
