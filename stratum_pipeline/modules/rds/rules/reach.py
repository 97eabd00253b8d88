"""Who can reach a database, and how it knows them."""

import polars as pl

from stratum_pipeline.kernel.rule import ALWAYS, NO_ARNS, Rule, Severity

from ..inventory import Clusters, Instances
from .pairs import CUSTOM, PROVISIONED, both, modify

IAM_ENGINES = ["mysql", "mariadb", "postgres", "aurora-mysql", "aurora-postgresql", "neptune"]
GIVEN_NAMES = ["admin", "postgres"]
"""What the console fills in for the master user."""

DEFAULT_PORTS = {
    "mysql": 3306,
    "mariadb": 3306,
    "aurora-mysql": 3306,
    "postgres": 5432,
    "aurora-postgresql": 5432,
    "oracle": 1521,
    "sqlserver": 1433,
    "db2": 50000,
    "docdb": 27017,
    "neptune": 8182,
}


def _set_parameter(kind: str, value: str) -> str:
    return (
        f"aws rds modify-db-{kind}parameter-group --region {{region}}"
        f" --db-{kind}parameter-group-name {{parameter_group}} --parameters"
        f" ParameterName={{tls_parameter}},ParameterValue={value},ApplyMethod=pending-reboot"
    )


public = Rule(
    id="rds.instance.public",
    table=Instances,
    # Where no rule lets anything in, nothing is open: named for the reason of an unknown.
    fails=Instances.publicly_accessible
    & Instances.internet_route
    & ~Instances.internet_blocked
    & (Instances.ingress.list.len() > 0)
    & Instances.open_to_world,
    severity=Severity.CRITICAL,
    exposed=ALWAYS,
    # The instance itself too: its snapshots name it.
    related=pl.concat_list(
        "arn", pl.when(Instances.cluster_arn != "").then(Instances.cluster_arn), "security_groups"
    ).fill_null(NO_ARNS),
    title="Database answers anyone on the internet",
    rationale="It has a public address, its subnet leads to an internet gateway and its security"
    " groups let the world in at its port: passwords can be guessed and flaws of the engine tried"
    " from anywhere. Network ACLs are not looked at.",
    remediation="Make the instance not publicly accessible, and let only the security groups of"
    " its clients in; reach it from outside through a VPN or Systems Manager.",
    console="RDS > Databases > {name} > Modify > Connectivity > Not publicly accessible",
    cli=modify("instance", "--no-publicly-accessible"),
    breaks="Clients outside the VPC and its connected networks lose the database at once.",
    undo=modify("instance", "--publicly-accessible"),
    criteria=("CC6.1", "CC6.6"),
)

publicly_accessible = Rule(
    id="rds.instance.publicly_accessible",
    table=Instances,
    when=~public.fails,  # the same change ends that finding
    fails=Instances.publicly_accessible,
    severity=Severity.MEDIUM,
    title="Database has a public address",
    rationale="Its name resolves to a public address, so one rule added to a security group, or"
    " one route, is enough to put it before the internet; what its groups let in now comes over"
    " the internet too.",
    remediation="Make the instance not publicly accessible; reach it from outside through a VPN,"
    " peering or Systems Manager.",
    console="RDS > Databases > {name} > Modify > Connectivity > Not publicly accessible",
    cli=modify("instance", "--no-publicly-accessible"),
    breaks="Clients outside the VPC and its connected networks lose the database at once.",
    undo=modify("instance", "--publicly-accessible"),
    criteria=("CC6.1", "CC6.6"),
)

internet_gateway = Rule(
    id="rds.cluster.internet_gateway",
    table=Clusters,
    fails=Clusters.internet_gateway | ~Clusters.in_vpc,
    severity=Severity.MEDIUM,
    exposed=ALWAYS,
    title="Cluster is reached over the internet, outside any VPC",
    rationale="Created by express configuration, it stands in no VPC: neither security groups nor"
    " routes keep anyone off, only TLS and IAM authentication do, so whoever obtains credentials"
    " can use them from anywhere.",
    remediation="Create a cluster in private subnets from a snapshot of this one, move its"
    " clients, then delete it.",
    console="RDS > Databases > {name} > Actions > Take snapshot, then Restore snapshot",
    cli="aws rds create-db-cluster-snapshot --region {region} --db-cluster-identifier {name}"
    " --db-cluster-snapshot-identifier {name}-move\n"
    "aws rds restore-db-cluster-from-snapshot --region {region} --db-cluster-identifier {name}-vpc"
    " --snapshot-identifier {name}-move --engine {engine} --db-subnet-group-name SUBNET-GROUP"
    " --vpc-security-group-ids GROUP-ID",
    breaks="The new cluster has another endpoint, and what is written after the snapshot is not"
    " in it.",
    undo="Point the clients back to the old cluster, as long as it is not deleted.",
    criteria=("CC6.1", "CC6.6"),
)

