"""What must hold of DynamoDB tables, and of the DAX clusters in front of them."""

from stratum_pipeline.kernel.rule import ALWAYS, Rule, Severity, age_days, never
from stratum_pipeline.kernel.table import each, some

from .derive import one_zone
from .inventory import Clusters, Tables

BACKUP_DAYS = 35
"""How old the last recovery point may be: AWS Backup's monthly plans, with some slack."""

INACCESSIBLE = ["INACCESSIBLE_ENCRYPTION_CREDENTIALS", "ARCHIVING", "ARCHIVED"]
BROKEN = [*INACCESSIBLE, "CREATION_FAILED", "REGION_DISABLED", "REPLICATION_NOT_AUTHORIZED"]

POLICY_EDITOR = "DynamoDB > Tables > {name} > Permissions > Resource-based policy"
BACKUPS = "DynamoDB > Tables > {name} > Backups"
PUT_POLICY = (
    "aws dynamodb put-resource-policy --region {region} --resource-arn {arn} --policy"
    " file://policy.json"
)
# Of a stream's policy the same, with the stream's ARN.
UNDO_POLICY = PUT_POLICY.replace("file://policy.json", "'{policy}'")
UPDATE = "aws dynamodb update-table --region {region} --table-name {name}"

public_policy = Rule(
    id="dynamodb.table.public_policy",
    table=Tables,
    fails=Tables.policy_public | Tables.stream_policy_public,
    severity=Severity.CRITICAL,
    exposed=ALWAYS,
    title="Policy of a table or its stream admits anyone",
    rationale="Whoever has an AWS account, in any organization, may do with the items what the"
    " policy allows. DynamoDB rejects most such policies when they are put.",
    remediation="Name the principals that need access, or hold everyone to your organization with"
    " a condition on aws:PrincipalOrgID.",
    console=POLICY_EDITOR,
    cli="aws dynamodb delete-resource-policy --region {region} --resource-arn {arn}",
    breaks="Callers that have no access by an identity policy of this account lose it at once.",
    undo=UNDO_POLICY,
    criteria=("CC6.1", "CC6.6"),
)

outside_organization = Rule(
    id="dynamodb.table.outside_organization",
    table=Tables,
    fails=(Tables.outsiders.list.len() > 0) | (Tables.stream_outsiders.list.len() > 0),
    severity=Severity.HIGH,
    title="Policy of a table or its stream admits accounts outside the organization",
    rationale="Another company's account reads or changes items under rules that are not yours,"
    " and stays able to when the contract has ended.",
    remediation="Remove the accounts that have no agreement to rely on; export what a partner"
    " needs to a bucket instead of opening the table.",
    console=POLICY_EDITOR,
    cli=PUT_POLICY,
    breaks="The accounts removed can no longer reach the table or its stream.",
    undo=UNDO_POLICY,
    criteria=("CC6.1", "CC6.3"),
)

confused_deputy = Rule(
    id="dynamodb.table.confused_deputy",
    table=Tables,
    fails=Tables.trusts_services | Tables.stream_trusts_services,
    severity=Severity.MEDIUM,
    title="Policy of a table or its stream trusts an AWS service whoever it acts for",
    rationale="Anyone can have the service reach the table from an account of their own: the"
    " confused deputy. A resource control policy of the organization may prevent that, and is"
    " not looked at here.",
    remediation="Add a condition on aws:SourceArn, aws:SourceAccount or aws:SourceOrgID to every"
    " statement that allows something to a service principal.",
    console=POLICY_EDITOR,
    cli=PUT_POLICY,
    breaks="A service that sends no source, or another than the one named, is refused.",
    undo=UNDO_POLICY,
    criteria=("CC6.1", "CC6.3"),
)

point_in_time_recovery = Rule(
    id="dynamodb.table.point_in_time_recovery",
    table=Tables,
    fails=~Tables.point_in_time_recovery,
    severity=Severity.MEDIUM,
    title="Table cannot be restored to a point in time",
    rationale="Items overwritten or deleted by a faulty release, or by an intruder, are gone, or"
    " as old as the last backup.",
    remediation="Enable point-in-time recovery; it keeps every change of the last 35 days.",
    console=BACKUPS + " > Point-in-time recovery > Edit",
    cli="aws dynamodb update-continuous-backups --region {region} --table-name {name}"
    " --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true",
    breaks="Nothing is interrupted; it is billed by the size of the table.",
    undo="aws dynamodb update-continuous-backups --region {region} --table-name {name}"
    " --point-in-time-recovery-specification PointInTimeRecoveryEnabled=false",
    criteria=("A1.2", "CC7.5", "PI1.5"),
)

