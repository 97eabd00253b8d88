"""Drift: what a scan found otherwise than the scan before, resource by resource.

The inventory is what a scan is compared with, so the changes are stored together with the new
one. Nothing is said where it cannot be known: what was not listed whole did neither appear nor
vanish, and null, on either side, is no change.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import polars as pl

from stratum_pipeline.kernel.coverage import EVERYWHERE, Coverage, Outcome
from stratum_pipeline.kernel.table import TIMESTAMP, Column, Inventory, Resource, Table
from stratum_pipeline.store.changes import ChangeFile, write
from stratum_pipeline.store.data import Data, frame_digest


class What(StrEnum):
    APPEARED = "appeared"
    VANISHED = "vanished"
    CHANGED = "changed"
    REPLACED = "replaced"  # another resource under the same name


class Changes(Table):
    """One row per resource that came, went or was replaced, and per column that changed."""

    at = Column(TIMESTAMP, "Start of the scan that found it.")
    scan_id = Column(pl.String, "That scan's.")
    account_id = Column(pl.String, "")
    region = Column(pl.String, 'Home region of the resource; "" where it has none.')
    module = Column(pl.String, "")
    table = Column(pl.String, "Resource.label.")
    arn = Column(pl.String, "")
    incarnation = Column(pl.String, "The resource's, as it is now or was last.")
    what = Column(pl.String, "A What.")
    column = Column(pl.String, '"" of a resource that appeared or vanished.')
    was = Column(pl.String, 'Canonical JSON; of one that vanished, all that was known; else "".')
    now = Column(pl.String, 'Canonical JSON; of one that appeared, all that is known; else "".')


class Listed(Table):
    """Where a table of the stored inventory was listed whole."""

    table = Column(pl.String, "Resource.label.")
    region = Column(pl.String, '"*" for a table that is not regional.')


IDENTITY = ("arn", "account_id", "region", "incarnation")
NOW, EARLIER, ANOTHER = " now", "earlier one", "is another"  # no column has a space in its name


# --- storing -----------------------------------------------------------------------------


def store(
    data: Data,
    module: str,
    account: str,
    inventory: Inventory,
    coverage: pl.DataFrame,
    at: datetime,
    scan_id: str,
) -> None:
    """Store `inventory`, of a scan that began `at`, and what changed; both or neither.

    A run that is killed in between leaves its changes unsettled. The next one keeps those
    whose table was replaced, and sees the others itself. Unchanged tables are compared, and
    that is all.
    """
    settle(data, module, account)
    tables = [table for table in inventory if issubclass(table, Resource)]
    known = data.read_part("listed", module, account)
    before = Listed.frame() if known is None else known
    now = listed(tables, coverage)
    # Until the last table is stored, some are of the scan before.
    both = before.join(now, on=now.columns, how="semi", maintain_order="left")
    found = [Changes.frame().with_columns(digest=pl.lit("", pl.String))]
    new: dict[str, pl.DataFrame] = {}
    for table in tables:
        rows = inventory[table]
        old = data.stored_instead(module, table.label, account, rows)
        if old is None:
            continue
        new[table.label] = rows
        about = {"at": at, "scan_id": scan_id, "module": module, "table": table.label}
        changes = Changes.frame(
            about | row
            for row in differences(table, _owned(old, account), _owned(rows, account), before, now)
        )
        found.append(changes.with_columns(digest=pl.lit(frame_digest(rows))))
    changed = pl.concat(found).sort("arn", "table", "what", "column", maintain_order=True)
    if both.height < before.height:
        data.write_part("listed", module, account, both)
    if changed.height:
        data.write_part("unsettled", module, account, changed)
    for label, rows in new.items():
        data.write_table(module, label, account, rows)
    if both.height < now.height:
        data.write_part("listed", module, account, now)
    if changed.height:
        _settled(data, module, account, changed)


def settle(data: Data, module: str, account: str) -> None:
    """Finish what a killed run left: changes to a table that was not stored are dropped."""
    left = data.read_part("unsettled", module, account)
    if left is None:
        return
    stored = {t: data.table_digest(module, t, account) for t in left["table"].unique()}
    _settled(
        data,
        module,
        account,
        left.filter(pl.col("digest") == pl.col("table").replace_strict(stored)),
    )


def _settled(data: Data, module: str, account: str, changes: pl.DataFrame) -> None:
    if changes.height:
        file = ChangeFile(changes["at"][0], module, account)
        write(data.store, file, changes.drop("digest"))
    data.write_part("unsettled", module, account, changes.clear())


def _owned(rows: pl.DataFrame, account: str) -> pl.DataFrame:
    """What is shared into an account is its owner's to tell."""
    return rows.filter(pl.col("account_id") == account).unique(
        "arn", keep="first", maintain_order=True
    )


# --- comparing ---------------------------------------------------------------------------


