"""Who watches the bill, and what Compute Optimizer and Secrets Manager know of waste."""

from collections.abc import Iterator

import polars as pl

from stratum_pipeline.kernel.collect import Api, Collector
from stratum_pipeline.kernel.coverage import Outcome
from stratum_pipeline.kernel.table import TIMESTAMP, Column, Inventory, Resource, setting_arn

from ..prices import with_prices
from .common import EPOCH, Listing, Raw, row

ORGANIZATION = "organizations:DescribeOrganization"
BUDGETS, MONITORS = "budgets:DescribeBudgets", "ce:GetAnomalyMonitors"
ENROLLMENT = "compute-optimizer:GetEnrollmentStatus"
FUNCTIONS = "compute-optimizer:GetLambdaFunctionRecommendations"
SECRETS = "secretsmanager:ListSecrets"
HERE = "us-east-1"
"""Where billing has its endpoints."""

NOT_ENROLLED = ("OptInRequiredException",)


class Billing(Resource, listed_by=ORGANIZATION, regional=False):
    """One row per account. What belongs to the bill is asked only of the account that pays it.

    Cost Explorer's reports, which are charged per request, are never asked for. The monitors
    are Cost Anomaly Detection's, a free service: one call per organization and scan.
    """

    payer = Column(pl.Boolean, "Whether no other account pays its bill.", source=ORGANIZATION)
    budgets = Column(pl.List(pl.String), "Names, sorted; none unless `payer`.", source=BUDGETS)
    monitors = Column(pl.List(pl.String), "Anomaly monitors, likewise.", source=MONITORS)
    optimizer = Column(
        pl.String, "Compute Optimizer: Active | Inactive | Pending | Failed", source=ENROLLMENT
    )


class Functions(Resource, listed_by=FUNCTIONS):
    """One row per Lambda function on which Compute Optimizer has a verdict.

    It takes 50 invocations in 14 days. There is none where the account is not enrolled.
    """

    name = Column(pl.String, "As its owner calls it.", source=FUNCTIONS)
    memory_mb = Column(pl.Int64, "Configured.", source=FUNCTIONS)
    reasons = Column(
        pl.List(pl.String),
        "MemoryOverprovisioned | MemoryUnderprovisioned | ...",
        source=FUNCTIONS,
        volatile=True,
    )
    advised_mb = Column(
        pl.Int64, "Best option; the configured if none.", source=FUNCTIONS, volatile=True
    )
    usd = Column(
        pl.Float64, "What that saves a month; 0 if nothing.", source=FUNCTIONS, volatile=True
    )
    price_source = Column(pl.String, "Where `usd` comes from.", source=FUNCTIONS, volatile=True)


class Secrets(Resource, listed_by=SECRETS):
    """One row per secret; never what is in it."""

    name = Column(pl.String, "As its owner calls it.", source=SECRETS)
    created = Column(TIMESTAMP, "When it was made.", source=SECRETS)
    accessed = Column(
        TIMESTAMP, "Day its value was last read; 1970 if never.", source=SECRETS, volatile=True
    )
    owner = Column(pl.String, 'AWS service that manages it; "" if none.', source=SECRETS)
    replica = Column(pl.Boolean, "Whether it is a copy of one in another region.", source=SECRETS)

    usd = Column(pl.Float64, "A month.", derived=True)
    price_source = Column(pl.String, "Where `usd` comes from.", derived=True)

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        return with_prices(raw, inventory, usd=pl.lit("secret"))


def read_billing(organizations: Api) -> Iterator[Raw]:
    account = organizations.account
    reply = organizations.call(
        "DescribeOrganization", absent=("AWSOrganizationsNotInUseException",)
    )
    pays: str | None = reply.get("Organization.MasterAccountId", account.account_id)
    if pays is None:
        return
    payer = pays == account.account_id
    budgets: Listing = []
    monitors: Listing = []
    here = organizations.on(region=HERE)
    if payer:
        owner = account.account_id
        budgets = here.on(service="budgets").all("DescribeBudgets", "Budgets", AccountId=owner)
        monitors = here.on(service="ce").all("GetAnomalyMonitors", "AnomalyMonitors")
    optimizer = here.on(service="compute-optimizer").call("GetEnrollmentStatus")
    arn = setting_arn(account.partition, "billing", "", account.account_id, "cost-management")
    yield row(organizations, arn) | {
        "region": "",
        "payer": payer,
        "budgets": budgets and sorted(budget["BudgetName"] for budget in budgets),
        "monitors": monitors and sorted(monitor["MonitorName"] for monitor in monitors),
        "optimizer": optimizer.get("status", "Inactive"),
    }


def read_functions(optimizer: Api) -> Iterator[Raw]:
    account = optimizer.account
    offered = account.session.get_available_regions("compute-optimizer", account.partition)
    if optimizer.region not in offered:
        optimizer.record("GetLambdaFunctionRecommendations", Outcome.UNSUPPORTED, "NoEndpoint")
        return
    token: dict[str, str] = {}
    while True:
        reply = optimizer.call("GetLambdaFunctionRecommendations", absent=NOT_ENROLLED, **token)
        for advice in reply.get("lambdaFunctionRecommendations", []) or ():
            yield _function(optimizer, advice)
        if not (following := reply.get("nextToken", "")):
            return
        token = {"nextToken": following}


def read_secrets(secretsmanager: Api) -> Iterator[Raw]:
    for secret in secretsmanager.pages("ListSecrets", "SecretList"):
        if "DeletedDate" in secret:
            continue
        made = secret["CreatedDate"]
        yield row(secretsmanager, secret["ARN"]) | {
            "name": secret["Name"],
            "created": made,
            "accessed": secret.get("LastAccessedDate") or EPOCH,
            "owner": secret.get("OwningService") or "",
            "replica": secret.get("PrimaryRegion", secretsmanager.region) != secretsmanager.region,
        }


def _function(optimizer: Api, advice: Raw) -> Raw:
    options = sorted(advice.get("memorySizeRecommendationOptions", ()), key=lambda o: o["rank"])
    best = options[0] if options else {}
    saved = best.get("savingsOpportunity", {}).get("estimatedMonthlySavings", {})
    arn = ":".join(advice["functionArn"].split(":")[:7])  # without the version
    return row(optimizer, arn) | {
        "name": arn.rpartition(":")[2],
        "memory_mb": advice["currentMemorySize"],
        "reasons": sorted(advice.get("findingReasonCodes", ())),
        "advised_mb": best.get("memorySize", advice["currentMemorySize"]),
        "usd": round(saved.get("value", 0.0), 2) if saved.get("currency", "USD") == "USD" else None,
        "price_source": "AWS Compute Optimizer",
    }


COLLECTORS = (
    Collector(Billing, read_billing),
    Collector(Functions, read_functions),
    Collector(Secrets, read_secrets),
)
