"""AWS Config."""

import json
from typing import Any

from moto.config.models import ConfigBackend, ConfigRecorderStatus
from moto.config.responses import ConfigResponse
from moto.organizations.exceptions import OrganizationsClientError
from moto.organizations.models import (
    FakeDelegatedAdministrator,
    OrganizationsBackend,
    organizations_backends,
)
from moto.organizations.responses import OrganizationsResponse

from ..accounts import MANAGEMENT

Where = tuple[str, str]
"""An account's id and a region."""

UNDELIVERED: set[Where] = set()
"""Where the last delivery of the history failed."""

FAILED_RULES: dict[Where, set[str]] = {}
"""Rules that failed when they last ran; all others ran well."""

UNREAD: dict[Where, list[str]] = {}
"""Accounts that the aggregators of a region cannot read."""

PACKS: dict[Where, dict[str, str]] = {}
"""Conformance packs, by name, and their state."""

FREQUENCY: dict[Where, str] = {}
"""Where recorders don't record continuously."""

DELEGABLE = "config.amazonaws.com"
BORN = 1678093200
ERROR = {"LastErrorCode": "InternalError", "LastErrorMessage": "The function timed out."}

moto_start: Any = ConfigRecorderStatus.start
moto_recorders: Any = ConfigBackend.describe_configuration_recorders
moto_administrators: Any = OrganizationsBackend.list_delegated_administrators


def apply() -> None:
    moto: Any = ConfigResponse
    moto.describe_delivery_channel_status = describe_delivery_channel_status
    moto.describe_config_rule_evaluation_status = describe_config_rule_evaluation_status
    moto.describe_configuration_aggregator_sources_status = (
        describe_configuration_aggregator_sources_status
    )
    moto.describe_conformance_pack_status = describe_conformance_pack_status
    status: Any = ConfigRecorderStatus
    status.start = start
    backend: Any = ConfigBackend
    backend.describe_configuration_recorders = describe_configuration_recorders
    if DELEGABLE not in FakeDelegatedAdministrator.SUPPORTED_SERVICES:  # though AWS allows it
        FakeDelegatedAdministrator.SUPPORTED_SERVICES.append(DELEGABLE)
    organizations: Any = OrganizationsResponse
    organizations.list_delegated_administrators = list_delegated_administrators


def start(self: Any) -> None:
    """moto leaves a recorder "PENDING", which AWS spells otherwise."""
    moto_start(self)
    self.last_status = "Success"


def describe_configuration_recorders(self: Any, names: list[str] | None) -> list[dict[str, Any]]:
    """moto knows no recording frequency."""
    frequency = FREQUENCY.get((self.account_id, self.region_name), "CONTINUOUS")
    mode = {"recordingMode": {"recordingFrequency": frequency}}
    return [recorder | mode for recorder in moto_recorders(self, names)]


def _where(response: Any) -> Where:
    return response.current_account, response.region


def describe_delivery_channel_status(self: Any) -> str:
    failed = {"lastStatus": "Failure", "lastErrorCode": "AccessDenied"}
    delivered = {"lastStatus": "Success"}
    return json.dumps(
        {
            "DeliveryChannelsStatus": [
                {
                    "name": name,
                    "configHistoryDeliveryInfo": failed
                    if _where(self) in UNDELIVERED
                    else delivered,
                    "configSnapshotDeliveryInfo": {"lastStatus": "Not_Applicable"},
                    "configStreamDeliveryInfo": {"lastStatus": "Not_Applicable"},
                }
                for name in self.config_backend.delivery_channels
            ]
        }
    )


def describe_config_rule_evaluation_status(self: Any) -> str:
    failed = FAILED_RULES.get(_where(self), set())
    ran = {"LastSuccessfulInvocationTime": BORN, "LastSuccessfulEvaluationTime": BORN}
    broke = {"LastFailedInvocationTime": BORN + 3600} | ERROR
    return json.dumps(
        {
            "ConfigRulesEvaluationStatus": [
                {
                    "ConfigRuleName": name,
                    "ConfigRuleArn": rule.config_rule_arn,
                    "ConfigRuleId": rule.config_rule_id,
                    "FirstActivatedTime": BORN,
                    "FirstEvaluationStarted": True,
                    **ran,
                    **(broke if name in failed else {}),
                }
                for name, rule in self.config_backend.config_rules.items()
            ]
        }
    )


def describe_configuration_aggregator_sources_status(self: Any) -> str:
    return json.dumps(
        {
            "AggregatedSourceStatusList": [
                {
                    "SourceId": one,
                    "SourceType": "ACCOUNT",
                    "AwsRegion": self.region,
                    "LastUpdateStatus": "FAILED",
                    "LastErrorCode": "AccessDenied",
                }
                for one in UNREAD.get(_where(self), [])
            ]
        }
    )


def describe_conformance_pack_status(self: Any) -> str:
    account_id, region = _where(self)
    own = f"arn:aws:config:{region}:{account_id}:conformance-pack"
    return json.dumps(
        {
            "ConformancePackStatusDetails": [
                {
                    "ConformancePackName": name,
                    "ConformancePackId": f"conformance-pack-{name}",
                    "ConformancePackArn": f"{own}/{name}/conformance-pack-{name}",
                    "ConformancePackState": state,
                    "LastUpdateRequestedTime": BORN,
                }
                for name, state in PACKS.get((account_id, region), {}).items()
            ]
        }
    )


def list_delegated_administrators(self: Any) -> str:
    """moto tells a member that there are none; AWS tells administrators, and refuses others."""
    management: Any = organizations_backends[MANAGEMENT.id]["aws"]
    found = moto_administrators(management, **self.request_params)
    known = {MANAGEMENT.id, *(one["Id"] for one in found["DelegatedAdministrators"])}
    if self.current_account not in known:
        raise OrganizationsClientError(
            "AccessDeniedException", "You don't have permissions to access this resource."
        )
    return json.dumps(found)
