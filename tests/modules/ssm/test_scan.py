"""Systems Manager end to end: moto, and where it has nothing, answers in AWS's shapes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import botocore.client
import polars as pl
import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from stratum_pipeline.kernel.collect import Account, collect
from stratum_pipeline.kernel.evaluate import Verdicts, evaluate
from stratum_pipeline.kernel.trust import Members
from stratum_pipeline.modules.ssm import MODULE
from stratum_pipeline.modules.ssm import collect as reading
from stratum_pipeline.modules.ssm.inventory import (
    Associations,
    Documents,
    ManagedInstances,
    Parameters,
    Regions,
    RunningInstances,
    SessionDocuments,
)

from ...conftest import SCANNED_AT
from .samples import OTHER, command, policy

ME, HOME, WEST = "123456789012", "us-east-1", "eu-west-1"
KEY = "AKIAIOSFODNN7EXAMPLQ"
SHELL = "SSM-SessionManagerRunShell"
OPEN_SHELL = json.dumps(
    {
        "schemaVersion": "1.0",
        "sessionType": "Standard_Stream",
        "inputs": {"kmsKeyId": "", "runAsEnabled": False, "idleSessionTimeout": "60"},
    }
)

Answer = Callable[[str, dict[str, Any]], list[Any]]
KEYS = {  # operations that moto lacks, and under which key each lists its items
    "DescribeInstanceInformation": "InstanceInformationList",
    "DescribeInstancePatchStates": "InstancePatchStates",
    "ListAssociations": "Associations",
    "ListResourceComplianceSummaries": "ResourceComplianceSummaryItems",
    "GetResourcePolicies": "Policies",
}


class World:
    """What Systems Manager holds, by region; a page has `size` items."""

    def __init__(self) -> None:
        self.size = 50
        self.held: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.settings: dict[tuple[str, str], str] = {}

    def hold(self, operation: str, region: str, *items: dict[str, Any]) -> None:
        self.held.setdefault((operation, region), []).extend(items)

    def answer(self, client: Any, operation: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """AWS's answer; None where moto has one."""
        region = client.meta.region_name
        if operation == "GetServiceSetting":
            name = params["SettingId"]
            value = self.settings.get((name, region), "Enable" if "sharing" in name else "")
            if not value:
                said = {"Code": "ServiceSettingNotFound", "Message": name}
                raise ClientError({"Error": said}, operation)
            body: dict[str, Any] = {"ServiceSetting": {"SettingId": name, "SettingValue": value}}
        elif operation in KEYS:
            items = self.held.get((operation, region), [])
            if ids := params.get("InstanceIds"):
                assert len(ids) <= 50
                items = [item for item in items if item["InstanceId"] in ids]
            start = int(params.get("NextToken", 0))
            page = items[start : start + self.size]
            more = {"NextToken": str(start + self.size)} if start + self.size < len(items) else {}
            body = {KEYS[operation]: page, **more}
        else:
            return None
        shape = client.meta.service_model.operation_model(operation).output_shape
        report = ParamValidator().validate(body, shape)
        assert not report.has_errors(), report.generate_report()
        return body


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    real: Any = botocore.client.BaseClient._make_api_call

    def call(client: Any, operation: str, params: dict[str, Any]) -> Any:
        body = world.answer(client, operation, params)
        return real(client, operation, params) if body is None else body

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return world


def managed(name: str, **others: Any) -> dict[str, Any]:
    virtual = name.startswith("i-")
    return {
        "InstanceId": name,
        "PingStatus": "Online",
        "IsLatestVersion": True,
        "PlatformType": "Linux",
        "PlatformName": "Amazon Linux",
        "PlatformVersion": "2023",
        "ResourceType": "EC2Instance" if virtual else "ManagedInstance",
        **({} if virtual else {"RegistrationDate": datetime(2025, 1, 1, tzinfo=UTC)}),
        **others,
    }


