"""DynamoDB end to end against moto: what AWS refuses comes out unknown, with the reason."""

from datetime import UTC, timedelta
from typing import Any

import boto3
import botocore.client
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from stratum_pipeline.kernel.collect import Account, collect
from stratum_pipeline.kernel.correlate import Index, correlate
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.kernel.trust import Members
from stratum_pipeline.modules.dynamodb import MODULE
from stratum_pipeline.modules.dynamodb.inventory import NEVER_BACKED_UP, Clusters, Tables

from ...conftest import SCANNED_AT
from .samples import ANYONE, PARTNER, policy

ME, EAST, WEST = "123456789012", "us-east-1", "eu-west-1"
YESTERDAY = SCANNED_AT - timedelta(days=1)
NODE = {"NodeType": "dax.r5.large", "SubnetGroup": "default", "IamRoleArn": f"arn:aws:iam::{ME}:r"}


def table_arn(name: str, region: str = EAST) -> str:
    return f"arn:aws:dynamodb:{region}:{ME}:table/{name}"


def cluster(name: str, *zones: str, **settings: Any) -> dict[str, Any]:
    nodes = [{"NodeId": f"{name}-{n}", "AvailabilityZone": z} for n, z in enumerate(zones)]
    arn = f"arn:aws:dax:{EAST}:{ME}:cache/{name}"
    return NODE | {"ClusterName": name, "ClusterArn": arn, "Nodes": nodes} | settings


CLUSTERS = [
    cluster(
        "good",
        *("us-east-1a", "us-east-1b"),
        SSEDescription={"Status": "ENABLED"},
        ClusterEndpointEncryptionType="TLS",
    ),
    cluster("bare", "us-east-1a", SSEDescription={"Status": "DISABLED"}),
]


def scan(account: Account) -> Verdicts:
    frames: dict[Any, Any] = dict(collect(account, MODULE.collectors, [EAST, WEST]))
    frames[Members] = Members.frame([{"principal": ME}])
    return evaluate("dynamodb", MODULE.rules, frames, account.coverage(), SCANNED_AT)


def again(account: Account) -> Account:
    return Account(account.session, account.account_id, account.operations)


def told(frame: pl.DataFrame) -> dict[str, list[str]]:
    """Names of what `frame` (fails or unknowns) is about, by rule."""
    names: dict[str, list[str]] = {}
    for row in frame.sort("resource_arn").to_dicts():
        name = row["resource_arn"].rpartition("/")[2]
        names.setdefault(row["rule_id"].removeprefix("dynamodb."), []).append(name)
    return names


def calls(account: Account) -> dict[str, int]:
    return dict(account.coverage().group_by("operation").agg(pl.col("calls").sum()).rows())


@pytest.fixture
def aws_answers(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """What moto lacks: recovery points, table ids, and what becomes of tables and clusters."""
    real = botocore.client.BaseClient._make_api_call

    def call(client: Any, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        region = client.meta.region_name
        if operation == "ListProtectedResources":
            found = [{"ResourceArn": table_arn("kept"), "LastBackupTime": YESTERDAY}]
            return {"Results": found if region == EAST else []}
        if operation == "DescribeClusters":  # in two pages
            page = int(params.get("NextToken", 0))
            assert params["MaxResults"] == 100
            more = {"NextToken": "1"} if page == 0 else {}
            return {"Clusters": CLUSTERS[page : page + 1] if region == EAST else [], **more}
        answer = real(client, operation, params)
        if operation == "DescribeTable":
            answer["Table"]["TableId"] = f"id-of-{params['TableName']}-{region}"
            if params["TableName"] == "kept":
                answer["Table"]["Replicas"] = [{"RegionName": WEST, "ReplicaStatus": "ACTIVE"}]
        return answer

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)


def create(region: str, name: str, **settings: Any) -> None:
    boto3.client("dynamodb", region_name=region).create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        **{"BillingMode": "PAY_PER_REQUEST", **settings},
    )


@pytest.fixture
def tables(aws_answers: None) -> None:
    """`kept` has everything, `bare` nothing; `kept` is in both regions, backed up in one."""
    for region in (EAST, WEST):
        key = boto3.client("kms", region_name=region).create_key()["KeyMetadata"]["Arn"]
        create(
            region,
            "kept",
            DeletionProtectionEnabled=True,
            SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
        )
        boto3.client("dynamodb", region_name=region).update_continuous_backups(
            TableName="kept",
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )
    provisioned = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    create(EAST, "bare", BillingMode="PROVISIONED", ProvisionedThroughput=provisioned)
    dynamodb = boto3.client("dynamodb", region_name=EAST)
    dynamodb.put_resource_policy(ResourceArn=table_arn("bare"), Policy=policy(ANYONE))
    scaling = boto3.client("application-autoscaling", region_name=EAST)
    reads = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": "table/bare",
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
    }
    scaling.register_scalable_target(**reads, MinCapacity=5, MaxCapacity=50)
    scaling.put_scaling_policy(
        **reads,
        PolicyName="reads",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 70.0},
    )


