"""What must hold of Systems Manager."""

from . import documents, instances, parameters, regions, sessions

RULES = (
    *documents.RULES,
    *instances.RULES,
    *sessions.RULES,
    *regions.RULES,
    *parameters.RULES,
)
