"""Rules: time, templates, and the digest that tells one rule set from another."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from stratum_pipeline.kernel.rule import Rule, Severity, age_days, fields, fill, never
from stratum_pipeline.kernel.table import NEVER, TIMESTAMP, Column, Resource

from ..conftest import SCANNED_AT


class Keys(Resource, listed_by="x:ListKeys"):
    name = Column(pl.String, "", source="x:ListKeys")
    port = Column(pl.Int64, "", source="x:GetKey")
    made = Column(TIMESTAMP, "", source="x:GetKey")


RULE = Rule(
    id="x.key.old",
    table=Keys,
    when=Keys.name != "",
    fails=age_days(Keys.made) > 90,
    severity=Severity.LOW,
    title="Key is old",
    rationale="It leaks.",
    remediation="Rotate it.",
    console="",
    cli="aws x",
    criteria=("CC6.1",),
)


@pytest.mark.parametrize(
    ("age", "days"),
    [
        (timedelta(0), 0),
        (timedelta(hours=23), 0),
        (timedelta(days=90), 90),
        (timedelta(days=90, hours=23), 90),
        (timedelta(days=91), 91),
        (None, None),
    ],
)
def test_age_in_whole_days(age, days):
    frame = Keys.frame([{"made": None if age is None else SCANNED_AT - age}])
    frame = frame.with_columns(scanned_at=pl.lit(SCANNED_AT, TIMESTAMP))
    assert frame.select(age_days(Keys.made)).item() == days


def test_never_is_told_apart_from_long_ago_and_from_unknown():
    frame = Keys.frame(
        [
            {"made": datetime.fromisoformat(NEVER)},
            {"made": datetime(1970, 1, 2, tzinfo=UTC)},
            {"made": None},
        ]
    )
    assert frame.select(never(Keys.made)).to_series().to_list() == [True, False, None]


def test_templates_name_their_columns():
    assert fields("{name}:{port} {name} {{literally}}") == ["name", "port", "name"]
    assert fields("plain") == []


def test_templates_are_filled_row_by_row():
    frame = Keys.frame([{"name": "a", "port": 22}, {"name": None, "port": None}])
    filled = frame.select(fill("aws {name} --p {port} '{{\"x\": 1}}'")).to_series()
    assert filled.to_list() == ["aws a --p 22 '{\"x\": 1}'", "aws ? --p ? '{\"x\": 1}'"]
    assert frame.select(fill("{{}} plain")).item() == "{} plain"


def test_what_a_rule_reads_and_where_that_comes_from():
    assert RULE.reads == ["made", "name"]
    assert RULE.sources == ["x:GetKey", "x:ListKeys"]
    assert RULE.module == "x"


@pytest.mark.parametrize(
    "change",
    [
        {"fails": age_days(Keys.made) > 91},
        {"fails": age_days(Keys.made) >= 90},
        {"when": Keys.name != "x"},
        {"severity": Severity.HIGH},
        {"version": 2},
        {"id": "x.key.other"},
        {"discriminator": Keys.name},
        {"exposed": pl.lit(True)},
        {"root_cause": Keys.name},
        {"related": pl.concat_list(Keys.name)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_digest_changes_with_the_logic(change):
    assert replace(RULE, **change).digest != RULE.digest


def test_the_digest_does_not_change_with_the_prose():
    assert replace(RULE, title="Other", rationale="Other.").digest == RULE.digest


def test_the_digest_is_the_same_in_another_process():
    code = "from stratum_pipeline.registry import RULES; print(*(r.digest for r in RULES))"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert len(runs[0].split()) > 10
