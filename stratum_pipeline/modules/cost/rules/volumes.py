"""EBS volumes that nobody uses, or that do the same for less as another type."""

from stratum_pipeline.kernel.rule import Rule, Severity, age_days

from ..inventory.volumes import Volumes
from .common import monthly

UNATTACHED_DAYS = 7
GP3_IOPS = 16_000
"""What a gp3 volume can do in every region and of every size that an io1 volume had."""

BUSY_SHARE = 0.2
_IN_USE = Volumes.state == "in-use"
_CHANGE = "EC2 > Volumes > {volume_id} > Actions > Modify volume"
_SLOW = (
    "Nothing is interrupted, but the volume may be slower until the change is through, and cannot"
    " be changed again for six hours"
)

unattached = Rule(
    id="cost.volume.unattached",
    table=Volumes,
    fails=(Volumes.state == "available") & (age_days(Volumes.created) >= UNATTACHED_DAYS),
    severity=Severity.LOW,
    title="Volume is attached to nothing",
    rationale="It is paid for in full, and holds data that no instance serves and nobody watches.",
    remediation="Take a snapshot if the data may be wanted, then delete the volume.",
    console="EC2 > Volumes > {volume_id} > Actions > Create snapshot, then Delete volume",
    cli="aws ec2 create-snapshot --volume-id {volume_id} --description archive-of-{volume_id}"
    " && aws ec2 delete-volume --volume-id {volume_id}",
    breaks="What expects to attach the volume by its id fails; a volume deleted before its snapshot"
    " completes is not hurt, one deleted without is gone.",
    undo="Make a volume of the snapshot: `aws ec2 create-volume --snapshot-id SNAPSHOT-ID"
    " --availability-zone ZONE --volume-type gp3`",
    criteria=(),
    monthly_usd=monthly(Volumes.usd, Volumes.price_source),
)

gp2 = Rule(
    id="cost.volume.gp2",
    table=Volumes,
    when=_IN_USE,
    fails=Volumes.volume_type == "gp2",
    severity=Severity.LOW,
    title="Volume is of the older type gp2",
    rationale="gp3 costs a fifth less per GB, and has 3,000 IOPS and 125 MiB/s at any size, where"
    " gp2 pays for speed with size. The amount allows for as much speed as gp2 has.",
    remediation="Change the type to gp3, with IOPS and throughput above its base where the volume"
    " is larger than 1,000 GiB.",
    console=_CHANGE + " > gp3",
    cli="aws ec2 modify-volume --volume-id {volume_id} --volume-type gp3",
    breaks=_SLOW + "; one over 1,000 GiB loses IOPS unless they are provisioned.",
    undo="Change it back: `aws ec2 modify-volume --volume-id {volume_id} --volume-type gp2`",
    criteria=(),
    monthly_usd=monthly(Volumes.gp3_usd, Volumes.price_source),
)

provisioned_iops = Rule(
    id="cost.volume.provisioned_iops",
    table=Volumes,
    when=_IN_USE,
    fails=(Volumes.volume_type == "io1") & (Volumes.iops <= GP3_IOPS) & ~Volumes.multi_attach,
    severity=Severity.LOW,
    title="Volume pays io1 prices for what gp3 does",
    rationale="gp3 provides up to 16,000 IOPS, the first 3,000 free and each further one at a"
    " thirteenth of io1's price. Where io1's latency is needed, io2 costs the same and is a"
    " hundred times less likely to fail.",
    remediation="Change the type to gp3 with the same IOPS, or to io2 if latency must be constant.",
    console=_CHANGE + " > gp3 (or io2), {iops} IOPS",
    cli="aws ec2 modify-volume --volume-id {volume_id} --volume-type gp3 --iops {iops}",
    breaks=_SLOW + "; gp3 takes no fewer than 3,000 IOPS, and its latency varies more than io1's.",
    undo="Change it back: `aws ec2 modify-volume --volume-id {volume_id} --volume-type io1"
    " --iops {iops}`",
    criteria=(),
    monthly_usd=monthly(Volumes.gp3_usd, Volumes.price_source),
)

over_provisioned = Rule(
    id="cost.volume.over_provisioned",
    table=Volumes,
    when=Volumes.watched & ~provisioned_iops.fails,
    fails=(Volumes.iops_peak < BUSY_SHARE * Volumes.iops),
    severity=Severity.LOW,
    title="Volume has many more IOPS provisioned than it uses",
    rationale="In its busiest hour of 14 days it used less than a fifth of the IOPS it pays for."
    " The amount is of what lies beyond twice that hour's use.",
    remediation="Lower the provisioned IOPS to twice what the busiest hour needed, more if the load"
    " comes in bursts of minutes.",
    console=_CHANGE + " > IOPS",
    cli="aws ec2 modify-volume --volume-id {volume_id} --iops FEWER-IOPS",
    breaks=_SLOW + "; a burst above the new limit waits.",
    undo="Raise it again: `aws ec2 modify-volume --volume-id {volume_id} --iops {iops}`",
    criteria=(),
    monthly_usd=monthly(Volumes.unused_iops_usd, Volumes.price_source),
)

RULES = (unattached, gp2, provisioned_iops, over_provisioned)
