"""Each RDS rule on rows small enough to read."""

from datetime import timedelta
from typing import Any

import pytest

from stratum_pipeline.kernel.correlate import Index, correlate
from stratum_pipeline.modules.rds import MODULE
from stratum_pipeline.modules.rds.derive import open_to_world, unwatched

from ...conftest import SCANNED_AT
from ..parity import SIBLING, STRANGER, judge, verdict
from .parity import REACHED, SOUND, named
from .samples import CLUSTER, INSTANCE, NEVER_COME, NOTICES, PAST, rule, told

Row = dict[str, Any]
MEMBER: Row = {"cluster_id": "orders", "cluster_arn": "arn:aws:rds:us-east-1:1:cluster:orders"}
V1: Row = {"engine_mode": "serverless"}
PAIRS: dict[str, Row] = {  # what is wrong with it, and which fact tells
    "transport_encryption": {"tls_value": "0"},
    "iam_authentication": {"iam_authentication": False},
    "password_managed": {"password_managed": False},
    "default_admin": {"master_username": "postgres"},
    "default_port": {"port": 5432},
    "storage_encryption": {"storage_encrypted": False},
    "backup_retention": {"backup_days": 3},
    "backup_plan": {"last_backup": NEVER_COME},
    "deletion_protection": {"deletion_protection": False},
    "copy_tags": {"copy_tags": False},
    "multi_az": {"multi_az": False},
    "log_exports": {"log_exports": []},
    "minor_upgrades": {"minor_upgrades": False},
    "extended_support": {"support_ends": PAST},
    "engine_version": {"engine_status": "deprecated"},
}


def says(name: str, **changed: Any) -> str:
    """The verdict of a rule on a sound row with some of it `changed`."""
    return verdict(named(name), SOUND[name.partition(".")[0]] | changed)


def test_a_sound_estate_passes():
    for one in MODULE.rules:
        sound = SOUND[one.id.split(".")[1]]
        assert verdict(one, sound) in ("pass", "n/a"), one.id


@pytest.mark.parametrize("kind", ["instance", "cluster"])
@pytest.mark.parametrize("name", PAIRS)
def test_both_kinds_of_database(kind: str, name: str):
    broken = PAIRS[name]
    assert says(f"{kind}.{name}") == "pass"
    assert says(f"{kind}.{name}", **broken) == "fail"
    assert says(f"{kind}.{name}", **dict.fromkeys(broken)) == "unknown"


@pytest.mark.parametrize("name", PAIRS)
def test_a_member_says_nothing_that_its_cluster_says(name: str):
    assert says(f"instance.{name}", **MEMBER, **PAIRS[name]) == "n/a"


