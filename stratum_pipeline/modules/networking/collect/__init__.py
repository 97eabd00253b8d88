"""Networks as AWS reports them: a few listings per region, each read once and shared."""

from . import balancers, connectivity, directconnect, firewall, groups, vpc

COLLECTORS = (
    *groups.COLLECTORS,
    *vpc.COLLECTORS,
    *connectivity.COLLECTORS,
    *directconnect.COLLECTORS,
    *balancers.COLLECTORS,
    *firewall.COLLECTORS,
)
