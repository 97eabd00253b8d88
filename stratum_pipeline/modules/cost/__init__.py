"""What is paid for and not used, or costs more than it needs to."""

from stratum_pipeline.kernel.module import Module

from .correlate import CORRELATIONS
from .inventory import COLLECTORS
from .rules import RULES

MODULE = Module(
    name="cost",
    doc="Waste: idle, oversized and outdated resources, and what they cost a month.",
    collectors=COLLECTORS,
    rules=RULES,
    correlations=CORRELATIONS,
)
