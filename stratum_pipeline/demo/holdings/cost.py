"""What is paid for and not used. Whatever else accounts hold is busy, young and up to date."""

from datetime import timedelta
from typing import Any

from moto.cloudwatch.models import MetricDatum, cloudwatch_backends
from moto.dynamodb.models import dynamodb_backends
from moto.ec2.models import ec2_backends
from moto.elb.models import elb_backends
from moto.elbv2.models import elbv2_backends
from moto.logs.models import logs_backends
from moto.rds.models import rds_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends

from ..accounts import DATA, HOME, IRELAND, PRODUCTION, SANDBOX, STAGING
from ..repairs import absent
from ..tools import Workshop
from ..tools.core import BORN, LONG_AGO, api, days_ago
from ..tools.network import IMAGE
from . import dynamodb

GB, GIB = 10**9, 2**30
RECENT = days_ago(10)
TOKEN = "00000000-0000-4000-8000-000000000000"
"""Or botocore draws one, each time another."""


def furnish(at: Workshop) -> None:
    for region in list(ec2_backends[at.account.id]):
        keep_busy(at, region)
    PLANTS.get(at.account, lambda at: None)(at)


def keep_busy(at: Workshop, region: str) -> None:
    """What others planted in the region is in use, and none of it is old."""
    account = at.account.id
    ec2: Any = ec2_backends[account][region]
    for instance in ec2.all_instances():
        busy(at, region, instance.id)
        instance._reason = f"User initiated ({RECENT:%Y-%m-%d %H:%M:%S} GMT)"
    for volume in ec2.volumes.values():
        if volume.volume_type == "gp2":
            volume.volume_type, volume.iops, volume.throughput = "gp3", 3000, 125
        volume.create_time = RECENT if volume.attachment is None else volume.create_time
    for snapshot in ec2.snapshots.values():
        snapshot.start_time = RECENT
    for image in ec2.amis.values():
        image.creation_date = RECENT
    for gateway in ec2.nat_gateways.values():
        count(at, region, "AWS/NATGateway", "BytesOutToDestination", 9e9, NatGatewayId=gateway.id)
    for endpoint in ec2.vpc_end_points.values():
        endpoint.creation_timestamp = RECENT
    modern: Any = elbv2_backends[account][region]
    for balancer in modern.load_balancers.values():
        balancer.created_time = f"{RECENT:%Y-%m-%dT%H:%M:%SZ}"
    classic: Any = elb_backends[account][region]
    for balancer in classic.load_balancers.values():
        balancer.created_time = RECENT
    rds: Any = rds_backends[account][region]
    for database in rds.databases.values():
        count(
            at,
            region,
            "AWS/RDS",
            "DatabaseConnections",
            20,
            DBInstanceIdentifier=database.db_instance_identifier,
        )
    for snapshot in rds.database_snapshots.values():
        snapshot.created = RECENT
    for table in dynamodb_backends[account][region].tables.values():
        table.created_at = RECENT
    vault: Any = secretsmanager_backends[account][region]
    for secret in vault.secrets.values():
        secret.last_accessed = RECENT


def busy(at: Workshop, region: str, instance: str, cpu: float = 60, traffic: float = 9e9) -> None:
    """The peak of its processor, in percent, and bytes a day."""
    about: Any = {"InstanceId": instance}
    count(at, region, "AWS/EC2", "CPUUtilization", cpu, **about)
    count(at, region, "AWS/EC2", "NetworkIn", traffic / 2, **about)
    count(at, region, "AWS/EC2", "NetworkOut", traffic / 2, **about)


def count(at: Workshop, region: str, namespace: str, name: str, value: float, **about: str) -> None:
    """One datum of yesterday noon, in the place of those that the metric has."""
    moto: Any = cloudwatch_backends[at.account.id][region]
    dimensions = [{"Name": key.replace("_", " "), "Value": val} for key, val in about.items()]
    datum: Any = MetricDatum(namespace, name, value, dimensions, days_ago(1) + timedelta(hours=12))
    same = (datum.namespace, datum.name, datum.dimensions)
    moto.metric_data = [
        d for d in moto.metric_data if (d.namespace, d.name, d.dimensions) != same
    ] + [datum]


def production(at: Workshop) -> None:
    account, names = at.account.id, at.names["production"]
    busy(at, HOME, names["bastion-1"], cpu=2, traffic=1e6)
    ec2: Any = ec2_backends[account][HOME]
    ec2.get_instance(names["web-1"]).instance_type = "t2.medium"
    rds: Any = rds_backends[account][HOME]
    rds.database_snapshots["billing-before-upgrade"].created = LONG_AGO
    tables: Any = dynamodb_backends[account][HOME].tables
    provision(at, "orders", read=20, write=20)
    for name in ("orders-by-day", "carts", "orders"):
        tables[name].created_at = BORN
    tables["carts"].throughput = {"ReadCapacityUnits": 400, "WriteCapacityUnits": 200}
    for table in ("carts", "orders"):
        for kind in ("Read", "Write"):
            name = f"Consumed{kind}CapacityUnits"
            count(at, HOME, "AWS/DynamoDB", name, 36_000, TableName=table)  # ten a second
    api(at.account, "lambda").update_function_configuration(
        FunctionName="read-orders", MemorySize=1024
    )
    absent.ENROLLED.add(account)
    functions = f"arn:aws:lambda:{HOME}:{account}:function"
    absent.ADVICE[account, HOME] = [
        advice(f"{functions}:read-orders"),
        advice(f"{functions}:confirm-orders")
        | {
            "currentMemorySize": 128,
            "finding": "Optimized",
            "findingReasonCodes": [],
            "memorySizeRecommendationOptions": [],
        },
    ]


