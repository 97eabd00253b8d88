"""Running the pipeline from the command line: the same jobs, in this process.

Runs are kept by a persistent Dagster instance, so its UI shows them.
"""

import fcntl
import os
import shutil
import socket
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from .assets.accounts import PARTITIONS, scannable
from .assets.deployment import Deployment
from .assets.raw import BATCH_TAG
from .definitions import assemble
from .sensors.schedules import chunks, discover, range_tags, refresh, scan
from .settings import Settings
from .store.ledger import Head
from .triage.read_model import Queue

CLI_TAG = "stratum/cli"
"""Tag of runs that live in a `stratum` process of this Dagster home."""

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
SETTINGS = {
    "DAGSTER_EVENT_BATCH_SIZE": "1000",
    "DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS": "1",
}


class RunError(Exception):
    """A run could not do its work; the message says what to do."""


@dataclass(frozen=True)
class Summary:
    """What a scan did. outcome: complete | partial | failed."""

    outcome: str
    accounts: dict[str, int]  # by outcome of the account's scan, skipped ones too
    calls: int
    opened: int
    resolved: int
    reopened: int
    open: int
    gaps: int
    entry: int  # seq of the ledger entry; 0 if there was none


def dagster_home(settings: Settings) -> Path:
    """Dagster's home, DAGSTER_HOME if set, else as settings say; made ready for use."""
    home = Path(os.environ.get("DAGSTER_HOME") or settings.dagster_home).absolute()
    home.mkdir(parents=True, exist_ok=True)
    ours = Path(__file__).with_name("dagster.yaml")
    if not (home / "dagster.yaml").exists():
        shutil.copyfile(ours, home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    return home


@contextmanager
def only_scan(home: Path) -> Generator[None]:
    """Hold the home for one scan; RunError if another process is scanning with it.

    The operating system drops the lock when its holder dies, however it dies: whoever holds
    it knows that earlier runs of this kind are dead.
    """
    with (home / "scan.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(
                "another `stratum scan` is running with this Dagster home: wait for it, or set "
                "STRATUM_DAGSTER_HOME to another folder."
            ) from error
        yield


def bury_dead_runs(instance: dg.DagsterInstance) -> int:
    """Mark runs whose process was killed as failed, and free the pool slots they hold."""
    started = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    filters = dg.RunsFilter(tags={CLI_TAG: socket.gethostname()}, statuses=started)
    dead = instance.get_runs(filters)
    for run in dead:
        instance.report_run_failed(run, "The process that ran it ended before it did.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(dead)


def run_scan(
    settings: Settings,
    accounts: Sequence[str] = (),
    modules: Sequence[str] = (),
    on_account: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Summary:
    """Discover, scan in chunks, record, rebuild the queue.

    accounts, modules: () for all. on_account(done, total, "s3 in 123456789012").
    RunError (and whatever the deployment raises before the first run) if it can't be done;
    AccessError, StoreError likewise.
    """
    stratum = Deployment.of(settings)
    names = [one.name for one in stratum.modules]
    if strange := set(modules) - set(names):
        raise RunError(f"no module {', '.join(sorted(strange))}; there are {', '.join(names)}.")
    chosen = [name for name in names if not modules or name in modules]
    stratum.access.caller()  # fails here, clearly, before anything is started
    before = stratum.ledger.head()
    scan_id = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    with only_scan(dagster_home(settings)), dg.DagsterInstance.get() as instance:
        bury_dead_runs(instance)
        tags = {CLI_TAG: socket.gethostname(), BATCH_TAG: scan_id}
        _run(assemble(settings), discover.name, instance, tags)
        keys = list(instance.get_dynamic_partitions(PARTITIONS))
        wanted = set(accounts) or set(keys)
        if strange := wanted - set(keys):
            raise RunError(
                f"no account {', '.join(sorted(strange))} among the {len(keys)} known; "
                "`stratum accounts` lists them."
            )
        open_ones = set(scannable(stratum, sorted(wanted)))
        total, done = len(open_ones) * len(chosen), 0

        def count(what: str) -> None:
            nonlocal done
            done += 1
            on_account(done, total, what)

        definitions = assemble(settings, count)
        selection = [dg.AssetKey([kind, m]) for kind in ("raw", "findings") for m in chosen]
        for first, last, _ in chunks(keys, open_ones, settings.accounts_per_run):
            chunk = range_tags(first, last, scan_id)
            _run(definitions, scan.name, instance, tags | chunk, selection)
        _run(definitions, refresh.name, instance, tags)
    return _summary(stratum, before, scan_id, wanted)


def _run(
    definitions: dg.Definitions,
    job: str,
    instance: dg.DagsterInstance,
    tags: dict[str, str],
    selection: list[dg.AssetKey] | None = None,
) -> None:
    result = definitions.resolve_job_def(job).execute_in_process(
        run_config=QUIET,
        instance=instance,
        tags=tags,
        asset_selection=selection,
        raise_on_error=False,
    )
    if not result.success:
        raise RunError(f"run {result.run_id[:8]} of job {job} failed: {_why(result)}")


def _why(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure or event.is_failure:
            data = event.event_specific_data
            error = getattr(data, "error", None)
            if error is not None:  # Dagster's wrapper around what was raised
                return str((error.cause or error).message).partition(": ")[2].strip()
    return "see it in the UI (`stratum up`)"


def _summary(stratum: Deployment, before: Head, scan_id: str, wanted: set[str]) -> Summary:
    entries = [e for e in stratum.ledger.entries(before) if e.body.get("scan_id") == scan_id]
    changes: dict[str, int] = entries[-1].body["changes"] if entries else {}
    mine = "SELECT account_id, outcome, calls FROM v1_scans WHERE scan_id = ?"
    with Queue.load(stratum.data) as queue:
        # Not what an earlier scan left of accounts that this one skipped.
        scans = queue.rows(mine, scan_id)
        shown = queue.rows("SELECT count(*) FROM v1_findings WHERE status = 'open'").item()
        gaps = queue.rows("SELECT count(*) FROM v1_gaps").item()
    outcomes: dict[str, int] = {}
    for (_,), of_one in scans.group_by("account_id"):
        seen = set(of_one["outcome"])
        word = seen.pop() if len(seen) == 1 else "partial"
        outcomes[word] = outcomes.get(word, 0) + 1
    if skipped := len(wanted) - scans["account_id"].n_unique():
        outcomes["skipped"] = skipped
    read = {word for word in outcomes if word != "skipped"}
    return Summary(
        outcome="complete"
        if read == {"complete"}
        else "failed"
        if read <= {"failed"}
        else "partial",
        accounts=outcomes,
        calls=int(scans["calls"].sum()),
        opened=changes.get("opened", 0),
        resolved=changes.get("resolved", 0),
        reopened=changes.get("reopened", 0),
        open=int(shown),
        gaps=int(gaps),
        entry=entries[-1].seq if entries else 0,
    )
