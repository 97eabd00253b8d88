"""Whom a policy or a share lets in, and who of them is not ours."""

import re
from collections.abc import Callable, Iterable

import polars as pl
import pyarrow as pa

from .policy import Statement, allows, pinned, pins, statements
from .table import Column, Inventory, Table

ANYONE = "*"
ACCOUNT = re.compile(r"\d{12}")
ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}")
# Condition keys that say whose a caller is; other pins say where a request comes from.
ORGANIZATIONS = frozenset(
    {"aws:principalorgid", "aws:principalorgpaths", "aws:sourceorgid", "aws:sourceorgpaths"}
)
WHOSE = ORGANIZATIONS | frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceowner",
        "kms:calleraccount",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
    }
)


class Members(Table):
    """Who belongs to us; not in an inventory at all where Organizations could not be asked."""

    principal = Column(
        pl.String,
        "Id of an account of the organization, whatever its status, or of the organization.",
        source="organizations:ListAccounts",
    )


def admitted(parsed: list[Statement]) -> list[str]:
    """Ids of the accounts and organizations that a policy allows anything, "*" for anyone.

    Services and federated identities are no accounts; whoever is only held to a network or an
    endpoint is nobody in particular. All conditions must hold: one on the organization decides.
    """
    found: set[str] = set()
    for statement in allows(parsed):
        if who := pins(statement, ORGANIZATIONS) or pins(statement, WHOSE):
            found.update(*(_ids(value) for condition in who for value in condition["values"]))
        else:
            named = set[str]().union(*(_ids(principal) for principal in statement["principals"]))
            found |= named - {ANYONE} if pinned(statement) else named
    return sorted(found)


def with_outsiders(
    raw: pl.DataFrame, inventory: Inventory, policy: str = "policy", name: str = "outsiders"
) -> pl.DataFrame:
    """`raw` with whom its `policy` (JSON, "" for none) admits though they are not ours.

    A list of strings, sorted; "*" is no part of it, being a finding of its own. Null where the
    policy is unknown or cannot be read, or where it names others and who is ours is unknown.
    """

    def read(document: str) -> list[str] | None:
        parsed = statements(document)
        return None if parsed is None else admitted(parsed)

    return _with(raw, inventory, policy, name, read)


def with_strangers(
    raw: pl.DataFrame, inventory: Inventory, shared_with: str, name: str = "outsiders"
) -> pl.DataFrame:
    """As `with_outsiders`, of a column that lists account ids, organizations' ids, or ARNs."""

    def read(listed: Iterable[str | None]) -> list[str] | None:
        known = list(listed)
        return None if None in known else sorted(set().union(*(_ids(str(one)) for one in known)))

    return _with(raw, inventory, shared_with, name, read)


def _with(
    raw: pl.DataFrame,
    inventory: Inventory,
    column: str,
    name: str,
    read: Callable[..., list[str] | None],
) -> pl.DataFrame:
    members = inventory.get(Members)
    ours = None if members is None else set(members["principal"])
    seen: dict[object, list[str] | None] = {}

    def outside(value: object, account: str | None) -> list[str] | None:
        if value is None or account is None:
            return None
        key = tuple(value) if isinstance(value, list) else value
        if key not in seen:
            seen[key] = read(value)
        ids = seen[key]
        others = None if ids is None else [i for i in ids if i not in (ANYONE, account)]
        if not others:
            return others
        return None if ours is None else [i for i in others if i not in ours]

    rows = zip(raw[column].to_list(), raw["account_id"].to_list(), strict=True)
    found = [outside(value, account) for value, account in rows]
    # Through Arrow, in a third of the time of a Series of lists.
    return raw.with_columns(pl.Series(name, pa.array(found, pa.list_(pa.large_string()))))


def _ids(value: str) -> set[str]:
    """The account or organization that a principal, an ARN or a condition's value is of."""
    if value == ANYONE:
        return {ANYONE}
    head = value.split("/")[0]
    if ACCOUNT.fullmatch(value) or ORGANIZATION.fullmatch(head):
        return {head}
    if not value.startswith("arn:"):
        return set()
    if organization := ORGANIZATION.search(value) if ":organizations:" in value else None:
        return {organization.group()}
    account = value.split(":")[4]
    return {account} if ACCOUNT.fullmatch(account) else set()
