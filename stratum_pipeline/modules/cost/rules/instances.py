"""EC2 instances that do nothing, too little, or cost more than they need to."""

from stratum_pipeline.kernel.rule import Rule, Severity, age_days

from ..inventory.instances import Instances
from .common import monthly

IDLE_CPU, IDLE_MB = 5, 5
"""AWS Compute Optimizer's own measure of an idle instance: percent at the peak, MB a day."""

LOW_CPU = 20
STOPPED_DAYS = 30

idle = Rule(
    id="cost.instance.idle",
    table=Instances,
    when=Instances.watched & ~Instances.scaled,
    fails=(Instances.cpu_peak <= IDLE_CPU) & (Instances.network_mb <= IDLE_MB),
    severity=Severity.MEDIUM,
    title="Instance is idle",
    rationale="For 14 days its processor never passed 5 percent and no day saw more than 5 MB of"
    " traffic, while every hour of it is paid for; nobody misses patches on what nobody uses.",
    remediation="Stop the instance, wait until somebody asks for it, then terminate it.",
    console="EC2 > Instances > {instance_id} > Instance state > Stop instance",
    cli="aws ec2 stop-instances --instance-ids {instance_id}",
    breaks="Stopping takes down what does run there, empties instance store volumes and gives up"
    " a public address that is no elastic IP.",
    undo="Start it again: `aws ec2 start-instances --instance-ids {instance_id}`",
    criteria=(),
    related=Instances.related_arns,
    monthly_usd=monthly(Instances.usd, Instances.price_source),
)

oversized = Rule(
    id="cost.instance.oversized",
    table=Instances,
    # Half of `large` is no longer the same machine with less of everything.
    when=Instances.watched
    & ~Instances.scaled
    & Instances.instance_type.str.contains(r"\.\d*xlarge$")
    & (Instances.successor == "")  # whose type is to be changed anyway is another finding
    & ~idle.fails,
    fails=Instances.cpu_peak <= LOW_CPU,
    severity=Severity.LOW,
    title="Instance is at least twice as large as its load",
    rationale="In 14 days its processor never passed 20 percent: half the size, at half the price,"
    " would have stayed below 40. Memory is not measured without the CloudWatch agent.",
    remediation="Check the memory in use, then change to the next smaller size of the family.",
    console="EC2 > Instances > {instance_id} > Actions > Instance settings > Change instance type",
    cli="aws ec2 modify-instance-attribute --instance-id {instance_id}"
    " --instance-type Value=SMALLER-TYPE",
    breaks="The instance must be stopped for the change, and has half the memory, network and"
    " volume bandwidth after it.",
    undo="Stop it and change the type back: `aws ec2 modify-instance-attribute"
    " --instance-id {instance_id} --instance-type Value={instance_type}`",
    criteria=(),
    monthly_usd=monthly(Instances.half_usd, Instances.price_source),
)

stopped = Rule(
    id="cost.instance.stopped",
    table=Instances,
    when=(Instances.state == "stopped") & (Instances.volume_ids.list.len() > 0),
    fails=age_days(Instances.stopped) >= STOPPED_DAYS,
    severity=Severity.LOW,
    title="Instance stopped long ago still pays for its volumes",
    rationale="It has not run for 30 days or more. Its volumes cost as much as if it did, and their"
    " contents, unpatched and unwatched, come back with it.",
    remediation="Make an image if it may be wanted, then terminate the instance and delete the"
    " volumes that remain.",
    console="EC2 > Instances > {instance_id} > Actions > Image and templates > Create image, then"
    " Instance state > Terminate instance",
    cli="aws ec2 create-image --instance-id {instance_id} --name {instance_id}-archive"
    " && aws ec2 terminate-instances --instance-ids {instance_id}",
    breaks="Terminating deletes the volumes marked to go with the instance, and gives up its"
    " private address; the image's snapshots cost about half of what the volumes did.",
    undo="Launch an instance of type {instance_type} from the image.",
    criteria=(),
    related=Instances.related_arns,
    monthly_usd=monthly(Instances.storage_usd, Instances.storage_source),
)

previous_generation = Rule(
    id="cost.instance.previous_generation",
    table=Instances,
    when=Instances.state == "running",
    fails=Instances.successor != "",
    severity=Severity.LOW,
    title="Instance is of a previous generation",
    rationale="AWS lists the family as previous generation: its successor does more for less, runs"
    " on the Nitro system, and is the one of which there is capacity.",
    remediation="Change the type to its successor, having checked that the image has the ENA and"
    " NVMe drivers that Nitro needs.",
    console="EC2 > Instances > {instance_id} > Actions > Instance settings > Change instance type"
    " > {successor}",
    cli="aws ec2 modify-instance-attribute --instance-id {instance_id}"
    " --instance-type Value={successor}",
    breaks="The instance must be stopped for the change, and does not start on Nitro without the"
    " drivers; a reservation for the old type no longer covers it.",
    undo="Stop it and change the type back: `aws ec2 modify-instance-attribute"
    " --instance-id {instance_id} --instance-type Value={instance_type}`",
    criteria=(),
    monthly_usd=monthly(Instances.successor_usd, Instances.price_source),
)

RULES = (idle, oversized, stopped, previous_generation)
