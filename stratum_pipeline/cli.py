"""The `stratum` command: every verb calls one function and prints what it gives."""

import csv
import enum
import getpass
import json
import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import polars as pl
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from .settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="AWS governance inside your own organization: scan, queue, triage.",
)
WIDTH = 160  # where nothing tells how wide the output is
out, err = Console(highlight=False), Console(stderr=True, highlight=False)
if not out.is_terminal and "COLUMNS" not in os.environ:
    out.width = WIDTH

COMPLETE, FAILED, PARTIAL = 0, 1, 3
PAGE = 25


class Format(enum.StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


FormatOption = Annotated[
    Format, typer.Option("--format", help="json and csv give every row; a table its first page.")
]
Words = Annotated[str, typer.Option(help="Comma-separated; all by default.")]


@contextmanager
def told() -> Generator[None]:
    """Errors that a user can mend end the program with their message and exit code 1."""
    from .lifecycle.triage import TriageError
    from .organization import AccessError
    from .runs import RunError
    from .store.errors import StoreError
    from .triage.read_model import NoQueue

    try:
        yield
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper()
            err.print(f"[red]error[/] STRATUM_{name}: {problem['msg']}", soft_wrap=True)
        raise typer.Exit(FAILED) from error
    except (AccessError, KeyError, NoQueue, OSError, RunError, StoreError, TriageError) as error:
        message = error.args[0] if isinstance(error, KeyError) else str(error)
        err.print("[red]error[/]", end=" ")
        err.print(message, markup=False, soft_wrap=True)
        raise typer.Exit(FAILED) from error


@app.command()
def scan(
    accounts: Words = "",
    modules: Words = "",
    regions: Words = "",
) -> None:
    """Scan the organization, or the current account alone, and bring the queue up to date.

    Exit code 0: complete; 3: something could not be seen (`stratum coverage`); 1: failed.
    """
    with told():
        raise typer.Exit(_scan(_words(accounts), _words(modules), _words(regions)))


@app.command()
def demo(
    serve: Annotated[bool, typer.Option(help="Serve the Dagster UI afterwards.")] = True,
    accounts: Annotated[int | None, typer.Option(min=7, help="Accounts to emulate.")] = None,
    port: Annotated[int, typer.Option(help="Of the Dagster UI.")] = 3000,
) -> None:
    """Scan an emulated organization with planted faults, print what was found, serve the UI."""
    from . import demo as organization
    from .serve import serve as serve_ui

    with told(), organization.serve(accounts=accounts) as running:
        os.environ.update(running.credentials, STRATUM_EXTERNAL_ID=running.external_id)
        out.print(f"The demonstration organization answers on {running.endpoint_url}\n")
        code = _scan((), (), ())
        if code == FAILED:
            raise typer.Exit(FAILED)
        out.print("\n[bold]What to do first[/]")
        findings(status="open", limit=10)
        out.print("\n[bold]What could not be seen[/]")
        coverage()
        if serve:
            out.print()
            serve_ui(Settings(), port, out.print)


@app.command()
def up(port: Annotated[int, typer.Option(help="Of the Dagster UI.")] = 3000) -> None:
    """Serve the Dagster UI on 127.0.0.1 until Ctrl-C."""
    from .serve import serve

    with told():
        serve(Settings(), port, out.print)


@app.command()
def findings(
    format: FormatOption = Format.TABLE,
    status: Annotated[str, typer.Option(help="open, suppressed, resolved or all.")] = "open",
    severity: Annotated[str, typer.Option(help="critical, high, medium or low.")] = "",
    account: Annotated[str, typer.Option(help="Account id.")] = "",
    rule: Annotated[str, typer.Option(help="Rule id.")] = "",
    limit: Annotated[int, typer.Option(help="Rows of a table.")] = PAGE,
) -> None:
    """The queue: what is wrong, the most urgent first."""
    where = {"status": status if status != "all" else "", "severity": severity}
    where |= {"account_id": account, "rule_id": rule}
    with told():
        _list(
            "v1_findings",
            format,
            {
                "finding_id": lambda v: str(v)[:12],
                "priority": str,
                "severity": str,
                "title": str,
                "account_name": str,
                "region": str,
                "resource_arn": _tail,
                "unverified": str,
            },
            {name: value for name, value in where.items() if value},
            limit,
        )


@app.command()
def show(finding: Annotated[str, typer.Argument(help="A finding's id, or its beginning.")]) -> None:
    """One finding: why it is where it is, what to do, and what happened to it."""
    from .lifecycle.record import current
    from .lifecycle.triage import matching

    with told():
        stratum = _deployment()
        found = matching(current(stratum.ledger), finding)
        from .triage.read_model import connect, rows

        queue = connect(stratum.data)
        listed = rows(queue, "SELECT * FROM v1_findings WHERE finding_id = ?", found).to_dicts()
        details = rows(queue, "SELECT * FROM v1_details WHERE finding_id = ?", found).to_dicts()
        events = rows(queue, "SELECT * FROM v1_events WHERE finding_id = ?", found)
        _print_json({**details[0], **listed[0], "events": events.to_dicts()})


@app.command()
def coverage(format: FormatOption = Format.TABLE, limit: int = PAGE) -> None:
    """What could not be seen, and what that leaves unknown."""
    columns: dict[str, Callable[[Any], str]] = {
        "account_name": str,
        "region": str,
        "operation": str,
        "outcome": str,
        "code": str,
        "rules": lambda v: f"{len(v)} rules",
        "blinded": lambda v: f"{v} verdicts",
        "unlisted": lambda v: "listing lost" if v else "",
    }
    with told():
        _list("v1_gaps", format, columns, {}, limit)


@app.command()
def accounts(format: FormatOption = Format.TABLE, limit: int = PAGE) -> None:
    """The organization's accounts: when each was scanned and what is open in it."""
    names = [
        "account_id",
        "name",
        "ou",
        "status",
        "scan",
        "scanned_at",
        "open",
        "critical",
        "high",
        "gaps",
    ]
    with told():
        _list("v1_accounts", format, dict.fromkeys(names, _short), {}, limit)


@app.command()
def rules(format: FormatOption = Format.TABLE, limit: int = 200) -> None:
    """The rules, what each looked at, and what is open."""
    names = ["rule_id", "severity", "title", "open", "population", "passed", "failed", "unknown"]
    with told():
        _list("v1_rules", format, dict.fromkeys(names, _short), {}, limit)


class Action(enum.StrEnum):
    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    NOTE = "note"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    RESOLVE = "resolve"


@app.command()
def triage(
    finding: Annotated[str, typer.Argument(help="A finding's id, or its beginning.")],
    action: Action,
    to: Annotated[str, typer.Option(help="assign: to whom; nobody if left out.")] = "",
    note: Annotated[str, typer.Option(help="note, suppress: why.")] = "",
    reason: Annotated[
        str,
        typer.Option(
            help="suppress: accepted_risk, false_positive, compensating_control, not_applicable."
        ),
    ] = "",
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="suppress: to this day, UTC.")
    ] = None,
) -> None:
    """Say something of a finding; it is appended to the ledger and shown at once."""
    from .lifecycle.events import Kind
    from .lifecycle.record import current, publish
    from .lifecycle.triage import triage as append

    kinds = {
        Action.ACKNOWLEDGE: Kind.ACKNOWLEDGED,
        Action.ASSIGN: Kind.ASSIGNED,
        Action.NOTE: Kind.NOTED,
        Action.SUPPRESS: Kind.SUPPRESSED,
        Action.UNSUPPRESS: Kind.UNSUPPRESSED,
        Action.RESOLVE: Kind.MARKED_RESOLVED,
    }
    # The operating system vouches for the name, nobody for the person: evidence says so.
    actor = {"kind": "person", "id": getpass.getuser(), "assurance": "unauthenticated"}
    with told():
        stratum = _deployment()
        entry = append(
            stratum.ledger,
            actor,
            kinds[action],
            [finding],
            note=note,
            to=to,
            reason=reason,
            until=until.replace(tzinfo=UTC) if until else None,
            now=datetime.now(UTC),
        )
        publish(
            stratum.data,
            current(stratum.ledger),
            stratum.rules,
            stratum.correlations,
            stratum.module_names,
        )
        out.print(f"Recorded as ledger entry {entry.seq}: {entry.kind} by {actor['id']}.")


