"""The peer looks at no cost, but for one check among its instances."""

from stratum_pipeline.modules.cost.rules.instances import stopped

from ..parity import Case
from .test_rules import STOPPED, ago

CASES: dict[str, Case] = {
    "ec2_instance_stopped_older_than_specific_days": Case(
        stopped, STOPPED, STOPPED | {"stopped": ago(10)}
    ),
}
