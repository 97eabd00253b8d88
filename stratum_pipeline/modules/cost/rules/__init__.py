"""What is paid for in vain: a file per service."""

from . import account, backups, databases, instances, network, storage, volumes

RULES = (
    *instances.RULES,
    *volumes.RULES,
    *backups.RULES,
    *network.RULES,
    *storage.RULES,
    *databases.RULES,
    *account.RULES,
)
