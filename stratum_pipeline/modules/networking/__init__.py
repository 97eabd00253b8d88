"""Networks: what can reach what, through what, and whether anyone would see it."""

from stratum_pipeline.kernel.module import Module

from .collect import COLLECTORS
from .correlate import CORRELATIONS
from .rules import RULES

MODULE = Module(
    name="networking",
    doc="Amazon VPC and what stands before it: groups, routes, endpoints, VPNs, load balancers.",
    collectors=COLLECTORS,
    rules=RULES,
    correlations=CORRELATIONS,
)
