"""The Dagster code location: everything assembled here, and nothing else."""

from collections.abc import Callable

import dagster as dg

from .assets.accounts import accounts
from .assets.deployment import Deployment
from .assets.findings import coverage_check, findings_asset
from .assets.queue import ledger_asset, queue
from .assets.raw import raw_asset
from .sensors.discovery import account_discovery
from .sensors.queue import scans_ended, triage_events
from .sensors.schedules import daily_scan, discover, refresh, scan
from .settings import Settings


def assemble(
    settings: Settings, on_account: Callable[[str], None] = lambda what: None
) -> dg.Definitions:
    """The code location as `settings` say; `on_account` hears of each account read."""
    stratum = Deployment.of(settings, on_account)
    per_run = settings.accounts_per_run
    raw = [raw_asset(module, per_run) for module in stratum.modules]
    findings = [findings_asset(module, per_run) for module in stratum.modules]
    return dg.Definitions(
        assets=[accounts, *raw, *findings, ledger_asset(stratum.modules), queue],
        asset_checks=[coverage_check(module) for module in stratum.modules],
        jobs=[discover, scan, refresh],
        schedules=[daily_scan],
        sensors=[account_discovery, triage_events, scans_ended],
        resources={"stratum": stratum},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    return assemble(Settings())
