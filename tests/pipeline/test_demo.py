"""`stratum demo`: after the scan the findings are the planted ones, the gaps the planted faults."""

import csv
import io
import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from stratum_pipeline import demo
from stratum_pipeline.cli import app
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.objects import open_store

run = CliRunner().invoke
SECRET_RULES = {
    "compute.instance.user_data_secrets",
    "compute.launch_template.secrets",
    "compute.launch_configuration.secrets",
    "lambda.function.secrets",
    "ssm.document.secrets",
}
NEVER_PASS = {
    "networking.vpc.default_in_use",  # good accounts have removed their default VPCs
    # Of the organization's paying or management account alone, where it is planted.
    *("cost.account.anomaly_detection", "cost.account.budget", "cost.account.compute_optimizer"),
    *("config.account.management_aggregator", "iam.root.central_management"),
    # Of launch configurations in use, which is a finding itself.
    *("compute.launch_configuration.imdsv1", "compute.launch_configuration.public_ip"),
}
"""Rules that pass nowhere in the demonstration, and why."""

BOTH_SIDES = {"compute.instance.exposed_services", "networking.security_group.sensitive_ports"}
"""An open group and what it lets the internet reach: each module says so without the other."""


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    """The demonstration, scanned twice by the CLI; yields the organization."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch, demo.serve() as organization:
        for name, value in organization.credentials.items():
            patch.setenv(name, value)
        patch.setenv("STRATUM_EXTERNAL_ID", organization.external_id)
        patch.setenv("STRATUM_DATA", str(folder / "data"))
        patch.setenv("STRATUM_VAULT", str(folder / "vault"))
        patch.setenv("DAGSTER_HOME", str(folder / "dagster"))
        first, second = run(app, ["scan"]), run(app, ["scan"])
        yield organization, first, second, folder


def listing(*words: str) -> list[dict]:
    result = run(app, [*words, "--format", "json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_scan_that_could_not_see_all_exits_3(scanned):
    _, first, _, _ = scanned
    assert first.exit_code == 3, first.output
    assert "1 skipped" in first.output


def test_a_second_scan_adds_one_entry_and_no_event(scanned):
    _, _, second, folder = scanned
    assert "0 new, 0 reopened, 0 resolved" in second.output
    assert len(list((folder / "vault/ledger").iterdir())) == 2


def test_open_findings_are_the_planted_truth(scanned):
    organization, *_ = scanned
    found = listing("findings")
    planted = {(t["account_id"], t["rule_id"], t["resource_arn"]) for t in organization.truth}
    opened = {(f["account_id"], f["rule_id"], f["resource_arn"]) for f in found}
    assert planted - opened == set(), "planted but not found"
    assert opened - planted == set(), "found but not planted"
    assert len(opened) == len(found), "one root cause, two findings"


def test_one_cause_is_told_of_one_resource(scanned):
    *_, folder = scanned
    data = Data(open_store(str(folder / "data")))
    findings, details = data.read_queue("findings"), data.read_queue("details")
    assert findings is not None
    assert details is not None
    told = (
        findings.join(details, on="finding_id")
        .group_by("account_id", "root_cause")
        .agg("rule_id", "resource_arn")
    )
    twice = told.filter(pl.col("resource_arn").list.n_unique() > 1)["rule_id"].to_list()
    assert [set(rules) for rules in twice] == [BOTH_SIDES]


def test_gaps_are_the_planted_faults(scanned):
    organization, *_ = scanned
    gaps = {(g["account_id"], g["operation"], g["outcome"], g["code"]) for g in listing("coverage")}
    for fault in organization.faults:
        service, _, name = fault["operation"].partition(":")
        mine = {
            g
            for g in gaps
            if g[0] == fault["account_id"]
            and g[1].startswith(service + ":")
            and (name == "*" or g[1] == fault["operation"])
            and g[2:] == (fault["outcome"], fault["code"])
        }
        assert mine, f"no gap for {fault}"
        gaps -= mine
    assert gaps == set(), "gaps that nobody planted"


def test_every_rule_is_demonstrated(scanned):
    organization, *_ = scanned
    assert {t["rule_id"] for t in organization.truth} == {r["rule_id"] for r in listing("rules")}
    assert {r["rule_id"] for r in listing("rules") if not r["passed"]} == NEVER_PASS


def test_the_toxic_combination_comes_first(scanned):
    found = listing("findings")
    foremost = [f for f in found if f["priority"] == found[0]["priority"]]
    assert found[0]["priority"] == max(f["priority"] for f in found)
    for each in foremost:  # none is there by itself
        shown = json.loads(run(app, ["show", each["finding_id"][:12]]).stdout)
        assert shown["because"]
    (first,) = [f for f in foremost if f["rule_id"] == "networking.security_group.sensitive_ports"]
    assert first["severity"] == "critical"
    shown = json.loads(run(app, ["show", first["finding_id"][:12]]).stdout)
    assert sum(p["points"] for p in shown["points"]) == shown["priority"]
    assert shown["own_severity"] == "high"
    assert "administrator" in shown["because"][0]
    (companion,) = [
        r["finding"]["finding_id"] for r in shown["related"] if r["how"] == "combination"
    ]
    other = json.loads(run(app, ["show", companion]).stdout)
    assert other["rule_id"] == "iam.role.workload_administrator"


def test_listings_have_every_row_in_every_format(scanned):
    rows = listing("findings")
    table = run(app, ["findings", "--limit", "5"]).stdout
    assert f"5 of {len(rows)}" in table
    text = run(app, ["findings", "--format", "csv"]).stdout
    assert [r["finding_id"] for r in csv.DictReader(io.StringIO(text))] == [
        r["finding_id"] for r in rows
    ]
    for verb in ("coverage", "accounts", "rules"):
        flat = run(app, [verb, "--format", "csv"])
        assert len(list(csv.DictReader(io.StringIO(flat.stdout)))) == len(listing(verb))


def test_suspended_accounts_are_listed_and_not_scanned(scanned):
    (legacy,) = [a for a in listing("accounts") if a["status"] == "SUSPENDED"]
    assert legacy["scan"] == "not scanned"


def test_triage_is_shown_at_once_and_its_errors_say_what_to_do(scanned):
    finding = listing("findings", "--severity", "low")[0]["finding_id"]
    assert "a reason" in run(app, ["triage", finding, "suppress"]).output
    assert "no finding 'nope'" in run(app, ["triage", "nope", "acknowledge"]).output
    words = ["--reason", "accepted_risk", "--note", "known", "--until", "2999-01-01"]
    done = run(app, ["triage", finding[:14], "suppress", *words])
    assert done.exit_code == 0, done.output
    (row,) = listing("findings", "--status", "suppressed")
    assert row["finding_id"] == finding
    assert run(app, ["triage", finding, "unsuppress"]).exit_code == 0
    assert listing("findings", "--status", "suppressed") == []


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["acknowledge"], "acknowledged"),
        (["assign", "--to", "ann"], "assigned"),
        (["note", "--note", "seen"], "noted"),
        (["resolve"], "marked_resolved"),
        (["reopen"], "marked_open"),
    ],
)
def test_every_action_is_in_the_timeline_with_who_and_how_sure(scanned, words, kind):
    finding = listing("findings", "--status", "all", "--severity", "low")[-1]["finding_id"]
    assert run(app, ["triage", finding, *words]).exit_code == 0
    event = json.loads(run(app, ["show", finding]).stdout)["timeline"][-1]
    assert (event["kind"], event["assurance"]) == (kind, "unauthenticated")
    assert event["actor"]


def test_doctor_finds_nothing_missing(scanned):
    result = run(app, ["doctor"])
    assert result.exit_code == 0, result.output
    assert "7 accounts, 6 active" in result.output


def test_doctor_names_what_is_missing_with_its_fix(scanned, monkeypatch):
    monkeypatch.setenv("STRATUM_EXTERNAL_ID", "wrong")
    result = run(app, ["doctor"])
    assert result.exit_code == 1
    assert "STRATUM_EXTERNAL_ID" in result.output


def test_wrong_credentials_and_settings_end_with_a_sentence(scanned, monkeypatch):
    monkeypatch.setenv("STRATUM_MODULES", "kinesis")
    result = run(app, ["scan"])
    assert (result.exit_code, "no module 'kinesis'" in result.output) == (1, True)
    monkeypatch.delenv("STRATUM_MODULES")
    monkeypatch.setenv("STRATUM_ACCOUNTS_PER_RUN", "zero")
    assert "STRATUM_ACCOUNTS_PER_RUN" in run(app, ["scan"]).output


def test_priorities_are_in_order(scanned):
    frame = pl.DataFrame({"priority": [f["priority"] for f in listing("findings")]})
    assert frame["priority"].is_sorted(descending=True)


def test_what_holds_a_secret_is_found_and_the_secret_stored_nowhere(scanned):
    organization, first, second, folder = scanned
    judged = {t["rule_id"] for t in organization.truth if "secret" in t["rule_id"]}
    assert judged >= SECRET_RULES
    kept = [first.output, second.output]
    for path in filter(Path.is_file, folder.rglob("*")):
        if path.suffix == ".parquet":
            kept.append(pl.read_parquet(path).write_json())
        else:
            kept.append(path.read_bytes().decode(errors="replace"))
    everything = "\n".join(kept)
    for secret in demo.SECRETS:
        assert secret not in everything
