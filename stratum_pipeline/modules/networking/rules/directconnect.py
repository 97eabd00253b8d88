"""What must hold of AWS Direct Connect."""

import polars as pl

from stratum_pipeline.kernel.rule import Rule, Severity

from ..inventory import DirectConnections, VirtualInterfaces

_lines = VirtualInterfaces.connections.list.drop_nulls().list.n_unique()
_unseen = VirtualInterfaces.connections.list.len() > (
    VirtualInterfaces.connections.list.drop_nulls().list.len()
)

single_location = Rule(
    id="networking.direct_connection.single_location",
    table=DirectConnections,
    # The region is at fault, not one line: the first of its lines speaks for all.
    when=DirectConnections.connection_id == DirectConnections.siblings.list.first(),
    fails=DirectConnections.locations.list.len() < 2,
    severity=Severity.MEDIUM,
    title="All Direct Connect connections of the region end at one location",
    rationale="A fault or maintenance at that site cuts the networks apart, however many lines"
    " end there.",
    remediation="Order a connection at a second location, or keep a VPN connection as backup.",
    console="Direct Connect > Connections > Create connection",
    cli="aws directconnect create-connection --region {region} --location <another-site>"
    " --bandwidth <bandwidth> --connection-name <name>",
    breaks="Nothing. A line is billed by the hour of its port, and by its carrier.",
    undo="Delete the new connection: `aws directconnect delete-connection --region {region}"
    " --connection-id <connection-id>`.",
    criteria=("A1.2",),
)

single_path = Rule(
    id="networking.virtual_interface.single_path",
    table=VirtualInterfaces,
    # The gateway is at fault: the first of its virtual interfaces speaks for all.
    when=VirtualInterfaces.interface_id == VirtualInterfaces.siblings.list.first(),
    fails=pl.when((_lines < 2) & _unseen).then(None).otherwise(_lines < 2),
    severity=Severity.MEDIUM,
    title="Gateway hangs on a single Direct Connect connection",
    rationale="When that line fails, all that the gateway serves loses its way to our premises.",
    remediation="Give the gateway a virtual interface on another connection, best at another"
    " location.",
    console="Direct Connect > Virtual interfaces > Create virtual interface > Gateway:"
    " {gateway_id}",
    cli="aws directconnect create-private-virtual-interface --region {region}"
    " --connection-id <another-connection>"
    " --new-private-virtual-interface file://interface.json",
    breaks="BGP may prefer the new path at once: set its preference first.",
    undo="Delete the new one: `aws directconnect delete-virtual-interface --region {region}"
    " --virtual-interface-id <interface-id>`.",
    root_cause=VirtualInterfaces.gateway_id,
    criteria=("A1.2",),
)

RULES = (single_location, single_path)
