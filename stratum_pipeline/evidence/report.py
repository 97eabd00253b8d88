"""What `stratum evidence verify` prints, and what it ends with."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from stratum_pipeline.printing import err, out
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.ledger import Head

from .verify import HARMLESS, Finding, Verification

CLEAN, FAILED, TAMPERED = 0, 1, 4


def report(look: Verification, as_json: bool) -> int:
    """Print what `look` finds, as it finds it; the exit code."""
    errors: list[str] = []
    show = _print_json if as_json else _print_text
    show(look, _until(errors, look), errors)
    for error in errors:
        complain(error)
    return TAMPERED if look.first else FAILED if errors else CLEAN


def complain(message: str) -> None:
    err.print("[red]error[/]", end=" ")
    err.print(message, markup=False, soft_wrap=True)


def text(head: Head) -> str:
    return f"{head.seq}:{head.digest}"


def _until(errors: list[str], look: Verification) -> Iterator[Finding]:
    """What is found until an error, which goes to `errors`, keeps it from being read on."""
    try:
        yield from look.findings()
        if not look.entries and look.first is None:
            place = look.vault.url("ledger")
            errors.append(f"there is no entry in {place}: set STRATUM_VAULT to the vault meant")
    except StoreError as error:
        errors.append(f"not read to its end: {error}")


def _print_text(look: Verification, findings: Iterator[Finding], errors: list[str]) -> None:
    for found in findings:
        colour = "red" if found.tampering else "yellow"
        out.print(f"[{colour}]{found.kind}[/]", end="  ")
        out.print(found.text, markup=False, soft_wrap=True)
    if look.first:
        out.print("[bold red]Tampered[/]: the first that is bad is", end=" ")
        out.print(f"{look.first.key}: {look.first.text}", markup=False, soft_wrap=True)
    elif not errors:
        out.print("[bold green]Clean[/]: every entry follows from the one before it")
    if not look.entries:
        return
    out.print(f"  read      {look.entries} entries, {look.payloads} payloads")
    out.print(f"  head      {text(look.head)}", soft_wrap=True)
    if harmless := sum(look.counts[kind] for kind in HARMLESS):
        out.print(f"  harmless  {harmless} files that nothing refers to")
    for what in look.unproven():
        out.print(f"  not proven: {what}", markup=False, soft_wrap=True)


def _print_json(look: Verification, findings: Iterator[Finding], errors: list[str]) -> None:
    """One object, written as it is found: a million findings are not kept."""
    sys.stdout.write('{"findings": [')
    for number, found in enumerate(findings):
        sys.stdout.write(f"{',' if number else ''}\n  {json.dumps(_plain(found))}")
    rest = {
        "outcome": "tampered" if look.first else "failed" if errors else "clean",
        "first": look.first and _plain(look.first),
        "counts": {str(kind): count for kind, count in look.counts.items()},
        "entries": look.entries,
        "payloads": look.payloads,
        "head": text(look.head),
        "anchor": look.anchor and text(look.anchor),
        "not_proven": look.unproven(),
        "errors": errors,
    }
    sys.stdout.write("\n]," + json.dumps(rest, indent=1)[1:] + "\n")


def _plain(found: Finding) -> dict[str, Any]:
    return asdict(found) | {"kind": str(found.kind), "tampering": found.tampering}
