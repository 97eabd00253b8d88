"""Reading Systems Manager: one listing per table and region, details only where there are rows."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from stratum_pipeline.kernel.collect import Api, Collector
from stratum_pipeline.kernel.table import NEVER, setting_arn
from stratum_pipeline.kernel.trust import ANYONE

from . import documents
from .inventory import (
    BODY,
    MANAGED,
    Associations,
    Documents,
    ManagedInstances,
    Parameters,
    Regions,
    RunningInstances,
    SessionDocuments,
)

Row = dict[str, Any]
Items = list[dict[str, Any]] | None
"""A listing; None where it was refused."""

PAGE = {"PageSize": 50}  # the most that Systems Manager gives at once
EC2_PAGE = {"PageSize": 1000}
PATCH_STATES_AT_ONCE = 50  # instances that DescribeInstancePatchStates takes in a call
PREFERENCES = "SSM-SessionManagerRunShell"
"""The document that holds the region's session preferences."""

UPDATE_AGENT = "AWS-UpdateSSMAgent"
BUILT_IN = ("Patch", "Association")
"""Compliance types that have tables of their own here."""

PUBLIC_SHARING = "/ssm/documents/console/public-sharing-permission"
SCRIPT_LOG = "/ssm/automation/customer-script-log-destination"
PATCH_COUNTS = {
    "missing": "MissingCount",
    "failed": "FailedCount",
    "rejected": "InstalledRejectedCount",
    "pending_reboot": "InstalledPendingRebootCount",
    "critical": "CriticalNonCompliantCount",
    "security": "SecurityNonCompliantCount",
}
SESSION = tuple(documents.Session.__annotations__)


def read_region(ssm: Api) -> Iterator[Row]:
    account = ssm.account
    arn = setting_arn(account.partition, "ssm", ssm.region, account.account_id, "service-settings")
    sharing = ssm.call("GetServiceSetting", SettingId=PUBLIC_SHARING)
    runbooks = _count(_documents(ssm), lambda d: d["DocumentType"] == "Automation")
    logs: str | None = "" if runbooks == 0 else None
    if runbooks:
        asked = ssm.call(
            "GetServiceSetting", SettingId=SCRIPT_LOG, absent=("ServiceSettingNotFound",)
        )
        logs = asked.get("ServiceSetting.SettingValue", "")
    managed, associations = _managed(ssm), _associations(ssm)
    yield {
        **_common(ssm, arn),
        "public_sharing": sharing.get("ServiceSetting.SettingValue", ""),
        "runbooks": runbooks,
        "script_log": logs,
        "instances": _count(managed, lambda _: True),
        # Of Windows, AWS doesn't say whether the agent is the latest.
        "outdated_agents": _count(
            managed,
            lambda i: i.get("PlatformType") != "Windows" and i.get("IsLatestVersion") is False,
        ),
        "updates_agents": None
        if associations is None
        else any(a.get("Name") == UPDATE_AGENT for a in associations),
    }


def read_documents(ssm: Api) -> Iterator[Row]:
    def describe(document: Row) -> Row:
        name, arn = document["Name"], _document_arn(ssm, document["Name"])
        content = _content(ssm, document)
        return {
            **_common(ssm, arn),
            "name": name,
            "kind": document.get("DocumentType", ""),
            "shared_with": _shared_with(ssm.on(about=arn), name),
            "secrets": content and content["secrets"],
            "plain_http": content and content["plain_http"],
            "unchecked": content and content["unchecked"],
        }

    yield from ssm.each(describe, _documents(ssm) or ())


def read_sessions(ssm: Api) -> Iterator[Row]:
    owned = _documents(ssm)
    if owned is None:
        return
    instances = _count(_managed(ssm), lambda _: True)

    def row(name: str, exists: bool, session: documents.Session | None) -> Row:
        return {
            **_common(ssm, _document_arn(ssm, name)),
            "name": name,
            "exists": exists,
            "instances": instances,
            **(session or dict.fromkeys(SESSION)),
        }

    def describe(document: Row) -> Row | None:
        content = _content(ssm, document)
        if content and content["session"] is None and document["Name"] != PREFERENCES:
            return None
        return row(
            document["Name"], True, content and (content["session"] or documents.session({}))
        )

    sessions = [d for d in owned if d.get("DocumentType") == "Session"]
    yield from filter(None, ssm.each(describe, sessions))
    if PREFERENCES not in {document["Name"] for document in sessions}:
        yield row(PREFERENCES, False, documents.session({}))


