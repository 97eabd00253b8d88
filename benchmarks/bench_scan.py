"""CPU of scan_account against the bare boto3 calls it makes, on the demonstration organization.

Both in one process, one thread per call fan-out left out of the bare run; the emulated AWS
is another process and not counted.
"""

import os
import time
from collections import Counter
from typing import Any

import boto3
from botocore import xform_name

from stratum_pipeline import demo
from stratum_pipeline.kernel import collect
from stratum_pipeline.organization import Access
from stratum_pipeline.scan import scan_account

ROUNDS = 3
Call = tuple[str, str, str, dict[str, Any]]


def record(session: boto3.Session, account: str) -> tuple[list[Call], Counter[str], float]:
    """(calls of one scan, calls by operation, seconds of CPU of a scan without recording)."""
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
    return calls, Counter(f"{s}:{o}" for s, _, o, _ in calls), min(costs)


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


def main() -> None:
    with demo.serve() as organization:
        os.environ.update(organization.credentials)
        access = Access("stratum/scan-iam", organization.external_id)
        (account,) = [a.id for a in organization.accounts if a.name == "production"]
        session = access.enter(account, "iam")
        scan_account(session, account)  # warm: imports, botocore's models
        calls, kinds, ours = record(session, account)
        floor = bare(session, calls)
        result = scan_account(session, account)
    buckets = result.inventory["s3.buckets"].height
    users = result.inventory["iam.users"].height
    per_bucket = sum(n for o, n in kinds.items() if o.startswith("s3:") and "ListBuckets" not in o)
    print(f"calls {len(calls)}; bare boto3 {floor:.3f} s CPU; scan_account {ours:.3f} s CPU")
    print(f"ratio {ours / floor:.2f} (target: at most 1.5)")
    print(f"calls per bucket {per_bucket / buckets:.1f} ({buckets} buckets)")
    iam = sum(n for o, n in kinds.items() if o.startswith("iam:"))
    print(f"calls to IAM {iam}, whatever the number of users ({users} here)")


if __name__ == "__main__":
    main()
