"""Typed tables: one class is the schema, the documentation and the column references.

Null has a single meaning everywhere in Stratum: *we could not find out*. What AWS
reports as absent gets a real value ("", [], False, "none"), chosen by the collector.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa

TIMESTAMP = pl.Datetime("us", "UTC")
NEVER = "1970-01-01T00:00:00+00:00"
"""What a time column holds where AWS says that it never happened (null would be "unknown")."""


class Column:
    """A column; read from its table's class it is a Polars expression.

    source: the AWS operation that fills it, as coverage records it ("s3:GetBucketPolicy").
    derived: computed by `Resource.derive` at evaluation; never collected, never stored.
    volatile: moves by use or by the clock, without anybody changing anything; never drift.
    """

    def __init__(
        self,
        dtype: Any,
        doc: str,
        *,
        source: str = "",
        derived: bool = False,
        volatile: bool = False,
    ) -> None:
        self.dtype, self.doc, self.source, self.derived = dtype, doc, source, derived
        self.volatile = volatile

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, row: None, table: type) -> pl.Expr:
        return pl.col(self.name)


class Table:
    """Base of every table; subclasses declare `Column`s, in order."""

    columns: ClassVar[dict[str, Column]] = {}
    label: ClassVar[str]
    """Its name where it is stored: "security_groups"."""

    def __init_subclass__(cls) -> None:
        cls.label = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        own = {k: v for k, v in vars(cls).items() if isinstance(v, Column)}
        cls.columns = {**cls.columns, **own}

    @classmethod
    def schema(cls) -> pl.Schema:
        """What is collected and stored: every column that is not derived."""
        return pl.Schema({n: c.dtype for n, c in cls.columns.items() if not c.derived})

    @classmethod
    def frame(cls, rows: Iterable[Mapping[str, Any]] = ()) -> pl.DataFrame:
        """`rows` as a frame of exactly this schema; a missing key is null, a wrong type raises."""
        rows = list(rows)
        schema = cls.schema()
        if stray := {key for row in rows for key in row} - schema.keys():
            raise KeyError(f"{cls.__name__} has no column {sorted(stray)}")
        for name, dtype in schema.items():
            if (faithful := _faithful(dtype)) and not all(faithful(r.get(name)) for r in rows):
                raise TypeError(f"{cls.__name__}.{name}: a value is no {dtype}")
        # Through Arrow: polars 2.1 turns a wrong type inside a struct into null, even strictly.
        table = pa.Table.from_pylist(rows, schema=pa.schema(schema))
        return pl.DataFrame(table)


@cache
def _faithful(dtype: Any) -> Callable[[Any], bool] | None:
    """What Arrow must be asked about `dtype`, None if nothing: it is lax in three places.

    It takes "abc" for a list of letters, 1.5 for 1, and drops a struct's stray fields.
    """
    if dtype.is_integer():
        return lambda value: not isinstance(value, float)
    if dtype == pl.List:
        inner = _faithful(dtype.inner)
        return lambda value: (
            value is None or (isinstance(value, list) and (inner is None or all(map(inner, value))))
        )
    if dtype == pl.Struct:
        names = {field.name for field in dtype.fields}
        checks = [(f.name, check) for f in dtype.fields if (check := _faithful(f.dtype))]
        return lambda value: (
            value is None
            or (
                isinstance(value, dict)
                and names.issuperset(value)
                and all(check(value.get(name)) for name, check in checks)
            )
        )
    return None


Inventory = Mapping[type[Table], pl.DataFrame]
"""What one module collected: a raw frame per table; `trust.Members` beside them, if known."""


class Resource(Table):
    """A table of AWS resources, one row per ARN.

    listed_by: the operation that enumerates the rows; if it fails, missing rows are unknown.
    regional: asked in every region; otherwise once, in the home region.
    """

    listed_by: ClassVar[str]
    regional: ClassVar[bool]

    arn = Column(pl.String, "Amazon Resource Name, unique in the table.")
    account_id = Column(pl.String, "12-digit owner account.")
    region = Column(pl.String, 'Home region of the resource; "" where it has none.')
    incarnation = Column(
        pl.String, 'Tells a re-created resource from its namesake; "" where names are not reused.'
    )

    def __init_subclass__(cls, *, listed_by: str, regional: bool = True) -> None:
        super().__init_subclass__()
        cls.listed_by, cls.regional = listed_by, regional

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        """`raw` plus the derived columns: what rules need and AWS does not return.

        Runs before each evaluation, not at collection, so that a better analyser also
        re-reads history. `inventory` is the module's other tables. Pure: no clock, no network.
        """
        return raw

    @classmethod
    def judged(cls, inventory: Inventory) -> pl.DataFrame:
        """This table of `inventory` with its derived columns, all of them as declared.

        Raises a PolarsError where `derive` returns something else.
        """
        raw = inventory.get(cls, cls.frame())
        derived = cls.derive(raw, inventory)
        if derived.height != raw.height:
            raise pl.exceptions.ShapeError(f"{cls.__name__}.derive: adds columns, never rows")
        declared = pl.Schema({name: column.dtype for name, column in cls.columns.items()})
        judged = derived.select(declared.names())
        if judged.schema != declared:
            wrong = [n for n in declared if judged.schema[n] != declared[n]]
            raise pl.exceptions.SchemaError(f"{cls.__name__}.derive: {wrong} not as declared")
        return judged

    @classmethod
    def operations(cls) -> frozenset[str]:
        """The AWS operations that fill this table."""
        return frozenset({cls.listed_by, *(c.source for c in cls.columns.values() if c.source)})


def setting_arn(partition: str, service: str, region: str, account_id: str, name: str) -> str:
    """The synthetic ARN of a setting that AWS gives none; region is "" for an account's."""
    return f"arn:{partition}:{service}:{region}:{account_id}:setting/{name}"


def each(field: str) -> pl.Expr:
    """Field of the list element under test, inside `some`."""
    return pl.element().struct.field(field)


def some(items: pl.Expr, test: pl.Expr) -> pl.Expr:
    """Whether any element of a list passes `test`: null if that hangs on an unknown."""
    return items.list.eval(test).list.any(ignore_nulls=False)


def has(items: pl.Expr, value: str) -> pl.Expr:
    """Whether a list contains `value`. (`list.contains` calls an unknown element a no.)"""
    return some(items, pl.element() == value)