@pytest.mark.parametrize(
    ("name", "changed", "expected"),
    [
        # Engines that a rule does not apply to
        ("instance.transport_encryption", {"engine": "oracle-ee", "tls_parameter": ""}, "n/a"),
        ("cluster.transport_encryption", {"engine": "neptune", "tls_parameter": ""}, "n/a"),
        ("instance.iam_authentication", {"engine": "sqlserver-se"}, "n/a"),
        ("instance.iam_authentication", {"engine": "oracle-ee"}, "n/a"),
        ("cluster.iam_authentication", {"engine": "docdb", "iam_authentication": False}, "n/a"),
        ("cluster.iam_authentication", {"engine": "neptune", "iam_authentication": False}, "fail"),
        ("cluster.iam_authentication", {"iam_authentication": False} | V1, "n/a"),
        ("instance.password_managed", {"engine": "custom-oracle-ee"}, "n/a"),
        ("instance.password_managed", {"replicas": ["r"], "password_managed": False}, "n/a"),
        ("instance.password_managed", {"replica_source": "a", "password_managed": False}, "n/a"),
        ("cluster.password_managed", {"engine": "neptune", "password_managed": False}, "n/a"),
        ("cluster.password_managed", {"global_cluster": "g", "password_managed": False}, "n/a"),
        ("cluster.password_managed", {"password_managed": False, "in_vpc": False}, "n/a"),
        ("cluster.default_admin", {"engine": "neptune", "master_username": "admin"}, "n/a"),
        ("cluster.minor_upgrades", {"engine": "docdb", "minor_upgrades": False}, "n/a"),
        ("cluster.minor_upgrades", {"minor_upgrades": False} | V1, "n/a"),
        ("cluster.multi_az", {"multi_az": False} | V1, "n/a"),
        ("cluster.log_exports", {"log_exports": []} | V1, "n/a"),
        ("instance.multi_az", {"engine": "sqlserver-ex", "multi_az": False}, "n/a"),
        ("instance.engine_version", {"engine": "custom-oracle-ee"}, "n/a"),
        ("instance.enhanced_monitoring", {"engine": "docdb", "monitoring_seconds": 0}, "n/a"),
        # Read replicas are made again from their source
        ("instance.backups", {"replica_source": "orders", "backup_days": 0}, "n/a"),
        ("instance.deletion_protection", {"replica_source": "orders"}, "n/a"),
        ("instance.backup_plan", {"replica_source": "orders"}, "n/a"),
        (
            "instance.storage_encryption",
            {"replica_source": "a", "storage_encrypted": False},
            "fail",
        ),
        # Ports
        ("instance.default_port", {"engine": "mysql", "port": 3306}, "fail"),
        ("instance.default_port", {"engine": "mysql", "port": 5432}, "pass"),
        ("instance.default_port", {"engine": "oracle-se2-cdb", "port": 1521}, "fail"),
        ("instance.default_port", {"engine": "sqlserver-web", "port": 1433}, "fail"),
        ("instance.default_port", {"engine": "custom-sqlserver-ee", "port": 1433}, "fail"),
        ("instance.default_port", {"engine": "db2-se", "port": 50000}, "fail"),
        ("cluster.default_port", {"engine": "docdb", "port": 27017}, "fail"),
        ("cluster.default_port", {"engine": "neptune", "port": 8182}, "fail"),
        ("instance.default_port", {"engine": "something-new", "port": 5432}, "n/a"),
        ("instance.default_port", {"engine": None, "port": 5432}, "unknown"),
        # Parameters by engine
        ("instance.transport_encryption", {"tls_value": ""}, "fail"),
        ("instance.transport_encryption", {"tls_value": "ON"}, "pass"),
        ("instance.transport_encryption", {"tls_value": "1", "tls_pending": True}, "fail"),
        ("instance.transport_encryption", {"tls_pending": None}, "unknown"),
        ("instance.transport_encryption", {"tls_value": "0", "tls_pending": None}, "fail"),
        ("cluster.transport_encryption", {"tls_parameter": "tls", "tls_value": "tls1.2+"}, "pass"),
        ("cluster.transport_encryption", {"tls_parameter": "tls", "tls_value": "disabled"}, "fail"),
        (
            "instance.transport_encryption",
            {"tls_parameter": "DB2COMM", "tls_value": "TCPIP,SSL"},
            "fail",
        ),
        ("instance.transport_encryption", {"tls_parameter": "DB2COMM", "tls_value": "SSL"}, "pass"),
        # Backups
        ("instance.backups", {}, "pass"),
        ("instance.backups", {"backup_days": 0}, "fail"),
        ("instance.backups", {"backup_days": None}, "unknown"),
        ("instance.backups", MEMBER | {"backup_days": 0}, "n/a"),
        ("instance.backup_retention", {"backup_days": 0}, "n/a"),  # is a finding of its own
        ("instance.backup_retention", {"backup_days": 7}, "pass"),
        ("instance.backup_plan", {"last_backup": SCANNED_AT - timedelta(days=34)}, "pass"),
        ("instance.backup_plan", {"last_backup": SCANNED_AT - timedelta(days=36)}, "fail"),
        ("cluster.backtrack", {"engine": "aurora-mysql"}, "fail"),
        ("cluster.backtrack", {"engine": "aurora-mysql", "backtrack_seconds": 3600}, "pass"),
        ("cluster.backtrack", {"engine": "aurora-mysql", "backtrack_seconds": None}, "unknown"),
        ("cluster.backtrack", {"engine": "aurora-postgresql"}, "n/a"),
        ("cluster.backtrack", {"engine": "aurora-mysql", "global_cluster": "world"}, "n/a"),
        ("cluster.backtrack", {"engine": "aurora-mysql"} | V1, "n/a"),
        # Logs
        ("instance.log_exports", {"log_exports": [], "exportable_logs": []}, "n/a"),
        ("instance.log_exports", {"log_exports": [], "exportable_logs": None}, "unknown"),
        ("instance.log_exports", {"exportable_logs": None}, "pass"),
        # Upkeep
        ("instance.extended_support", {"support_ends": SCANNED_AT}, "fail"),
        ("instance.extended_support", {"support_ends": NEVER_COME}, "n/a"),
        ("instance.engine_version", {"engine_status": "withdrawn"}, "fail"),
        ("instance.engine_version", {"engine_status": "deprecated", "support_ends": PAST}, "n/a"),
        (
            "instance.engine_version",
            {"engine_status": "deprecated", "support_ends": NEVER_COME},
            "fail",
        ),
        ("instance.engine_version", {"support_ends": None}, "unknown"),
        ("instance.certificate", {}, "pass"),
        ("instance.certificate", {"certificate_expires": PAST}, "fail"),
        ("instance.certificate", {"certificate_expires": SCANNED_AT + timedelta(60)}, "fail"),
        ("instance.certificate", {"certificate_expires": SCANNED_AT + timedelta(120)}, "pass"),
        ("instance.certificate", {"certificate_expires": NEVER_COME}, "n/a"),
        ("instance.certificate", {"certificate_expires": None}, "unknown"),
        ("instance.certificate", MEMBER | {"certificate_expires": PAST}, "fail"),  # its own
        ("instance.enhanced_monitoring", {}, "pass"),
        ("instance.enhanced_monitoring", {"monitoring_seconds": 0}, "fail"),
        ("instance.enhanced_monitoring", {"monitoring_seconds": None}, "unknown"),
        # Outside a VPC
        ("cluster.internet_gateway", {}, "pass"),
        ("cluster.internet_gateway", {"internet_gateway": True}, "fail"),
        ("cluster.internet_gateway", {"in_vpc": False}, "fail"),
        ("cluster.internet_gateway", {"internet_gateway": None}, "unknown"),
    ],
)
def test_verdict(name: str, changed: Row, expected: str):
    assert says(name, **changed) == expected


