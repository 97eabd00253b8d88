"""Amazon S3: buckets and who can reach them."""

from stratum_pipeline.kernel.module import Module

from .correlate import CORRELATIONS
from .inventory import COLLECTORS
from .rules import RULES

MODULE = Module(
    name="s3",
    doc="S3 buckets: who can reach them, how requests and objects are protected.",
    collectors=COLLECTORS,
    rules=RULES,
    correlations=CORRELATIONS,
)
