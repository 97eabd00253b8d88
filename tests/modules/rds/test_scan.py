"""RDS end to end against moto: what AWS refuses comes out unknown, with the reason."""

from typing import Any

import boto3
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from stratum_pipeline.kernel.collect import Account, collect
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.kernel.trust import Members
from stratum_pipeline.modules.rds import MODULE
from stratum_pipeline.modules.rds import collect as reading
from stratum_pipeline.modules.rds.inventory import Clusters, Instances, Snapshots

from ...conftest import SCANNED_AT
from .conftest import EAST, STRANGER, WEST

REGIONS = [EAST, WEST, "ap-southeast-2"]
ME = "123456789012"
OPEN = f"arn:aws:rds:{EAST}:{ME}:db:open"
ORDERS = f"arn:aws:rds:{WEST}:{ME}:cluster:orders"


def scan(account: Account) -> Verdicts:
    frames: dict[Any, Any] = dict(collect(account, MODULE.collectors, REGIONS))
    frames[Members] = Members.frame([{"principal": ME}])
    return evaluate("rds", MODULE.rules, frames, account.coverage(), SCANNED_AT)


def again(account: Account) -> Account:
    return Account(account.session, account.account_id, account.operations)


def told(frame: pl.DataFrame) -> dict[str, set[str]]:
    """By resource (the end of its ARN), the rules for which `frame` has a row."""
    found: dict[str, set[str]] = {}
    for row in frame.to_dicts():
        name = ":".join(row["resource_arn"].split(":")[5:])
        found.setdefault(name, set()).add(row["rule_id"].removeprefix("rds."))
    return found


def calls(account: Account) -> dict[str, int]:
    return dict(account.coverage().group_by("operation").agg(pl.col("calls").sum()).rows())


def test_facts_become_verdicts(account, databases):
    found = scan(account)
    assert told(found.fails) == {
        "db:open": {
            *("instance.public", "instance.transport_encryption", "instance.iam_authentication"),
            *("instance.password_managed", "instance.default_admin", "instance.default_port"),
            *("instance.storage_encryption", "instance.backups", "instance.backup_plan"),
            *("instance.deletion_protection", "instance.copy_tags", "instance.multi_az"),
            *("instance.log_exports", "instance.enhanced_monitoring", "instance.minor_upgrades"),
            *("instance.engine_version", "instance.certificate"),
        },
        "cluster:orders": {"cluster.extended_support", "cluster.backtrack"},
        "snapshot:for-all": {"snapshot.public", "snapshot.encryption"},
        "snapshot:for-one": {"snapshot.outsiders", "snapshot.encryption"},
        "snapshot:own": {"snapshot.encryption"},
        "setting/event-subscriptions": {"region.event_subscriptions"},
    }
    assert found.unknowns.is_empty()
    assert found.gaps.is_empty()
    regions = set(
        found.fails.filter(pl.col("rule_id") == "rds.region.event_subscriptions")["region"]
    )
    assert regions == {EAST}
    (public,) = found.fails.filter(pl.col("rule_id") == "rds.instance.public").to_dicts()
    assert (public["exposed"], OPEN in public["related"]) == (True, True)


def test_facts_as_stored(account, databases):
    frames = collect(account, MODULE.collectors, REGIONS)
    rows = {row["name"]: row for table in (Instances, Clusters) for row in frames[table].to_dicts()}
    one = rows["open"]
    assert (one["engine_status"], one["exportable_logs"]) == (
        "deprecated",
        ["postgresql", "upgrade"],
    )
    assert (one["support_ends"].year, one["tls_parameter"]) == (2029, "rds.force_ssl")
    assert (one["tls_value"], one["tls_pending"], one["port"]) == ("0", False, 5432)
    (rule,) = one["ingress"]
    assert rule == {
        "protocol": "tcp",
        "from_port": 5432,
        "to_port": 5432,
        "cidrs": ["0.0.0.0/0"],
    }
    member = rows["orders-0"]
    assert (member["cluster_id"], member["cluster_arn"]) == ("orders", ORDERS)
    assert (member["tls_parameter"], member["ingress"]) == ("", [])
    cluster = rows["orders"]
    assert (cluster["tls_value"], cluster["password_managed"], cluster["in_vpc"]) == (
        *("ON", True),
        True,
    )
    assert cluster["incarnation"].startswith("cluster-")
    shares = dict(frames[Snapshots].select("name", "shared_with").rows())
    assert shares == {"for-all": ["*"], "for-one": [STRANGER], "own": []}
    everything = str([frame.to_dicts() for frame in frames.values()])
    assert "Correct-Horse-9" not in everything
    assert "secret:" not in everything  # nor the ARN of the master user's secret
    assert "log_statement" not in everything  # nor parameters that no rule reads


