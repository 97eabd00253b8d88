"""The organization's accounts: one row each; they are the partitions of everything scanned."""

from typing import Any

import dagster as dg

from stratum_pipeline.kernel.trust import Members
from stratum_pipeline.lifecycle.events import Accounts

from .deployment import Deployment
from .metadata import preview

PARTITIONS = "aws_account"
ACCOUNTS = dg.DynamicPartitionsDefinition(name=PARTITIONS)
ACTIVE = "ACTIVE"


@dg.asset(
    group_name="organization",
    kinds={"aws"},
    description="Every account of the AWS Organization with its OU path, status and tags; "
    "the caller's account alone where Organizations does not answer.",
)
def accounts(
    context: dg.AssetExecutionContext, stratum: dg.ResourceParam[Deployment]
) -> dg.MaterializeResult[Any]:
    """Discover accounts and add a partition for each; none is ever removed here.

    An account that left or was suspended keeps its partition: its history stays readable.
    """
    found = stratum.access.discover()
    stratum.data.write_accounts(found.accounts)
    stratum.data.write_members(Members.frame() if found.members is None else found.members)
    ids = found.accounts["account_id"].to_list()
    context.instance.add_dynamic_partitions(PARTITIONS, ids)
    if found.note:
        context.log.warning(f"one account only: {found.note}")
    counts = dict(found.accounts["status"].value_counts().iter_rows())
    shown = found.accounts.select("account_id", "name", "ou", "status")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": found.accounts.height,
            "preview": preview(shown),
            **{f"status {status.lower()}": n for status, n in sorted(counts.items())},
        }
    )


def scannable(stratum: Deployment, wanted: list[str]) -> list[str]:
    """Those of `wanted` that are not known to be suspended or closed."""
    known = stratum.data.read_accounts()
    if known is None:
        return wanted
    shut = set(known.filter(Accounts.status != ACTIVE)["account_id"])
    return [account for account in wanted if account not in shut]
