"""Systems Manager: moto keeps documents and parameters, and knows no instances."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ssm.responses import SimpleSystemManagerResponse

from ..tools.core import BORN, Json, days_ago

PATCHED: Json = {
    "PatchGroup": "servers",
    "BaselineId": "pb-0c10e65780EXAMPLE",
    "Operation": "Scan",
    "InstalledCount": 412,
}


@dataclass
class Held:
    """What Systems Manager holds in one account and region, and moto has no place for."""

    settings: dict[str, str] = field(default_factory=dict[str, str])
    nodes: dict[str, Json] = field(default_factory=dict[str, Json])
    """By instance, how it differs from a healthy one; of "mi-...", that it is there at all."""

    patches: dict[str, Json] = field(default_factory=dict[str, Json])
    """By instance, how its patch state differs from a good one; {} for none."""

    unmanaged: set[str] = field(default_factory=set[str])
    compliance: list[Json] = field(default_factory=list[Json])
    associations: list[Json] = field(default_factory=list[Json])
    policies: dict[str, str] = field(default_factory=dict[str, str])
    """By a parameter's ARN, its resource policy."""


@cache
def held(account_id: str, region: str) -> Held:
    return Held()


def apply() -> None:
    moto: Any = SimpleSystemManagerResponse
    moto.get_service_setting = get_service_setting
    for name, (key, items) in LISTINGS.items():
        setattr(moto, name, in_pages(key, items))


def get_service_setting(self: Any) -> ActionResult:
    """moto has no settings."""
    name = self._get_param("SettingId")
    value = held(self.current_account, self.region).settings.get(name)
    if value is None:
        raise JsonRESTError("ServiceSettingNotFound", f"Setting {name} was not found.")
    return ActionResult({"ServiceSetting": {"SettingId": name, "SettingValue": value}})


def in_pages(key: str, items: Callable[[Any], list[Json]]) -> Callable[[Any], ActionResult]:
    """A listing that moto lacks."""

    def listing(self: Any) -> ActionResult:
        found = items(self)
        start = int(self._get_param("NextToken") or 0)
        end = start + int(self._get_param("MaxResults") or 50)
        more = {"NextToken": str(end)} if end < len(found) else {}
        return ActionResult({key: found[start:end], **more})

    return listing


def instances(self: Any) -> list[Json]:
    """Every running instance, as Default Host Management has it, and what else was registered."""
    here = held(self.current_account, self.region)
    virtual = set(_running(self.current_account, self.region)) - here.unmanaged
    return [_node(name, here.nodes.get(name, {})) for name in sorted({*here.nodes, *virtual})]


def patch_states(self: Any) -> list[Json]:
    here = held(self.current_account, self.region)
    when = days_ago(1)
    usual = PATCHED | {"OperationStartTime": when, "OperationEndTime": when}
    known = {node["InstanceId"] for node in instances(self)}
    return [
        {"InstanceId": name} | usual | here.patches.get(name, usual)
        for name in self._get_param("InstanceIds")
        if name in known and here.patches.get(name) != {}
    ]


def compliance(self: Any) -> list[Json]:
    return held(self.current_account, self.region).compliance


def associations(self: Any) -> list[Json]:
    return held(self.current_account, self.region).associations


def policies(self: Any) -> list[Json]:
    policy = held(self.current_account, self.region).policies.get(self._get_param("ResourceArn"))
    return [{"PolicyId": "share", "PolicyHash": "0", "Policy": policy}] if policy else []


LISTINGS = {
    "describe_instance_information": ("InstanceInformationList", instances),
    "describe_instance_patch_states": ("InstancePatchStates", patch_states),
    "list_resource_compliance_summaries": ("ResourceComplianceSummaryItems", compliance),
    "list_associations": ("Associations", associations),
    "get_resource_policies": ("Policies", policies),
}


def _running(account_id: str, region: str) -> Iterator[str]:
    backend: Any = ec2_backends[account_id][region]
    for reservation in backend.reservations.values():
        for instance in reservation.instances:
            if instance.state == "running":
                yield instance.id


def _node(name: str, differs: Json) -> Json:
    return {
        "InstanceId": name,
        "PingStatus": "Online",
        "LastPingDateTime": days_ago(0),
        "AgentVersion": "3.3.987.0",
        "IsLatestVersion": True,
        "PlatformType": "Linux",
        "PlatformName": "Amazon Linux",
        "PlatformVersion": "2023",
        "ResourceType": "EC2Instance" if name.startswith("i-") else "ManagedInstance",
        "RegistrationDate": BORN,
        "AssociationStatus": "Success",
    } | differs