def read_managed(ssm: Api) -> Iterator[Row]:
    managed = _managed(ssm)
    if not managed:
        return
    ids: list[str] = [instance["InstanceId"] for instance in managed]
    patches = _patch_states(ssm, ids)
    custom = _custom_failures(ssm)
    running = _running(ssm)
    up = None if running is None else {instance["InstanceId"] for instance in running}
    for instance in managed:
        name = instance["InstanceId"]
        virtual = name.startswith("i-")
        yield {
            **_common(ssm, _instance_arn(ssm, name)),
            "instance_id": name,
            "os_name": instance.get("PlatformName", ""),
            "os_version": instance.get("PlatformVersion", ""),
            "ping": instance.get("PingStatus", ""),
            "registered": instance.get("RegistrationDate", datetime.fromisoformat(NEVER)),
            "running": None if virtual and up is None else not virtual or name in (up or ()),
            **patches(name),
            "custom_failures": None if custom is None else custom.get(name, []),
        }


def read_running(ec2: Api) -> Iterator[Row]:
    ssm = ec2.on(service="ssm")
    managed = _managed(ssm)
    known = None if managed is None else {instance["InstanceId"] for instance in managed}
    for instance in _running(ssm) or ():
        name = instance["InstanceId"]
        yield {
            **_common(ec2, _instance_arn(ec2, name)),
            "instance_id": name,
            "launched": instance["LaunchTime"],
            "profile": instance.get("IamInstanceProfile", {}).get("Arn", ""),
            "managed": None if known is None else name in known,
        }


def read_associations(ssm: Api) -> Iterator[Row]:
    account = ssm.account
    for association in _associations(ssm) or ():
        name = association["AssociationId"]
        overview = association.get("Overview", {})
        counts = overview.get("AssociationStatusAggregatedCount", {})
        yield {
            **_common(
                ssm,
                f"arn:{account.partition}:ssm:{ssm.region}:{account.account_id}:association/{name}",
            ),
            "association_id": name,
            "document": association.get("Name", ""),
            "document_version": association.get("DocumentVersion", ""),
            "status": overview.get("Status", ""),
            "failures": counts.get("Failed", 0) + counts.get("TimedOut", 0),
        }


def read_parameters(ssm: Api) -> Iterator[Row]:
    account = ssm.account

    def describe(parameter: Row) -> Row:
        name: str = parameter["Name"]
        arn = f"arn:{account.partition}:ssm:{ssm.region}:{account.account_id}:parameter"
        arn = f"{arn}/{name.removeprefix('/')}"
        shareable = parameter.get("Tier") == "Advanced"
        return {
            **_common(ssm, arn),
            "name": name,
            "kind": parameter["Type"],
            "policy": _parameter_policy(ssm.on(about=arn), arn) if shareable else "",
        }

    listing = ssm.pages("DescribeParameters", "Parameters", PaginationConfig=PAGE)
    yield from ssm.each(describe, listing)


def _common(api: Api, arn: str) -> Row:
    # Names of documents and parameters are reused, but no date tells one from its namesake:
    # theirs move with every version.
    where = {"account_id": api.account.account_id, "region": api.region, "incarnation": ""}
    return where | {"arn": arn}


def _document_arn(api: Api, name: str) -> str:
    account = api.account
    return f"arn:{account.partition}:ssm:{api.region}:{account.account_id}:document/{name}"


def _instance_arn(api: Api, name: str) -> str:
    account = api.account
    service, noun = ("ec2", "instance") if name.startswith("i-") else ("ssm", "managed-instance")
    return f"arn:{account.partition}:{service}:{api.region}:{account.account_id}:{noun}/{name}"


def _documents(ssm: Api) -> Items:
    own = [{"Key": "Owner", "Values": ["Self"]}]
    return ssm.all("ListDocuments", "DocumentIdentifiers", Filters=own, PaginationConfig=PAGE)


def _managed(ssm: Api) -> Items:
    return ssm.all("DescribeInstanceInformation", "InstanceInformationList", PaginationConfig=PAGE)