def staging(at: Workshop) -> None:
    ec2, names = api(at.account, "ec2"), at.names["staging"]
    batch = instance(at, "staging", HOME, "old-batch", "t3.micro")
    address = names["batch-address"] = _address(ec2, "batch")
    ec2.associate_address(AllocationId=address, InstanceId=batch)
    ec2.stop_instances(InstanceIds=[batch])
    moto: Any = ec2_backends[at.account.id][HOME]
    moto.get_instance(batch)._reason = f"User initiated ({LONG_AGO:%Y-%m-%d %H:%M:%S} GMT)"

    nat = ec2.create_nat_gateway(
        SubnetId=names["staging-public"],
        AllocationId=_address(ec2, "nat"),
        **_tags("natgateway", "unused"),
    )
    names["unused-nat"] = nat["NatGateway"]["NatGatewayId"]
    count(at, HOME, "AWS/NATGateway", "BytesOutToDestination", 0, NatGatewayId=names["unused-nat"])
    nat = ec2.create_nat_gateway(
        SubnetId=names["staging-public"],
        AllocationId=_address(ec2, "outbound"),
        **_tags("natgateway", "outbound"),
    )
    used = nat["NatGateway"]["NatGatewayId"]
    count(at, HOME, "AWS/NATGateway", "BytesOutToDestination", 9e9, NatGatewayId=used)
    (shop,) = elbv2_backends[at.account.id][HOME].load_balancers.values()
    shop.created_time, names["idle-shop"] = f"{BORN:%Y-%m-%dT%H:%M:%SZ}", shop.arn
    databases: Any = rds_backends[at.account.id][HOME].databases
    count(at, HOME, "AWS/RDS", "DatabaseConnections", 0, DBInstanceIdentifier="reports")
    databases["legacy"].db_instance_class = "db.m4.large"


def data(at: Workshop) -> None:
    ec2, names = api(at.account, "ec2", IRELAND), at.names["data"]
    moto: Any = ec2_backends[at.account.id][IRELAND]
    server = instance(at, "lake", IRELAND, "notebook-server", "m5.2xlarge")
    busy(at, IRELAND, server, cpu=15)
    (root,) = (
        v for v in moto.volumes.values() if v.attachment and v.attachment.instance.id == server
    )
    root.volume_type, root.iops, root.throughput = "gp2", 100, None
    names["notebook-root"] = root.id
    for kind, name, letter, reads in (
        # a second, of 10,000
        ("io1", "scratch-disk", "f", 100),
        ("io2", "index-disk", "g", 100),
        ("gp3", "model-disk", "h", 8000),
    ):
        disk = names[name] = _volume(ec2, IRELAND, name, 200, VolumeType=kind, Iops=10_000)
        ec2.attach_volume(VolumeId=disk, InstanceId=server, Device=f"/dev/sd{letter}")
        count(at, IRELAND, "AWS/EBS", "VolumeReadOps", 3600 * reads, VolumeId=disk)
    disk = names["index-disk"]
    old = names["old-snapshot"] = ec2.create_snapshot(
        VolumeId=disk, Description="before the move", **_tags("snapshot", "before-the-move")
    )["SnapshotId"]
    moto.snapshots[old].start_time = LONG_AGO
    moto.amis[names["golden"]].creation_date = LONG_AGO
    moto.vpc_end_points[names["lake-athena"]].creation_timestamp = BORN
    for bucket in ("lake", "curated"):
        about = {"BucketName": f"acme-data-{bucket}", "StorageType": "StandardStorage"}
        count(at, HOME, "AWS/S3", "BucketSizeBytes", 40_000 * GIB, **about)

    # What has stood as long, and is used.
    endpoint = moto.vpc_end_points[names["lake-ec2"]]
    endpoint.creation_timestamp = BORN
    count(
        at,
        IRELAND,
        "AWS/PrivateLinkEndpoints",
        "BytesProcessed",
        9e9,
        Endpoint_Type="Interface",
        Service_Name=endpoint.service_name,
        VPC_Endpoint_Id=endpoint.id,
        VPC_Id=endpoint.vpc_id,
    )
    (catalogue,) = elbv2_backends[at.account.id][IRELAND].load_balancers.values()
    catalogue.created_time = f"{BORN:%Y-%m-%dT%H:%M:%SZ}"
    balancer = catalogue.arn.partition("loadbalancer/")[2]
    count(at, IRELAND, "AWS/ApplicationELB", "RequestCount", 40_000, LoadBalancer=balancer)
    elb_backends[at.account.id][IRELAND].load_balancers["importer"].created_time = BORN
    count(at, IRELAND, "AWS/ELB", "RequestCount", 40_000, LoadBalancerName="importer")


