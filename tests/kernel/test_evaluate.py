"""From facts and coverage to verdicts, populations and gaps."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from stratum_pipeline.kernel.coverage import Coverage
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate, finding_id
from stratum_pipeline.kernel.rule import Rule, Severity
from stratum_pipeline.kernel.table import Column, Resource

from ..conftest import SCANNED_AT

LIST, OPEN, SHUT = "x:ListDoors", "x:GetOpen", "x:GetShut"


class Doors(Resource, listed_by=LIST):
    name = Column(pl.String, "", source=LIST)
    open = Column(pl.Boolean, "", source=OPEN)
    shut = Column(pl.Boolean, "", source=SHUT)
    inside = Column(pl.List(pl.String), "", source=LIST)


class Houses(Resource, listed_by="x:ListHouses", regional=False):
    open = Column(pl.Boolean, "", source=OPEN)


OPENED = Rule(
    id="x.door.open",
    version=3,
    table=Doors,
    fails=Doors.open,
    severity=Severity.HIGH,
    title="Door is open",
    rationale="Anyone walks in.",
    remediation="Shut it.",
    console="Doors > {name} in {region}",
    cli="aws x shut --door {name}",
    undo="aws x open --door {name}",
    monthly_usd=pl.lit(2.5),
    criteria=("CC6.1",),
)
HOUSE = replace(OPENED, id="x.house.open", table=Houses, fails=Houses.open, console="", cli="aws")


def door(name: str = "a", **more: Any) -> dict[str, Any]:
    return {"arn": f"arn:{name}", "account_id": "1", "region": "r1", "name": name, **more}


def call(
    operation: str, outcome: str = "ok", code: str = "", region: str = "r1", about: str = ""
) -> dict[str, Any]:
    return {
        "account_id": "1",
        "region": region,
        "operation": operation,
        "resource_arn": about,
        "outcome": outcome,
        "code": code,
        "calls": 1,
    }


def judge(
    rows: list[dict[str, Any]], *calls: dict[str, Any], rules: tuple[Rule, ...] = (OPENED,)
) -> Verdicts:
    coverage = Coverage.frame(calls or [call(LIST)])
    inventory = {rule.table: rule.table.frame(rows) for rule in rules}
    return evaluate("x", rules, inventory, coverage, SCANNED_AT)


def reason(rows: list[dict[str, Any]], *calls: dict[str, Any], **more: Any) -> dict[str, str]:
    found = judge(rows, call(LIST), *calls, **more)
    return dict(found.unknowns.select("resource_arn", "because").iter_rows())


def test_true_fails_false_passes_null_is_unknown():
    rows = [door("a", open=True), door("b", open=False), door("c", open=None), door("d", open=True)]
    found = judge([*rows, door("e", open=False, region="r2")])
    assert found.fails["resource_arn"].to_list() == ["arn:a", "arn:d"]
    assert found.unknowns["resource_arn"].to_list() == ["arn:c"]
    assert found.populations.rows() == [
        ("x.door.open", "1", "r1", 4, 1, 2, 1),
        ("x.door.open", "1", "r2", 1, 1, 0, 0),
    ]


def test_when_decides_who_is_spoken_of_and_unknown_is_not_a_no():
    rule = replace(OPENED, when=~Doors.shut)
    rows = [door(str(s), open=True, shut=s) for s in (True, False, None)]
    found = judge(rows, rules=(rule,))
    assert found.fails["resource_arn"].to_list() == ["arn:False"]
    assert found.unknowns["resource_arn"].to_list() == ["arn:None"]
    assert found.populations.select("population", "passed", "failed", "unknown").row(0) == (
        2,
        0,
        1,
        1,
    )


def test_when_unknown_withholds_a_pass_too():
    found = judge([door(open=False, shut=None)], rules=(replace(OPENED, when=~Doors.shut),))
    assert found.populations.select("passed", "unknown").row(0) == (0, 1)


def test_the_reason_is_the_call_that_was_refused_for_this_resource():
    why = reason(
        [door("a"), door("b")],
        call(OPEN, "denied", "AccessDenied", about="arn:a"),
        call(OPEN, "error", "Timeout", about="arn:b"),
        call(SHUT, "denied", "AccessDenied", about="arn:a"),  # the rule does not read it
    )
    assert why == {
        "arn:a": "x:GetOpen denied (AccessDenied)",
        "arn:b": "x:GetOpen error (Timeout)",
    }


def test_a_refusal_of_the_whole_region_explains_all_its_rows_and_no_others():
    rows = [door("a"), door("b"), door("c", region="r2")]
    why = reason(rows, call(OPEN, "denied", "AccessDenied"))
    assert why == {
        "arn:a": "x:GetOpen denied (AccessDenied)",
        "arn:b": "x:GetOpen denied (AccessDenied)",
        "arn:c": "",
    }


def test_a_refusal_at_home_explains_a_global_tables_rows_everywhere():
    row = {"arn": "arn:h", "account_id": "1", "region": "r9"}
    why = reason([row], call(OPEN, "throttled", "SlowDown"), rules=(HOUSE,))
    assert why == {"arn:h": "x:GetOpen throttled (SlowDown)"}


def test_every_refused_call_is_named_once():
    rule = replace(OPENED, fails=Doors.open | Doors.shut)
    why = reason(
        [door()],
        call(SHUT, "denied", "No", about="arn:a"),
        call(OPEN, "denied", "No", about="arn:a"),
        call(OPEN, "denied", "No"),
        rules=(rule,),
    )
    assert why["arn:a"].startswith("x:GetOpen denied (No), x:GetShut denied (No)")


def test_unsupported_and_answered_calls_are_no_reasons_and_no_gaps():
    found = judge([door()], call(LIST), call(OPEN, "unsupported", "OptInRequired"), call(OPEN))
    assert found.unknowns["because"].to_list() == [""]
    assert found.gaps.is_empty()


def test_a_table_is_observed_only_where_its_listing_was_whole():
    found = judge(
        [],
        call(LIST),
        call(LIST, region="r2"),
        call(LIST, "throttled", "SlowDown", region="r2"),  # page 2
        call(LIST, "denied", "No", region="r3"),
        call(LIST, "unsupported", "OptInRequired", region="r4"),
        call(OPEN, region="r5"),
    )
    assert found.observed.rows() == [("x.door.open", "1", "r1")]


def test_a_global_table_is_observed_as_a_whole_or_not_at_all():
    calls = [call("x:ListHouses"), call("x:ListHouses", region="r2")]
    assert judge([], *calls, rules=(HOUSE,)).observed.rows() == [("x.house.open", "1", "*")]
    calls.append(call("x:ListHouses", "error", "Bug", region="r3"))
    assert judge([], *calls, rules=(HOUSE,)).observed.is_empty()


def test_a_gap_of_no_one_region_blinds_every_rule():
    entry = call("sts:AssumeRole", "denied", "AccessDenied", region="*")
    (gap,) = judge([], entry, rules=(OPENED, HOUSE)).gaps.to_dicts()
    assert (gap["region"], gap["rules"]) == ("*", ["x.door.open", "x.house.open"])
    assert (gap["unlisted"], gap["resources"], gap["blinded"]) == (True, 0, 0)


def test_gaps_count_what_they_blind_one_row_per_region_and_code():
    shut = replace(OPENED, id="x.door.shut", fails=Doors.shut)
    both = replace(OPENED, id="x.door.both", fails=Doors.open & Doors.shut)
    found = judge(
        [door("a"), door("b", open=False), door("c", region="r2"), door("d", region="r2")],
        call(LIST),
        call(OPEN, "denied", "No", about="arn:a"),
        call(OPEN, "denied", "No", about="arn:b"),  # known all the same: nothing withheld
        call(OPEN, "denied", "No", about="arn:c", region="r2"),
        call(OPEN, "error", "Timeout", about="arn:d", region="r2"),
        rules=(OPENED, shut, both),
    )
    columns = ("region", "code", "resources", "blinded", "unlisted")
    assert found.gaps.select(columns).rows() == [
        ("r1", "No", 2, 2, False),
        ("r2", "No", 1, 2, False),
        ("r2", "Timeout", 1, 2, False),
    ]
    assert {tuple(rules) for rules in found.gaps["rules"]} == {("x.door.both", "x.door.open")}


def test_the_same_refusal_in_two_regions_is_not_counted_twice_for_a_global_table():
    rows = [{"arn": f"arn:{r}", "account_id": "1", "region": r} for r in ("r1", "r2")]
    calls = [call(OPEN, "denied", "No", region=r, about=f"arn:{r}") for r in ("r1", "r2")]
    found = judge(rows, call("x:ListHouses"), *calls, rules=(HOUSE,))
    assert found.gaps.select("region", "blinded").rows() == [("r1", 1), ("r2", 1)]


def test_a_refused_listing_is_told_apart_from_a_refused_detail():
    gaps = judge([], call(LIST, "denied", "No"), call(OPEN, "denied", "No")).gaps
    assert gaps.select("operation", "unlisted").rows() == [(OPEN, False), (LIST, True)]


def test_a_resource_of_another_owner_is_the_owners_to_answer_for():
    rows = [door("mine", open=True), door("shared", open=True, account_id="2")]
    rows.append(door("dark", account_id="2"))
    found = judge(rows)
    assert found.fails["resource_arn"].to_list() == ["arn:mine"]
    assert found.unknowns.is_empty()
    assert found.populations["population"].sum() == 1


def only_id(row: dict[str, Any], rule: Rule = OPENED) -> str:
    coverage = [call(LIST), {**call(LIST), "account_id": "2"}]
    return judge([row], *coverage, rules=(rule,)).fails["finding_id"].item()


def test_identity_holds_while_facts_move():
    first = only_id(door(open=True))
    assert first == only_id(
        door(open=True) | {"region": "r2", "name": "renamed", "shut": True, "incarnation": "i-2"}
    )
    assert first == only_id(door(open=True), replace(OPENED, version=9, severity=Severity.LOW))
    key = "\x1f".join(("v1", "x.door.open", "1", "arn:a", ""))
    assert first == finding_id("x.door.open", "1", "arn:a")
    assert first == hashlib.sha256(key.encode()).hexdigest()  # in ledgers: never to change


def test_identity_differs_by_rule_account_resource_and_discriminator():
    ids = {
        only_id(door(open=True)),
        only_id(door(open=True), replace(OPENED, id="x.door.other")),
        only_id(door(open=True, account_id="2")),
        only_id(door("b", open=True)),
        only_id(door(open=True), replace(OPENED, discriminator=Doors.name)),
    }
    assert len(ids) == 5


def test_an_unknown_has_the_identity_the_finding_would_have():
    found = judge([door()])
    assert found.unknowns["finding_id"].item() == only_id(door(open=True))


def test_a_finding_says_all():
    rule = replace(
        OPENED,
        fails=Doors.open & (Doors.name != "x"),
        discriminator=Doors.name,
        exposed=Doors.shut,
        root_cause=Doors.region,
        related=Doors.inside,
    )
    row = door(open=True, incarnation="i-1", inside=["c", None, "b", "c"])
    (fail,) = judge([row], rules=(rule,)).fails.to_dicts()
    assert json.loads(fail.pop("evidence")) == {"name": "a", "open": True, "region": "r1"}
    assert fail == {
        "finding_id": finding_id("x.door.open", "1", "arn:a", "a"),
        "rule_id": "x.door.open",
        "account_id": "1",
        "resource_arn": "arn:a",
        "discriminator": "a",
        "incarnation": "i-1",
        "region": "r1",
        "rule_version": 3,
        "severity": "high",
        "title": "Door is open",
        "exposed": None,
        "root_cause": "r1",
        "related": ["b", "c"],
        "console": "Doors > a in r1",
        "cli": "aws x shut --door a",
        "undo": "aws x open --door a",
        "monthly_usd": 2.5,
    }


def test_evidence_holds_all_that_the_verdict_read():
    told = {"cli": "", "console": "", "undo": ""}
    rule = replace(OPENED, fails=Doors.open, when=Doors.inside.list.len() > 0, **told)
    (fail,) = judge([door(open=True, inside=["c"])], rules=(rule,)).fails.to_dicts()
    assert json.loads(fail["evidence"]) == {"open": True, "inside": ["c"]}


def test_a_finding_without_region_or_incarnation_has_empty_ones():
    fails = judge([door(open=True) | {"region": None}]).fails
    assert fails.select("region", "incarnation").row(0) == ("", "")
    assert fails["console"].item() == "Doors > a in ?"


def test_an_account_without_anything_has_empty_frames_of_the_right_schema():
    found = judge([])
    assert found.fails.is_empty()
    assert found.populations.is_empty()
    full = judge([door("a", open=True), door("b")], call(OPEN, "denied", "No"))
    for name in ("fails", "unknowns", "populations", "observed", "gaps"):
        assert getattr(found, name).schema == getattr(full, name).schema


def test_a_column_newer_than_the_stored_scan_is_unknown_not_a_crash():
    stored = {Doors: Doors.frame([door(shut=True)]).drop("open").with_columns(old=pl.lit(1))}
    found = evaluate("x", [OPENED], stored, Coverage.frame([call(LIST)]), SCANNED_AT)
    assert found.unknowns["resource_arn"].to_list() == ["arn:a"]


@pytest.mark.parametrize(
    "derive",
    [
        lambda raw: raw.with_columns(wide=pl.lit(1)),
        lambda raw: raw,
        lambda raw: raw.with_columns(wide=pl.lit(True)).head(0),
    ],
    ids=["wrong type", "missing", "rows lost"],
)
def test_derived_columns_are_as_declared_or_an_error(derive):
    class Gates(Resource, listed_by=LIST):
        wide = Column(pl.Boolean, "", source=OPEN, derived=True)

        @classmethod
        def derive(cls, raw, inventory):
            return derive(raw)

    row = {key: door()[key] for key in ("arn", "account_id", "region")}
    rule = replace(OPENED, table=Gates, fails=Gates.wide, console="", cli="")
    with pytest.raises(pl.exceptions.PolarsError, match=r"wide|rows"):
        judge([row], rules=(rule,))