def _associations(ssm: Api) -> Items:
    return ssm.all("ListAssociations", "Associations", PaginationConfig=PAGE)


def _running(ssm: Api) -> Items:
    ec2 = ssm.on(service="ec2")
    found = ec2.all("DescribeInstances", "Reservations", PaginationConfig=EC2_PAGE)
    return found and [
        instance
        for reservation in found
        for instance in reservation["Instances"]
        if instance["State"]["Name"] == "running"
    ]


def _count(items: Items, test: Callable[[Row], bool]) -> int | None:
    return None if items is None else sum(map(test, items))


def _content(ssm: Api, document: Row) -> documents.Content | None:
    """What is kept of a document's content, read once for all tables; None where refused."""
    name = document["Name"]

    def ask() -> list[dict[str, Any]] | None:
        as_is = document.get("DocumentFormat") == "TEXT"
        reply = ssm.on(about=_document_arn(ssm, name)).call(
            "GetDocument", Name=name, DocumentFormat="TEXT" if as_is else "JSON"
        )
        text = reply.get("Content", "")
        return None if text is None else [{"content": documents.judge(text)}]

    found = ssm.account.once((BODY, ssm.region, name), ask)
    return None if found is None else found[0]["content"]


def _shared_with(ssm: Api, name: str) -> list[str] | None:
    ask = partial(ssm.call, "DescribeDocumentPermission", Name=name, PermissionType="Share")
    ids: list[str] = []
    reply = ask()
    while (page := reply.get("AccountIds", [])) is not None:
        ids += page
        if not (token := reply.get("NextToken", "")):
            return sorted(ANYONE if one.lower() == "all" else one for one in ids)
        reply = ask(NextToken=token)
    return None


def _patch_states(ssm: Api, ids: list[str]) -> Callable[[str], Row]:
    """Gives each instance's patch state: zeroes for one never scanned, nulls if refused."""
    chunks = [ids[i : i + PATCH_STATES_AT_ONCE] for i in range(0, len(ids), PATCH_STATES_AT_ONCE)]

    def ask(chunk: list[str]) -> dict[str, Row]:
        found = ssm.all("DescribeInstancePatchStates", "InstancePatchStates", InstanceIds=chunk)
        if found is None:
            return {}
        scanned: dict[str, Row] = {state["InstanceId"]: state for state in found}
        return {name: scanned.get(name, {}) for name in chunk}

    states: dict[str, Row] = {}
    for chunk in ssm.each(ask, chunks):
        states |= chunk

    def state(name: str) -> Row:
        told = states.get(name)
        if told is None:
            return dict.fromkeys(["patch_time", *PATCH_COUNTS])
        when = told.get("OperationEndTime", datetime.fromisoformat(NEVER))
        return {"patch_time": when} | {
            ours: told.get(theirs, 0) for ours, theirs in PATCH_COUNTS.items()
        }

    return state


def _custom_failures(ssm: Api) -> dict[str, list[str]] | None:
    found = ssm.all(
        "ListResourceComplianceSummaries", "ResourceComplianceSummaryItems", PaginationConfig=PAGE
    )
    if found is None:
        return None
    failures: dict[str, list[str]] = {}
    for item in found:
        kind = item["ComplianceType"]
        if kind not in BUILT_IN and item["Status"] == "NON_COMPLIANT":
            failures.setdefault(item["ResourceId"], []).append(kind)
    return {name: sorted(set(kinds)) for name, kinds in failures.items()}


def _parameter_policy(ssm: Api, arn: str) -> str | None:
    found = ssm.all("GetResourcePolicies", "Policies", ResourceArn=arn)
    if not found:
        return None if found is None else ""
    return json.dumps({"Statement": [s for p in found for s in _statements(p["Policy"])]})


def _statements(policy: str) -> list[Row]:
    told = json.loads(policy)["Statement"]
    return told if isinstance(told, list) else [told]


COLLECTORS = (
    Collector(Regions, read_region),
    Collector(Documents, read_documents),
    Collector(SessionDocuments, read_sessions),
    Collector(ManagedInstances, read_managed),
    Collector(RunningInstances, read_running, calls=(MANAGED,)),
    Collector(Associations, read_associations),
    Collector(Parameters, read_parameters),
)
