"""AWS Direct Connect: the lines, and the virtual interfaces over them."""

import polars as pl

from stratum_pipeline.kernel.table import Column, Resource

LINES = "directconnect:DescribeConnections"
VIFS = "directconnect:DescribeVirtualInterfaces"
ATTACHED = "directconnect:DescribeDirectConnectGatewayAttachments"


class DirectConnections(Resource, listed_by=LINES):
    """One row per Direct Connect connection."""

    connection_id = Column(pl.String, '"dxcon-..."', source=LINES)
    state = Column(pl.String, "available | down | ordering | ...", source=LINES)
    location = Column(pl.String, 'Code of the site: "EqDC2".', source=LINES)
    siblings = Column(
        pl.List(pl.String),
        "Ids of all connections of the region that are not deleted, itself included, sorted.",
        source=LINES,
    )
    locations = Column(pl.List(pl.String), "Sites of `siblings`, each once.", source=LINES)


class VirtualInterfaces(Resource, listed_by=VIFS):
    """One row per private or transit virtual interface; its BGP keys are never kept."""

    interface_id = Column(pl.String, '"dxvif-..."', source=VIFS)
    state = Column(pl.String, "available | down | pending | ...", source=VIFS)
    connection_id = Column(pl.String, "The line it runs over.", source=VIFS)
    gateway_id = Column(
        pl.String, "Virtual private gateway, or Direct Connect gateway, it leads to.", source=VIFS
    )
    siblings = Column(
        pl.List(pl.String),
        "Ids of all virtual interfaces to the same gateway, itself included, sorted.",
        source=ATTACHED,
    )
    connections = Column(
        pl.List(pl.String), "The lines of `siblings`; null, not ours to see.", source=ATTACHED
    )
