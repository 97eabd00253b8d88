"""What is missing before a scan: one check a line, each with its fix."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

from .assets.accounts import ACTIVE
from .assets.deployment import Deployment
from .kernel.collect import Account, enabled_regions
from .kernel.coverage import Outcome
from .lifecycle.events import Accounts
from .organization import AccessError
from .scan import HOME
from .settings import Settings
from .store.errors import StoreError
from .store.objects import ObjectStore, open_store

PROBE = "probe/write"
ACCOUNTS_TRIED = 20


@dataclass(frozen=True)
class Check:
    name: str
    state: str  # ok | warning | missing
    found: str
    fix: str = ""


def examine(settings: Settings) -> Iterator[Check]:
    """Checks in the order in which they matter; without credentials the rest is not asked."""
    tools = ("dagster", "polars", "duckdb", "boto3")
    yield Check(
        "versions",
        "ok" if sys.version_info >= (3, 11) else "missing",
        f"Python {sys.version.split()[0]}, " + ", ".join(f"{t} {version(t)}" for t in tools),
        "Python 3.11 or later is needed",
    )
    yield _reachable("data", settings.data, "written and deleted", _replaceable)
    # What is written to the vault stays there: a probe would be history.
    yield _reachable("vault", settings.vault, "listed; the first scan writes", _listed)
    try:
        stratum = Deployment.of(settings)
    except (KeyError, StoreError) as error:
        yield Check("settings", "missing", str(error), "correct the STRATUM_* variable")
        return
    try:
        caller = stratum.access.caller()
    except AccessError as error:
        yield Check("credentials", "missing", error.code, str(error))
        return
    yield Check("credentials", "ok", f"{caller.arn} in {caller.region}")
    try:
        found = stratum.access.discover()
    except AccessError as error:
        yield Check("organization", "missing", error.code, str(error))
        return
    active = found.accounts.filter(Accounts.status == ACTIVE)["account_id"].to_list()
    yield Check(
        "organization",
        "ok" if found.organization else "warning",
        f"{found.accounts.height} accounts, {len(active)} active"
        if found.organization
        else f"the current account alone ({found.note})",
        "to scan the organization, run with credentials of its management account or of a "
        "delegated administrator for Organizations",
    )
    yield from _roles(stratum, active)
    yield _regions(stratum, caller.account_id)


def _roles(stratum: Deployment, accounts: list[str]) -> Iterator[Check]:
    for account in accounts[:ACCOUNTS_TRIED]:
        refused: list[str] = []
        fix = ""
        for module in stratum.module_names:
            try:
                stratum.access.enter(account, module)
            except AccessError as error:
                refused.append(f"{module}: {error.code}")
                fix = str(error)
        state = "missing" if refused else "ok"
        roles = f"{len(stratum.modules) - len(refused)} of {len(stratum.modules)} modules enter"
        yield Check(f"role in {account}", state, "; ".join([roles, *refused]), fix)
    if len(accounts) > ACCOUNTS_TRIED:
        rest = len(accounts) - ACCOUNTS_TRIED
        yield Check("roles", "warning", f"{rest} further accounts were not tried", "scan them")


def _regions(stratum: Deployment, account: str) -> Check:
    if stratum.regions:
        return Check("regions", "ok", ", ".join(stratum.regions))
    module = next((m for m in stratum.modules if m.regional), None)
    if module is None:
        return Check("regions", "ok", "no module that is switched on goes by region")
    try:
        session = stratum.access.enter(account, module.name)
    except AccessError as error:
        return Check("regions", "missing", error.code, str(error))
    entered = Account(session, account, module.operations)
    regions = enabled_regions(entered, session.region_name or HOME)
    answered = entered.coverage()["outcome"].eq(str(Outcome.OK)).all()
    return Check(
        "regions",
        "ok" if answered else "missing",
        f"{len(regions)}: {', '.join(regions)}",
        "allow ec2:DescribeRegions, or name the regions in STRATUM_REGIONS",
    )


def _replaceable(store: ObjectStore) -> None:
    store.put(PROBE, b"ok")
    store.delete(PROBE)


def _listed(store: ObjectStore) -> None:
    next(store.list("ledger/"), None)


def _reachable(name: str, url: str, tried: str, probe: Callable[[ObjectStore], None]) -> Check:
    try:
        probe(open_store(url))
    except StoreError as error:
        return Check(name, "missing", url, str(error))
    return Check(name, "ok", f"{url} ({tried})")