@pytest.mark.parametrize(
    ("changed", "public", "addressed"),
    [
        ({}, "fail", "n/a"),
        ({"publicly_accessible": False}, "pass", "pass"),
        ({"internet_route": False}, "pass", "fail"),
        ({"internet_blocked": True}, "pass", "fail"),
        ({"ingress": []}, "pass", "fail"),
        ({"ingress": [rule("10.0.0.0/8")]}, "pass", "fail"),
        ({"ingress": [rule("0.0.0.0/1", "128.0.0.0/1")]}, "fail", "n/a"),
        ({"ingress": [rule("0.0.0.0/1"), rule("128.0.0.0/2")]}, "fail", "n/a"),
        ({"ingress": [rule("0.0.0.0/0", low=22, high=22)]}, "pass", "fail"),
        ({"ingress": [rule("0.0.0.0/0", low=0, high=65535)]}, "fail", "n/a"),
        ({"ingress": [rule("0.0.0.0/0", protocol="-1", low=0, high=65535)]}, "fail", "n/a"),
        ({"ingress": [rule("0.0.0.0/0", protocol="udp")]}, "pass", "fail"),
        ({"ingress": [rule("::/0")]}, "pass", "fail"),  # it has no IPv6 address
        ({"ingress": [rule("::/0")], "dual_stack": True}, "fail", "n/a"),
        ({"ingress": [rule(None)]}, "unknown", "unknown"),  # a prefix list that can't be read
        ({"ingress": [rule("0.0.0.0/0"), rule(None)]}, "fail", "n/a"),
        ({"ingress": None}, "unknown", "unknown"),
        ({"internet_route": None}, "unknown", "unknown"),
        ({"internet_blocked": None}, "unknown", "unknown"),
        ({"internet_route": None, "ingress": []}, "pass", "fail"),
        (MEMBER, "fail", "n/a"),  # of a cluster each has an address of its own
    ],
)
def test_public_is_what_the_internet_reaches(changed: Row, public: str, addressed: str):
    row = REACHED | changed
    assert says("instance.public", **row) == public
    assert says("instance.publicly_accessible", **row) == addressed


@pytest.mark.parametrize("kind", ["snapshot", "cluster_snapshot"])
@pytest.mark.parametrize(
    ("shared_with", "public", "outsiders"),
    [
        ([], "pass", "pass"),
        ([SIBLING], "pass", "pass"),
        ([STRANGER, SIBLING], "pass", "fail"),
        (["*"], "fail", "n/a"),
        (["*", STRANGER], "fail", "n/a"),  # strangers are among them
        (None, "unknown", "unknown"),
    ],
)
def test_who_may_restore_a_snapshot(kind: str, shared_with: Any, public: str, outsiders: str):
    assert says(f"{kind}.public", shared_with=shared_with) == public
    assert says(f"{kind}.outsiders", shared_with=shared_with) == outsiders
    assert says(f"{kind}.encryption", shared_with=shared_with) == "pass"
    assert says(f"{kind}.encryption", encrypted=False) == "fail"
    assert says(f"{kind}.encryption", encrypted=None) == "unknown"