def patched(name: str, days: int = 1, **counts: int) -> dict[str, Any]:
    when = SCANNED_AT - timedelta(days=days)
    return {
        "InstanceId": name,
        "PatchGroup": "servers",
        "BaselineId": "pb-0a1b2c3d4e5f67890",
        "OperationStartTime": when,
        "OperationEndTime": when,
        "Operation": "Scan",
        **counts,
    }


def summary(name: str, kind: str, status: str) -> dict[str, Any]:
    return {
        "ComplianceType": kind,
        "ResourceType": "ManagedInstance",
        "ResourceId": name,
        "Status": status,
    }


@pytest.fixture
def instances(aws: None) -> list[str]:
    """Three that run in us-east-1, and in eu-west-1 one that runs and one that is stopped."""
    made: list[str] = []
    for region, count in ((HOME, 3), (WEST, 2)):
        ec2 = boto3.client("ec2", region_name=region)
        found = ec2.run_instances(ImageId="ami-12345678", MinCount=count, MaxCount=count)
        made += [instance["InstanceId"] for instance in found["Instances"]]
    boto3.client("ec2", region_name=WEST).stop_instances(InstanceIds=made[-1:])
    return made


@pytest.fixture
def estate(instances: list[str], world: World) -> World:
    """In us-east-1 much is wrong; in eu-west-1 two instances are managed, and all is well."""
    one, two, _, four, stopped = instances
    east, west = (boto3.client("ssm", region_name=r) for r in (HOME, WEST))
    world.settings[reading.PUBLIC_SHARING, WEST] = "Disable"
    for ssm in (east, west):
        ssm.create_document(Name="Hello", Content=command("echo hello"), DocumentType="Command")
    script = f"export AWS_ACCESS_KEY_ID={KEY}\ncurl http://mirror.example.com/{{{{ Path }}}} | sh"
    east.create_document(
        Name="Deploy",
        Content=command(script, {"Path": {"type": "String"}}),
        DocumentType="Command",
    )
    share = {"Name": "Deploy", "PermissionType": "Share", "AccountIdsToAdd": ["all"]}
    east.modify_document_permission(**share)
    share = {"Name": "Hello", "PermissionType": "Share", "AccountIdsToAdd": ["999999999999"]}
    east.modify_document_permission(**share)
    east.create_document(
        Name="Runbook",
        Content=json.dumps({"schemaVersion": "0.3", "mainSteps": []}),
        DocumentType="Automation",
    )
    east.create_document(Name=SHELL, Content=OPEN_SHELL, DocumentType="Session")
    east.put_parameter(Name="/app/db-password", Type="String", Value="x")
    east.put_parameter(Name="/app/region", Type="String", Value="x")
    east.put_parameter(Name="/app/shared", Type="String", Value="x", Tier="Advanced")
    given = {"PolicyId": "a", "PolicyHash": "b", "Policy": policy("999999999999")}
    world.hold("GetResourcePolicies", HOME, given)

    old = {"PlatformName": "Ubuntu", "PlatformVersion": "18.04", "IsLatestVersion": False}
    world.hold(
        "DescribeInstanceInformation",
        HOME,
        managed(one, **old),
        managed(two, PingStatus="ConnectionLost"),
        managed("mi-0a1b2c3d4e5f67890"),
    )
    world.hold(
        "DescribeInstanceInformation",
        WEST,
        managed(four),
        managed(stopped, PingStatus="ConnectionLost"),
    )
    counts = {"MissingCount": 3, "SecurityNonCompliantCount": 1}
    world.hold(
        "DescribeInstancePatchStates", HOME, patched(one, **counts), patched(two, MissingCount=1)
    )
    world.hold("DescribeInstancePatchStates", WEST, patched(four), patched(stopped, days=20))
    world.hold(
        "ListResourceComplianceSummaries",
        HOME,
        summary(one, "Patch", "NON_COMPLIANT"),
        summary(one, "Association", "NON_COMPLIANT"),
        summary(two, "Custom:Cis", "NON_COMPLIANT"),
        summary(two, "Custom:Motd", "COMPLIANT"),
    )
    world.hold(
        "ListAssociations",
        HOME,
        {
            "AssociationId": "failing",
            "Name": "AWS-RunPatchBaseline",
            "DocumentVersion": "$DEFAULT",
            "Overview": {
                "Status": "Failed",
                "DetailedStatus": "Failed",
                "AssociationStatusAggregatedCount": {"Failed": 1, "Success": 2},
            },
        },
        {"AssociationId": "foreign", "Name": OTHER, "DocumentVersion": "$LATEST"},
    )
    return world


