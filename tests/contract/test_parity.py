"""Every check of the peer in our domains has a rule of ours, shown to work, or a reason."""

import csv
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from stratum_pipeline.registry import MODULES, RULES

from ..modules.parity import Case, verdict

HERE = Path(__file__).parent
BY_ID = {rule.id: rule for rule in RULES}


def table(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


MAPPED = {row["check_id"]: row for row in table("peer_parity.csv")}


def cases() -> Iterator[tuple[str, Case]]:
    for module in MODULES:
        found = import_module(f"tests.modules.{module.name.replace('lambda', 'lambda_')}.parity")
        for check, ours in found.CASES.items():
            for case in ours if isinstance(ours, list) else [ours]:
                yield check, case


SHOWN = list(cases())


def test_every_check_is_answered_once():
    rows = table("peer_parity.csv")
    assert len(rows) == len(MAPPED)
    assert {row["check_id"] for row in table("peer_checks.csv")} == MAPPED.keys()
    for row in rows:
        assert bool(row["rule_ids"]) != bool(row["reason"]), row
        assert set(row["rule_ids"].split()) <= BY_ID.keys(), row


def test_nearly_all_that_are_not_deprecated_map_to_rules():
    alive = [row for row in table("peer_checks.csv") if row["severity"] != "deprecated"]
    mapped = [row for row in alive if MAPPED[row["check_id"]]["rule_ids"]]
    assert len(mapped) >= 0.95 * len(alive)


def test_each_rule_named_is_shown_to_catch_it():
    shown = {(check, case.rule.id) for check, case in SHOWN}
    for check, row in MAPPED.items():
        for rule_id in row["rule_ids"].split():
            assert (check, rule_id) in shown, f"{check}: no case of {rule_id}"


@pytest.mark.parametrize(
    ("check", "case"), SHOWN, ids=[f"{check}-{case.rule.id}" for check, case in SHOWN]
)
def test_what_the_peer_looks_for_fails_and_its_repair_passes(check: str, case: Case):
    assert verdict(case.rule, case.broken, case.beside) == "fail"
    assert verdict(case.rule, case.repaired, case.beside) in ("pass", "n/a")
