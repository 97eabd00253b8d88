"""Cost end to end against moto, what moto lacks being answered as AWS documents it."""

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.client
import polars as pl
import pytest
from moto.ec2.models import ec2_backends
from moto.organizations.models import organizations_backends
from polars.testing import assert_frame_equal

from stratum_pipeline.kernel.collect import Account, collect
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.kernel.table import Inventory, Resource
from stratum_pipeline.modules.cost import MODULE
from stratum_pipeline.modules.cost.inventory import account as billing
from stratum_pipeline.modules.cost.inventory import storage
from stratum_pipeline.modules.cost.inventory.databases import DynamoTables
from stratum_pipeline.modules.cost.inventory.instances import Instances
from stratum_pipeline.modules.cost.inventory.network import LoadBalancers
from stratum_pipeline.modules.cost.inventory.storage import Buckets
from stratum_pipeline.modules.cost.inventory.volumes import Volumes
from stratum_pipeline.modules.cost.prices import Prices

from .answers import ADVICE, Answers, product
from .conftest import session

ME = "123456789012"
EAST, WEST = REGIONS = ["us-east-1", "eu-west-1"]
LONG_AGO = datetime(2024, 1, 15, 9, tzinfo=UTC)
Json = dict[str, Any]


@cache
def client(service: str, region: str = EAST) -> Any:
    return session().client(service, region_name=region)  # pyright: ignore[reportCallIssue, reportArgumentType]


def gather(account: Account, *tables: type[Resource]) -> Inventory:
    """What is collected, of these tables alone if any are named."""
    wanted = [c for c in MODULE.collectors if not tables or c.table in tables]
    return collect(account, wanted, REGIONS)


def scan(account: Account, inventory: Inventory | None = None) -> Verdicts:
    frames = gather(account) if inventory is None else inventory
    return evaluate("cost", MODULE.rules, frames, account.coverage(), datetime.now(UTC))


def again(account: Account) -> Account:
    return Account(account.session, account.account_id, account.operations)


def told(frame: pl.DataFrame) -> list[tuple[str, str]]:
    """(rule, the end of the ARN) of each row of `frame` (fails or unknowns), sorted."""
    return sorted(
        (row["rule_id"].removeprefix("cost."), row["resource_arn"].split(":", 5)[5])
        for row in frame.to_dicts()
    )


def calls(account: Account) -> dict[str, int]:
    return dict(account.coverage().group_by("operation").agg(pl.col("calls").sum()).rows())


