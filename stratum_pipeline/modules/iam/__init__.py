"""AWS IAM: users, groups, roles, policies, the root user, federation, ways in from outside."""

from stratum_pipeline.kernel.module import Module

from .correlate import CORRELATIONS
from .inventory import COLLECTORS
from .rules import RULES

MODULE = Module(
    name="iam",
    doc="Who can sign in, who can assume what, and what they may do.",
    collectors=COLLECTORS,
    rules=RULES,
    correlations=CORRELATIONS,
)
