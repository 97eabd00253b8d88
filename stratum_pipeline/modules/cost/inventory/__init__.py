"""What is paid for, as AWS lists it: a file per service, and the prices."""

from . import account, backups, databases, instances, network, pricing, storage, volumes

COLLECTORS = (
    *instances.COLLECTORS,
    *volumes.COLLECTORS,
    *backups.COLLECTORS,
    *network.COLLECTORS,
    *storage.COLLECTORS,
    *databases.COLLECTORS,
    *account.COLLECTORS,
    *pricing.COLLECTORS,
)