def scan(account: Account) -> Verdicts:
    frames = dict(collect(account, MODULE.collectors, [HOME, WEST]))
    ours: dict[Any, Any] = {**frames, Members: Members.frame([{"principal": ME}])}
    return evaluate("ssm", MODULE.rules, ours, account.coverage(), SCANNED_AT)


def told(found: Verdicts) -> set[tuple[str, str, str]]:
    """(rule, region, name of the resource) of each finding."""
    return {
        (f["rule_id"].removeprefix("ssm."), f["region"], f["resource_arn"].rpartition("/")[2])
        for f in found.fails.to_dicts()
    }


def calls(account: Account, region: str) -> dict[str, int]:
    asked = account.coverage().filter(pl.col("region") == region)
    return dict(asked.group_by("operation").agg(pl.col("calls").sum()).rows())


def test_facts_become_verdicts(account: Account, estate: World, instances: list[str]):
    one, two, *_ = instances
    found = scan(account)
    hybrid = "mi-0a1b2c3d4e5f67890"
    assert told(found) == {
        ("region.public_sharing", HOME, "service-settings"),
        ("region.script_log", HOME, "service-settings"),
        ("region.agent_updates", HOME, "service-settings"),
        ("document.public", HOME, "Deploy"),
        ("document.secrets", HOME, "Deploy"),
        ("document.plain_http", HOME, "Deploy"),
        ("document.unchecked_parameters", HOME, "Deploy"),
        ("document.outsiders", HOME, "Hello"),
        ("session.logging", HOME, SHELL),
        ("session.encryption", HOME, SHELL),
        ("session.run_as", HOME, SHELL),
        ("session.idle_timeout", HOME, SHELL),
        ("session.max_duration", HOME, SHELL),
        ("session.preferences", WEST, SHELL),
        ("instance.security_patches", HOME, one),
        ("instance.unsupported_os", HOME, one),
        ("instance.patches", HOME, two),
        ("instance.offline", HOME, two),
        ("instance.custom_compliance", HOME, two),
        ("instance.patch_scan", HOME, hybrid),
        ("association.failing", HOME, "failing"),
        ("association.foreign_document", HOME, "foreign"),
        ("parameter.plain_secret", HOME, "db-password"),
        ("parameter.outsiders", HOME, "shared"),
    }  # the third instance has been unmanaged for a moment only: see below
    assert found.unknowns.is_empty()
    assert found.gaps.is_empty()


def test_an_instance_that_nothing_manages(account: Account, estate: World, instances: list[str]):
    frames = collect(account, MODULE.collectors, [HOME, WEST])
    rows = frames[RunningInstances].select("instance_id", "managed").rows()
    assert dict(rows) == dict.fromkeys(instances[:4], True) | {instances[2]: False}
    later = datetime.now(UTC) + timedelta(hours=2)
    found = evaluate("ssm", MODULE.rules, frames, account.coverage(), later)
    unmanaged = found.fails.filter(pl.col("rule_id") == "ssm.instance.unmanaged")
    assert unmanaged["resource_arn"].to_list() == [
        f"arn:aws:ec2:us-east-1:{ME}:instance/{instances[2]}"
    ]


