"""A queue of N findings, shaped like a large organization's: for whatever reads a queue.

    python benchmarks/estate.py FOLDER N

Deterministic, and skewed as estates are: a tenth of the accounts and of the rules have half of
the findings, a resource has two or three, a third of the root causes are shared, one finding
in five is resolved or suppressed.
"""

import hashlib
import sys
import time
from datetime import UTC, datetime, timedelta

import polars as pl

from stratum_pipeline.kernel.evaluate import Gaps, Populations
from stratum_pipeline.kernel.table import TIMESTAMP, Table
from stratum_pipeline.lifecycle.events import Accounts, Rules
from stratum_pipeline.lifecycle.fold import Entries, LastScans, Timeline, Views
from stratum_pipeline.lifecycle.queue import NARROW
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.objects import open_store

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
SEEN = AS_OF - timedelta(hours=5)  # by every scan
MODULES = ["iam", "compute", "networking", "s3", "rds", "dynamodb", "lambda_", "config", "ssm"]
MODULES += ["cost"]
REGIONS = ["eu-central-1", "us-east-1", "eu-west-1", "us-west-2", "us-east-2", "eu-west-2"]
REGIONS += ["eu-west-3", "eu-north-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1"]
REGIONS += ["ap-northeast-2", "ap-south-1", "ca-central-1", "sa-east-1", "us-west-1"]
OUS = ["Root/Workloads/Production", "Root/Workloads/Test", "Root/Sandbox", "Root/Security"]
SEVERITIES = ["low", "medium", "high", "critical"]
POINTS = {"low": 10, "medium": 40, "high": 70, "critical": 100}
RULES = 200
HEAD = {"seq": 2, "digest": "0" * 64, "as_of": AS_OF.isoformat()}


def roll(seed: int, of: str = "n") -> pl.Expr:
    """From 0 up to 1, by the row's number alone."""
    return (pl.col(of).hash(seed) % 1_000_003) / 1_000_003


def skewed(seed: int, count: int, of: str = "n") -> pl.Expr:
    """An index below `count`; a tenth of them have half of the rows."""
    return (roll(seed, of) ** 3.3 * count).cast(pl.Int64)


def pick(names: list[str], index: pl.Expr) -> pl.Expr:
    return index.replace_strict(range(len(names)), names, return_dtype=pl.String)


def numbers(count: int) -> pl.DataFrame:
    return pl.DataFrame({"n": pl.int_range(count, eager=True)})