@pytest.mark.parametrize(
    ("operation", "unknown"),
    [
        ("DescribeSecurityGroups", {"instance.public", "instance.publicly_accessible"}),
        ("DescribeRouteTables", {"instance.public", "instance.publicly_accessible"}),
        ("DescribeSubnets", {"instance.public", "instance.publicly_accessible"}),
        ("DescribeDBParameters", {"instance.transport_encryption"}),
        ("DescribeDBClusterParameters", {"cluster.transport_encryption"}),
        (
            "DescribeDBEngineVersions",
            # What is exported can be: the cluster's logs need no list of what could be.
            {"instance.log_exports", "instance.engine_version"},
        ),
        (
            "DescribeDBMajorEngineVersions",
            {
                f"{kind}.{rule}"
                for kind in ("instance", "cluster")
                for rule in ("extended_support", "engine_version")
            },
        ),
        ("ListProtectedResources", {"instance.backup_plan", "cluster.backup_plan"}),
        ("DescribeDBSnapshotAttributes", {"snapshot.public", "snapshot.outsiders"}),
        (
            "DescribeDBClusterSnapshotAttributes",
            {"cluster_snapshot.public", "cluster_snapshot.outsiders"},
        ),
        ("DescribeEventSubscriptions", {"region.event_subscriptions"}),
    ],
)
@pytest.mark.parametrize(
    ("code", "outcome"), [("AccessDenied", "denied"), ("Throttling", "throttled")]
)
def test_a_refused_detail_is_unknown_with_its_reason(
    account, databases, refuse, operation, unknown, code, outcome
):
    before = scan(account)
    refuse(operation, code)
    after = scan(again(account))
    found = set(after.unknowns["rule_id"].str.strip_prefix("rds."))
    assert found == unknown
    (why,) = set(after.unknowns["because"])
    assert why.partition(":")[2] == f"{operation} {outcome} ({code})"
    gaps = after.gaps.to_dicts()
    assert {gap["operation"].partition(":")[2] for gap in gaps} == {operation}
    assert not any(gap["unlisted"] for gap in gaps)
    blind = {rule.removeprefix("rds.") for gap in gaps for rule in gap["rules"]}
    assert unknown <= blind
    # The rest says what it said before.
    rest = before.fails.filter(~pl.col("rule_id").is_in([f"rds.{rule}" for rule in unknown]))
    still = after.fails.filter(~pl.col("rule_id").is_in([f"rds.{rule}" for rule in unknown]))
    assert rest["finding_id"].to_list() == still["finding_id"].to_list()


def test_a_prefix_list_that_cannot_be_read_leaves_doubt(account, databases, refuse):
    ec2 = boto3.client("ec2", region_name=EAST)
    made = ec2.create_managed_prefix_list(
        PrefixListName="offices",
        MaxEntries=2,
        AddressFamily="IPv4",
        Entries=[{"Cidr": "0.0.0.0/1"}, {"Cidr": "128.0.0.0/1"}],
    )["PrefixList"]["PrefixListId"]
    (group,) = [
        g for g in ec2.describe_security_groups()["SecurityGroups"] if g["GroupName"] == "db"
    ]
    ec2.revoke_security_group_ingress(
        GroupId=group["GroupId"], IpPermissions=group["IpPermissions"]
    )
    ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"],
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 5432,
                "ToPort": 5432,
                "PrefixListIds": [{"PrefixListId": made}],
            }
        ],
    )
    assert "instance.public" in told(scan(account).fails)["db:open"]  # the world in two halves
    refuse("GetManagedPrefixListEntries", "UnauthorizedOperation")
    found = scan(again(account))
    assert told(found.unknowns) == {"db:open": {"instance.public", "instance.publicly_accessible"}}
    assert set(found.unknowns["because"]) == {
        "ec2:GetManagedPrefixListEntries denied (UnauthorizedOperation)"
    }