def test_nothing_of_a_document_or_parameter_is_kept_but_what_was_judged(
    account: Account, estate: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    frames = collect(account, MODULE.collectors, [HOME])
    for table, frame in frames.items():
        frame.write_json(tmp_path / f"{table.label}.json")
        frame.write_parquet(tmp_path / f"{table.label}.parquet", compression="uncompressed")
    found = scan(account)
    found.fails.write_json(tmp_path / "fails.json")
    assert found.fails.filter(pl.col("rule_id") == "ssm.document.secrets").height == 1
    for file in tmp_path.iterdir():
        assert KEY.encode() not in file.read_bytes(), file
        assert b"curl" not in file.read_bytes(), file
    assert KEY not in caplog.text
    assert KEY not in repr(account.__dict__)


def test_facts_as_stored(account: Account, estate: World, instances: list[str]):
    frames = collect(account, MODULE.collectors, [HOME, WEST])
    (deploy,) = frames[Documents].filter(pl.col("name") == "Deploy").to_dicts()
    assert deploy["arn"] == f"arn:aws:ssm:us-east-1:{ME}:document/Deploy"
    assert (deploy["shared_with"], deploy["secrets"]) == (["*"], ["AWS Access Key"])
    assert (deploy["plain_http"], deploy["unchecked"]) == (["mirror.example.com"], ["Path"])
    rows = frames[ManagedInstances].select("arn", "running", "missing", "custom_failures").rows()
    assert rows == sorted(
        [
            (f"arn:aws:ec2:us-east-1:{ME}:instance/{instances[0]}", True, 3, []),
            (f"arn:aws:ec2:us-east-1:{ME}:instance/{instances[1]}", True, 1, ["Custom:Cis"]),
            (f"arn:aws:ec2:eu-west-1:{ME}:instance/{instances[3]}", True, 0, []),
            (f"arn:aws:ec2:eu-west-1:{ME}:instance/{instances[4]}", False, 0, []),
            (f"arn:aws:ssm:us-east-1:{ME}:managed-instance/mi-0a1b2c3d4e5f67890", True, 0, []),
        ]
    )
    names = frames[Parameters]["arn"].to_list()
    assert f"arn:aws:ssm:us-east-1:{ME}:parameter/app/db-password" in names
    assert frames[Parameters].filter(pl.col("policy") != "")["name"].to_list() == ["/app/shared"]
    assert frames[Associations].select("status", "failures").rows() == [("Failed", 1), ("", 0)]
    assert frames[Regions].select("region", "runbooks", "instances", "outdated_agents").rows() == [
        (WEST, 0, 2, 0),
        (HOME, 1, 3, 1),
    ]


def test_an_empty_region_costs_one_call_per_listing(account: Account, world: World):
    frames = collect(account, MODULE.collectors, [HOME])
    assert calls(account, HOME) == {
        "ssm:GetServiceSetting": 1,
        "ssm:ListDocuments": 1,
        "ssm:DescribeInstanceInformation": 1,
        "ssm:ListAssociations": 1,
        "ssm:DescribeParameters": 1,
        "ec2:DescribeInstances": 1,
    }
    assert frames[SessionDocuments].select("name", "exists").rows() == [(SHELL, False)]


def test_calls_per_resource(account: Account, estate: World):
    """Two a document; per 50 instances three, beside the listing; one per shareable parameter."""
    collect(account, MODULE.collectors, [HOME, WEST])
    assert calls(account, HOME) == {
        "ssm:GetServiceSetting": 2,
        "ssm:ListDocuments": 1,
        "ssm:GetDocument": 4,
        "ssm:DescribeDocumentPermission": 4,
        "ssm:DescribeInstanceInformation": 1,
        "ssm:DescribeInstancePatchStates": 1,
        "ssm:ListResourceComplianceSummaries": 1,
        "ssm:ListAssociations": 1,
        "ssm:DescribeParameters": 1,
        "ssm:GetResourcePolicies": 1,
        "ec2:DescribeInstances": 1,
    }


def test_every_page_is_read(account: Account, estate: World, monkeypatch: pytest.MonkeyPatch):
    whole = collect(account, MODULE.collectors, [HOME, WEST])
    estate.size = 1
    monkeypatch.setattr(reading, "PAGE", {"PageSize": 5})
    monkeypatch.setattr(reading, "PATCH_STATES_AT_ONCE", 2)
    for n in range(12):
        boto3.client("ssm", region_name=WEST).create_document(
            Name=f"Page{n}", Content=command("echo"), DocumentType="Command"
        )
        boto3.client("ssm", region_name=WEST).put_parameter(Name=f"p{n}", Type="String", Value="x")
    again = Account(account.session, ME, account.operations)
    paged = collect(again, MODULE.collectors, [HOME, WEST])
    for table in (ManagedInstances, Associations):
        assert paged[table].equals(whole[table])
    assert paged[Documents].height == whole[Documents].height + 12
    assert paged[Parameters].height == whole[Parameters].height + 12
    assert calls(again, HOME)["ssm:DescribeInstanceInformation"] == 3
    assert calls(again, HOME)["ssm:DescribeInstancePatchStates"] == 3
    assert calls(again, WEST)["ssm:ListDocuments"] == 3


def test_more_accounts_than_one_page_share_a_document(
    account: Account, estate: World, monkeypatch: pytest.MonkeyPatch
):
    real: Any = botocore.client.BaseClient._make_api_call
    pages = {None: (["222222222222"], "2"), "2": (["All"], None)}

    def call(client: Any, operation: str, params: dict[str, Any]) -> Any:
        if operation != "DescribeDocumentPermission":
            return real(client, operation, params)
        ids, token = pages[params.get("NextToken")]
        return {"AccountIds": ids} | ({"NextToken": token} if token else {})

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    frame = collect(account, MODULE.collectors, [HOME])[Documents]
    assert frame["shared_with"].to_list() == [["*", "222222222222"]] * 4


def test_text_is_asked_for_as_text(account: Account, world: World, monkeypatch: pytest.MonkeyPatch):
    real: Any = botocore.client.BaseClient._make_api_call

    def call(client: Any, operation: str, params: dict[str, Any]) -> Any:
        if operation == "ListDocuments":
            found = [("Freeze", "TEXT", "ChangeCalendar"), ("Stack", "YAML", "CloudFormation")]
            keys = ("Name", "DocumentFormat", "DocumentType")
            return {"DocumentIdentifiers": [dict(zip(keys, one, strict=True)) for one in found]}
        if operation == "GetDocument":
            assert params["DocumentFormat"] == {"Freeze": "TEXT", "Stack": "JSON"}[params["Name"]]
            return {"Content": f"BEGIN:VCALENDAR {KEY}" if params["Name"] == "Freeze" else "{}"}
        if operation == "DescribeDocumentPermission":
            return {"AccountIds": []}
        return real(client, operation, params)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    frame = collect(account, MODULE.collectors, [HOME])[Documents]
    assert frame["secrets"].to_list() == [["AWS Access Key"], []]


@pytest.mark.parametrize(
    ("operation", "rules"),
    [
        ("ssm:GetServiceSetting", {"region.public_sharing", "region.script_log"}),
        (
            "ssm:GetDocument",
            {
                *(f"document.{r}" for r in ("secrets", "plain_http", "unchecked_parameters")),
                *(f"session.{r}" for r in ("logging", "log_encryption", "encryption", "run_as")),
                *(f"session.{r}" for r in ("idle_timeout", "max_duration")),
            },
        ),
        ("ssm:DescribeDocumentPermission", {"document.public", "document.outsiders"}),
        (
            "ssm:DescribeInstancePatchStates",
            {f"instance.{r}" for r in ("security_patches", "patches", "pending_reboot")}
            | {"instance.patch_scan"},
        ),
        ("ssm:ListResourceComplianceSummaries", {"instance.custom_compliance"}),
        ("ssm:GetResourcePolicies", {"parameter.outsiders"}),
    ],
)
def test_a_refused_detail_is_unknown_and_costs_nothing_else(
    account: Account, estate: World, refuse, operation: str, rules: set[str]
):
    code, outcome = "AccessDeniedException", "denied"
    before = told(scan(Account(account.session, ME, account.operations)))
    refuse(operation.partition(":")[2], code, lambda region, _: region == HOME)
    found = scan(account)
    unknown = {rule.removeprefix("ssm.") for rule in found.unknowns["rule_id"]}
    assert unknown == rules
    assert set(found.unknowns["region"]) == {HOME}
    assert set(found.unknowns["because"]) == {f"{operation} {outcome} ({code})"}
    assert told(found) == {f for f in before if f[0] not in rules or f[1] != HOME}
    (gap,) = found.gaps.to_dicts()
    assert (gap["operation"], gap["outcome"], gap["region"]) == (operation, outcome, HOME)


@pytest.mark.parametrize(
    ("operation", "gone", "unknown"),
    [
        # Of tables that are listed by it the rows are gone; where others read it, unknown.
        (
            "ssm:ListDocuments",
            {"document", "session"},
            {"region.script_log"},
        ),
        (
            "ssm:DescribeInstanceInformation",
            {"instance"},
            {
                "region.agent_updates",
                *(f"session.{r}" for r in ("logging", "encryption", "run_as")),
                *(f"session.{r}" for r in ("preferences", "idle_timeout", "max_duration")),
                "instance.unmanaged",
            },
        ),
        ("ec2:DescribeInstances", set(), {"instance.offline"}),
        ("ssm:ListAssociations", {"association"}, {"region.agent_updates"}),
        ("ssm:DescribeParameters", {"parameter"}, set()),
    ],
)
def test_a_refused_listing_blinds_what_hangs_on_it(
    account: Account, estate: World, refuse, operation: str, gone: set[str], unknown: set[str]
):
    before = told(scan(Account(account.session, ME, account.operations)))
    refuse(operation.partition(":")[2], "AccessDeniedException", lambda region, _: region == HOME)
    found = scan(account)
    assert unknown - {"instance.unmanaged"} <= {
        rule.removeprefix("ssm.") for rule in found.unknowns["rule_id"]
    }
    assert {f for f in told(found) if f[1] == WEST} == {f for f in before if f[1] == WEST}
    assert not {f for f in told(found) if f[1] == HOME and f[0].partition(".")[0] in gone}
    kept = {f for f in before if f[0].partition(".")[0] not in gone and f[0] not in unknown}
    assert kept <= told(found)
    (gap,) = found.gaps.to_dicts()
    assert (gap["operation"], gap["unlisted"]) == (operation, True)
    blind = {r.id for r in MODULE.rules if r.table.listed_by == operation}
    seen = found.observed.filter(pl.col("region") == HOME)["rule_id"]
    assert not blind & set(seen)


def test_patch_states_of_some_instances_stay(account: Account, estate: World, refuse, monkeypatch):
    monkeypatch.setattr(reading, "PATCH_STATES_AT_ONCE", 1)
    hybrid = "mi-0a1b2c3d4e5f67890"
    refuse(
        "DescribeInstancePatchStates",
        "ThrottlingException",
        lambda _, params: params["InstanceIds"] == [hybrid],
    )
    found = scan(account)
    blinded = found.unknowns["resource_arn"].str.split("/").list.last()
    assert set(blinded) == {hybrid}
    assert "ssm.instance.security_patches" in found.fails["rule_id"].to_list()


def test_a_setting_that_is_not_there_is_not_set(account: Account, estate: World):
    found = scan(account)
    assert ("region.script_log", HOME, "service-settings") in told(found)
    assert found.gaps.is_empty()
    estate.settings[reading.SCRIPT_LOG, HOME] = "CloudWatch"
    found = scan(Account(account.session, ME, account.operations))
    assert ("region.script_log", HOME, "service-settings") not in told(found)
