"""The `stratum` command: every verb calls one function and prints what it gives."""

import enum
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.progress import Progress

from .evidence.cli import app as evidence
from .printing import Format, Shown, err, listing, out, pages, print_json, short
from .settings import Settings
from .triage.client import Client
from .triage.contract import AccountsQuery, DriftQuery, FindingsQuery, GapsQuery, Record, ScopeQuery
from .triage.contract import Action as Kind

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="AWS governance inside your own organization: scan, queue, triage.",
)
app.add_typer(evidence, name="evidence")
COMPLETE, FAILED, PARTIAL = 0, 1, 3
PAGE = 25
MOST = 500  # rows in one answer of the API


class Permissions(enum.StrEnum):
    POLICY = "policy"
    JSON = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", help="json and csv give every row; a table its first page.")
]
Words = Annotated[str, typer.Option(help="Comma-separated; all by default.")]
UiPort = Annotated[int, typer.Option(help="Of the Dagster UI; 0 for any.", min=0, max=65535)]
ApiPort = Annotated[int, typer.Option(help="Of the API; 0 for any.", min=0, max=65535)]
Day = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="UTC; a day, or a moment."),
]
AppPort = Annotated[int, typer.Option(help="Of the app; 0 for any.", min=0, max=65535)]


@contextmanager
def told() -> Generator[None]:
    """Errors that a user can mend end the program with their message and exit code 1."""
    from .organization import AccessError
    from .runs import RunError
    from .store.errors import StoreError
    from .triage.client import ApiError, Unreachable
    from .triage.read_model import NoQueue

    try:
        yield
    except ValidationError as error:
        prefix = "STRATUM_" if error.title == Settings.__name__ else "--"
        for problem in error.errors():
            name = str(problem["loc"][0]) if problem["loc"] else ""
            name = name.upper() if prefix == "STRATUM_" else name
            err.print(f"[red]error[/] {prefix}{name}: {problem['msg']}", soft_wrap=True)
        raise typer.Exit(FAILED) from error
    except (
        AccessError,
        ApiError,
        KeyError,
        NoQueue,
        OSError,
        RunError,
        StoreError,
        Unreachable,
        ValueError,
    ) as error:
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
    serve: Annotated[bool, typer.Option(help="Serve it afterwards, as `stratum up`.")] = True,
    accounts: Annotated[int | None, typer.Option(min=7, help="Accounts to emulate.")] = None,
    port: UiPort = 3000,
    api_port: ApiPort = 8000,
    app_port: AppPort = 8501,
) -> None:
    """Scan an emulated organization with planted faults, print what was found, serve it."""
    from . import demo as organization

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
            up(port, api_port, app_port)


@app.command()
def up(port: UiPort = 3000, api_port: ApiPort = 8000, app_port: AppPort = 8501) -> None:
    """Serve the app, the API and the Dagster UI on 127.0.0.1 until Ctrl-C."""
    from .serve import serve

    with told():
        say = partial(out.print, markup=False, soft_wrap=True)
        serve(Settings(), port, api_port, app_port, say)


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
    columns: Shown = {
        "finding_id": lambda v: str(v)[:12],
        "priority": str,
        "severity": str,
        "title": str,
        "account_name": str,
        "region": str,
        "resource": str,
        "unverified": str,
    }
    where = {"status": "" if status == "all" else status, "severity": severity}
    where |= {"account": account, "rule": rule}
    with told(), _client() as stratum:
        chosen = {name: (value,) for name, value in where.items() if value}
        question = FindingsQuery.model_validate(chosen | {"limit": _rows(format, limit)})
        listing(pages(stratum.findings, question), format, columns, limit)


@app.command()
def show(finding: Annotated[str, typer.Argument(help="A finding's id, or its beginning.")]) -> None:
    """One finding: why it is where it is, what to do, and what happened to it."""
    with told(), _client() as stratum:
        print_json(stratum.finding(finding).model_dump(mode="json"))


@app.command()
def coverage(format: FormatOption = Format.TABLE, limit: int = PAGE) -> None:
    """What could not be seen, and what that leaves unknown."""
    columns: Shown = {
        "account_name": str,
        "region": str,
        "operation": str,
        "outcome": str,
        "code": str,
        "permission": str,
        "rules": lambda v: f"{len(v)} rules",
        "blinded": lambda v: f"{v} verdicts",
        "unlisted": lambda v: "listing lost" if v else "",
    }
    with told(), _client() as stratum:
        question = GapsQuery(limit=_rows(format, limit))
        listing(pages(stratum.gaps, question), format, columns, limit)