def listed(tables: Sequence[type[Resource]], coverage: pl.DataFrame) -> pl.DataFrame:
    """Where `tables` were listed whole (of Listed), by the coverage of their scan."""
    whole: dict[str, dict[str, bool]] = {}  # by operation and region
    about = coverage.filter(Coverage.resource_arn == "").select("operation", "region", "outcome")
    for operation, region, outcome in about.iter_rows():
        regions = whole.setdefault(operation, {})
        regions[region] = regions.get(region, True) and outcome == Outcome.OK
    rows: list[dict[str, str]] = []
    for table in tables:
        regions = whole.get(table.listed_by, {})
        if not table.regional:
            regions = {EVERYWHERE: bool(regions) and all(regions.values())}
        rows += ({"table": table.label, "region": region} for region in regions if regions[region])
    return Listed.frame(rows).sort("table", "region")


def differences(
    table: type[Resource],
    old: pl.DataFrame,
    new: pl.DataFrame,
    listed_old: pl.DataFrame,
    listed_new: pl.DataFrame,
) -> list[dict[str, Any]]:
    """Rows of Changes, less what they have in common, between two scans' rows of `table`."""
    compared = [
        name
        for name, column in table.columns.items()
        if name in old.columns
        and name in new.columns
        and name not in IDENTITY
        and not column.volatile
    ]
    found = [
        _row(row, What.APPEARED, now=_known(row, compared))
        for row in _only(table, new, old, listed_old)
    ]
    found += [
        _row(row, What.VANISHED, was=_known(row, compared))
        for row in _only(table, old, new, listed_new)
    ]
    both = new.select(*IDENTITY, pl.col(compared).name.suffix(NOW)).join(
        old.select("arn", *compared, pl.col("incarnation").alias(EARLIER)),
        on="arn",
        maintain_order="left",
    )
    another = (
        (pl.col(EARLIER) != "")
        & (pl.col("incarnation") != "")
        & (pl.col(EARLIER) != pl.col("incarnation"))
    )
    other = [  # null where either side is
        pl.col(name) != pl.col(name + NOW)
        if old.schema[name] == new.schema[name]
        else pl.col(name).is_not_null() & pl.col(name + NOW).is_not_null()
        for name in compared
    ]
    both = both.with_columns(another.fill_null(False).alias(ANOTHER))
    for row in both.filter(pl.any_horizontal(ANOTHER, *other)).to_dicts():
        if row[ANOTHER]:
            was, now = row[EARLIER], row["incarnation"]
            found.append(_row(row, What.REPLACED, "incarnation", _json(was), _json(now)))
        for name in compared:
            was, now = row[name], row[name + NOW]
            if was != now and not same(was, now):
                found.append(_row(row, What.CHANGED, name, _json(was), _json(now)))
    return found


def _only(
    table: type[Resource], rows: pl.DataFrame, others: pl.DataFrame, listed: pl.DataFrame
) -> list[dict[str, Any]]:
    """Of `rows` those that are not in `others`, where `others` was listed whole."""
    regions = listed.filter(Listed.table == table.label)["region"].to_list()
    place = pl.col("region") if table.regional else pl.lit(EVERYWHERE)
    alone = rows.join(others, on="arn", how="anti", maintain_order="left")
    return alone.filter(place.is_in(regions)).to_dicts()


def _row(
    row: Mapping[str, Any], what: What, column: str = "", was: str = "", now: str = ""
) -> dict[str, Any]:
    return {
        "account_id": row["account_id"],
        "region": row["region"] or "",
        "arn": row["arn"],
        "incarnation": row["incarnation"] or "",
        "what": str(what),
        "column": column,
        "was": was,
        "now": now,
    }


def _known(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    return _json({name: row[name] for name in columns if row[name] is not None})


def _json(value: Any) -> str:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain
    )


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def same(was: Any, now: Any) -> bool:
    """Whether two values of a column say the same, as far as both are known.

    AWS gives many lists in no order: theirs says nothing, nor does it in a JSON document.
    """
    match was, now:
        case (None, _) | (_, None):
            return True
        case dict(), dict():
            return all(same(was.get(key), now.get(key)) for key in was.keys() | now.keys())
        case list(), list():
            return len(was) == len(now) and _pair(was, now)
        case str(), str():
            return was == now or _unordered(was) == _unordered(now)
        case _:
            return was == now


def _pair(was: list[Any], now: list[Any]) -> bool:
    """Whether each of `was` has one of `now` for itself that says the same."""
    told, left = Counter(map(_json, was)), list[Any]()
    for value in now:
        text = _json(value)
        if told[text]:
            told[text] -= 1
        else:
            left.append(value)
    for text in told.elements():
        value = json.loads(text)
        at = next((n for n, other in enumerate(left) if same(value, _read(other))), None)
        if at is None:
            return False
        left.pop(at)
    return True


def _read(value: Any) -> Any:
    return json.loads(_json(value))


def _unordered(text: str) -> Any:
    """A JSON document with every list sorted; any other text as it is."""
    if not text.startswith(("{", "[")):
        return text
    try:
        return _sorted(json.loads(text))
    except ValueError:
        return text


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(each) for key, each in value.items()}
    if isinstance(value, list):
        return sorted(map(_sorted, value), key=_json)
    return value
