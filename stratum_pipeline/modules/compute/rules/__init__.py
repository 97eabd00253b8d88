"""What must hold of instances, their storage, and what starts them."""

from . import exposure, instances, launching, settings, storage

RULES = (
    *settings.RULES,
    *exposure.RULES,
    *instances.RULES,
    *storage.RULES,
    *launching.RULES,
)
