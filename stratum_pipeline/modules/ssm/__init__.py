"""AWS Systems Manager: the instances it manages, and the documents that run on them."""

from stratum_pipeline.kernel.module import Module

from .collect import COLLECTORS
from .correlate import CORRELATIONS
from .rules import RULES

MODULE = Module(
    name="ssm",
    doc="Managed instances and their patches, documents, sessions, associations, parameters.",
    collectors=COLLECTORS,
    rules=RULES,
    correlations=CORRELATIONS,
)