@pytest.fixture
def estate(answers: Answers, two_buckets: None) -> Json:
    """In both regions an instance, a table, a database, gateways ...; their ids by name."""
    names: Json = {}
    for region in REGIONS:
        ec2, moto = client("ec2", region), ec2_backends[ME][region]
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{region}{zone}"
            )["Subnet"]["SubnetId"]
            for n, zone in enumerate("ab")
        ]
        (made,) = ec2.run_instances(
            ImageId="ami-12c6146b",
            InstanceType="m5.xlarge",
            MinCount=1,
            MaxCount=1,
            SubnetId=subnets[0],
        )["Instances"]
        instance: Any = moto.get_instance(made["InstanceId"])
        instance.launch_time = LONG_AGO
        disk = ec2.create_volume(AvailabilityZone=f"{region}a", Size=10, VolumeType="gp3")
        disk_id = disk["VolumeId"]
        lost = ec2.create_volume(AvailabilityZone=f"{region}a", Size=10, VolumeType="gp3")
        snapshot = ec2.create_snapshot(VolumeId=lost["VolumeId"])["SnapshotId"]
        ec2.delete_volume(VolumeId=lost["VolumeId"])
        moto.volumes[disk_id].create_time = moto.snapshots[snapshot].start_time = LONG_AGO
        image = ec2.create_image(InstanceId=made["InstanceId"], Name="golden")["ImageId"]
        amis: Any = moto.amis
        amis[image].creation_date = LONG_AGO
        spare = ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = ec2.create_nat_gateway(
            SubnetId=subnets[0], AllocationId=ec2.allocate_address()["AllocationId"]
        )["NatGateway"]["NatGatewayId"]
        gateways: Any = moto.nat_gateways
        gateways[nat]._created_at = LONG_AGO
        endpoint = ec2.create_vpc_endpoint(
            VpcEndpointType="Interface",
            VpcId=vpc,
            ServiceName=f"com.amazonaws.{region}.ssm",
            SubnetIds=subnets,
        )["VpcEndpoint"]["VpcEndpointId"]
        endpoints: Any = moto.vpc_end_points
        endpoints[endpoint].creation_timestamp = LONG_AGO
        client("elbv2", region).create_load_balancer(Name="web", Subnets=subnets)
        client("elb", region).create_load_balancer(
            LoadBalancerName="old",
            Subnets=subnets,
            Listeners=[{"Protocol": "TCP", "LoadBalancerPort": 80, "InstancePort": 80}],
        )
        rds = client("rds", region)
        rds.create_db_instance(
            DBInstanceIdentifier="orders",
            DBInstanceClass="db.m4.large",
            Engine="mysql",
            AllocatedStorage=20,
            MasterUsername="admin",
            MasterUserPassword="not-a-secret",
        )
        rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="before")
        client("dynamodb", region).create_table(
            TableName="carts",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-id",
                    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                    "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
                }
            ],
            ProvisionedThroughput={"ReadCapacityUnits": 20, "WriteCapacityUnits": 10},
        )
        client("logs", region).create_log_group(logGroupName="/app")
        client("secretsmanager", region).create_secret(Name="token", SecretString="x")
        names[region] = {
            "instance": made["InstanceId"],
            "disk": disk_id,
            "snapshot": snapshot,
            "image": image,
            "spare": spare,
            "nat": nat,
            "endpoint": endpoint,
        }
        answers.metrics |= {
            ("AWS/EC2", "CPUUtilization", made["InstanceId"]): [2.0, 1.0],
            ("AWS/EC2", "NetworkIn", made["InstanceId"]): [1000.0, 2000.0],
            ("AWS/EC2", "NetworkOut", made["InstanceId"]): [1000.0, 3000.0],
            ("AWS/NATGateway", "BytesOutToDestination", nat): [0.0, 0.0],
        }
    return names


@pytest.fixture
def two_buckets(aws: None) -> None:
    client("s3").create_bucket(Bucket="east")
    client("s3", WEST).create_bucket(
        Bucket="west", CreateBucketConfiguration={"LocationConstraint": WEST}
    )