def accounts(count: int) -> pl.DataFrame:
    n = pl.col("n")
    tag = pl.struct(key=pl.lit("criticality"), value=pick(["high", "medium", "low"], n % 3))
    return numbers(count).select(
        account_id=(n * 7_919 + 100_000_000_001).cast(pl.String),
        name=pl.format("team-{}-{}", n // 3, pick(["prod", "test", "dev"], n % 3)),
        status=pl.when(n % 50 == 49).then(pl.lit("SUSPENDED")).otherwise(pl.lit("ACTIVE")),
        ou=pick(OUS, n % 4),
        tags=pl.concat_list(tag),
    )


def rules() -> pl.DataFrame:
    n = pl.col("n")
    module = pick(MODULES, n % 10)
    facts = [
        pl.struct(name=pl.lit(name), doc=pl.lit("What it is."), source=module + ":Describe")
        for name in ("open", "policy")
    ]
    return numbers(RULES).select(
        rule_id=pl.format("{}.thing.property_{}", module, n),
        module=module,
        version=pl.lit(1, pl.Int32),
        digest=pl.lit("0" * 64),
        severity=pick(SEVERITIES, (n * 7 // 10) % 4),
        title=pl.format("Thing {} of {} is open to what it should not be", n, module),
        rationale=pl.lit("Whoever reaches it reads what it holds, and nobody would know."),
        remediation=pl.lit("Narrow its policy to the principals that need it."),
        breaks=pl.lit("Whoever relied on it is refused."),
        criteria=pl.concat_list(pl.lit("CC6.1"), pl.lit("CC6.6")),
        facts=pl.concat_list(facts),
    )


def resources(count: int, found: pl.DataFrame) -> pl.DataFrame:
    """resource, account_id, module, region, resource_arn, root_cause; `found`: of Accounts."""
    kind = pick(["data", "Logs", "build", "WebStack"], pl.col("n") % 4)
    place = ("module", "region", "account_id")
    shared = pl.format("arn:aws:iam::{}:policy/shared-{}", "account_id", pl.col("n") % 13)
    return (
        numbers(count)
        .select(
            resource="n",
            n="n",
            account=skewed(1, found.height),
            module=pick(MODULES, skewed(2, len(MODULES))),
            region=pick(REGIONS, skewed(3, len(REGIONS))),
        )
        .join(
            found.select("account_id", account=pl.int_range(pl.len())),
            on="account",
            maintain_order="left",
        )
        .with_columns(resource_arn=pl.format("arn:aws:{}:{}:{}:thing/{}-{}", *place, kind, "n"))
        .with_columns(root_cause=pl.when(roll(4) < 0.3).then(shared).otherwise("resource_arn"))
        .drop("n", "account")
    )


def findings(count: int, found: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    """All columns of findings and details. found: of Accounts; judged: of Rules."""
    n, text, time_ = pl.col("n"), pl.lit(None, pl.String), pl.lit(None, TIMESTAMP)
    things = max(1, int(count * 0.45))
    # A scan a day: whatever it opens in an account has one date.
    age = pl.duration(days=(roll(5) ** 2 * 200).cast(pl.Int64) + 1, hours=5)
    kept = judged.select("rule_id", "module", "severity", "title")
    rows = (
        numbers(count)
        .with_columns(resource=(roll(6) * things).cast(pl.Int64), nth=skewed(7, RULES // 10))
        .join(resources(things, found), on="resource", maintain_order="left")
        .join(
            kept.with_columns(nth=pl.int_range(pl.len()).over("module")),
            on=["module", "nth"],
            maintain_order="left",
        )
        .with_columns(
            finding_id=pl.Series([hashlib.sha256(b"%d" % i).hexdigest() for i in range(count)]),
            opened_at=(pl.lit(AS_OF) - age).cast(TIMESTAMP),
            system=pl.when(roll(8) < 0.15).then(pl.lit("resolved")).otherwise(pl.lit("open")),
            suppressed=roll(9) < 0.06,
            acknowledged=roll(10) < 0.1,
            exposed=pl.when(roll(11) < 0.1).then(True).when(roll(11) < 0.9).then(False),
            assignee=pl.when(roll(12) < 0.1).then(pl.format("p{}@example.com", skewed(13, 30))),
            cause=pick(["baseline", "new", "regressed"], skewed(14, 3)),
        )
    )
    priority = pl.col("severity").replace_strict(POINTS, return_dtype=pl.Int32)
    priority += pl.when("exposed").then(20).otherwise(0) + (n % 3 * 5).cast(pl.Int32)
    resolved = pl.col("system") == "resolved"
    evidence = ('{"open":true,"policy":"', "resource_arn", " admits anyone" * 10 + '"}')
    because = pl.lit([], pl.List(pl.String))
    return rows.with_columns(
        status=pl.when(resolved)
        .then(pl.lit("resolved"))
        .when("suppressed")
        .then(pl.lit("suppressed"))
        .otherwise(pl.lit("open")),
        priority=priority,
        cause=pl.when(resolved).then(pl.lit("fixed")).otherwise("cause"),
        status_at=pl.when(resolved).then(pl.lit(SEEN, TIMESTAMP)).otherwise("opened_at"),
        verified_at=pl.lit(SEEN, TIMESTAMP),
        unverified=pl.when(roll(15) < 0.02)
        .then(pl.col("module") + ":GetPolicy denied (AccessDenied)")
        .otherwise(pl.lit("")),
        own_severity="severity",
        rule_version=pl.lit(1, pl.Int32),
        console=pl.format("https://console.aws.amazon.com/{}?region={}", "module", "region"),
        cli=pl.format("aws {} put-policy --thing {} --policy file://p", "module", "resource_arn"),
        undo=pl.format("aws {} delete-policy --thing {}", "module", "resource_arn"),
        monthly_usd=pl.when(pl.col("module") == "cost").then((roll(16) * 200).round(2)),
        evidence=pl.concat_str(pl.lit(evidence[0]), evidence[1], pl.lit(evidence[2])),
        acknowledged_by=pl.when("acknowledged").then(pl.lit("ann@example.com")),
        acknowledged_at=pl.when("acknowledged").then("opened_at"),
        suppressed_reason=pl.when("suppressed").then(pl.lit("accepted_risk")),
        suppressed_note=pl.when("suppressed").then(pl.lit("Until the migration is done.")),
        suppressed_by=pl.when("suppressed").then(pl.lit("ann@example.com")),
        suppressed_at=pl.when("suppressed").then("opened_at"),
        suppressed_until=pl.when("suppressed").then(pl.lit(AS_OF + timedelta(days=40), TIMESTAMP)),
        marked_by=text,
        marked_at=time_,
        because=because,
        companions=because,
        points=pl.concat_list(pl.struct(points=priority, why=pl.lit("All together"))),
    ).drop("n", "nth", "resource", "suppressed", "acknowledged")


def timeline(rows: pl.DataFrame) -> pl.DataFrame:
    """Of Timeline: an `opened` each, and what else happened to some."""
    said = pl.col("acknowledged_at").is_not_null() | pl.col("suppressed_at").is_not_null()
    person = {"actor": pl.lit("ann@example.com"), "assurance": pl.lit("oidc"), "cause": pl.lit("")}
    system = {"actor": pl.lit("stratum"), "assurance": pl.lit("process"), "cause": pl.col("cause")}
    parts = (
        (rows, 1, pl.lit("opened"), system),
        (rows.filter(said), 2, pl.lit("acknowledged"), person),
        (rows.filter(pl.col("system") == "resolved"), 3, pl.lit("resolved"), system),
    )
    frames = [
        part.select(
            "finding_id",
            seq=pl.lit(seq, pl.Int64),
            order=seq * 10**9 + pl.int_range(pl.len()),
            at="opened_at",
            kind=kind,
            rule_version=pl.lit(1, pl.Int32),
            reset=pl.lit(False),
            **who,
        )
        for part, seq, kind, who in parts
    ]
    return _as(Timeline, pl.concat(frames)).sort("finding_id", "order")


def frames(count: int) -> dict[str, pl.DataFrame]:
    """The frames of a queue of `count` findings, by name."""
    found, judged = accounts(max(10, min(count // 500, 2_000))), rules()
    rows = findings(count, found, judged)
    pairs = found.select("account_id").join(pl.DataFrame({"module": MODULES}), how="cross")
    scans = pairs.with_columns(
        scan_id=pl.lit("daily"),
        outcome=pl.lit("complete"),
        calls=pl.lit(400, pl.Int64),
        error=pl.lit(""),
        **{f"{name}_at": pl.lit(SEEN, TIMESTAMP) for name in ("started", "finished", "complete")},
    )
    counted = rows.group_by("rule_id", "account_id", "region").agg(failed=pl.len().cast(pl.Int64))
    populations = counted.with_columns(
        population=pl.col("failed") * 9, passed=pl.col("failed") * 8, unknown=pl.lit(0, pl.Int64)
    )
    entries = [
        {"seq": 1, "id": "1", "at": AS_OF, "actor": "stratum", "kind": "scanned"},
        {"seq": 2, "id": "2", "at": AS_OF, "actor": "ann@example.com", "kind": "acknowledged"},
    ]
    details = [name for name in rows.columns if name not in NARROW]
    return {
        "findings": rows.select(NARROW).sort("priority", "finding_id", descending=[True, False]),
        "details": rows.select("finding_id", *details).sort("finding_id"),
        "events": timeline(rows),
        "accounts": _as(Accounts, found),
        "scans": _as(LastScans, scans),
        "gaps": Gaps.frame(),
        "populations": _as(Populations, populations),
        "rules": _as(Rules, judged.sort("rule_id")),
        "modules": pl.DataFrame({"module": MODULES}),
        "entries": Entries.frame({"findings": 0, "body": "{}"} | entry for entry in entries),
        "views": Views.frame(),
    }


def publish(data: Data, count: int) -> None:
    data.publish_queue("estate", frames(count), HEAD)


def _as(table: type[Table], rows: pl.DataFrame) -> pl.DataFrame:
    schema = table.schema()
    return pl.concat([table.frame(), rows], how="diagonal").select(schema.names())


if __name__ == "__main__":
    started = time.perf_counter()
    publish(Data(open_store(sys.argv[1])), int(sys.argv[2]))
    print(f"{sys.argv[2]} findings in {time.perf_counter() - started:.1f} s")
