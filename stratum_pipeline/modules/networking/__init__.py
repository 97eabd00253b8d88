"""Amazon VPC: what can reach what, and whether anyone would see it."""

from stratum_pipeline.kernel.module import Module

from .collect import COLLECTORS
from .correlate import CORRELATIONS
from .rules import RULES

MODULE = Module(
    name="networking",
    doc="Amazon VPC: security groups and who they let in, flow logs, default networks.",
    collectors=COLLECTORS,
    rules=RULES,
    correlations=CORRELATIONS,
)
