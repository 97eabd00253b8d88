"""Amazon RDS and Aurora: databases, their snapshots, and who is told of their events."""

from stratum_pipeline.kernel.module import Module

from .collect import COLLECTORS
from .correlate import CORRELATIONS
from .rules import RULES

MODULE = Module(
    name="rds",
    doc="Databases of RDS, Aurora, Neptune and DocumentDB: who can reach them and their snapshots,"
    " how they are protected, backed up and kept up to date.",
    collectors=COLLECTORS,
    rules=RULES,
    correlations=CORRELATIONS,
)
