"""What keeps a database available, and tells how it fares."""

from stratum_pipeline.kernel.rule import Rule, Severity

from ..inventory import Instances
from .pairs import CUSTOM, PROVISIONED, both, modify
from .protection import ORIGINAL

multi_az = both(
    "multi_az",
    when=ORIGINAL & (Instances.engine != "sqlserver-ex") & ~CUSTOM,
    cluster_when=PROVISIONED,
    fails=~Instances.multi_az,
    severity=Severity.MEDIUM,
    title="DB KIND stands in a single Availability Zone",
    rationale="When the zone, the host or the storage fails, and during much maintenance, the"
    " database is down until it is repaired or restored.",
    remediation="Make the instance Multi-AZ; give a cluster a second instance in another zone.",
    cli="--multi-az",
    cluster_cli="aws rds create-db-instance --region {region} --db-cluster-identifier {name}"
    " --db-instance-identifier {name}-standby --db-instance-class CLASS --engine {engine}"
    " --availability-zone ANOTHER-ZONE",
    breaks="The second instance is billed; converting a busy one to Multi-AZ slows it for a while.",
    undo="--no-multi-az",
    cluster_undo="aws rds delete-db-instance --region {region}"
    " --db-instance-identifier {name}-standby",
    criteria=("A1.2",),
)

log_exports = both(
    "log_exports",
    # Where nothing can be exported there is nothing to say; if something is, it could be.
    when=(Instances.exportable_logs.list.len() > 0) | (Instances.log_exports.list.len() > 0),
    cluster_when=PROVISIONED,
    fails=Instances.log_exports.list.len() == 0,
    severity=Severity.MEDIUM,
    title="DB KIND keeps its logs to itself",
    rationale="Errors, slow queries and, where audited, who did what stay on the database for"
    " days at most: they can't be searched, alarmed on or kept, and go when it goes.",
    remediation="Export the logs that its engine offers, the audit log first, to CloudWatch Logs;"
    " some must be turned on in the parameter or option group.",
    cli='--cloudwatch-logs-export-configuration \'{{"EnableLogTypes": ["error"]}}\'',
    breaks="CloudWatch bills ingestion and storage; general and query logs can be large, and hold"
    " the text of queries.",
    undo='--cloudwatch-logs-export-configuration \'{{"DisableLogTypes": ["error"]}}\'',
    criteria=("CC7.2",),
)

enhanced_monitoring = Rule(
    id="rds.instance.enhanced_monitoring",
    table=Instances,
    when=~Instances.engine.is_in(["docdb", "neptune"]) & ~CUSTOM,
    fails=Instances.monitoring_seconds == 0,
    severity=Severity.LOW,
    title="DB instance has no Enhanced Monitoring",
    rationale="CloudWatch sees the instance from its hypervisor, minute by minute; which process"
    " uses up CPU or memory is known only from within.",
    remediation="Turn Enhanced Monitoring on, with a role that lets RDS write its metrics.",
    console="RDS > Databases > {name} > Modify > Monitoring > Enable Enhanced Monitoring",
    cli=modify("instance", "--monitoring-interval 60 --monitoring-role-arn ROLE-ARN"),
    breaks="The metrics go to CloudWatch Logs, which bills them.",
    undo=modify("instance", "--monitoring-interval 0"),
    criteria=("A1.1",),
)

RULES = (*multi_az, *log_exports, enhanced_monitoring)