deletion_protection = Rule(
    id="dynamodb.table.deletion_protection",
    table=Tables,
    fails=~Tables.deletion_protection,
    severity=Severity.MEDIUM,
    title="Table can be deleted by one call",
    rationale="A stack that is torn down by mistake, or an intruder, deletes the table without"
    " having to change a setting first.",
    remediation="Enable deletion protection.",
    console="DynamoDB > Tables > {name} > Additional settings > Deletion protection",
    cli=UPDATE + " --deletion-protection-enabled",
    breaks="Stacks and scripts that delete the table fail until they turn the protection off.",
    undo=UPDATE + " --no-deletion-protection-enabled",
    criteria=("A1.2", "CC7.5"),
)

backup_plan = Rule(
    id="dynamodb.table.backup_plan",
    table=Tables,
    fails=never(Tables.last_backup) | (age_days(Tables.last_backup) > BACKUP_DAYS),
    severity=Severity.LOW,
    title="Table has no recent recovery point in AWS Backup",
    rationale="Point-in-time recovery reaches back 35 days and stands and falls with the account;"
    " recovery points in a vault outlast both. Backups made on demand, without AWS Backup, are"
    " not looked at here.",
    remediation="Take the table into a backup plan, by tag or by ARN, that copies to a vault in"
    " another account.",
    console="AWS Backup > Backup plans > (plan) > Assign resources",
    cli="aws backup create-backup-selection --region {region} --backup-plan-id PLAN-ID"
    ' --backup-selection \'{{"SelectionName": "{name}", "IamRoleArn": "ROLE-ARN", "Resources":'
    ' ["{arn}"]}}\'',
    breaks="Nothing is interrupted; recovery points are billed by their size.",
    undo="aws backup delete-backup-selection --region {region} --backup-plan-id PLAN-ID"
    " --selection-id SELECTION-ID",
    criteria=("A1.2", "CC7.5"),
)

customer_key = Rule(
    id="dynamodb.table.customer_key",
    table=Tables,
    fails=Tables.key_manager != "CUSTOMER",
    severity=Severity.LOW,
    title="Table is encrypted with a key that the account does not control",
    rationale="DynamoDB encrypts all it stores. Under a key that AWS owns or manages there is no"
    " key policy to deny reading with, and no key to disable when data must become unreadable.",
    remediation="Encrypt the table with a customer managed key, first granting its readers and"
    " writers the use of that key.",
    console="DynamoDB > Tables > {name} > Additional settings > Encryption > Manage encryption",
    cli=UPDATE + " --sse-specification Enabled=true,SSEType=KMS,KMSMasterKeyId=KEY-ARN",
    breaks="Principals without the use of the key lose the table; KMS bills its requests.",
    undo=UPDATE + " --sse-specification Enabled=false",
    criteria=("CC6.1",),
)

key_inaccessible = Rule(
    id="dynamodb.table.key_inaccessible",
    table=Tables,
    fails=Tables.status.is_in(INACCESSIBLE),
    severity=Severity.HIGH,
    title="Table's encryption key cannot be used any more",
    rationale="The key was disabled, is to be deleted, or denies DynamoDB its use: no item can be"
    " read or written. After seven days DynamoDB archives the table, and once the key is deleted"
    " its items are lost for good.",
    remediation="Cancel the key's deletion or enable it, and let DynamoDB use it, within the seven"
    " days; an archived table is restored from the backup that DynamoDB made of it.",
    console="KMS > Customer managed keys > {key_arn} > Key actions",
    cli="aws kms cancel-key-deletion --region {region} --key-id {key_arn} &&"
    " aws kms enable-key --region {region} --key-id {key_arn}",
    breaks="Whatever else is under the key can be decrypted again, too.",
    undo="aws kms disable-key --region {region} --key-id {key_arn}",
    criteria=("A1.2",),
)

fixed_capacity = Rule(
    id="dynamodb.table.fixed_capacity",
    table=Tables,
    when=Tables.capacity_mode == "PROVISIONED",
    fails=Tables.fixed_capacity.list.len() > 0,
    severity=Severity.LOW,
    title="Table's provisioned capacity does not follow its load",
    rationale="Requests above the capacity of the table, or of an index, are refused; capacity"
    " below which the load stays is paid for all the same.",
    remediation="Let Application Auto Scaling adjust reading and writing, of the indexes too, or"
    " change to on-demand capacity.",
    console="DynamoDB > Tables > {name} > Additional settings > Read/write capacity > Edit",
    cli=UPDATE + " --billing-mode PAY_PER_REQUEST",
    breaks="Nothing is interrupted; a steady load costs more on demand than provisioned.",
    undo=UPDATE + " --billing-mode PROVISIONED --provisioned-throughput"
    " ReadCapacityUnits=READS,WriteCapacityUnits=WRITES",
    criteria=("A1.1",),
)