def test_facts_become_verdicts(account, tables):
    found = scan(account)
    assert told(found.fails) == {
        "table.public_policy": ["bare"],
        "table.point_in_time_recovery": ["bare"],
        "table.deletion_protection": ["bare"],
        "table.backup_plan": ["kept", "bare"],  # in eu-west-1 nothing is
        "table.customer_key": ["bare"],
        "table.fixed_capacity": ["bare"],
        "cluster.encryption_at_rest": ["bare"],
        "cluster.encryption_in_transit": ["bare"],
        "cluster.multi_az": ["bare"],
    }
    assert found.unknowns.is_empty()
    assert found.gaps.is_empty()


def test_facts_as_stored(account, tables):
    frames = collect(account, MODULE.collectors, [EAST, WEST])
    west, bare, kept = frames[Tables].to_dicts()
    assert bare["fixed_capacity"] == ["write"]
    assert (kept["fixed_capacity"], kept["capacity_mode"]) == ([], "PAY_PER_REQUEST")
    assert (bare["key_arn"], bare["key_manager"]) == ("", "")
    assert kept["key_arn"].startswith(f"arn:aws:kms:{EAST}:{ME}:key/")
    assert kept["key_manager"] == "CUSTOMER"
    assert kept["last_backup"] == YESTERDAY.astimezone(UTC)
    assert west["last_backup"] == NEVER_BACKED_UP
    assert (kept["stream"], kept["stream_policy"], kept["status"]) == ("", "", "ACTIVE")
    assert kept["replicas"] == [{"region": WEST, "status": "ACTIVE"}]
    assert kept["incarnation"] == f"id-of-kept-{EAST}"
    good, other = sorted(frames[Clusters].to_dicts(), key=lambda row: row["zones"], reverse=True)
    assert (good["name"], good["zones"]) == ("good", ["us-east-1a", "us-east-1b"])
    assert (other["endpoint_encryption"], other["encrypted"]) == ("NONE", False)


@pytest.mark.parametrize(
    ("operation", "rules"),
    [
        (
            "DescribeTable",
            {
                *("table.deletion_protection", "table.customer_key", "table.fixed_capacity"),
                *("table.key_inaccessible", "table.replica_broken"),
                # Whether there is a stream, whose policy may be the one, is not known either.
                *("table.outside_organization", "table.confused_deputy"),
            },
        ),
        ("DescribeContinuousBackups", {"table.point_in_time_recovery"}),
        (
            "GetResourcePolicy",
            {"table.public_policy", "table.outside_organization", "table.confused_deputy"},
        ),
    ],
)
@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("AccessDeniedException", "denied"),
        ("ThrottlingException", "throttled"),
        ("ResourceNotFoundException", "error"),
    ],
)
def test_a_refused_detail_is_unknown_for_that_table_only(
    account, tables, refuse, operation, rules, code, outcome
):
    mine = {"bare", table_arn("bare")}
    refuse(operation, code, lambda _, params: {*params.values()} & mine)
    found = scan(account)
    assert set(told(found.unknowns)) == rules
    assert set(found.unknowns["resource_arn"]) == {table_arn("bare")}
    because = f"dynamodb:{operation} {outcome} ({code})"
    assert because in set(found.unknowns["because"])
    assert set(found.unknowns["because"]) <= {because, ""}
    assert "table.backup_plan" in told(found.fails)  # the rest stays
    assert found.gaps.select("operation", "outcome", "unlisted").rows() == [
        (f"dynamodb:{operation}", outcome, False)
    ]


@pytest.mark.parametrize(
    ("service", "operation", "rule", "names"),
    [
        ("backup", "ListProtectedResources", "table.backup_plan", ["bare", "kept"]),
        ("kms", "DescribeKey", "table.customer_key", ["kept"]),
        ("application-autoscaling", "DescribeScalingPolicies", "table.fixed_capacity", ["bare"]),
    ],
)
def test_what_another_service_refuses_blinds_one_rule_in_that_region(
    account, tables, refuse, service, operation, rule, names
):
    refuse(operation, "AccessDeniedException", lambda region, _: region == EAST)
    found = scan(account)
    assert told(found.unknowns) == {rule: names}
    assert set(found.unknowns["region"]) == {EAST}
    assert set(found.unknowns["because"]) == {
        f"{service}:{operation} denied (AccessDeniedException)"
    }


def test_a_refused_listing_blinds_its_region(account, tables, refuse):
    refuse("ListTables", "AccessDeniedException", lambda region, _: region == EAST)
    found = scan(account)
    (gap,) = found.gaps.to_dicts()
    assert (gap["operation"], gap["region"], gap["unlisted"]) == ("dynamodb:ListTables", EAST, True)
    assert set(gap["rules"]) == {r.id for r in MODULE.rules if r.table is Tables}
    seen = found.observed.filter(pl.col("rule_id") == "dynamodb.table.backup_plan")
    assert seen["region"].to_list() == [WEST]