@pytest.fixture
def aged(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that was made just now counts as there for longer than the metrics' window."""

    def yes(since: datetime | None) -> bool:
        return True

    for module in ("instances", "volumes", "network", "databases"):
        path = f"stratum_pipeline.modules.cost.inventory.{module}.watched"
        monkeypatch.setattr(path, yes)


def test_facts_become_verdicts(account: Account, answers: Answers, estate: Json, aged: None):
    answers.advice[WEST] = [ADVICE]
    found = scan(account)
    expected: list[tuple[str, str]] = [
        ("account.anomaly_detection", "setting/cost-management"),
        ("account.budget", "setting/cost-management"),
        ("function.memory", "function:resize"),
    ]
    for region in REGIONS:
        at = estate[region]
        balancer = client("elbv2", region).describe_load_balancers()["LoadBalancers"][0]
        expected += [
            ("address.idle", f"elastic-ip/{at['spare']}"),
            ("classic_load_balancer.idle", "loadbalancer/old"),
            ("db_instance.previous_generation", "db:orders"),
            ("image.unused", f"image/{at['image']}"),
            ("instance.idle", f"instance/{at['instance']}"),
            ("load_balancer.idle", balancer["LoadBalancerArn"].split(":", 5)[5]),
            ("nat_gateway.idle", f"natgateway/{at['nat']}"),
            ("snapshot.orphaned", f"snapshot/{at['snapshot']}"),
            ("table.idle", "table/carts"),
            ("volume.unattached", f"volume/{at['disk']}"),
            ("vpc_endpoint.idle", f"vpc-endpoint/{at['endpoint']}"),
        ]
    gp2 = [name for name in told(found.fails) if name[0] == "volume.gp2"]
    assert len(gp2) == 2  # moto's root volumes
    assert [name for name in told(found.fails) if name not in gp2] == sorted(expected)
    # A database that is there and available always says how many connections it has.
    assert {rule for rule, _ in told(found.unknowns)} == {"db_instance.idle"}
    assert found.gaps.is_empty()


def test_what_is_young_is_not_judged_by_metrics(account: Account, answers: Answers, estate: Json):
    found = scan(account)
    rules = {rule for rule, _ in told(found.fails)}
    assert not rules & {"load_balancer.idle", "classic_load_balancer.idle", "table.idle"}
    assert {"instance.idle", "nat_gateway.idle", "vpc_endpoint.idle"} <= rules  # LONG_AGO
    assert {metric for call in answers.asked for metric in namespaces(call)} == {
        "AWS/EC2",
        "AWS/NATGateway",
        "AWS/PrivateLinkEndpoints",
        "AWS/S3",
    }


def namespaces(call: Json) -> set[str]:
    return {q["MetricStat"]["Metric"]["Namespace"] for q in call["MetricDataQueries"]}


def test_no_data_is_zero_only_where_aws_says_so(
    account: Account, answers: Answers, estate: Json, aged: None
):
    answers.metrics.clear()
    found = scan(account)
    unknown = {rule for rule, _ in told(found.unknowns)}
    assert unknown == {
        "instance.idle",
        "instance.oversized",
        "nat_gateway.idle",
        "db_instance.idle",
    }
    silent = {"load_balancer.idle", "classic_load_balancer.idle", "vpc_endpoint.idle", "table.idle"}
    assert silent <= {rule for rule, _ in told(found.fails)}


def test_a_network_load_balancer_reports_zeros_or_it_is_not_known(
    account: Account, answers: Answers, estate: Json, aged: None
):
    subnets = [s["SubnetId"] for s in client("ec2").describe_subnets()["Subnets"]][:2]
    elbv2 = client("elbv2")
    made = elbv2.create_load_balancer(Name="tcp", Type="network", Subnets=subnets)
    name = made["LoadBalancers"][0]["LoadBalancerArn"].partition("loadbalancer/")[2]
    used = LoadBalancers.name, LoadBalancers.used
    assert ("tcp", None) in gather(account, LoadBalancers)[LoadBalancers].select(used).rows()
    answers.metrics["AWS/NetworkELB", "NewFlowCount", name] = [0.0] * 14
    assert ("tcp", 0.0) in gather(again(account), LoadBalancers)[LoadBalancers].select(used).rows()


LISTINGS: dict[str, set[str]] = {
    "DescribeInstances": {"instance"},
    "DescribeVolumes": {"volume"},
    "DescribeSnapshots": {"snapshot"},
    "DescribeImages": {"image"},
    "DescribeAddresses": {"address"},
    "DescribeNatGateways": {"nat_gateway"},
    "DescribeVpcEndpoints": {"vpc_endpoint"},
    "DescribeLoadBalancers": {"load_balancer", "classic_load_balancer"},
    "DescribeLogGroups": {"log_group"},
    "DescribeDBInstances": {"db_instance"},
    "DescribeDBSnapshots": {"db_snapshot"},
    "ListTables": {"table"},
    "ListBuckets": {"bucket"},
    "ListSecrets": {"secret"},
    "GetLambdaFunctionRecommendations": {"function"},
    "DescribeOrganization": {"account"},
}


PLANTED = {
    *("account.anomaly_detection", "account.budget", "address.idle", "nat_gateway.idle"),
    *("classic_load_balancer.idle", "load_balancer.idle", "vpc_endpoint.idle", "volume.gp2"),
    *("db_instance.previous_generation", "image.unused", "instance.idle", "snapshot.orphaned"),
    *("table.idle", "volume.unattached"),
}
"""Rules that fail on the estate."""


@pytest.mark.parametrize("operation", LISTINGS)
def test_a_refused_listing_blinds_its_rules_and_no_others(
    account: Account, answers: Answers, estate: Json, aged: None, refuse: Any, operation: str
):
    refuse(operation, "AccessDeniedException")
    found = scan(account)
    blind = {r.id.removeprefix("cost.") for r in MODULE.rules}
    blind = {rule for rule in blind if rule.split(".")[0] in LISTINGS[operation]}
    left = {rule for rule, _ in told(found.fails)} | {rule for rule, _ in told(found.unknowns)}
    assert not left & blind
    assert left >= PLANTED - blind
    gaps = found.gaps.filter(pl.col("operation").str.ends_with(f":{operation}"))
    assert gaps.height
    assert gaps["unlisted"].all()
    assert set(gaps["outcome"]) == {"denied"}
    for rule in blind:
        assert f"cost.{rule}" not in found.observed["rule_id"]


@pytest.mark.parametrize(
    ("operation", "rules"),
    [
        ("DescribeVolumes", {"snapshot.orphaned", "snapshot.old"}),
        ("DescribeImages", {"snapshot.orphaned", "snapshot.old"}),
        ("DescribeInstances", {"image.unused"}),
        ("DescribeTable", {"table.idle", "table.over_provisioned"}),
        ("DescribeBudgets", {"account.budget"}),
        ("GetAnomalyMonitors", {"account.anomaly_detection"}),
        ("GetEnrollmentStatus", {"account.compute_optimizer"}),
        ("ListMultipartUploads", {"bucket.incomplete_uploads"}),
        (
            "GetMetricData",
            {
                *("instance.idle", "instance.oversized", "nat_gateway.idle", "load_balancer.idle"),
                *("classic_load_balancer.idle", "vpc_endpoint.idle", "db_instance.idle"),
                *("table.idle", "table.over_provisioned", "bucket.lifecycle"),
            },
        ),
    ],
)
def test_a_refused_detail_is_unknown(
    account: Account,
    answers: Answers,
    estate: Json,
    aged: None,
    refuse: Any,
    operation: str,
    rules: set[str],
):
    refuse(operation, "AccessDeniedException")
    found = scan(account)
    unknown = found.unknowns.filter(pl.col("because").str.contains(f":{operation} denied"))
    assert rules <= {rule for rule, _ in told(unknown)}
    assert not rules & {rule for rule, _ in told(found.fails)}


def test_prices_refused_cost_no_verdict(
    account: Account, answers: Answers, estate: Json, aged: None, refuse: Any
):
    refuse("GetProducts", "AccessDeniedException")
    found = scan(account)
    assert {rule for rule, _ in told(found.fails)} == PLANTED
    (idle,) = found.fails.filter(
        (pl.col("rule_id") == "cost.instance.idle") & (pl.col("region") == EAST)
    ).to_dicts()
    assert idle["monthly_usd"] == 140.16
    assert "Stratum price table, us-east-1" in json.loads(idle["evidence"])["price_source"]
    gaps = found.gaps.filter(pl.col("operation") == "pricing:GetProducts")
    assert gaps["rules"].to_list() == [[]]
    assert gaps["unlisted"].to_list() == [False]


def test_prices_come_from_the_price_list(account: Account, answers: Answers, estate: Json):
    answers.products = [
        product("0.2140000000", "Hrs", instanceType="m5.xlarge", operatingSystem="Linux"),
        product("0.0900000000", "GB-Mo", volumeApiName="gp3"),
        product("0.3500000000", "Hrs", instanceType="db.m4.large", databaseEngine="MySQL",
                deploymentOption="Single-AZ", usagetype="InstanceUsage:db.m4.large"),
        product("0.9900000000", "Hrs", instanceType="db.m4.large", databaseEngine="MySQL",
                deploymentOption="Single-AZ", usagetype="InstanceUsageIOOptimized:db.m4.large"),
    ]  # fmt: skip
    inventory = gather(account)
    prices = inventory[Prices].filter(pl.col("region") == WEST).select("item", "usd").rows()
    assert prices == [
        ("db:db.m4.large:mysql:single", 255.5),
        ("instance:m5.xlarge:linux", 156.22),
        ("volume:gp3", 0.09),
    ]
    fails = scan(account, inventory).fails.filter(pl.col("rule_id") == "cost.instance.idle")
    assert fails["monthly_usd"].to_list() == [156.22, 156.22]
    assert "AWS Price List API, 2026-11-20" in fails["evidence"][0]
    assert calls(account)["pricing:GetProducts"] == 6  # storage, instances, databases, twice
    (by_type,) = [
        f for f in answers.filters
        if f["ServiceCode"] == "AmazonEC2"
        and {"Type": "TERM_MATCH", "Field": "regionCode", "Value": WEST} in f["Filters"]
        and any(x["Field"] == "instanceType" for x in f["Filters"])
    ]  # fmt: skip
    assert {"Type": "ANY_OF", "Field": "instanceType", "Value": "m5.xlarge"} in by_type["Filters"]


def test_an_empty_account_asks_for_no_price_and_no_metric(account: Account, answers: Answers):
    scan(account)
    assert answers.asked == answers.filters == []
    assert max(calls(account).values()) <= 2  # a listing is a call a region


def test_calls_of_an_estate(account: Account, answers: Answers, estate: Json, aged: None):
    gather(account)
    made = calls(account)
    listings = {o for o in made if o.partition(":")[2] in LISTINGS}
    once = {"s3:ListBuckets", "organizations:DescribeOrganization"}
    assert {made[o] for o in listings - once} == {2}  # a region each, whoever needs it
    assert {made[o] for o in once} == {1}
    assert made["dynamodb:DescribeTable"] == 2
    assert made["s3:ListMultipartUploads"] == 2
    assert made["cloudwatch:GetMetricData"] <= 16  # a table and region each, whatever the rows
    assert "s3:ListParts" not in made
    assert "s3:GetBucketLifecycleConfiguration" not in made


def test_an_unchanged_account_gives_equal_frames(
    account: Account, answers: Answers, estate: Json, aged: None
):
    first, second = gather(account), gather(again(account))
    for table, rows in first.items():
        assert_frame_equal(rows, second[table])


def test_listings_go_on_on_the_next_page(
    account: Account, answers: Answers, monkeypatch: pytest.MonkeyPatch
):
    for n in range(7):
        client("dynamodb").create_table(
            TableName=f"table-{n}",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        client("logs").create_log_group(logGroupName=f"/app/{n}")
    real: Any = botocore.client.BaseClient._make_api_call  # pyright: ignore[reportAttributeAccessIssue]

    def small(service: Any, operation: str, params: Any) -> Any:
        few = {"ListTables": {"Limit": 3}, "DescribeLogGroups": {"limit": 3}}
        return real(service, operation, {**params, **few.get(operation, {})})

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", small)
    inventory = gather(account, DynamoTables, storage.LogGroups)
    assert inventory[DynamoTables]["name"].to_list() == [f"table-{n}" for n in range(7)]
    assert inventory[storage.LogGroups].height == 7
    assert set(inventory[DynamoTables]["watched"]) == {False}  # on demand: nothing to compare
    assert calls(account)["dynamodb:ListTables"] == 4  # three here, one where there are none


def test_indexes_count_as_part_of_their_table(
    account: Account, answers: Answers, estate: Json, aged: None
):
    answers.metrics["AWS/DynamoDB", "ConsumedReadCapacityUnits", "by-id/carts"] = [3600.0, 7200.0]
    (row,) = gather(account, DynamoTables)[DynamoTables].filter(pl.col("region") == EAST).to_dicts()
    assert (row["read_units"], row["write_units"]) == (25, 15)
    assert (row["read_peak"], row["write_peak"]) == (2.0, 0.0)


def test_a_busy_volume(account: Account, answers: Answers, estate: Json, aged: None):
    ec2, at = client("ec2"), estate[EAST]
    disk = ec2.create_volume(
        AvailabilityZone="us-east-1a", Size=100, VolumeType="io2", Iops=10_000
    )["VolumeId"]
    ec2.attach_volume(VolumeId=disk, InstanceId=at["instance"], Device="/dev/sdf")
    answers.metrics["AWS/EBS", "VolumeReadOps", disk] = [0.0, 3600.0 * 4000]
    answers.metrics["AWS/EBS", "VolumeWriteOps", disk] = [3600.0 * 2000, 0.0]
    rows = gather(account, Volumes)[Volumes].filter(pl.col("volume_id") == disk)
    assert rows.select("watched", "iops_peak", "instance_ids").rows() == [
        (True, 6000.0, [at["instance"]])
    ]


def test_buckets(account: Account, answers: Answers, two_buckets: None):
    s3 = client("s3")
    gib = 2.0**30
    answers.metrics["AWS/S3", "BucketSizeBytes", "StandardStorage/east"] = [9.0, 2000 * gib]
    answers.metrics["AWS/S3", "BucketSizeBytes", "StandardStorage/west"] = [3 * gib]
    upload = s3.create_multipart_upload(Bucket="west", Key="a")["UploadId"]
    s3.upload_part(Bucket="west", Key="a", UploadId=upload, PartNumber=1, Body=b"x" * 6_000_000)
    columns = ["name", "region", "standard_gb", "tiers", "stale_uploads", "stale_gb"]

    def read() -> list[tuple[Any, ...]]:
        return gather(again(account), Buckets)[Buckets].select(columns).rows()

    # moto dates every upload 2010.
    assert read() == [
        ("east", EAST, 2000.0, False, 0, 0.0),
        ("west", WEST, 3.0, None, 1, 0.006),
    ]
    rule: Json = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}}
    for change, tiers in (
        ({"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}, False),
        ({"Expiration": {"ExpiredObjectDeleteMarker": True}}, False),
        ({"Expiration": {"Days": 30}}, True),
        ({"Expiration": {"Days": 30}, "Status": "Disabled"}, False),
        ({"NoncurrentVersionExpiration": {"NoncurrentDays": 30}}, True),
        ({"Transitions": [{"Days": 0, "StorageClass": "INTELLIGENT_TIERING"}]}, True),
    ):
        s3.put_bucket_lifecycle_configuration(
            Bucket="east", LifecycleConfiguration={"Rules": [rule | change]}
        )
        assert read()[0][3] is tiers, change


def test_parts_that_cannot_be_listed_leave_the_amount_unknown(
    account: Account, answers: Answers, two_buckets: None, refuse: Any
):
    client("s3").create_multipart_upload(Bucket="east", Key="a")
    refuse("ListParts", "AccessDenied")
    found = scan(account)
    (fail,) = found.fails.filter(pl.col("rule_id") == "cost.bucket.incomplete_uploads").to_dicts()
    assert fail["monthly_usd"] is None


def test_when_an_instance_was_stopped(account: Account, answers: Answers, estate: Json):
    moto: Any = ec2_backends[ME][EAST].get_instance(estate[EAST]["instance"])
    client("ec2").stop_instances(InstanceIds=[moto.id])

    def stopped() -> Any:
        rows = gather(again(account), Instances)[Instances].filter(pl.col("region") == EAST)
        return rows["stopped"].item()

    for said, expected in (
        ("User initiated (2024-01-15 09:00:00 GMT)", LONG_AGO),
        ("User initiated", None),
        ("", None),
        ("Server.InsufficientInstanceCapacity", None),
    ):
        moto._reason = said
        assert stopped() == expected


def test_a_terminated_instance_is_none(account: Account, answers: Answers, estate: Json):
    client("ec2").terminate_instances(InstanceIds=[estate[EAST]["instance"]])
    rows = gather(account, Instances)[Instances]
    assert rows["instance_id"].to_list() == [estate[WEST]["instance"]]


def test_a_member_is_not_asked_about_its_payers_bill(account: Account, answers: Answers):
    client("organizations").create_organization(FeatureSet="ALL")
    backend: Any = organizations_backends[ME]["aws"]
    backend.org.master_account_id = "999999999999"
    (row,) = gather(account, billing.Billing)[billing.Billing].to_dicts()
    assert (row["payer"], row["budgets"], row["monitors"]) == (False, [], [])
    made = calls(account)
    assert not {"budgets:DescribeBudgets", "ce:GetAnomalyMonitors"} & made.keys()
    assert not {rule for rule, _ in told(scan(again(account)).fails) if "account." in rule}


def test_the_payer_is_asked_once(account: Account, answers: Answers):
    client("budgets").create_budget(
        AccountId=ME,
        Budget={
            "BudgetName": "all",
            "BudgetLimit": {"Amount": "100", "Unit": "USD"},
            "TimeUnit": "MONTHLY",
            "BudgetType": "COST",
        },
    )
    answers.monitors = [{"MonitorName": "services", "MonitorType": "DIMENSIONAL"}]
    (row,) = gather(account, billing.Billing)[billing.Billing].to_dicts()
    assert (row["payer"], row["budgets"], row["monitors"]) == (True, ["all"], ["services"])
    assert answers.monitors_asked == 1
    assert {o for o in calls(account) if o.startswith("ce:")} == {"ce:GetAnomalyMonitors"}


def test_advice_on_functions(account: Account, answers: Answers):
    answers.advice[EAST] = [ADVICE]
    (row,) = gather(account, billing.Functions)[billing.Functions].to_dicts()
    assert row["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:resize"
    assert (row["name"], row["memory_mb"], row["advised_mb"]) == ("resize", 1024, 256)
    (fail,) = (
        scan(again(account)).fails.filter(pl.col("rule_id") == "cost.function.memory").to_dicts()
    )
    assert fail["monthly_usd"] == 7.25
    assert json.loads(fail["evidence"])["price_source"] == "AWS Compute Optimizer"
    assert "--memory-size 256" in fail["cli"]


def test_an_account_that_is_not_enrolled_has_no_advice_and_no_gap(
    account: Account, answers: Answers
):
    answers.enrolled = False
    found = scan(account)
    assert ("account.compute_optimizer", "setting/cost-management") in told(found.fails)
    assert found.gaps.is_empty()


def test_nothing_of_a_secret_is_kept(account: Account, answers: Answers, estate: Json):
    inventory = gather(account, billing.Secrets)
    rows = inventory[billing.Secrets]
    assert rows.height == 2
    assert "SecretString" not in str(rows.to_dicts())
    assert set(rows["accessed"]) == {datetime(1970, 1, 1, tzinfo=UTC)}  # never


def test_a_region_without_compute_optimizer_is_no_gap(account: Account, answers: Answers):
    wanted = [c for c in MODULE.collectors if c.table is billing.Functions]
    frames = collect(account, wanted, [EAST, "ca-west-1"])
    found = evaluate("cost", MODULE.rules, frames, account.coverage(), datetime.now(UTC))
    assert found.gaps.is_empty()
    assert found.observed["region"].to_list() == [EAST]  # nothing was looked at in the other
