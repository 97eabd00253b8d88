"""What the network, parameters and event subscriptions amount to. Pure.

Everything here is monotone: a lost fact turns a verdict into None, never into its opposite.
"""

from collections.abc import Iterable
from typing import Any

import polars as pl

from stratum_pipeline.kernel.internet import WORLD, is_world

Row = dict[str, Any]

TCP = ("-1", "tcp", "6")

WATCHED = {
    "db-instance": ("failure", "maintenance", "configuration change"),
    "db-cluster": ("failure", "maintenance"),
    "db-parameter-group": ("configuration change",),
}
"""Categories of event that somebody should be told of, by type of source."""


def open_to_world(
    ingress: list[Row | None] | None, port: int | None, dual_stack: bool | None
) -> bool | None:
    """Whether security group rules `ingress` together let the world in at `port` over TCP.

    The IPv6 world counts only where the database has an IPv6 address.
    """
    if ingress is None or port is None:
        return None
    cidrs: set[str] = set()
    doubt = False
    for rule in ingress:
        admits = None if rule is None else _admits(rule, port)
        if rule is None or admits is False:
            doubt |= rule is None
            continue
        sources: list[str | None] = [None] if rule["cidrs"] is None else rule["cidrs"]
        doubt |= None in sources or (admits is None and bool(sources))
        cidrs |= {cidr for cidr in sources if cidr and admits}
    open_v4, open_v6 = (is_world(frozenset(cidrs), version) for version in WORLD)
    if open_v4 or (open_v6 and dual_stack):
        return True
    return None if doubt or (open_v6 and dual_stack is None) else False


def _admits(rule: Row, port: int) -> bool | None:
    protocol, low, high = rule["protocol"], rule["from_port"], rule["to_port"]
    if protocol == "-1":
        return True
    if protocol is not None and protocol not in TCP:
        return False
    if None in (protocol, low, high):
        return None
    return low <= port <= high


def with_opening(raw: pl.DataFrame) -> pl.DataFrame:
    """`raw` (instances) with `open_to_world`."""
    rows = zip(*(raw[name].to_list() for name in ("ingress", "port", "dual_stack")), strict=True)
    opened = [open_to_world(*row) for row in rows]
    return raw.with_columns(pl.Series("open_to_world", opened, pl.Boolean))


def requires_tls() -> pl.Expr:
    """Whether the parameter that can refuse connections without TLS does so.

    DB2COMM lists what is listened on; the others are switches. A static parameter that was
    changed counts only once the database has been restarted.
    """
    name, value = pl.col("tls_parameter"), pl.col("tls_value").str.to_lowercase()
    refuses = (
        pl.when(name == "tls")  # of DocumentDB: disabled, enabled, fips-140-3, tls1.2+, tls1.3+
        .then(~value.is_in(["", "disabled"]))
        .when(name == "DB2COMM")
        .then(value == "ssl")
        .otherwise(value.is_in(["1", "on", "true"]))
    )
    return refuses & ~pl.col("tls_pending")


def tls_wanted() -> pl.Expr:
    """The value with which that parameter refuses connections without TLS."""
    return pl.col("tls_parameter").replace_strict(
        {"tls": "enabled", "DB2COMM": "SSL"}, default="1", return_dtype=pl.String
    )


def with_unwatched(raw: pl.DataFrame) -> pl.DataFrame:
    """`raw` (one row per region) with `unwatched`, "db-instance: failure" and so on."""
    rows = zip(raw["sources"].to_list(), raw["subscriptions"].to_list(), strict=True)
    found = [unwatched(sources, subscriptions) for sources, subscriptions in rows]
    return raw.with_columns(pl.Series("unwatched", found, pl.List(pl.String)))


def unwatched(
    sources: list[str | None] | None, subscriptions: list[Row | None] | None
) -> list[str | None] | None:
    """Events of `sources` (keys of WATCHED) that no subscription tells anybody of.

    None stands for what may be one.
    """
    if sources is None or subscriptions is None:
        return None
    found: list[str | None] = [None] * sources.count(None)
    for source, categories in WATCHED.items():
        for category in categories if source in sources else ():
            told = [_tells(one, source, category) for one in subscriptions]
            if True not in told:
                found.append(None if None in told else f"{source}: {category}")
    return found


def _tells(subscription: Row | None, source: str, category: str) -> bool | None:
    """Whether a subscription delivers such an event whichever resource it is of."""
    if subscription is None:
        return None
    kind, ids = subscription["source_type"], subscription["source_ids"]
    categories: list[str | None] | None = subscription["categories"]
    status = subscription["status"]
    return _all(
        subscription["enabled"],
        None if status is None else status == "active",
        None if kind is None else kind in ("", source),
        None if ids is None else not ids,
        None if categories is None else not categories or _in(category, categories),
    )


def _in(value: str, values: list[str | None]) -> bool | None:
    return True if value in values else None if None in values else False


def _all(*facts: Any) -> bool | None:
    known: Iterable[Any] = [fact for fact in facts if fact is not None]
    return False if not all(known) else None if None in facts else True
