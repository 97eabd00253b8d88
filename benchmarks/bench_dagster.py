"""What Dagster itself costs: CPU of a scan by its jobs, less the same work called directly."""

import os
import resource
import tempfile
import time
from pathlib import Path

from stratum_pipeline import demo
from stratum_pipeline.assets.deployment import Deployment
from stratum_pipeline.assets.findings import judge_account
from stratum_pipeline.assets.raw import load, read_account, store
from stratum_pipeline.lifecycle.publish import publish
from stratum_pipeline.lifecycle.record import current, record
from stratum_pipeline.runs import run_scan
from stratum_pipeline.settings import Settings

ACCOUNTS = 107


def directly(settings: Settings) -> float:
    stratum = Deployment.of(settings)
    found = stratum.access.discover().accounts
    stratum.data.write_accounts(found)
    start = time.process_time()
    for account in found.filter(found["status"] == "ACTIVE")["account_id"]:
        for module in stratum.modules:
            store(stratum, read_account(stratum, account, module), "bench")
            stored = load(stratum, module, account)
            assert stored is not None
            judge_account(stratum, *stored, None)
    record(stratum.ledger, stratum.data, stratum.rules, "bench", stratum.module_names)
    state = current(stratum.ledger)
    publish(stratum.data, state, stratum.rules, stratum.correlations, stratum.module_names)
    return time.process_time() - start


def main() -> None:
    with demo.serve(accounts=ACCOUNTS) as organization, tempfile.TemporaryDirectory() as folder:
        os.environ.update(organization.credentials)
        home = Path(folder)
        os.environ["DAGSTER_HOME"] = str(home / "dagster")

        def settings(name: str) -> Settings:
            return Settings(
                data=str(home / name / "data"),
                vault=str(home / name / "vault"),
                external_id=organization.external_id,
                accounts_at_once=1,  # as the direct run: threads cost CPU of their own
            )

        plain = directly(settings("plain"))
        began, start = time.perf_counter(), time.process_time()
        summary = run_scan(settings("dagster"))
        wall, ours = time.perf_counter() - began, time.process_time() - start
    pairs = sum(n for word, n in summary.accounts.items() if word != "skipped") * 3
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{pairs} account x module, {summary.calls} calls, {wall:.1f} s wall, {peak:.0f} MB peak")
    print(f"CPU: directly {plain:.1f} s, through Dagster {ours:.1f} s, ratio {ours / plain:.2f}")
    print(f"Dagster per account x module {(ours - plain) / pairs * 1000:.1f} ms (target: under 5)")


if __name__ == "__main__":
    main()