@app.command()
def accounts(format: FormatOption = Format.TABLE, limit: int = PAGE) -> None:
    """The organization's accounts: when each was scanned and what is open in it."""
    names = ["account_id", "name", "ou", "status", "scan", "scanned_at"]
    names += ["open", "critical", "high", "gaps"]
    with told(), _client() as stratum:
        question = AccountsQuery(limit=_rows(format, limit))
        listing(pages(stratum.accounts, question), format, dict.fromkeys(names, short), limit)


@app.command()
def rules(format: FormatOption = Format.TABLE, limit: int = 200) -> None:
    """The rules, what each looked at, and what is open."""
    names = ["rule_id", "severity", "title", "open", "population", "passed", "failed", "unknown"]
    with told(), _client() as stratum:
        found = pages(stratum.rules, ScopeQuery())
        listing(found, format, dict.fromkeys(names, short), limit)


@app.command()
def drift(
    since: Day = None,
    until: Day = None,
    account: Words = "",
    module: Words = "",
    resource: Annotated[str, typer.Option(help="ARN of one resource.")] = "",
    what: Annotated[
        str, typer.Option(help="appeared, vanished, changed, replaced; all by default.")
    ] = "",
    format: FormatOption = Format.TABLE,
    limit: Annotated[int, typer.Option(help="Rows of a table.", min=1)] = PAGE,
) -> None:
    """What scans found changed, the newest first; in the last seven days by default.

    A day as --until counts whole. What a scan could not see it says nothing of.
    """
    names = ["at", "account_name", "module", "resource", "what", "column", "was", "now"]
    if until and until.time() == time():
        until += timedelta(days=1, microseconds=-1)
    with told():
        question = DriftQuery.model_validate(
            {
                "since": since and since.replace(tzinfo=UTC),
                "until": until and until.replace(tzinfo=UTC),
                "account": _words(account),
                "module": _words(module),
                "resource": resource,
                "what": _words(what),
                "limit": _rows(format, limit),
            }
        )
        with _client() as stratum:
            listing(pages(stratum.drift, question), format, dict.fromkeys(names, short), limit)


class Action(enum.StrEnum):
    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    NOTE = "note"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    RESOLVE = "resolve"
    REOPEN = "reopen"


class Reason(enum.StrEnum):
    ACCEPTED_RISK = "accepted_risk"
    FALSE_POSITIVE = "false_positive"
    COMPENSATING_CONTROL = "compensating_control"
    NOT_APPLICABLE = "not_applicable"


@app.command()
def triage(
    finding: Annotated[str, typer.Argument(help="A finding's id, or its beginning.")],
    action: Action,
    to: Annotated[str, typer.Option(help="assign: to whom; nobody if left out.")] = "",
    note: Annotated[str, typer.Option(help="note, suppress: why.")] = "",
    reason: Annotated[Reason | None, typer.Option(help="suppress: which kind of reason.")] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="suppress: to this day, UTC.")
    ] = None,
) -> None:
    """Say something of a finding; it is appended to the ledger and shown at once."""
    kinds: dict[Action, Kind] = {
        Action.ACKNOWLEDGE: "acknowledged",
        Action.ASSIGN: "assigned",
        Action.NOTE: "noted",
        Action.SUPPRESS: "suppressed",
        Action.UNSUPPRESS: "unsuppressed",
        Action.RESOLVE: "marked_resolved",
        Action.REOPEN: "marked_open",
    }
    with told(), _client() as stratum:
        event = Record(
            kind=kinds[action],
            finding_ids=(stratum.finding(finding).finding_id,),
            note=note,
            to=to,
            reason=reason.value if reason else None,
            until=until.replace(tzinfo=UTC) if until else None,
        )
        done = stratum.record(event)
        out.print(f"Recorded as ledger entry {done.entry}: {event.kind} by {stratum.me().id}.")


@app.command()
def permissions(
    module: Annotated[str, typer.Option(help="One module; all by default.")] = "",
    format: Annotated[Permissions, typer.Option(help="json: also which operations.")] = (
        Permissions.POLICY
    ),
) -> None:
    """Print the IAM permissions that each module's role needs, derived from what it calls."""
    from . import registry
    from .kernel.permissions import actions, policy

    with told():
        chosen = [registry.module(module)] if module else registry.MODULES
    if format == Permissions.POLICY:
        print_json(policy({one.name: one.operations for one in chosen}))
    else:
        print_json(
            {
                one.name: {"operations": sorted(one.operations), "actions": actions(one.operations)}
                for one in chosen
            }
        )


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


def _client() -> Client:
    """To the API if STRATUM_API_URL names one, else to this machine's data and vault."""
    return Client.connect()


def _rows(format: Format, limit: int) -> int:
    """How many rows to ask for at once."""
    return min(limit, MOST) if format == Format.TABLE else MOST


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
