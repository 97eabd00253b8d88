"""AWS Config: what is recorded, delivered, evaluated and gathered."""

from stratum_pipeline.kernel.module import Module

from .correlate import CORRELATIONS
from .inventory import COLLECTORS
from .rules import RULES

MODULE = Module(
    name="config",
    doc="AWS Config: whether changes are recorded, delivered, evaluated and gathered.",
    collectors=COLLECTORS,
    rules=RULES,
    correlations=CORRELATIONS,
)
