"""What keeps a database's data from being read or lost."""

from stratum_pipeline.kernel.rule import Rule, Severity, age_days, never

from ..inventory import Clusters, Instances
from .pairs import STANDALONE, both, modify

DAYS_KEPT = 7
DAYS_BETWEEN_BACKUPS = 35
"""A monthly plan, and some days in which it runs."""

ORIGINAL = Instances.replica_source == ""
"""No read replica: those are made again from their source."""

storage_encryption = both(
    "storage_encryption",
    fails=~Instances.storage_encrypted,
    severity=Severity.MEDIUM,
    title="Storage of DB KIND is not encrypted",
    rationale="Its data, automated backups, replicas and snapshots lie in plain text on AWS's"
    " disks, no key policy stands between a reader and them, and its snapshots can be made public.",
    remediation="Encryption is chosen at creation: copy a snapshot with a KMS key, restore a"
    " database from the copy, move the clients, then delete the old one.",
    console="RDS > Snapshots > Copy snapshot > Enable encryption, then Restore snapshot",
    cli="aws rds create-db-snapshot --region {region} --db-instance-identifier {name}"
    " --db-snapshot-identifier {name}-plain\n"
    "aws rds copy-db-snapshot --region {region} --source-db-snapshot-identifier {name}-plain"
    " --target-db-snapshot-identifier {name}-encrypted --kms-key-id KEY-ARN\n"
    "aws rds restore-db-instance-from-db-snapshot --region {region}"
    " --db-instance-identifier {name}-encrypted --db-snapshot-identifier {name}-encrypted",
    cluster_cli="aws rds create-db-cluster-snapshot --region {region}"
    " --db-cluster-identifier {name} --db-cluster-snapshot-identifier {name}-plain\n"
    "aws rds restore-db-cluster-from-snapshot --region {region} --engine {engine}"
    " --db-cluster-identifier {name}-encrypted --snapshot-identifier {name}-plain"
    " --kms-key-id KEY-ARN",
    breaks="Writes between the snapshot and the move are lost unless they are held back, and the"
    " endpoint changes unless the new database takes the old one's name.",
    undo="Move the clients back to the old database, as long as it is not deleted.",
    criteria=("CC6.1", "CC6.7"),
)

backups = Rule(
    id="rds.instance.backups",
    table=Instances,
    when=STANDALONE & ORIGINAL,
    fails=Instances.backup_days == 0,
    severity=Severity.MEDIUM,
    title="DB instance has no automated backups",
    rationale="It can be restored to no point in time: what is deleted or encrypted, by mistake"
    " or by ransomware, is lost since the last snapshot somebody took.",
    remediation=f"Keep automated backups for at least {DAYS_KEPT} days.",
    console="RDS > Databases > {name} > Modify > Backup",
    cli=modify("instance", f"--backup-retention-period {DAYS_KEPT}"),
    breaks="Turning backups on restarts the instance; storage beyond its size is billed.",
    undo=modify("instance", "--backup-retention-period 0"),
    criteria=("A1.2", "CC7.5"),
)

backup_retention = both(
    "backup_retention",
    when=ORIGINAL & (Instances.backup_days > 0),
    fails=Instances.backup_days < DAYS_KEPT,
    severity=Severity.LOW,
    title=f"Automated backups of DB KIND are kept for less than {DAYS_KEPT} days",
    rationale="Damage that is noticed after a long weekend can't be undone any more.",
    remediation=f"Keep automated backups for at least {DAYS_KEPT} days, or as long as damage may"
    " go unnoticed.",
    cli=f"--backup-retention-period {DAYS_KEPT}",
    breaks="Backup storage beyond the database's size is billed.",
    undo="--backup-retention-period {backup_days}",
    criteria=("A1.2", "CC7.5"),
)

backup_plan = both(
    "backup_plan",
    when=ORIGINAL,
    fails=never(Instances.last_backup) | (age_days(Instances.last_backup) > DAYS_BETWEEN_BACKUPS),
    severity=Severity.MEDIUM,
    title="DB KIND is not backed up by AWS Backup",
    rationale="Automated backups go when the database is deleted, and whoever may delete it may"
    " delete its snapshots: only a vault, best locked and in another account, keeps copies out of"
    " their reach.",
    remediation="Assign the database to a backup plan, by tag or by ARN; copy the recovery points"
    " to a locked vault.",
    console="AWS Backup > Backup plans > Assign resources > {name}",
    cli="aws backup create-backup-selection --region {region} --backup-plan-id PLAN-ID"
    ' --backup-selection \'{{"SelectionName": "databases", "IamRoleArn": "ROLE-ARN",'
    ' "Resources": ["{arn}"]}}\'',
    breaks="Recovery points are billed by their size; backing up an instance in one zone pauses"
    " its I/O briefly.",
    undo="Delete the selection: aws backup delete-backup-selection --region {region}"
    " --backup-plan-id PLAN-ID --selection-id SELECTION-ID",
    criteria=("A1.2", "CC7.5"),
)

deletion_protection = both(
    "deletion_protection",
    when=ORIGINAL,
    fails=~Instances.deletion_protection,
    severity=Severity.MEDIUM,
    title="DB KIND has no deletion protection",
    rationale="One call, by mistake, by a template or by an intruder, deletes it, and its"
    " automated backups with it.",
    remediation="Turn deletion protection on.",
    cli="--deletion-protection",
    breaks="Whatever deletes the database, templates included, must turn it off first.",
    undo="--no-deletion-protection",
    criteria=("A1.2", "CC6.1"),
)

copy_tags = both(
    "copy_tags",
    when=ORIGINAL,
    fails=~Instances.copy_tags,
    severity=Severity.LOW,
    title="DB KIND does not copy its tags to its snapshots",
    rationale="Policies and owners that go by tag, for access, cost or retention, don't see its"
    " snapshots.",
    remediation="Copy tags to snapshots; tag those that exist.",
    cli="--copy-tags-to-snapshot",
    breaks="Nothing; policies that go by tag then also apply to new snapshots.",
    undo="--no-copy-tags-to-snapshot",
    criteria=(),
)

backtrack = Rule(
    id="rds.cluster.backtrack",
    table=Clusters,
    # Not offered for other engines, Serverless v1 or global databases.
    when=(Clusters.engine == "aurora-mysql")
    & (Clusters.engine_mode == "provisioned")
    & (Clusters.global_cluster == "")
    & (Clusters.replica_source == ""),
    fails=Clusters.backtrack_seconds == 0,
    severity=Severity.LOW,
    title="Aurora MySQL cluster can't be rewound",
    rationale="A mistaken DELETE or DROP is undone by restoring a new cluster, in hours, instead"
    " of rewinding this one, in minutes.",
    remediation="Backtracking is chosen at creation: restore or clone the cluster with a"
    " backtrack window, and move its clients.",
    console="RDS > Databases > {name} > Actions > Restore to point in time > Backtrack",
    cli="aws rds restore-db-cluster-to-point-in-time --region {region} --db-cluster-identifier"
    " {name}-backtrack --source-db-cluster-identifier {name} --use-latest-restorable-time"
    " --backtrack-window 86400",
    breaks="The restored cluster has another endpoint; change records are billed by the hour, and"
    " binary logging limits what can be rewound.",
    undo="Move the clients back to the old cluster, as long as it is not deleted.",
    criteria=("A1.2",),
)

RULES = (
    *storage_encryption,
    backups,
    *backup_retention,
    *backup_plan,
    *deletion_protection,
    *copy_tags,
    backtrack,
)