transport_encryption = both(
    "transport_encryption",
    when=Instances.tls_parameter != "",
    fails=~Instances.requires_tls,
    severity=Severity.MEDIUM,
    title="DB KIND accepts connections without TLS",
    rationale="A client that doesn't ask for TLS sends its queries, and receives rows, in plain"
    " text: whoever is on the path can read and alter them.",
    remediation="Require TLS in the parameter group, which must be one of your own, as default"
    " groups can't be changed; a static parameter takes a restart.",
    console="RDS > Parameter groups > {parameter_group} > Edit > {tls_parameter}",
    cli=_set_parameter("", "{tls_wanted}"),
    cluster_cli=_set_parameter("cluster-", "{tls_wanted}"),
    cluster_related=pl.concat_list("arn"),
    breaks="Clients that don't use TLS are refused from then on.",
    undo=_set_parameter("", "{tls_value}"),
    cluster_undo=_set_parameter("cluster-", "{tls_value}"),
    criteria=("CC6.7",),
)

iam_authentication = both(
    "iam_authentication",
    when=Instances.engine.is_in(IAM_ENGINES),
    cluster_when=PROVISIONED,
    fails=~Instances.iam_authentication,
    severity=Severity.LOW,
    title="DB KIND does not take IAM authentication",
    rationale="Its users have passwords that are kept, shared and rotated by hand, instead of"
    " tokens that last 15 minutes and hang on an IAM identity. Neptune without it asks nobody who"
    " they are.",
    remediation="Turn IAM authentication on, create users for it in the database, and move"
    " clients to them; users with passwords keep working.",
    cli="--enable-iam-database-authentication",
    breaks="Nothing, except on Neptune, where requests must then be signed.",
    undo="--no-enable-iam-database-authentication",
    criteria=("CC6.1",),
)

password_managed = both(
    "password_managed",
    # A source of replicas can't have it, nor can a replica, whose users are its source's.
    when=(Instances.replica_source == "")
    & (Instances.replicas.list.len() == 0)
    & (Instances.engine != "neptune")
    & ~CUSTOM,
    cluster_when=PROVISIONED & (Clusters.global_cluster == "") & ~internet_gateway.fails,
    fails=~Instances.password_managed,
    severity=Severity.LOW,
    title="Master password of DB KIND is kept by hand",
    rationale="Somebody chose the password of the most powerful user, it lies wherever it was"
    " written down, and nothing rotates it.",
    remediation="Have RDS keep it in Secrets Manager and rotate it, and let whoever needs it read"
    " the secret.",
    cli="--manage-master-user-password",
    breaks="The master password changes at once: whoever uses it must read the secret instead."
    " Secrets Manager bills the secret.",
    undo="Turn it off, with --no-manage-master-user-password, and set a password of your own.",
    criteria=("CC6.1",),
)

default_admin = both(
    "default_admin",
    when=Instances.engine != "neptune",  # has no users of its own
    fails=Instances.master_username.is_in(GIVEN_NAMES),
    severity=Severity.LOW,
    title="Master user of DB KIND has the name that the console suggests",
    rationale="It is the name that password guessing begins with; who knows neither the name nor"
    " the password has two things to guess.",
    remediation="The name can't be changed: choose another when the database is next restored or"
    " migrated, and until then let the applications use lesser users.",
    console="RDS > Databases > {name} > Configuration > Master username",
    cli="aws rds describe-db-KINDs --region {region} --db-KIND-identifier {name}",
    breaks="A migration to a database with another master user means downtime and a new endpoint.",
    undo="Keep the old database until the new one has proved itself.",
    criteria=(),
)

_family = Instances.engine.str.replace(r"^custom-", "").str.replace(
    r"^(oracle|sqlserver|db2)-.*", "$1"
)

default_port = both(
    "default_port",
    when=_family.is_in(list(DEFAULT_PORTS)),
    fails=Instances.port == _family.replace_strict(DEFAULT_PORTS, default=0, return_dtype=pl.Int32),
    severity=Severity.LOW,
    title="DB KIND listens on the default port of its engine",
    rationale="Scans for databases try the default ports first. Another port hides from those"
    " alone, and is no protection where strangers can connect at all.",
    remediation="Choose another port, and let the security groups and the clients know first.",
    cli="--db-port-number PORT",
    cluster_cli="--port PORT",
    breaks="The database restarts, and clients that use the old port can't connect.",
    undo="--db-port-number {port}",
    cluster_undo="--port {port}",
    criteria=(),
)

RULES = (
    public,
    publicly_accessible,
    internet_gateway,
    *transport_encryption,
    *iam_authentication,
    *password_managed,
    *default_admin,
    *default_port,
)
