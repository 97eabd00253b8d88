"""CPU of scan_account against the bare boto3 calls it makes, on the demonstration organization.

Both in one process, one thread per call fan-out left out of the bare run; the emulated AWS
is another process and not counted. Then each module's calls: in a region without anything, and
for each of the resources that are asked about one by one.
"""

import os
import time
from typing import Any

import boto3
import botocore.session
import polars as pl
from botocore import xform_name

from stratum_pipeline import demo
from stratum_pipeline.kernel import collect
from stratum_pipeline.kernel.module import Module
from stratum_pipeline.organization import Access
from stratum_pipeline.registry import MODULES
from stratum_pipeline.scan import HOME, ScanResult, scan_account

ROUNDS = 3
EMPTY = "ca-central-1"
BATCHED = {"cloudwatch:GetMetricData"}  # 500 metrics at once
Call = tuple[str, str, str, dict[str, Any]]


def record(session: boto3.Session, account: str) -> tuple[list[Call], float]:
    """(calls of one scan, seconds of CPU of a scan without recording)."""
    calls: list[Call] = []
    real = collect.Account.client

    def client(self: collect.Account, service: str, region: str) -> Any:
        made = real(self, service, region)

        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            calls.append((service, region, model.name, dict(params)))

        made.meta.events.register("provide-client-params", note, unique_id="bench")
        return made

    collect.Account.client = client  # type: ignore[method-assign]
    scan_account(session, account)
    collect.Account.client = real  # type: ignore[method-assign]
    costs: list[float] = []
    for _ in range(ROUNDS):
        start = time.process_time()
        scan_account(session, account)
        costs.append(time.process_time() - start)
    return calls, min(costs)


def bare(session: boto3.Session, calls: list[Call]) -> float:
    """Seconds of CPU that boto3 alone needs for `calls`, one client a service and region."""
    costs: list[float] = []
    for _ in range(ROUNDS):
        clients: dict[tuple[str, str], Any] = {}
        start = time.process_time()
        for service, region, operation, params in calls:
            key = (service, region)
            if key not in clients:
                clients[key] = session.client(
                    service, region_name=region, config=collect.Config(inject_host_prefix=False)
                )
            try:
                getattr(clients[key], xform_name(operation))(**params)
            except Exception:  # noqa: BLE001 - a refused call costs what it costs
                continue
        costs.append(time.process_time() - start)
    return min(costs)


def empty_region(session: boto3.Session, account: str, module: Module) -> int:
    """How many more calls `module` makes for one more region, where nothing is."""
    one, two = (
        scan_account(session, account, [module.name], regions).coverage["calls"].sum()
        for regions in ([HOME], [HOME, EMPTY])
    )
    return two - one


def one_by_one(result: ScanResult, module: Module) -> dict[str, float]:
    """Calls for each row of a table, of the operations that must be told what to look at."""
    calls = dict(result.coverage.group_by("operation").agg(pl.col("calls").sum()).iter_rows())
    found: dict[str, float] = {}
    for collector in module.collectors:
        rows = result.inventory[f"{module.name}.{collector.table.label}"].height
        asked = sum(calls.get(name, 0) for name in collector.operations if asks_of_one(name))
        if rows and asked:
            found[collector.table.label] = asked / rows
    return found


def asks_of_one(operation: str) -> bool:
    if operation in BATCHED:
        return False
    service, _, name = operation.partition(":")
    shape = botocore.session.get_session().get_service_model(service).operation_model(name)
    return bool(
        {*(shape.input_shape.required_members if shape.input_shape else ())} - {"AccountId"}
    )


def main() -> None:
    with demo.serve() as organization:
        os.environ.update(organization.credentials)
        access = Access("stratum/scan-iam", organization.external_id)
        ids = {account.name: account.id for account in organization.accounts}
        session = access.enter(ids["production"], "iam")
        scan_account(session, ids["production"])  # warm: imports, botocore's models
        calls, ours = record(session, ids["production"])
        floor = bare(session, calls)
        print(f"calls {len(calls)}; bare boto3 {floor:.3f} s CPU; scan_account {ours:.3f} s CPU")
        print(f"ratio {ours / floor:.2f} (target: at most 1.5)")
        session = access.enter(ids["sandbox"], "iam")
        result = scan_account(session, ids["sandbox"])
        for module in MODULES:
            each = one_by_one(result, module)
            print(
                f"{module.name:11}{empty_region(session, ids['sandbox'], module):3} calls for an "
                f"empty region; each of {', '.join(f'{k} {v:.1f}' for k, v in each.items())}"
            )


if __name__ == "__main__":
    main()
