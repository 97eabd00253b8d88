"""Reading an account: every call is recorded in coverage, and none is fatal to the scan."""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import boto3
import polars as pl
from botocore import xform_name
from botocore.config import Config

from .coverage import EVERYWHERE, REFUSALS, Coverage, Outcome, classify
from .table import Inventory, Resource

log = logging.getLogger(__name__)
T = TypeVar("T")

REGIONS_AT_ONCE = 12
RESOURCES_AT_ONCE = 8
ATTEMPTS = 8  # where the SDK's own setting (AWS_MAX_ATTEMPTS) is silent

REGIONS = "ec2:DescribeRegions"
"""The operation that tells which regions an account has enabled."""


class UndeclaredOperation(Exception):
    """A collector called an operation that no module declares; it was not sent."""


class Reply:
    """An answer: a body, `{}` if AWS said "not configured", None if we may not know."""

    def __init__(self, body: dict[str, Any] | None) -> None:
        self.body = body

    def get(self, path: str, absent: T) -> Any | T | None:
        """Value at dotted `path`; `absent` where AWS has none; None where it is unknown."""
        if self.body is None:
            return None
        value: Any = self.body
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return absent if value is None else value


class Listings:
    """Whole listings of one account that several modules need, by what was asked.

    operations: those worth keeping ("ec2:DescribeInstances"); of others nothing is held.
    """

    def __init__(self, operations: Iterable[str] = ()) -> None:
        self.operations = frozenset(operations)
        self.known: dict[tuple[str, ...], list[dict[str, Any]]] = {}

    def keep(self, key: tuple[str, ...], operation: str, items: list[dict[str, Any]]) -> None:
        if operation in self.operations:
            self.known[key] = items


class Account:
    """One AWS account seen through one session: shared clients, shared answers, coverage.

    operations: all that may be called ("s3:ListBuckets"); anything else is refused unsent.
    listings: whole listings that others asked for with the same credentials; ours are added.
    Clients are shared by threads and never built per call: adaptive retry keeps its rate
    limiter on the client.
    """

    def __init__(
        self,
        session: boto3.Session,
        account_id: str,
        operations: Iterable[str],
        partition: str = "aws",
        listings: "Listings | None" = None,
    ) -> None:
        self.session, self.account_id, self.partition = session, account_id, partition
        self.operations = frozenset(operations)
        self.listings = Listings() if listings is None else listings
        self._clients: dict[tuple[str, str], Any] = {}
        self._answers: dict[tuple[Any, ...], Future[list[dict[str, Any]] | None]] = {}
        self._calls: dict[tuple[str, str, str, str, str], int] = {}
        self._lock = threading.Lock()

    def client(self, service: str, region: str) -> Any:
        with self._lock:  # building a client is not thread-safe; using one is
            if (service, region) not in self._clients:
                client = self.session.client(service, region_name=region, config=self._config())
                client.meta.events.register("before-call", partial(self._guard, region))
                self._clients[service, region] = client
            return self._clients[service, region]

    def once(
        self, key: tuple[Any, ...], ask: Callable[[], list[dict[str, Any]] | None]
    ) -> list[dict[str, Any]] | None:
        """The answer of `ask`, asked once per scan however many tables need it."""
        with self._lock:
            future, first = self._answers.get(key), False
            if future is None:
                future, first = self._answers.setdefault(key, Future()), True
        if first:
            try:
                future.set_result(ask())
            except BaseException as error:  # noqa: BLE001 - whoever waits must not wait for ever
                future.set_exception(error)
        return future.result()

    def record(
        self, region: str, operation: str, about: str, outcome: Outcome, code: str, calls: int = 1
    ) -> None:
        """File calls in the coverage record; answered ones are only counted."""
        about = "" if outcome == Outcome.OK else about
        key = (region, operation, about, str(outcome), code)
        with self._lock:
            self._calls[key] = self._calls.get(key, 0) + calls

    def coverage(self) -> pl.DataFrame:
        """All that was asked so far, as a Coverage frame."""
        names = ("region", "operation", "resource_arn", "outcome", "code")
        with self._lock:
            filed = sorted(self._calls.items())
        return Coverage.frame(
            dict(zip(names, key, strict=True)) | {"account_id": self.account_id, "calls": calls}
            for key, calls in filed
        )

    def _config(self) -> Config:
        inner: Any = self.session._session  # pyright: ignore[reportPrivateUsage]
        attempts = inner.get_config_variable("max_attempts")
        elsewhere = os.environ.get("AWS_ENDPOINT_URL") or inner.get_scoped_config().get(
            "endpoint_url"
        )
        return Config(
            # "<account>.s3-control": names that only AWS's own endpoints resolve.
            inject_host_prefix=not elsewhere,
            retries={"mode": "adaptive", "total_max_attempts": attempts or ATTEMPTS},
            connect_timeout=5,
            read_timeout=30,
            max_pool_connections=32,
        )

    def _guard(self, region: str, model: Any, **_: Any) -> None:
        operation = f"{model.service_model.service_name}:{model.name}"
        if operation not in self.operations:
            self.record(region, operation, "", Outcome.ERROR, UndeclaredOperation.__name__)
            raise UndeclaredOperation(f"{operation} is declared by no module; it was not sent")


