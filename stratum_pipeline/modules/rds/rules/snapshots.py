"""Who may have a copy of a database."""

import polars as pl

from stratum_pipeline.kernel.rule import ALWAYS, Rule, Severity

from ..inventory import ClusterSnapshots, Snapshots


def share(kind: str, change: str, ids: str) -> str:
    return (
        f"aws rds modify-db-{kind}-attribute --region {{region}} --db-{kind}-identifier {{name}}"
        f" --attribute-name restore --values-to-{change} {ids}"
    )


def _rules(noun: str, kind: str, table: type[Snapshots] | type[ClusterSnapshots]) -> list[Rule]:
    source = pl.concat_list("source_arn")
    public = Rule(
        id=f"rds.{noun}.public",
        table=table,
        fails=table.public,
        severity=Severity.CRITICAL,
        exposed=ALWAYS,
        related=source,
        title="Anyone can restore the snapshot",
        rationale="Every AWS account may copy it and read all that was in the database; such"
        " snapshots are listed publicly, and looked for.",
        remediation="Make the snapshot private, and treat its content as disclosed: rotate the"
        " credentials in it.",
        console="RDS > Snapshots > {name} > Actions > Share snapshot > Private",
        cli=share(kind, "remove", "all"),
        breaks="Other accounts can't copy or restore it any more; copies they made remain theirs.",
        undo=share(kind, "add", "all"),
        criteria=("CC6.1", "CC6.6"),
    )
    outsiders = Rule(
        id=f"rds.{noun}.outsiders",
        table=table,
        when=~table.public,  # those may as well
        fails=table.outsiders.list.len() > 0,
        severity=Severity.HIGH,
        related=source,
        title="Snapshot is shared outside the organization",
        rationale="Accounts that are not ours may copy it, and keep the copy, with all that was in"
        " the database.",
        remediation="Confirm that each account is meant to have the data; otherwise stop sharing"
        " it, and treat its content as disclosed.",
        console="RDS > Snapshots > {name} > Actions > Share snapshot",
        cli=share(kind, "remove", "ACCOUNT-ID"),
        breaks="Those accounts can't copy or restore it any more; copies they made remain theirs.",
        undo=share(kind, "add", "ACCOUNT-ID"),
        criteria=("CC6.1", "CC6.3"),
    )
    encryption = Rule(
        id=f"rds.{noun}.encryption",
        table=table,
        fails=~table.encrypted,
        severity=Severity.MEDIUM,
        related=source,
        title="Snapshot is not encrypted",
        rationale="It holds the database in plain text, whatever has become of the database since;"
        " no key stands between it and whoever it is shared with, and it can be made public.",
        remediation="Copy it with a KMS key, then delete the original; new snapshots follow their"
        " database.",
        console="RDS > Snapshots > {name} > Actions > Copy snapshot > Enable encryption",
        cli=f"aws rds copy-db-{kind} --region {{region}} --source-db-{kind}-identifier {{name}}"
        f" --target-db-{kind}-identifier {{name}}-encrypted --kms-key-id KEY-ARN",
        breaks="The copy has another name, and both are billed until the original is deleted.",
        undo="Delete the copy, as long as the original is there.",
        criteria=("CC6.1",),
    )
    return [public, outsiders, encryption]


RULES = (
    *_rules("snapshot", "snapshot", Snapshots),
    *_rules("cluster_snapshot", "cluster-snapshot", ClusterSnapshots),
)
