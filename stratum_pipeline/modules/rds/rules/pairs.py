"""One rule for both kinds of database: instances of their own, and clusters.

What holds of a cluster holds of its members: the finding is the cluster's alone.
"""

import polars as pl

from stratum_pipeline.kernel.rule import ALWAYS, NO_ARNS, Rule, Severity
from stratum_pipeline.kernel.table import Resource

from ..inventory import Clusters, Instances

STANDALONE = Instances.cluster_id == ""
PROVISIONED = Clusters.engine_mode != "serverless"
"""Aurora Serverless v1 lacks many a setting, and AWS upgrades and fails it over by itself."""

CUSTOM = pl.col("engine").str.starts_with("custom-")
"""RDS Custom: the customer administers the operating system, and much else."""


def modify(kind: str, options: str) -> str:
    """The command that changes settings of a DB instance or a DB cluster."""
    return (
        f"aws rds modify-db-{kind} --region {{region}} --db-{kind}-identifier {{name}} {options}"
        " --apply-immediately"
    )


def both(
    name: str,
    *,
    fails: pl.Expr,
    severity: Severity,
    title: str,
    rationale: str,
    remediation: str,
    cli: str,
    breaks: str,
    undo: str,
    cluster_cli: str = "",
    cluster_undo: str = "",
    console: str = "RDS > Databases > {name} > Modify",
    criteria: tuple[str, ...],
    when: pl.Expr = ALWAYS,
    cluster_when: pl.Expr = ALWAYS,
    cluster_related: pl.Expr = NO_ARNS,
) -> tuple[Rule, Rule]:
    """rds.instance.<name> and rds.cluster.<name>; KIND in the prose is "instance" or "cluster".

    cli, undo: where they begin with "--", options of `modify`; cluster_cli and cluster_undo
    stand in for them where a cluster's are others.
    """

    def made(
        kind: str, table: type[Resource], mine: pl.Expr, do: str, back: str, related: pl.Expr
    ) -> Rule:
        def told(text: str) -> str:
            text = modify(kind, text) if text.startswith("--") else text
            return text.replace("KIND", kind)

        return Rule(
            id=f"rds.{kind}.{name}",
            table=table,
            when=mine & when,
            fails=fails,
            severity=severity,
            title=told(title),
            rationale=told(rationale),
            remediation=told(remediation),
            console=console,
            cli=told(do),
            breaks=told(breaks),
            undo=told(back),
            criteria=criteria,
            related=related,
        )

    return (
        made("instance", Instances, STANDALONE, cli, undo, NO_ARNS),
        made(
            "cluster",
            Clusters,
            cluster_when,
            cluster_cli or cli,
            cluster_undo or undo,
            cluster_related,
        ),
    )
