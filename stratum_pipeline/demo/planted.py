"""What was planted, read from the files that say it: truth/<module>.csv and faults.csv."""

import csv
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from .accounts import Account

HERE = Path(__file__).parent

Names = Mapping[str, Mapping[str, str]]
"""By account name: the logical names used there, and the ids that AWS drew for them."""


def truth(accounts: list[Account], names: Names) -> list[dict[str, str]]:
    """The planted misconfigurations, `resource_arn` resolved.

    Complete for severities high and critical; for medium and low, what was planted on
    purpose. One root cause has one row, and what a planted fault hides has none.
    """
    return [
        {
            "account": account.name,
            "account_id": account.id,
            "region": row["region"],
            "rule_id": row["rule_id"],
            "resource_arn": arn,
            "note": row["note"],
        }
        for file in sorted((HERE / "truth").glob("*.csv"))
        for row, account, arn in _rows(file, accounts, names)
    ]


def faults(accounts: list[Account], names: Names) -> list[dict[str, str]]:
    """The planted faults. An empty region or resource means: any."""
    return [
        {**row, "account": account.name, "account_id": account.id, "resource_arn": arn}
        for row, account, arn in _rows(HERE / "faults.csv", accounts, names)
    ]


def _rows(
    file: Path, accounts: list[Account], names: Names
) -> Iterator[tuple[dict[str, str], Account, str]]:
    """Each row of `file` for each account its `account` matches ("sandbox-*"), and its ARN."""
    with file.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            for account in accounts:
                if fnmatchcase(account.name, row["account"]):
                    known: dict[str, Any] = {
                        **names.get(account.name, {}),
                        "account": account.name,
                        "account_id": account.id,
                    }
                    yield row, account, row["resource"].format_map(known)
