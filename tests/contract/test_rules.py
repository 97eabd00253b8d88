"""Promises every rule of every module keeps; a new rule is covered by being registered."""

import json
import random
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from importlib import import_module
from typing import Any

import polars as pl
import pytest

from stratum_pipeline.kernel.coverage import Coverage
from stratum_pipeline.kernel.evaluate import evaluate
from stratum_pipeline.kernel.rule import Rule, fields
from stratum_pipeline.kernel.table import NEVER, Resource
from stratum_pipeline.kernel.trust import Members
from stratum_pipeline.registry import MODULES, RULES

from ..conftest import SCANNED_AT

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
COVERED = Coverage.frame([{"account_id": "1", "region": "r", "operation": "x", "outcome": "ok"}])


def test_ids_are_unique_and_carry_their_module():
    ids = [(m.name, r.id) for m in MODULES for r in m.rules]
    assert len({i for _, i in ids}) == len(ids)
    for module, rule_id in ids:
        assert re.fullmatch(rf"{module}\.[a-z0-9_]+\.[a-z0-9_]+", rule_id)


def test_correlations_name_rules_that_exist():
    known = {rule.id for rule in RULES}
    for module in MODULES:
        for correlation in module.correlations:
            assert correlation.rule.startswith(f"{module.name}.")
            assert {correlation.rule, *correlation.beside} <= known
            assert correlation.because.endswith(".")


@each_rule
def test_ignorance_is_never_a_pass(rule: Rule):
    row = {"arn": "arn:aws:x:::y", "account_id": "1", "region": "r"}
    assert verdicts(rule, [row]) == ["unknown"]


@each_rule
def test_a_lost_fact_never_changes_a_verdict_only_withholds_it(rule: Rule):
    """Null out any one fact, at any depth: fail stays fail or becomes unknown, pass likewise."""
    rows = drawn(rule.table)
    status = verdicts(rule, rows)
    for verdict in ("fail", "pass"):
        some_rows = [r for r, s in zip(rows, status, strict=True) if s == verdict][:20]
        assert some_rows, f"no sampled row gives {verdict}: extend the module's SAMPLES"
        partial = [r for row in some_rows for r in losses(row) if not KEYS & nulls(r)]
        assert set(verdicts(rule, partial)) <= {verdict, "unknown"}


@each_rule
def test_prose(rule: Rule):
    assert rule.title[0].isupper()
    assert not rule.title.endswith(".")
    assert rule.rationale.endswith(".")
    assert rule.remediation.endswith(".")
    assert rule.cli.startswith("aws ")
    assert rule.reads
    assert rule.sources
    for name in rule.reads:
        assert rule.table.columns[name].source or name in KEYS
    for name in {*fields(rule.console), *fields(rule.cli)}:
        assert rule.table.columns[name].dtype in (pl.String, pl.Int32, pl.Int64)
    assert all(
        re.fullmatch(r"CC[1-9]\.\d|A1\.[1-3]|C1\.[12]|PI1\.[1-5]|P\d\.\d", c) for c in rule.criteria
    )


KEYS = {"arn", "account_id", "region"}


def samples(rule: Rule) -> dict[str, list[Any]]:
    """Values worth trying per column name, from the module's tests; "" is for any string."""
    folder = rule.module.replace("lambda", "lambda_")
    return import_module(f"tests.modules.{folder}.samples").SAMPLES


@cache
def drawn(table: type[Resource]) -> list[dict[str, Any]]:
    """Random rows, the same for all rules of the table; not to be changed."""
    rule, rng = next(rule for rule in RULES if rule.table is table), random.Random(0)
    return [make_row(rule, rng, i) for i in range(3000)]


def make_row(rule: Rule, rng: random.Random, i: int) -> dict[str, Any]:
    """A random row: per column its SAMPLES, else values by type."""
    tried = samples(rule)
    row = {
        name: rng.choice(tried[name]) if name in tried else make(dtype, rng, tried)
        for name, dtype in rule.table.schema().items()
    }
    return row | {"arn": f"arn:aws:x:::{i}", "account_id": "1", "region": "r"}


def make(dtype: Any, rng: random.Random, tried: dict[str, list[Any]]) -> Any:
    if dtype == pl.List:
        return [make(dtype.inner, rng, tried) for _ in range(rng.randrange(3))]
    if dtype == pl.Struct:
        return {
            f.name: rng.choice(tried[f.name]) if f.name in tried else make(f.dtype, rng, tried)
            for f in dtype.fields
        }
    if dtype == pl.Boolean:
        return rng.random() < 0.5
    if dtype.is_integer():
        return rng.choice([0, 1, 14, 22, 24, 443, 65535])
    if dtype == pl.Datetime:
        age = rng.choice([0, 1, 89, 91, 400])
        return rng.choice([SCANNED_AT - timedelta(days=age), NEVER_COME])
    return rng.choice(tried[""])


NEVER_COME = pl.select(pl.lit(NEVER).str.to_datetime(time_zone="UTC")).item()


def losses(value: Any) -> Iterator[Any]:
    """Every version of `value` with exactly one part of it, at some depth, null."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield value | {key: None}
            yield from (value | {key: less} for less in losses(part))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            for less in (None, *losses(part)):
                yield [*value[:i], less, *value[i + 1 :]]


def nulls(row: dict[str, Any]) -> set[str]:
    return {key for key, value in row.items() if value is None}


def verdicts(rule: Rule, rows: list[dict[str, Any]]) -> list[str]:
    """One status per row: fail | pass | unknown | not applicable."""
    rows = [row | {"arn": f"arn:aws:x:::{i}"} for i, row in enumerate(rows)]
    members = Members.frame([{"principal": "1"}, {"principal": "222222222222"}])
    inventory: dict[Any, Any] = {rule.table: rule.table.frame(rows), Members: members}
    found = evaluate(rule.module, [rule], inventory, COVERED, SCANNED_AT)
    failed = set(found.fails["resource_arn"])
    unknown = set(found.unknowns["resource_arn"])
    for evidence in found.fails["evidence"]:
        assert set(json.loads(evidence)) >= set(rule.reads) - KEYS
    status = [
        "fail" if row["arn"] in failed else "unknown" if row["arn"] in unknown else "pass"
        for row in rows
    ]
    if int(found.populations["population"].sum()) < len(rows):
        judged = rule.table.judged(inventory).with_columns(scanned_at=pl.lit(SCANNED_AT))
        applies = set(judged.filter(rule.when)["arn"])
        status = [
            s if s != "pass" or row["arn"] in applies else "not applicable"
            for s, row in zip(status, rows, strict=True)
        ]
    return status
