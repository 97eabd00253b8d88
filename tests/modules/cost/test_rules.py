"""Each cost rule on rows small enough to read, and what it says the waste costs."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.kernel.table import Table
from stratum_pipeline.modules.cost import MODULE
from stratum_pipeline.modules.cost.inventory.instances import Instances
from stratum_pipeline.modules.cost.inventory.pricing import portions
from stratum_pipeline.modules.cost.inventory.volumes import Volumes
from stratum_pipeline.modules.cost.prices import Prices

from ...conftest import SCANNED_AT
from ..parity import judge, verdict

Row = dict[str, Any]
RULES = {rule.id.removeprefix("cost."): rule for rule in MODULE.rules}
NEVER_CAME = datetime(1970, 1, 1, tzinfo=UTC)


def ago(days: int) -> datetime:
    return SCANNED_AT - timedelta(days=days)


RUNNING: Row = {
    "instance_id": "i-1",
    "instance_type": "m5.xlarge",
    "state": "running",
    "stopped": NEVER_CAME,
    "platform": "linux",
    "market": "on-demand",
    "scaled": False,
    "volume_ids": ["vol-1"],
    "watched": True,
    "cpu_peak": 80.0,
    "network_mb": 5000.0,
}
QUIET = RUNNING | {"cpu_peak": 3.0, "network_mb": 2.0}
STOPPED = RUNNING | {
    "state": "stopped",
    "stopped": ago(40),
    "watched": False,
    "cpu_peak": None,
    "network_mb": None,
}
DISK: Row = {
    "volume_id": "vol-1",
    "volume_type": "gp3",
    "size_gb": 100,
    "iops": 3000,
    "throughput": 125,
    "state": "in-use",
    "created": ago(100),
    "multi_attach": False,
    "watched": False,
}
IO1 = DISK | {"volume_type": "io1", "iops": 10_000, "throughput": 0, "watched": True}
SNAPSHOT: Row = {
    "stored_gb": 100.0,
    "started": ago(400),
    "tier": "standard",
    "managed": False,
    "copied": False,
    "volume_exists": True,
    "image_ids": [],
}
IMAGE: Row = {
    "created": ago(300),
    "launched": NEVER_CAME,
    "public": False,
    "managed": False,
    "in_use": False,
    "size_gb": 20,
}
ADDRESS: Row = {"pool": "amazon", "associated": True, "instance_state": "running"}
BALANCER: Row = {"kind": "application", "watched": True, "used": 0.0}
ENDPOINT: Row = {"watched": True, "service_run": False, "bytes_processed": 0.0, "zones": 3}
DATABASE: Row = {
    "instance_class": "db.m4.large",
    "engine": "mysql",
    "multi_az": True,
    "status": "available",
    "replica": False,
    "cluster": "",
    "watched": True,
    "connections": 0.0,
}
TABLE: Row = {
    "read_units": 100,
    "write_units": 100,
    "watched": True,
    "read_peak": 0.0,
    "write_peak": 0.0,
}
PAYER: Row = {"payer": True, "budgets": [], "monitors": [], "optimizer": "Inactive"}
SECRET: Row = {"created": ago(400), "accessed": ago(100), "owner": "", "replica": False}
FUNCTION: Row = {"reasons": ["MemoryOverprovisioned"], "usd": 12.5, "price_source": "x"}

VERDICTS: list[tuple[str, Row, str]] = [
    ("instance.idle", QUIET, "fail"),
    ("instance.idle", RUNNING, "pass"),
    ("instance.idle", QUIET | {"network_mb": 900.0}, "pass"),  # a file server, perhaps
    ("instance.idle", QUIET | {"cpu_peak": 10.0}, "pass"),
    ("instance.idle", QUIET | {"network_mb": None}, "unknown"),  # refused, or no data at all
    ("instance.idle", QUIET | {"cpu_peak": 80.0, "network_mb": None}, "pass"),
    ("instance.idle", QUIET | {"watched": False}, "n/a"),  # started the other day
    ("instance.idle", QUIET | {"scaled": True}, "n/a"),
    ("instance.oversized", RUNNING | {"cpu_peak": 20.0}, "fail"),
    ("instance.oversized", RUNNING | {"cpu_peak": 30.0}, "pass"),
    ("instance.oversized", RUNNING | {"cpu_peak": None}, "unknown"),
    ("instance.oversized", QUIET, "n/a"),  # idle: stop it, don't shrink it
    ("instance.oversized", RUNNING | {"instance_type": "m5.large", "cpu_peak": 9.0}, "n/a"),
    ("instance.oversized", RUNNING | {"instance_type": "m4.xlarge", "cpu_peak": 9.0}, "n/a"),
    ("instance.stopped", STOPPED, "fail"),
    ("instance.stopped", STOPPED | {"stopped": ago(10)}, "pass"),
    ("instance.stopped", STOPPED | {"stopped": None}, "unknown"),  # EC2 didn't say
    ("instance.stopped", STOPPED | {"volume_ids": []}, "n/a"),
    ("instance.stopped", RUNNING, "n/a"),
    ("instance.previous_generation", RUNNING | {"instance_type": "t2.micro"}, "fail"),
    ("instance.previous_generation", RUNNING, "pass"),
    ("instance.previous_generation", RUNNING | {"instance_type": None}, "unknown"),
    ("instance.previous_generation", STOPPED | {"instance_type": "t2.micro"}, "n/a"),
    ("volume.unattached", DISK | {"state": "available"}, "fail"),
    ("volume.unattached", DISK, "pass"),
    ("volume.unattached", DISK | {"state": "available", "created": ago(2)}, "pass"),
    ("volume.unattached", DISK | {"state": None}, "unknown"),
    ("volume.gp2", DISK | {"volume_type": "gp2", "iops": 300}, "fail"),
    ("volume.gp2", DISK, "pass"),
    ("volume.gp2", DISK | {"volume_type": None}, "unknown"),
    ("volume.gp2", DISK | {"volume_type": "gp2", "state": "available"}, "n/a"),
    ("volume.provisioned_iops", IO1, "fail"),
    ("volume.provisioned_iops", IO1 | {"iops": 40_000}, "pass"),
    ("volume.provisioned_iops", IO1 | {"multi_attach": True}, "pass"),  # gp3 can't
    ("volume.provisioned_iops", IO1 | {"volume_type": "io2"}, "pass"),
    ("volume.provisioned_iops", IO1 | {"iops": None}, "unknown"),
    ("volume.over_provisioned", IO1 | {"volume_type": "io2", "iops_peak": 90.0}, "fail"),
    ("volume.over_provisioned", IO1 | {"volume_type": "io2", "iops_peak": 3000.0}, "pass"),
    ("volume.over_provisioned", IO1 | {"volume_type": "io2", "iops_peak": None}, "unknown"),
    ("volume.over_provisioned", IO1 | {"iops_peak": 90.0}, "n/a"),  # gp3 first
    ("volume.over_provisioned", DISK, "n/a"),
    ("snapshot.orphaned", SNAPSHOT | {"volume_exists": False}, "fail"),
    ("snapshot.orphaned", SNAPSHOT, "pass"),
    ("snapshot.orphaned", SNAPSHOT | {"volume_exists": False, "image_ids": ["ami-1"]}, "pass"),
    ("snapshot.orphaned", SNAPSHOT | {"volume_exists": False, "started": ago(9)}, "pass"),
    ("snapshot.orphaned", SNAPSHOT | {"volume_exists": None}, "unknown"),
    ("snapshot.orphaned", SNAPSHOT | {"volume_exists": False, "image_ids": None}, "unknown"),
    ("snapshot.orphaned", SNAPSHOT | {"volume_exists": False, "copied": True}, "n/a"),
    ("snapshot.orphaned", SNAPSHOT | {"volume_exists": False, "managed": True}, "n/a"),
    ("snapshot.old", SNAPSHOT, "fail"),
    ("snapshot.old", SNAPSHOT | {"copied": True, "volume_exists": False}, "fail"),
    ("snapshot.old", SNAPSHOT | {"started": ago(300)}, "pass"),
    ("snapshot.old", SNAPSHOT | {"image_ids": ["ami-1"]}, "pass"),
    ("snapshot.old", SNAPSHOT | {"image_ids": None}, "unknown"),
    ("snapshot.old", SNAPSHOT | {"volume_exists": False}, "n/a"),  # orphaned already
    ("snapshot.old", SNAPSHOT | {"managed": True}, "n/a"),
    ("image.unused", IMAGE, "fail"),
    ("image.unused", IMAGE | {"launched": ago(200)}, "fail"),
    ("image.unused", IMAGE | {"launched": ago(20)}, "pass"),
    ("image.unused", IMAGE | {"created": ago(20)}, "pass"),
    ("image.unused", IMAGE | {"in_use": True}, "pass"),
    ("image.unused", IMAGE | {"in_use": None}, "unknown"),
    ("image.unused", IMAGE | {"public": True}, "n/a"),
    ("address.idle", ADDRESS | {"associated": False, "instance_state": ""}, "fail"),
    ("address.idle", ADDRESS | {"instance_state": "stopped"}, "fail"),
    ("address.idle", ADDRESS, "pass"),
    ("address.idle", ADDRESS | {"instance_state": ""}, "pass"),  # a NAT gateway's, say
    ("address.idle", ADDRESS | {"instance_state": None}, "unknown"),
    ("address.idle", ADDRESS | {"associated": False, "pool": "ipv4pool-ec2-1"}, "n/a"),
    ("nat_gateway.idle", {"watched": True, "bytes_out": 0.0}, "fail"),
    ("nat_gateway.idle", {"watched": True, "bytes_out": 2e6}, "pass"),
    ("nat_gateway.idle", {"watched": True, "bytes_out": None}, "unknown"),
    ("nat_gateway.idle", {"watched": False, "bytes_out": None}, "n/a"),
    ("load_balancer.idle", BALANCER, "fail"),
    ("load_balancer.idle", BALANCER | {"used": 3.0}, "pass"),
    ("load_balancer.idle", BALANCER | {"used": None}, "unknown"),
    ("load_balancer.idle", BALANCER | {"watched": False}, "n/a"),
    ("classic_load_balancer.idle", {"watched": True, "used": 0.0}, "fail"),
    ("classic_load_balancer.idle", {"watched": True, "used": 7.0}, "pass"),
    ("classic_load_balancer.idle", {"watched": True, "used": None}, "unknown"),
    ("vpc_endpoint.idle", ENDPOINT, "fail"),
    ("vpc_endpoint.idle", ENDPOINT | {"bytes_processed": 1.0}, "pass"),
    ("vpc_endpoint.idle", ENDPOINT | {"bytes_processed": None}, "unknown"),
    ("vpc_endpoint.idle", ENDPOINT | {"service_run": True}, "n/a"),
    ("bucket.lifecycle", {"standard_gb": 2000.0, "tiers": False}, "fail"),
    ("bucket.lifecycle", {"standard_gb": 2000.0, "tiers": True}, "pass"),
    ("bucket.lifecycle", {"standard_gb": 2000.0, "tiers": None}, "unknown"),
    ("bucket.lifecycle", {"standard_gb": None, "tiers": None}, "unknown"),
    ("bucket.lifecycle", {"standard_gb": 900.0, "tiers": None}, "n/a"),
    ("bucket.incomplete_uploads", {"stale_uploads": 2, "stale_gb": 4.0}, "fail"),
    ("bucket.incomplete_uploads", {"stale_uploads": 2, "stale_gb": None}, "fail"),
    ("bucket.incomplete_uploads", {"stale_uploads": 0, "stale_gb": 0.0}, "pass"),
    ("bucket.incomplete_uploads", {"stale_uploads": None}, "unknown"),
    ("log_group.retention", {"retention_days": 0, "stored_gb": 40.0}, "fail"),
    ("log_group.retention", {"retention_days": 0, "stored_gb": 0.2}, "pass"),
    ("log_group.retention", {"retention_days": 30, "stored_gb": 40.0}, "pass"),
    ("log_group.retention", {"retention_days": None, "stored_gb": 40.0}, "unknown"),
    ("db_instance.idle", DATABASE, "fail"),
    ("db_instance.idle", DATABASE | {"connections": 1.0}, "pass"),
    ("db_instance.idle", DATABASE | {"connections": None}, "unknown"),
    ("db_instance.idle", DATABASE | {"replica": True}, "n/a"),
    ("db_instance.idle", DATABASE | {"watched": False}, "n/a"),
    ("db_instance.previous_generation", DATABASE, "fail"),
    ("db_instance.previous_generation", DATABASE | {"instance_class": "db.r6g.large"}, "pass"),
    ("db_instance.previous_generation", DATABASE | {"instance_class": None}, "unknown"),
    ("db_instance.previous_generation", DATABASE | {"status": "stopped"}, "n/a"),
    ("db_snapshot.old", {"created": ago(200), "size_gb": 100}, "fail"),
    ("db_snapshot.old", {"created": ago(90), "size_gb": 100}, "pass"),
    ("db_snapshot.old", {"created": None, "size_gb": 100}, "unknown"),
    ("table.idle", TABLE, "fail"),
    ("table.idle", TABLE | {"write_peak": 0.1}, "pass"),
    ("table.idle", TABLE | {"read_peak": None}, "unknown"),
    ("table.idle", TABLE | {"watched": False}, "n/a"),
    ("table.over_provisioned", TABLE | {"read_peak": 9.0, "write_peak": 90.0}, "fail"),
    ("table.over_provisioned", TABLE | {"read_peak": 90.0, "write_peak": 90.0}, "pass"),
    ("table.over_provisioned", TABLE | {"read_peak": 90.0, "write_peak": None}, "unknown"),
    (
        "table.over_provisioned",
        TABLE | {"read_units": 5, "write_units": 5, "read_peak": 0.1},
        "pass",
    ),
    ("table.over_provisioned", TABLE, "n/a"),  # idle already
    ("account.budget", PAYER, "fail"),
    ("account.budget", PAYER | {"budgets": ["all"]}, "pass"),
    ("account.budget", PAYER | {"budgets": None}, "unknown"),
    ("account.budget", PAYER | {"payer": False}, "n/a"),  # its payer watches
    ("account.anomaly_detection", PAYER, "fail"),
    ("account.anomaly_detection", PAYER | {"monitors": ["services"]}, "pass"),
    ("account.anomaly_detection", PAYER | {"monitors": None}, "unknown"),
    ("account.compute_optimizer", PAYER, "fail"),
    ("account.compute_optimizer", PAYER | {"optimizer": "Active"}, "pass"),
    ("account.compute_optimizer", PAYER | {"optimizer": None}, "unknown"),
    ("function.memory", FUNCTION, "fail"),
    ("function.memory", FUNCTION | {"reasons": ["MemoryUnderprovisioned"]}, "pass"),
    ("function.memory", FUNCTION | {"reasons": []}, "pass"),
    ("function.memory", FUNCTION | {"reasons": None}, "unknown"),
    ("secret.unused", SECRET, "fail"),
    ("secret.unused", SECRET | {"accessed": NEVER_CAME}, "fail"),
    ("secret.unused", SECRET | {"accessed": ago(10)}, "pass"),
    ("secret.unused", SECRET | {"created": ago(10), "accessed": NEVER_CAME}, "pass"),
    ("secret.unused", SECRET | {"accessed": None}, "unknown"),
    ("secret.unused", SECRET | {"owner": "rds"}, "n/a"),
]


@pytest.mark.parametrize(("name", "row", "expected"), VERDICTS)
def test_verdicts(name: str, row: Row, expected: str):
    assert verdict(RULES[name], row) == expected


def test_every_rule_has_a_failing_a_passing_and_an_unknown_case():
    told = {(name, expected) for name, _, expected in VERDICTS}
    assert {(name, v) for name in RULES for v in ("fail", "pass", "unknown")} <= told


def cost(rule: Rule, row: Row, beside: dict[type[Table], list[Row]] | None = None) -> float | None:
    """What the finding says that it costs; the evidence says the same, and where from."""
    (fail,) = judge(rule, row, beside).fails.to_dicts()
    evidence = json.loads(fail["evidence"])
    (source,) = (v for k, v in evidence.items() if k.endswith("_source"))
    known = "Stratum price table, " in source or "AWS Price List API, " in source
    assert known == (fail["monthly_usd"] is not None)
    return fail["monthly_usd"]


GP2 = DISK | {"volume_type": "gp2", "iops": 300, "throughput": 0}


@pytest.mark.parametrize(
    ("name", "row", "usd"),
    [
        ("instance.idle", QUIET, 140.16),  # 0.192 an hour
        ("instance.oversized", RUNNING | {"cpu_peak": 9.0}, 70.08),
        ("instance.previous_generation", RUNNING | {"instance_type": "t2.medium"}, 3.5),
        ("volume.unattached", DISK | {"state": "available"}, 8.0),
        ("volume.unattached", DISK | {"state": "available", "iops": 5000, "throughput": 225}, 22.0),
        ("volume.gp2", GP2, 1.88),  # gp3 with the 128 MiB/s it has
        ("volume.gp2", GP2 | {"size_gb": 1000, "iops": 3000}, 15.0),  # with 250
        ("volume.provisioned_iops", IO1, 614.5),  # 662.50 as io1, 48.00 as gp3
        ("volume.over_provisioned", IO1 | {"volume_type": "io2", "iops_peak": 500.0}, 585.0),
        ("snapshot.orphaned", SNAPSHOT | {"volume_exists": False}, 5.0),
        ("snapshot.old", SNAPSHOT | {"tier": "archive"}, 1.25),
        ("image.unused", IMAGE, 1.0),
        ("address.idle", ADDRESS | {"associated": False}, 3.65),
        ("nat_gateway.idle", {"watched": True, "bytes_out": 0.0}, 32.85),
        ("load_balancer.idle", BALANCER, 16.42),
        ("load_balancer.idle", BALANCER | {"kind": "gateway"}, 9.12),
        ("classic_load_balancer.idle", {"watched": True, "used": 0.0}, 18.25),
        ("vpc_endpoint.idle", ENDPOINT, 21.9),
        ("bucket.lifecycle", {"standard_gb": 2000.0, "tiers": False}, 21.0),
        ("bucket.incomplete_uploads", {"stale_uploads": 2, "stale_gb": 100.0}, 2.3),
        ("log_group.retention", {"retention_days": 0, "stored_gb": 40.0}, 1.2),
        ("db_instance.idle", DATABASE, 255.5),  # 0.175 an hour, twice
        ("db_instance.previous_generation", DATABASE, 5.84),
        ("db_snapshot.old", {"created": ago(200), "size_gb": 100}, 9.5),
        ("table.idle", TABLE, 56.94),
        ("table.over_provisioned", TABLE | {"read_peak": 9.0, "write_peak": 90.0}, 7.78),
        ("secret.unused", SECRET, 0.4),
    ],
)
def test_what_it_costs_in_virginia(name: str, row: Row, usd: float):
    assert cost(RULES[name], row) == usd


def test_a_saving_that_is_none_is_not_told():
    (fail,) = judge(
        RULES["instance.previous_generation"], RUNNING | {"instance_type": "m4.10xlarge"}
    ).fails.to_dicts()
    assert fail["monthly_usd"] is None  # an m6i.12xlarge costs more


def test_spot_and_windows_have_no_list_price():
    for odd in ({"market": "spot"}, {"platform": "windows"}):
        (fail,) = judge(RULES["instance.idle"], QUIET | odd).fails.to_dicts()
        assert fail["monthly_usd"] is None


def test_an_unknown_region_costs_an_unknown_amount_and_is_wasted_all_the_same():
    row = DISK | {"state": "available", "region": "mx-central-1"}
    assert cost(RULES["volume.unattached"], row) is None
    assert verdict(RULES["volume.unattached"], row) == "fail"


def test_the_price_list_goes_before_the_table():
    told = [
        {"item": "volume:gp3", "usd": 0.05, "published": "2026-11-20"},
        {"item": "volume:gp3", "usd": 0.09, "published": "2026-11-20", "region": "eu-west-1"},
    ]
    row = DISK | {"state": "available"}
    assert cost(RULES["volume.unattached"], row, {Prices: told}) == 5.0
    (fail,) = judge(RULES["volume.unattached"], row, {Prices: told}).fails.to_dicts()
    source = json.loads(fail["evidence"])["price_source"]
    assert source.startswith("AWS Price List API, 2026-11-20")


def test_a_stopped_instance_costs_what_its_volumes_do():
    disks = [DISK, DISK | {"volume_id": "vol-2", "size_gb": 50}, DISK | {"volume_id": "vol-3"}]
    row = STOPPED | {"volume_ids": ["vol-1", "vol-2"]}
    assert cost(RULES["instance.stopped"], row, {Volumes: disks}) == 12.0
    one_unknown = [DISK, DISK | {"volume_id": "vol-2", "size_gb": None}]
    (fail,) = judge(RULES["instance.stopped"], row, {Volumes: one_unknown}).fails.to_dicts()
    assert fail["monthly_usd"] is None


def test_a_reader_is_in_use_if_its_cluster_is():
    rule, reader = RULES["db_instance.idle"], DATABASE | {"cluster": "orders"}

    def beside(connections: float | None) -> dict[type[Table], list[Row]]:
        return {rule.table: [reader | {"connections": connections}]}

    assert verdict(rule, reader, beside(0.0)) == "fail"
    assert verdict(rule, reader, beside(9.0)) == "pass"
    assert verdict(rule, reader, beside(None)) == "unknown"
    (first, second) = judge(rule, reader, beside(0.0)).fails["root_cause"].to_list()
    assert first == second


def test_a_stopped_instance_is_found_beside_its_address():
    arn = "arn:aws:ec2:us-east-1:111111111111:instance/i-1"
    row = STOPPED | {"arn": arn, "related_arns": [arn, "arn:aws:ec2:us-east-1:1:volume/vol-1"]}
    (stopped,) = judge(RULES["instance.stopped"], row).fails["related"].to_list()
    address = ADDRESS | {"instance_state": "stopped", "instance_arns": [arn]}
    (idle,) = judge(RULES["address.idle"], address).fails["related"].to_list()
    assert set(stopped) & set(idle) == {arn}


def test_instances_are_one_row_each_whatever_their_volumes():
    rows = Instances.frame(
        [{"arn": a, "region": "r", "volume_ids": v} for a, v in (("a", ["v", "w"]), ("b", []))]
    )
    disks = Volumes.frame([{"arn": v, "region": "r", "volume_id": v} for v in ("v", "w")])
    assert Instances.judged({Instances: rows, Volumes: disks})["arn"].to_list() == ["a", "b"]


def test_types_are_asked_for_in_values_that_fit_a_filter():
    types = {f"u7in-24tb.{n}xlarge" for n in range(120)}
    asked = portions(types)
    assert {one for portion in asked for one in portion} == types
    assert all(len(",".join(portion)) <= 1024 for portion in asked)
    assert portions({"db.m4.large"}) == [["db.m4.large", "db.m6i.large"]]
    assert portions(set()) == []