@pytest.mark.parametrize(
    ("operation", "table"),
    [
        ("DescribeDBInstances", "instance"),
        ("DescribeDBClusters", "cluster"),
        ("DescribeDBSnapshots", "snapshot"),
        ("DescribeDBClusterSnapshots", "cluster_snapshot"),
    ],
)
def test_a_refused_listing_blinds_its_rules_and_no_others(
    account, databases, refuse, operation, table
):
    refuse(operation, "AccessDenied")
    found = scan(account)
    mine = {rule.id for rule in MODULE.rules if rule.id.split(".")[1] == table}
    assert not mine & set(found.observed["rule_id"])
    assert not mine & set(found.fails["rule_id"])
    for gap in found.gaps.to_dicts():
        assert (gap["operation"], gap["unlisted"]) == (f"rds:{operation}", True)
        assert mine <= set(gap["rules"])
    others = {rule.id for rule in MODULE.rules} - mine - {"rds.region.event_subscriptions"}
    assert others <= set(found.observed["rule_id"])


def test_clusters_that_cannot_be_listed_may_have_events(account, databases, refuse):
    refuse("DescribeDBClusters", "AccessDenied", lambda region, params: region == "ap-southeast-2")
    found = scan(account)
    assert told(found.unknowns) == {"setting/event-subscriptions": {"region.event_subscriptions"}}
    assert set(found.unknowns["region"]) == {"ap-southeast-2"}


def test_a_later_page_that_is_refused_loses_its_rows_only(account, databases, refuse, monkeypatch):
    monkeypatch.setattr(reading, "PAGED", {"PaginationConfig": {"PageSize": 1}})
    whole = collect(account, MODULE.collectors, [WEST])[Instances]
    assert whole["name"].to_list() == ["orders-0", "orders-1"]
    assert calls(account)["rds:DescribeDBInstances"] == 2
    refuse("DescribeDBInstances", "Throttling", lambda region, params: "Marker" in params)
    found = scan(again(account))
    assert "rds.instance.backups" in set(found.observed.filter(pl.col("region") == EAST)["rule_id"])
    assert "rds.instance.backups" not in set(
        found.observed.filter(pl.col("region") == WEST)["rule_id"]
    )


def test_calls(account, databases):
    """Four listings a region; five more where there are databases, three where one is public."""
    collect(account, MODULE.collectors, REGIONS)
    listings = ("Instances", "Clusters", "Snapshots", "ClusterSnapshots")
    assert calls(account) == {
        **{f"rds:DescribeDB{name}": 3 for name in listings},
        "rds:DescribeEventSubscriptions": 2,
        "rds:DescribeDBEngineVersions": 2,
        "rds:DescribeDBMajorEngineVersions": 2,
        "backup:ListProtectedResources": 2,
        "rds:DescribeDBParameters": 1,
        "rds:DescribeDBClusterParameters": 1,
        "rds:DescribeDBSnapshotAttributes": 3,
        "rds:DescribeDBClusterSnapshotAttributes": 1,
        "ec2:DescribeRouteTables": 1,
        "ec2:DescribeSubnets": 1,
        "ec2:DescribeSecurityGroups": 1,
    }


def test_an_unchanged_estate_gives_equal_frames(account, databases):
    first = collect(account, MODULE.collectors, REGIONS)
    second = collect(again(account), MODULE.collectors, REGIONS)
    for table, frame in first.items():
        assert_frame_equal(frame, second[table])
