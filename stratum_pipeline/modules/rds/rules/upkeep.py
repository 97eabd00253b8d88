"""What keeps a database's engine and certificates current."""

from stratum_pipeline.kernel.rule import Rule, Severity, age_days, never

from ..inventory import Instances
from .pairs import CUSTOM, PROVISIONED, both, modify

DAYS_LEFT = 90
"""Days before its end at which a certificate should have been replaced: RDS renews those of
current authorities long before."""

_unsupported = age_days(Instances.support_ends) >= 0

minor_upgrades = both(
    "minor_upgrades",
    when=(Instances.engine != "docdb") & ~CUSTOM,
    cluster_when=PROVISIONED,
    fails=~Instances.minor_upgrades,
    severity=Severity.MEDIUM,
    title="DB KIND is not patched automatically",
    rationale="Minor versions carry the security fixes of the engine; without automatic upgrades"
    " it stays on the old one until somebody thinks of it.",
    remediation="Turn automatic minor version upgrades on, and choose the maintenance window.",
    cli="--auto-minor-version-upgrade",
    breaks="Upgrades restart the database within its maintenance window.",
    undo="--no-auto-minor-version-upgrade",
    criteria=("CC7.1", "CC8.1"),
)

extended_support = both(
    "extended_support",
    when=~never(Instances.support_ends),
    fails=_unsupported,
    severity=Severity.MEDIUM,
    title="Engine of DB KIND is past its standard support",
    rationale="Its community no longer mends the major version. Under RDS Extended Support AWS"
    " patches what it deems critical and bills every vCPU by the hour; without it, AWS upgrades"
    " the database at a time of its choosing.",
    remediation="Upgrade to a major version in standard support, first on a blue/green copy.",
    console="RDS > Databases > {name} > Modify > DB engine version (now {engine_version},"
    " {lifecycle})",
    cli="--engine-version VERSION --allow-major-version-upgrade",
    breaks="A major upgrade stops the database for minutes to hours, and queries, extensions or"
    " drivers may not work with it.",
    undo="Restore the snapshot that is taken before the upgrade: it can't be reversed.",
    criteria=("CC7.1",),
)

engine_version = both(
    "engine_version",
    # Where the major version is the trouble, so is any minor one of it.
    when=(never(Instances.support_ends) | ~_unsupported) & ~CUSTOM,
    fails=Instances.engine_status != "available",
    severity=Severity.MEDIUM,
    title="Engine version of DB KIND is deprecated",
    rationale="AWS no longer offers the version, most often for flaws that a later one mends, and"
    " will upgrade the database at a time of its choosing.",
    remediation="Upgrade to an available minor version in the next maintenance window.",
    console="RDS > Databases > {name} > Modify > DB engine version (now {engine_version})",
    cli="--engine-version VERSION",
    breaks="The database restarts, for minutes.",
    undo="Restore the snapshot that is taken before the upgrade: it can't be reversed.",
    criteria=("CC7.1",),
)

certificate = Rule(
    id="rds.instance.certificate",
    table=Instances,
    when=~never(Instances.certificate_expires),
    fails=age_days(Instances.certificate_expires) > -DAYS_LEFT,
    severity=Severity.MEDIUM,
    title="Server certificate of DB instance expires soon or has expired",
    rationale="Clients that verify it, as they should, can't connect once it has expired; the"
    " usual way out under pressure is to stop verifying.",
    remediation="Have the clients trust the new authorities, then rotate to one of them, such as"
    " rds-ca-rsa2048-g1.",
    console="RDS > Certificate update > {name} (now {certificate_authority})",
    cli=modify("instance", "--ca-certificate-identifier rds-ca-rsa2048-g1"),
    breaks="Some engines restart; clients that trust only the old authority can't connect.",
    undo=modify("instance", "--ca-certificate-identifier {certificate_authority}"),
    criteria=("CC6.7",),
)

RULES = (*minor_upgrades, *extended_support, *engine_version, certificate)