@pytest.mark.parametrize(
    ("subscriptions", "missing"),
    [
        ([told()], []),
        ([told("db-instance"), told("db-cluster"), told("db-parameter-group")], []),
        ([told(categories=["failure", "maintenance"]), told("db-parameter-group")],
         ["db-instance: configuration change"]),
        ([told(source_ids=["orders"])], "all"),
        ([told(enabled=False)], "all"),
        ([told(status="no-permission")], "all"),
        ([told("db-snapshot")], "all"),
        ([told("db-security-group"), told()], []),  # went with EC2-Classic
        ([told(categories=["backup"]), told(categories=["failure", "maintenance"]),
          told(categories=["configuration change"])], []),
    ],
)  # fmt: skip
def test_events_that_reach_nobody(subscriptions: list[Row], missing: Any):
    everything = [
        *("db-instance: failure", "db-instance: maintenance", "db-instance: configuration change"),
        *("db-cluster: failure", "db-cluster: maintenance"),
        "db-parameter-group: configuration change",
    ]
    expected = everything if missing == "all" else missing
    assert unwatched(NOTICES["sources"], subscriptions) == expected
    verdict = says("region.event_subscriptions", subscriptions=subscriptions)
    assert verdict == ("fail" if expected else "pass")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"subscriptions": None}, "unknown"),
        ({"sources": None}, "unknown"),
        ({"sources": ["db-instance", None]}, "unknown"),  # whether there are clusters
        ({"sources": ["db-instance", None], "subscriptions": []}, "fail"),
        ({"subscriptions": [told(categories=None)]}, "unknown"),
        ({"subscriptions": [told(categories=None), told()]}, "pass"),
        ({"subscriptions": [told(categories=None, enabled=False)]}, "fail"),
    ],
)
def test_events_that_may_reach_somebody(changed: Row, expected: str):
    assert says("region.event_subscriptions", **changed) == expected


def test_doubt_about_ports_is_doubt():
    lost = rule("0.0.0.0/0") | {"from_port": None}
    assert open_to_world([lost], 5432, False) is None
    assert open_to_world([lost, rule("0.0.0.0/0")], 5432, False) is True
    assert open_to_world([rule("0.0.0.0/0")], None, False) is None
    assert open_to_world([rule("::/0")], 5432, None) is None
    assert open_to_world([None], 5432, False) is None


def test_commands_name_the_kind_of_database():
    found = judge(named("cluster.deletion_protection"), CLUSTER | {"deletion_protection": False})
    (cli,) = found.fails["cli"]
    assert cli == (
        "aws rds modify-db-cluster --region us-east-1 --db-cluster-identifier orders"
        " --deletion-protection --apply-immediately"
    )
    for one in MODULE.rules:
        assert "KIND" not in f"{one.title}{one.rationale}{one.cli}{one.undo}{one.breaks}"


@pytest.mark.parametrize(
    ("parameter", "value", "wanted"),
    [
        ("rds.force_ssl", "0", "1"),
        ("require_secure_transport", "OFF", "1"),
        ("tls", "disabled", "enabled"),
        ("DB2COMM", "TCPIP", "SSL"),
    ],
)
def test_the_command_sets_what_the_engine_understands(parameter: str, value: str, wanted: str):
    row = CLUSTER | {"tls_parameter": parameter, "tls_value": value}
    (cli,) = judge(named("cluster.transport_encryption"), row).fails["cli"]
    assert "--db-cluster-parameter-group-name orders-16 " in cli
    assert f"ParameterName={parameter},ParameterValue={wanted}," in cli
    assert says("cluster.transport_encryption", tls_parameter=parameter, tls_value=wanted) == "pass"


def test_findings_that_make_each_other_worse():
    instance, cluster = "arn:aws:rds:us-east-1:1:db:orders", MEMBER["cluster_arn"]

    def finding(rule_id: str, arn: str, *related: str) -> Row:
        return {
            "finding_id": rule_id,
            "rule_id": f"rds.{rule_id}",
            "account_id": "1",
            "resource_arn": arn,
            "related": list(related),
        }

    index = Index.frame(
        [
            finding("instance.public", instance, instance, cluster),
            finding("instance.transport_encryption", instance),
            finding("cluster.transport_encryption", cluster, cluster),
            finding("snapshot.public", "arn:snapshot", instance),
            finding("cluster_snapshot.public", "arn:cluster-snapshot", cluster),
            finding("instance.deletion_protection", instance),
            finding("instance.backups", instance),
        ]
    )
    alone = index.filter(
        Index.rule_id.is_in(["rds.instance.public", "rds.instance.backups"]).not_()
    )
    for one in MODULE.correlations:
        (row,) = correlate(one, index).to_dicts()
        assert row["finding_id"] == one.rule.removeprefix("rds.")
        assert correlate(one, alone).is_empty()


def test_what_the_index_joins_on_is_in_the_findings():
    row = INSTANCE | REACHED | MEMBER
    (related,) = judge(named("instance.public"), row).fails["related"].to_list()
    assert {MEMBER["cluster_arn"], *INSTANCE["security_groups"]} < set(related)
    standalone = judge(named("instance.public"), row | {"cluster_id": "", "cluster_arn": ""})
    assert "" not in standalone.fails["related"].to_list()[0]
