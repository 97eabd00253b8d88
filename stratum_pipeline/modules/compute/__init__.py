"""Amazon EC2, EBS and EC2 Auto Scaling."""

from stratum_pipeline.kernel.module import Module

from .correlate import CORRELATIONS
from .inventory import COLLECTORS
from .rules import RULES

MODULE = Module(
    name="compute",
    doc="EC2 instances, volumes, snapshots, images, launch templates and Auto Scaling groups.",
    collectors=COLLECTORS,
    rules=RULES,
    correlations=CORRELATIONS,
)