replica_broken = Rule(
    id="dynamodb.table.replica_broken",
    table=Tables,
    fails=some(Tables.replicas, each("status").is_in(BROKEN)),
    severity=Severity.MEDIUM,
    title="Global table no longer replicates to a region",
    rationale="The replica that a failover counts on falls behind, and after 20 hours of an"
    " unusable key or a disabled region DynamoDB makes it a table of its own.",
    remediation="Make the replica's key usable, enable its region or restore the permissions of"
    " DynamoDB's service-linked role; or remove a replica that is not needed.",
    console="DynamoDB > Tables > {name} > Global tables",
    cli="aws dynamodb describe-table --region {region} --table-name {name}",
    breaks="Nothing by itself; a replica that recovers catches up on the changes it missed.",
    undo="Nothing needs to be taken back; a replica that was removed can be created again.",
    criteria=("A1.2",),
)

CREATE_CLUSTER = (
    "aws dax create-cluster --region {region} --cluster-name NEW-NAME --node-type {node_type}"
    " --replication-factor 3 --iam-role-arn {role} --subnet-group-name {subnet_group}"
    " --sse-specification Enabled=true --cluster-endpoint-encryption-type TLS"
)
NEW_CLUSTER = "DAX > Clusters > Create cluster"
MOVES = "Clients must be pointed at the new cluster, whose cache is empty at first."
KEEP_OLD = "Point the clients back at {name}; delete it only when nothing uses it any more."

encryption_at_rest = Rule(
    id="dynamodb.cluster.encryption_at_rest",
    table=Clusters,
    fails=~Clusters.encrypted,
    severity=Severity.MEDIUM,
    title="DAX cluster is not encrypted at rest",
    rationale="Items that the table keeps encrypted lie in plain text on the disks of the cache.",
    remediation="Create a cluster with encryption at rest, move the clients to it and delete this"
    " one: the setting cannot be changed.",
    console=NEW_CLUSTER,
    cli=CREATE_CLUSTER,
    breaks=MOVES,
    undo=KEEP_OLD,
    criteria=("CC6.1",),
)

encryption_in_transit = Rule(
    id="dynamodb.cluster.encryption_in_transit",
    table=Clusters,
    fails=Clusters.endpoint_encryption != "TLS",
    severity=Severity.MEDIUM,
    title="DAX cluster talks to its clients in plain text",
    rationale="Items can be read and altered between the application and the cache.",
    remediation="Create a cluster with TLS at its endpoint, move the clients to it and delete this"
    " one: the setting cannot be changed.",
    console=NEW_CLUSTER,
    cli=CREATE_CLUSTER,
    breaks=MOVES + " They need a DAX client that speaks TLS, at a daxs:// endpoint.",
    undo=KEEP_OLD,
    criteria=("CC6.7",),
)

multi_az = Rule(
    id="dynamodb.cluster.multi_az",
    table=Clusters,
    when=Clusters.zones.list.len() > 0,
    fails=one_zone(Clusters.zones),
    severity=Severity.MEDIUM,
    title="DAX cluster stands in one availability zone",
    rationale="When the zone, or a single node, fails, the whole load falls on the table at once.",
    remediation="Add nodes until the cluster has three, in as many zones; its subnet group needs a"
    " subnet in each.",
    console="DAX > Clusters > {name} > Nodes > Add nodes",
    cli="aws dax increase-replication-factor --region {region} --cluster-name {name}"
    " --new-replication-factor 3 --availability-zones ZONE-1 ZONE-2",
    breaks="Nothing is interrupted; each node is billed by the hour.",
    undo="aws dax decrease-replication-factor --region {region} --cluster-name {name}"
    " --new-replication-factor 1",
    criteria=("A1.2",),
)

RULES = (
    public_policy,
    outside_organization,
    confused_deputy,
    point_in_time_recovery,
    deletion_protection,
    backup_plan,
    customer_key,
    key_inaccessible,
    fixed_capacity,
    replica_broken,
    encryption_at_rest,
    encryption_in_transit,
    multi_az,
)