def test_a_refused_listing_of_clusters_leaves_tables_alone(account, tables, refuse):
    refuse("DescribeClusters", "AccessDeniedException")
    found = scan(account)
    assert told(found.fails)["table.customer_key"] == ["bare"]
    blinded = set(found.gaps["rules"].explode(empty_as_null=True))
    assert blinded == {r.id for r in MODULE.rules if r.table is Clusters}


@pytest.mark.parametrize(
    "code", ["InvalidParameterValueException", "ServiceLinkedRoleNotFoundFault"]
)
def test_no_dax_is_no_gap(account, tables, refuse, code):
    refuse("DescribeClusters", code)
    found = scan(account)
    assert found.gaps.is_empty()
    assert not {rule for rule in told(found.fails) if rule.startswith("cluster.")}


def test_a_region_without_an_endpoint_is_not_asked(account, aws_answers, monkeypatch):
    monkeypatch.setattr(boto3.Session, "get_available_regions", lambda *_: [EAST])
    collect(account, MODULE.collectors, [EAST, WEST])
    asked = account.coverage().filter(pl.col("operation") == "dax:DescribeClusters")
    assert asked.select("region", "outcome").rows() == [(WEST, "unsupported"), (EAST, "ok")]


def test_tables_are_listed_over_all_pages(account, aws_answers):
    for number in range(105):
        create(EAST, f"t{number:03}")
    assert collect(account, MODULE.collectors, [EAST])[Tables].height == 105
    assert calls(account)["dynamodb:ListTables"] == 2


def test_calls_per_table(account, tables):
    """Three a table; one a region for backups and scaling, one a key, however many tables."""
    collect(account, MODULE.collectors, [EAST, WEST])
    assert calls(account) == {
        "dynamodb:ListTables": 2,
        "dynamodb:DescribeTable": 3,
        "dynamodb:DescribeContinuousBackups": 3,
        "dynamodb:GetResourcePolicy": 3,
        "backup:ListProtectedResources": 2,
        "application-autoscaling:DescribeScalingPolicies": 1,  # one region has provisioned ones
        "kms:DescribeKey": 2,
        "dax:DescribeClusters": 4,
    }


def test_an_empty_region_costs_one_call_a_listing(account):
    collect(account, MODULE.collectors, [WEST])
    assert calls(account) == {"dynamodb:ListTables": 1, "dax:DescribeClusters": 1}


def test_tables_under_one_key_ask_of_it_once(account, aws_answers):
    key = boto3.client("kms", region_name=EAST).create_key()["KeyMetadata"]["Arn"]
    for name in ("a", "b"):
        create(EAST, name, SSESpecification={"Enabled": True, "KMSMasterKeyId": key})
    create(
        EAST, "c", SSESpecification={"Enabled": True, "KMSMasterKeyId": key.replace(ME, "9" * 12)}
    )
    frame = collect(account, MODULE.collectors, [EAST])[Tables]
    assert frame["key_manager"].to_list() == ["CUSTOMER"] * 3  # another account's is never AWS's
    assert calls(account)["kms:DescribeKey"] == 1


def test_the_key_that_aws_manages_is_told_from_a_customers(account, aws_answers, monkeypatch):
    create(EAST, "a", SSESpecification={"Enabled": True, "SSEType": "KMS"})
    real = botocore.client.BaseClient._make_api_call

    def call(client: Any, operation: str, params: dict[str, Any]) -> Any:
        answer = real(client, operation, params)
        if operation == "DescribeKey":
            answer["KeyMetadata"]["KeyManager"] = "AWS"  # moto has them all customers'
        return answer

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    assert told(scan(account).fails)["table.customer_key"] == ["a"]


def test_a_streams_policy_is_read_too(account, aws_answers, monkeypatch):
    create(EAST, "s", StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    create(EAST, "t")
    real = botocore.client.BaseClient._make_api_call

    def call(client: Any, operation: str, params: dict[str, Any]) -> Any:
        if operation == "GetResourcePolicy" and "/stream/" in params["ResourceArn"]:
            return {"Policy": policy(PARTNER)}
        return real(client, operation, params)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    assert told(scan(account).fails)["table.outside_organization"] == ["s"]
    assert calls(account)["dynamodb:GetResourcePolicy"] == 3


def test_an_unchanged_estate_gives_equal_frames(account, tables):
    first = collect(account, MODULE.collectors, [EAST, WEST])
    second = collect(again(account), MODULE.collectors, [EAST, WEST])
    for table in (Tables, Clusters):
        assert_frame_equal(first[table], second[table])


def test_a_table_that_nothing_would_be_left_of(account, tables):
    fails = scan(account).fails
    index = fails.select(Index.schema().names())
    raised = [(c.rule, correlate(c, index)) for c in MODULE.correlations]
    found = {rule: context["severity"].to_list() for rule, context in raised if context.height}
    assert found == {
        "dynamodb.table.deletion_protection": ["high"],
        "dynamodb.table.point_in_time_recovery": ["high"],  # its policy admits anyone
    }
