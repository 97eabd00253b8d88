"""What must hold of networks, a file per service."""

from . import balancers, connectivity, directconnect, firewall, groups, vpc

RULES = (
    *groups.RULES,
    *vpc.RULES,
    *connectivity.RULES,
    *directconnect.RULES,
    *balancers.RULES,
    *firewall.RULES,
)
