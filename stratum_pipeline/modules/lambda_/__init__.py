"""AWS Lambda: functions, layers and event source mappings."""

from stratum_pipeline.kernel.module import Module

from .correlate import CORRELATIONS
from .inventory import COLLECTORS
from .rules import RULES

MODULE = Module(
    name="lambda",
    doc="Lambda functions and layers: who may call and read them, what they run and record.",
    collectors=COLLECTORS,
    rules=RULES,
    correlations=CORRELATIONS,
)
