"""What security groups open to the world or to parts of it, and which groups they name.

Everything here is monotone: a lost fact removes a range or a name and leaves a null
element ("there may be more"), so rules that ask "is there any?" turn to unknown.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import polars as pl
import pyarrow as pa

from stratum_pipeline.kernel import internet
from stratum_pipeline.kernel.internet import (
    PROTOCOLS,
    RANGES,
    RESERVED,
    WORLD,
    Span,
    network,
    services,
)

DERIVED = pa.schema(
    pl.Schema(
        {
            "world_ports": RANGES,
            "sensitive_services": pl.List(pl.String),
            "wide_sources": pl.List(pl.String),
            "named_sources": pl.List(pl.String),
            "foreign_groups": pl.List(pl.String),
            "referenced": pl.Boolean,
        }
    )
)
SITE = {4: 24, 6: 48}
"""Prefix lengths of the networks that one site may be: what is shorter is wide."""
WEB = {(80, 80), (443, 443)}
Row = dict[str, Any]


def with_openings(groups: pl.DataFrame) -> pl.DataFrame:
    """`groups` (security groups) with the columns of DERIVED; built through Arrow."""
    names = ("arn", "account_id", "region", "group_id", "ingress", "egress_groups")
    rows = groups.select(names).to_dicts()
    derived: list[Row] = []
    for row, is_referenced in zip(rows, referenced(rows), strict=True):
        opened = world_ports(row["ingress"])
        derived.append(
            {
                "world_ports": opened,
                "sensitive_services": sensitive_services(opened),
                "wide_sources": public_sources(row["ingress"], wide=True),
                "named_sources": public_sources(row["ingress"], wide=False),
                "foreign_groups": foreign_groups(row["ingress"], row["account_id"]),
                "referenced": is_referenced,
            }
        )
    return groups.hstack(pl.DataFrame(pa.Table.from_pylist(derived, schema=DERIVED)))


def world_ports(ingress: list[Row | None] | None) -> list[Row | None] | None:
    """Port ranges that `ingress` opens to the world, merged; ICMP has no ports.

    Ends in None if part of `ingress` is unknown; is None if all of it is.
    """
    if ingress is None:
        return None
    spans: list[Span] = []
    doubt = False
    for rule in ingress:
        if rule is None:
            doubt = True
            continue
        protocol: str | None = rule["protocol"]
        if protocol is not None and protocol not in PROTOCOLS:
            continue
        cidrs, complete = _sources(rule)
        ports = _ports(rule)
        doubt |= not complete or (ports is None and bool(cidrs))
        if protocol and ports:
            spans.append(Span(PROTOCOLS[protocol], *ports, cidrs))
    found: list[Row | None] = []
    for version in WORLD:
        found += internet.world_ports(spans, version)
    return [*found, None] if doubt else found


def sensitive_services(opened: list[Row | None] | None) -> list[str | None] | None:
    """Names of the services within `opened`, ranges as `world_ports` gives them."""
    if opened is None:
        return None
    known = [(r["protocol"], r["from_port"], r["to_port"]) for r in opened if r]
    names: list[str | None] = [*services(known)]
    return names + [None] * (len(known) < len(opened))


def public_sources(ingress: list[Row | None] | None, *, wide: bool) -> list[str | None] | None:
    """Public networks that `ingress` lets in, each with protocol and ports.

    wide: those beyond one site's, on any port but the web's; else a site's, where it reaches
    one of the services.
    """
    if ingress is None:
        return None
    found: set[str] = set()
    doubt = False
    for rule in ingress:
        if rule is None:
            doubt = True
            continue
        protocol: str | None = rule["protocol"]
        if protocol is not None and protocol not in PROTOCOLS:
            continue
        cidrs, complete = _sources(rule)
        ports = _ports(rule)
        public = {cidr for cidr in cidrs if _is_public(cidr, wide=wide)}
        doubt |= not complete or (ports is None and bool(public))
        if not (public and protocol and ports):
            continue
        if ports not in WEB if wide else services([(PROTOCOLS[protocol], *ports)]):
            found |= {f"{cidr} {PROTOCOLS[protocol]} {ports[0]}-{ports[1]}" for cidr in public}
    return [*sorted(found), *([None] if doubt else [])]


@lru_cache(maxsize=2**14)
def _is_public(cidr: str, *, wide: bool) -> bool:
    """Whether `cidr` is of public addresses, and larger than one site or not."""
    found: Any = network(cidr)
    if (found.prefixlen < SITE[found.version]) is not wide:
        return False
    return not any(found.subnet_of(other) for other in RESERVED[found.version])


def foreign_groups(ingress: list[Row | None] | None, account_id: str) -> list[str | None] | None:
    """Groups of other accounts that `ingress` lets in, as "account/group"."""
    if ingress is None:
        return None
    found: list[str | None] = []
    for group in _named(ingress):
        owner = group and group["owner"]
        if group is None or owner is None:
            found.append(None)
        elif owner not in ("", account_id):
            found.append(f"{owner}/{group['id'] or '?'}")
    return found


def referenced(rows: list[Row]) -> list[bool | None]:
    """Per row, whether another group of `rows` in its region names it in a rule."""
    namers: dict[str | None, set[str]] = defaultdict(set)  # group id -> ARNs that name it
    unsure: set[str] = set()  # regions where a name is lost
    for row in rows:
        named = [None if g is None else g["id"] for g in _named(row["ingress"])]
        for group_id in (*named, *_items(row["egress_groups"])):
            namers[group_id].add(row["arn"])
            if group_id is None:
                unsure.add(row["region"])
    return [
        None
        if row["group_id"] is None
        else bool(namers.get(row["group_id"], set()) - {row["arn"]})
        or (None if row["region"] in unsure else False)
        for row in rows
    ]


def _ports(rule: Row) -> tuple[int, int] | None:
    """First and last port of `rule`; None if unknown. -1 stands for "all"."""
    if rule["protocol"] == "-1":
        return 0, 65535
    low, high = rule["from_port"], rule["to_port"]
    if None in (rule["protocol"], low, high):
        return None
    return max(low, 0), 65535 if high < 0 else high


def _sources(rule: Row) -> tuple[frozenset[str], bool]:
    """Networks that `rule` admits, and whether these are all of them."""
    lists = [rule["cidrs"], *(entry and entry["cidrs"] for entry in _items(rule["prefix_lists"]))]
    cidrs: list[str | None] = [cidr for one in lists for cidr in _items(one)]
    known = frozenset(cidr for cidr in cidrs if cidr is not None and network(cidr))
    return known, known.issuperset(cidrs)


def _named(ingress: list[Row | None] | None) -> Iterable[Row | None]:
    """Groups that `ingress` names; None for each that is lost."""
    for rule in _items(ingress):
        yield from _items(rule and rule["groups"])


def _items(values: list[Any] | None) -> list[Any]:
    """`values`; where they are unknown, one unknown value."""
    return [None] if values is None else values
