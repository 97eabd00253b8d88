"""Snapshots and images that nothing needs any more."""

from stratum_pipeline.kernel.rule import Rule, Severity, age_days

from ..inventory.backups import Images, Snapshots
from .common import monthly

ORPHAN_DAYS, OLD_DAYS, UNUSED_DAYS = 30, 365, 180
_UNUSED = Snapshots.image_ids.list.len() == 0
_RECYCLE = (
    "Without a Recycle Bin retention rule there is no way back; with one, restore it in time:"
)

orphaned = Rule(
    id="cost.snapshot.orphaned",
    table=Snapshots,
    when=~Snapshots.managed & ~Snapshots.copied,
    fails=~Snapshots.volume_exists & _UNUSED & (age_days(Snapshots.started) >= ORPHAN_DAYS),
    severity=Severity.LOW,
    title="Snapshot outlived its volume",
    rationale="Its volume is deleted, no image of the account is made of it, and no lifecycle"
    " policy will ever expire it.",
    remediation="Delete the snapshot, or move it to the archive tier if the data must be kept.",
    console="EC2 > Snapshots > {snapshot_id} > Actions > Delete snapshot",
    cli="aws ec2 delete-snapshot --snapshot-id {snapshot_id}",
    breaks="The last copy of that volume's data may go; whom the snapshot is shared with loses it.",
    undo=_RECYCLE + " `aws ec2 restore-snapshot-from-recycle-bin --snapshot-id {snapshot_id}`",
    criteria=(),
    monthly_usd=monthly(Snapshots.usd, Snapshots.price_source),
)

old = Rule(
    id="cost.snapshot.old",
    table=Snapshots,
    when=~Snapshots.managed & (Snapshots.copied | ~orphaned.fails),
    fails=_UNUSED & (age_days(Snapshots.started) >= OLD_DAYS),
    severity=Severity.LOW,
    title="Snapshot is over a year old",
    rationale="No image is made of it and no lifecycle policy expires it. The amount is of all its"
    " blocks: less goes where other snapshots of the volume share them.",
    remediation="Delete the snapshot, or archive it at a quarter of the price if it must be kept.",
    console="EC2 > Snapshots > {snapshot_id} > Actions > Archive snapshot, or Delete snapshot",
    cli="aws ec2 modify-snapshot-tier --snapshot-id {snapshot_id} --storage-tier archive",
    breaks="An archived snapshot takes up to 72 hours to restore, is billed for 90 days at least,"
    " and becomes a full one, which can cost more than a small increment did.",
    undo="Restore it: `aws ec2 restore-snapshot-tier --snapshot-id {snapshot_id}"
    " --permanent-restore`",
    criteria=(),
    monthly_usd=monthly(Snapshots.usd, Snapshots.price_source),
)

unused_image = Rule(
    id="cost.image.unused",
    table=Images,
    when=~Images.managed & ~Images.public,
    fails=~Images.in_use
    & (age_days(Images.created) >= UNUSED_DAYS)
    & (age_days(Images.launched) >= UNUSED_DAYS),
    severity=Severity.LOW,
    title="Image has launched nothing for half a year",
    rationale="Its snapshots are paid for as long as it is registered. No instance of the account"
    " runs it, and EC2 has seen no launch in 180 days; an image this old also lacks as many"
    " patches.",
    remediation="Deregister the image with its snapshots, once no launch template names it and"
    " no other account uses it.",
    console="EC2 > AMIs > {image_id} > Actions > Deregister AMI",
    cli="aws ec2 deregister-image --image-id {image_id} --delete-associated-snapshots",
    breaks="Launch templates and Auto Scaling groups that name it can launch no more, nor can"
    " accounts it is shared with; running instances go on.",
    undo=_RECYCLE + " `aws ec2 restore-image-from-recycle-bin --image-id {image_id}`",
    criteria=(),
    related=Images.snapshot_arns,
    monthly_usd=monthly(Images.usd, Images.price_source),
)

RULES = (orphaned, old, unused_image)