def sandbox(at: Workshop) -> None:
    ec2, names = api(at.account, "ec2"), at.names["sandbox"]
    moto: Any = ec2_backends[at.account.id][HOME]
    left = names["left-over-disk"] = _volume(ec2, HOME, "left-over", 500, VolumeType="gp3")
    moto.volumes[left].create_time = BORN
    names["unused-address"] = _address(ec2, "unused")
    gone = _volume(ec2, HOME, "gone", 100, VolumeType="gp3")
    names["orphan"] = ec2.create_snapshot(VolumeId=gone, Description="demo")["SnapshotId"]
    ec2.delete_volume(VolumeId=gone)
    elb_backends[at.account.id][HOME].load_balancers["old-demo"].created_time = BORN
    logs: Any = api(at.account, "logs")
    groups: Any = logs_backends[at.account.id][HOME].groups
    for name in ("/lab/debug", "/lab/results"):
        logs.create_log_group(logGroupName=name)
        logs.create_log_stream(logGroupName=name, logStreamName="all")
        groups[name].streams["all"].stored_bytes = 300 * GB
    logs.put_retention_policy(logGroupName="/lab/results", retentionInDays=365)
    secrets = api(at.account, "secretsmanager")
    for name in ("old-api-key", "api-key"):
        made = secrets.create_secret(Name=name, SecretString="-", ClientRequestToken=TOKEN)
        names[name] = made["ARN"]
    vault: Any = secretsmanager_backends[at.account.id][HOME]
    vault.secrets["api-key"].last_accessed = RECENT
    s3: Any = s3_backends[at.account.id]["aws"]
    bucket = "acme-sandbox-scratch"
    api(at.account, "s3").create_multipart_upload(Bucket=bucket, Key="dump.tar")
    uploads: Any = s3.buckets[bucket].multiparts
    _, upload = uploads.popitem()
    upload.id = "dump"  # moto draws it unseeded
    upload.set_part(1, b"x").contentsize = 80 * GIB
    uploads[upload.id] = upload


def provision(at: Workshop, table: str, read: int, write: int) -> None:
    """Give the table capacity, which scaling policies adjust."""
    units = {"Read": read, "Write": write}
    api(at.account, "dynamodb").update_table(
        TableName=table,
        BillingMode="PROVISIONED",
        ProvisionedThroughput={f"{kind}CapacityUnits": n for kind, n in units.items()},
    )
    dynamodb.adjust(at, table, read, write)


def advice(function: str) -> dict[str, Any]:
    """What Compute Optimizer says of a function with four times the memory it needs."""
    saved = {"currency": "USD", "value": 18.4}
    return {
        "functionArn": f"{function}:$LATEST",
        "functionVersion": "$LATEST",
        "currentMemorySize": 1024,
        "finding": "NotOptimized",
        "findingReasonCodes": ["MemoryOverprovisioned"],
        "memorySizeRecommendationOptions": [
            {
                "rank": 1,
                "memorySize": 256,
                "savingsOpportunity": {"estimatedMonthlySavings": saved},
            }
        ],
    }


def instance(at: Workshop, network: str, region: str, name: str, kind: str) -> str:
    """Id of an instance that is well configured, in the network's private subnet."""
    ec2, names = api(at.account, "ec2", region), at.names[at.account.name]
    group = ec2.create_security_group(
        GroupName=name, Description=name, VpcId=names[network], **_tags("security-group", name)
    )["GroupId"]
    disk = {"Encrypted": True, "VolumeType": "gp3", "VolumeSize": 50}
    (made,) = ec2.run_instances(
        ImageId=IMAGE,
        InstanceType=kind,
        MinCount=1,
        MaxCount=1,
        SubnetId=names[f"{network}-private"],
        SecurityGroupIds=[group],
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": disk}],
        MetadataOptions={"HttpTokens": "required"},
        Monitoring={"Enabled": True},
        ClientToken=name,
        **_tags("instance", name),
    )["Instances"]
    names[name] = made["InstanceId"]
    busy(at, region, made["InstanceId"])
    return made["InstanceId"]


def _volume(ec2: Any, region: str, name: str, size: int, **kind: Any) -> str:
    return ec2.create_volume(
        AvailabilityZone=f"{region}a", Size=size, Encrypted=True, **kind, **_tags("volume", name)
    )["VolumeId"]


def _address(ec2: Any, name: str) -> str:
    return ec2.allocate_address(Domain="vpc", **_tags("elastic-ip", name))["AllocationId"]


def _tags(kind: str, name: str) -> dict[str, Any]:
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]}


PLANTS = {PRODUCTION: production, STAGING: staging, DATA: data, SANDBOX: sandbox}