@app.command()
def doctor() -> None:
    """Say what is missing before a scan, each with its fix. Exit code 1 if anything is."""
    from .doctor import examine

    colours = {"ok": "green", "warning": "yellow", "missing": "red"}
    states: set[str] = set()
    with told():
        for check in examine(Settings()):
            states.add(check.state)
            out.print(f"[{colours[check.state]}]{check.state:8}[/]", end=" ")
            out.print(f"{check.name:24} {check.found}", markup=False, soft_wrap=True)
            if check.state != "ok" and check.fix:
                out.print(f"{'':9}{check.fix}", markup=False, soft_wrap=True)
    raise typer.Exit(FAILED if "missing" in states else COMPLETE)


def _deployment() -> Any:
    from .assets.deployment import Deployment

    return Deployment.of(Settings())


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _scan(accounts: Sequence[str], modules: Sequence[str], regions: Sequence[str]) -> int:
    from .runs import run_scan

    settings = Settings()
    if regions:
        settings = settings.model_copy(update={"regions": tuple(regions)})
    with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("Finding accounts", total=None)

        def on_account(done: int, total: int, what: str) -> None:
            progress.update(task, completed=done, total=total, description=what)
            if not err.is_terminal and (done == total or done % max(1, total // 20) == 0):
                err.print(f"read {done} of {total}: {what}", markup=False)

        summary = run_scan(settings, accounts, modules, on_account)
    seen = ", ".join(f"{n} {outcome}" for outcome, n in sorted(summary.accounts.items()))
    out.print(f"[bold]Scan {summary.outcome}[/]")
    out.print(f"  accounts   {seen}")
    out.print(f"  AWS calls  {summary.calls}")
    out.print(
        f"  findings   {summary.opened} new, {summary.reopened} reopened,"
        f" {summary.resolved} resolved, {summary.open} open"
    )
    out.print(f"  gaps       {summary.gaps}" + (" (stratum coverage)" if summary.gaps else ""))
    out.print(f"  ledger     entry {summary.entry}")
    return {"complete": COMPLETE, "partial": PARTIAL}.get(summary.outcome, FAILED)


def _list(
    view: str,
    format: Format,
    columns: dict[str, Callable[[Any], str]],
    where: dict[str, str],
    limit: int,
) -> None:
    from .triage.read_model import connect, rows

    conditions = " AND ".join(f"{name} = ?" for name in where) or "true"
    query = f"SELECT * FROM {view} WHERE {conditions}"
    frame = rows(connect(_deployment().data), query, *where.values())
    if format == Format.JSON:
        _print_json(frame.to_dicts())
    elif format == Format.CSV:
        flat = frame.with_columns(_flat(name, dtype) for name, dtype in frame.schema.items())
        writer = csv.writer(sys.stdout)
        writer.writerow(flat.columns)
        writer.writerows(flat.iter_rows())
    else:
        table = Table(box=None, pad_edge=False, header_style="bold", expand="title" in columns)
        for name in columns:
            # Prose and ARNs share what the others leave.
            table.add_column(
                name.replace("_", " "),
                overflow="ellipsis",
                no_wrap=True,
                ratio={"title": 3, "resource_arn": 2, "unverified": 1}.get(name),
            )
        for row in frame.head(limit).to_dicts():
            table.add_row(*("" if row[n] is None else show(row[n]) for n, show in columns.items()))
        out.print(table)
        out.print(f"{min(limit, frame.height)} of {frame.height}")


def _flat(name: str, dtype: pl.DataType) -> pl.Expr:
    nested = dtype.is_nested()
    if not nested:
        return pl.col(name)
    return pl.col(name).map_elements(
        lambda v: json.dumps(v.to_list() if isinstance(v, pl.Series) else v, default=str),
        return_dtype=pl.String,
    )


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, default=_plain, indent=2, ensure_ascii=False) + "\n")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _short(value: Any) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)


def _tail(arn: Any) -> str:
    return str(arn).split(":", 5)[-1]
