"""Amazon DynamoDB: tables, and the DAX clusters in front of them."""

from stratum_pipeline.kernel.module import Module

from .correlate import CORRELATIONS
from .inventory import COLLECTORS
from .rules import RULES

MODULE = Module(
    name="dynamodb",
    doc="DynamoDB tables and DAX clusters: who can reach them, how data is kept and recovered.",
    collectors=COLLECTORS,
    rules=RULES,
    correlations=CORRELATIONS,
)
