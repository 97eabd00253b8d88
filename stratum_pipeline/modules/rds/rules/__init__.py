"""What must hold of databases, their snapshots, and of who is told of their events."""

from . import availability, events, protection, reach, snapshots, upkeep

RULES = (
    *reach.RULES,
    *protection.RULES,
    *availability.RULES,
    *upkeep.RULES,
    *snapshots.RULES,
    *events.RULES,
)
