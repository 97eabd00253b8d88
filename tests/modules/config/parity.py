"""Which rule of ours catches what each AWS Config check of the peer is about."""

from stratum_pipeline.modules.config import rules

from ..parity import SIBLING, Case
from .test_rules import ALONE, GOOD, NONE, Row

PARTIAL: Row = {"strategy": "INCLUSION_BY_RESOURCE_TYPES", "all_types": False}
OWN_ROLE = "arn:aws:iam::111111111111:role/config"

CASES: dict[str, Case | list[Case]] = {
    "config_delegated_admin_and_org_aggregator_all_regions": [
        Case(rules.organization_aggregator, ALONE | {"aggregator_in": []}, ALONE),
        Case(
            rules.management_aggregator,
            ALONE,
            ALONE | {"administrators": [SIBLING], "aggregator_in": []},
        ),
        Case(
            rules.aggregator_regions,
            {"organization": True, "all_regions": False},
            {"organization": True, "all_regions": True},
        ),
    ],
    "config_recorder_all_regions_enabled": [
        Case(rules.recorder, NONE, GOOD),
        Case(rules.recording, GOOD | {"recording": False}, GOOD),
        Case(rules.recorder_failing, GOOD | {"last_status": "Failure"}, GOOD),
        Case(rules.delivery_channel, GOOD | {"bucket": "", "recording": False}, GOOD),
        Case(rules.some_types, GOOD | PARTIAL, GOOD),
        Case(rules.global_types, ALONE | {"global_in": []}, ALONE),
    ],
    "config_recorder_using_aws_service_role": Case(
        rules.recorder_role, GOOD | {"role": OWN_ROLE}, GOOD
    ),
}