@dataclass(frozen=True)
class Api:
    """One service in one region, as a collector sees it; `about` is the ARN asked about."""

    account: Account
    service: str
    region: str
    listing: str  # "s3:ListBuckets": what is blinded where a row of the table is lost
    about: str = ""

    def on(self, **changed: str) -> "Api":
        """The same account seen elsewhere: another service, region or resource."""
        return replace(self, **changed)

    def call(self, operation: str, *, absent: tuple[str, ...] = (), **params: Any) -> Reply:
        """Call `operation` ("GetBucketPolicy").

        absent: error codes by which AWS says that nothing is configured.
        """
        try:
            body = getattr(self._client(), xform_name(operation))(**params)
        except REFUSALS as error:
            outcome, code = classify(error)
            if code in absent:
                self.record(operation, Outcome.OK)
                return Reply({})
            self.record(operation, outcome, code)
            return Reply(None)
        self.record(operation, Outcome.OK)
        return Reply(body)

    def pages(self, operation: str, key: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Items of a listing over all its pages; a failure part-way ends it, recorded."""
        with suppress(*REFUSALS):
            yield from self._listing(operation, key, params)

    def all(self, operation: str, key: str, **params: Any) -> list[dict[str, Any]] | None:
        """A whole listing, or None where any page of it failed.

        Asked once per scan, so that several tables may be filled from one listing: nobody
        may change what it holds.
        """

        def ask() -> list[dict[str, Any]] | None:
            try:
                return list(self._listing(operation, key, params))
            except REFUSALS:
                return None

        return self.account.once(self._question(operation, key, params), ask)

    def _question(self, operation: str, key: str, params: dict[str, Any]) -> tuple[str, ...]:
        asked = {name: value for name, value in params.items() if name != "PaginationConfig"}
        return (self.service, self.region, operation, key, repr(asked))

    def _listing(
        self, operation: str, key: str, params: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """Items over all pages, as another module was told them, or asked for; raises REFUSALS."""
        question, listings = self._question(operation, key, params), self.account.listings
        if question in listings.known:
            self.record(operation, Outcome.OK, calls=0)
            yield from listings.known[question]
            return
        items: list[dict[str, Any]] = []
        calls = 0
        try:
            paginator = self._client().get_paginator(xform_name(operation))
            for page in paginator.paginate(**params):
                calls += 1
                found = page.get(key, ())
                items += found
                yield from found
        except REFUSALS as error:
            self.record(operation, *classify(error))
            raise
        finally:
            if calls:
                self.record(operation, Outcome.OK, calls=calls)
        listings.keep(question, f"{self.service}:{operation}", items)

    def each(self, describe: Callable[[Any], T], items: Iterable[Any]) -> Iterator[T]:
        """`describe` over `items`, several at once, in order; one that raises is left out."""

        def careful(item: Any) -> tuple[T] | None:
            try:
                return (describe(item),)
            except Exception as error:  # noqa: BLE001 - one row lost, not the listing
                self.lost(error)
                return None

        with ThreadPoolExecutor(RESOURCES_AT_ONCE) as pool:
            yield from (row[0] for row in pool.map(careful, items) if row)

    def lost(self, error: Exception) -> None:
        """File a bug of ours as an error of the listing: rows may be missing there."""
        log.error("%s in %s: collector failed", self.listing, self.region, exc_info=error)
        code = type(error).__name__
        self.account.record(self.region, self.listing, "", Outcome.ERROR, code)

    def record(self, operation: str, outcome: Outcome, code: str = "", calls: int = 1) -> None:
        """File calls of this service, region and resource in the account's coverage."""
        name = f"{self.service}:{operation}"
        self.account.record(self.region, name, self.about, outcome, code, calls)

    def _client(self) -> Any:
        return self.account.client(self.service, self.region)


@dataclass(frozen=True)
class Collector:
    """How one table is filled. `read` yields the table's rows for one region.

    calls: operations it needs besides those that fill a column.
    """

    table: type[Resource]
    read: Callable[[Api], Iterable[dict[str, Any]]]
    calls: tuple[str, ...] = ()

    @property
    def operations(self) -> frozenset[str]:
        return self.table.operations().union(self.calls)


def enabled_regions(account: Account, home: str) -> list[str]:
    """The account's enabled regions, `home` first; `home` alone, and a gap, if it won't say.

    Source: ec2:DescribeRegions, which lists only enabled regions unless asked otherwise.
    """
    answer = Api(account, "ec2", home, REGIONS).call("DescribeRegions")
    names = answer.get("Regions", [])
    if names is None:
        account.record(EVERYWHERE, REGIONS, "", Outcome.ERROR, "RegionsUnknown")
        return [home]
    return [home, *sorted({r["RegionName"] for r in names} - {home})]


def collect(account: Account, collectors: Iterable[Collector], regions: list[str]) -> Inventory:
    """Run `collectors` over `regions` (home region first); one frame per table.

    Coverage is left in `account`. A collector that crashes loses the rest of that region's
    rows and files its listing as an error, so rules report unknown there.
    """
    jobs = [(c, r) for c in collectors for r in (regions if c.table.regional else regions[:1])]

    def run(job: tuple[Collector, str]) -> pl.DataFrame:
        collector, region = job
        service = collector.table.listed_by.partition(":")[0]
        api = Api(account, service, region, collector.table.listed_by)
        rows: list[dict[str, Any]] = []
        try:
            rows.extend(collector.read(api))
        except Exception as error:  # noqa: BLE001 - a bug here must not cost the other tables
            api.lost(error)
        return _typed(collector.table, rows, api)

    frames: dict[type[Resource], list[pl.DataFrame]] = {c.table: [] for c, _ in jobs}
    with ThreadPoolExecutor(REGIONS_AT_ONCE) as pool:
        for (collector, _), found in zip(jobs, pool.map(run, jobs), strict=True):
            frames[collector.table].append(found)
    # In a stable order, so that an unchanged account gives equal frames.
    return {t: pl.concat(found).sort("arn", maintain_order=True) for t, found in frames.items()}


def _typed(table: type[Resource], rows: list[dict[str, Any]], api: Api) -> pl.DataFrame:
    """`rows` as a frame; one that is not as the table declares loses itself alone."""

    def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
        if any(row.get("arn") is None or row.get("account_id") is None for row in rows):
            raise ValueError("a row needs its arn and account_id: it is nobody's otherwise")
        return table.frame(rows)

    try:
        return frame(rows)
    except Exception:  # noqa: BLE001 - find the culprits below
        good: list[pl.DataFrame] = [table.frame()]
        for row in rows:
            try:
                good.append(frame([row]))
            except Exception as error:  # noqa: BLE001 - filed as a gap
                api.lost(error)
        return pl.concat(good)
