"""`stratum evidence`: what the vault proves, and the anchor to keep elsewhere."""

import enum
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from stratum_pipeline.printing import err
from stratum_pipeline.settings import Settings

if TYPE_CHECKING:
    from stratum_pipeline.store.vault import Vault

app = typer.Typer(
    no_args_is_help=True, help="Prove that the ledger is as it was written; say what is not proven."
)
FAILED = 1


class Format(enum.StrEnum):
    TEXT = "text"
    JSON = "json"


@app.command()
def verify(
    anchor: Annotated[
        str,
        typer.Option(
            metavar="SEQ:HASH",
            help="What `stratum evidence anchor` printed and was kept: proves all up to there.",
        ),
    ] = "",
    tolerance: Annotated[
        float,
        typer.Option(
            min=0,
            help="Minutes between an entry's time and its file's or object's; raise it for a vault "
            "that was copied without its times.",
        ),
    ] = 15,
    format: Annotated[Format, typer.Option("--format")] = Format.TEXT,
) -> None:
    """Read the whole ledger and every payload, and report what was done to them.

    Exit code 0: clean; 4: tampered with; 1: could not be read; 2: not understood.
    """
    from .report import report
    from .verify import Verification, parse_anchor

    try:
        head = parse_anchor(anchor) if anchor else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--anchor") from error
    with _told():
        look = Verification(_vault(), head, timedelta(minutes=tolerance))
        raise typer.Exit(report(look, format == Format.JSON))


@app.command()
def anchor() -> None:
    """Print the ledger's head as SEQ:HASH, to keep where the vault's writers cannot."""
    from stratum_pipeline.store.errors import StoreError
    from stratum_pipeline.store.ledger import Ledger

    from .report import text

    with _told():
        vault = _vault()
        head = Ledger(vault).head()
        if not head.seq:
            raise StoreError(f"there is no entry in {vault.url('ledger')}: nothing to anchor")
    sys.stdout.write(f"{text(head)}\n")
    err.print(
        "Keep this line where nobody can change it who may write to the vault: on paper, in a "
        "ticket, in another account. `stratum evidence verify --anchor` then proves that nothing "
        f"up to entry {head.seq} was cut off or rewritten.",
        soft_wrap=True,
    )


def _vault() -> "Vault":
    from stratum_pipeline.store.objects import open_store
    from stratum_pipeline.store.vault import Vault

    return Vault(open_store(Settings().vault))


@contextmanager
def _told() -> Generator[None]:
    """Errors that a user can mend end the program with their message and exit code 1."""
    from stratum_pipeline.store.errors import StoreError

    from .report import complain

    try:
        yield
    except (StoreError, ValueError) as error:
        complain(str(error))
        raise typer.Exit(FAILED) from error
