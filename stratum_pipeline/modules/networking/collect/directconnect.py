"""AWS Direct Connect: the lines, and the virtual interfaces over them."""

from collections.abc import Iterator

from stratum_pipeline.kernel.collect import Api, Collector

from ..inventory import DirectConnections, VirtualInterfaces
from .listing import Raw, among, row, unpaged

GONE = ("deleted", "deleting", "rejected")


def read_connections(dx: Api) -> Iterator[Raw]:
    ours = [
        line
        for line in among(unpaged(dx, "DescribeConnections", "connections", "nextToken"))
        if line.get("connectionState") not in GONE and _is_ours(dx, line)
    ]
    for line in ours:
        connection_id = line["connectionId"]
        yield row(dx, {}, f"dxcon/{connection_id}", "directconnect") | {
            "connection_id": connection_id,
            "state": line["connectionState"],
            "location": line.get("location", ""),
            "siblings": sorted(one["connectionId"] for one in ours),
            "locations": sorted({one.get("location", "") for one in ours}),
        }


def read_virtual_interfaces(dx: Api) -> Iterator[Raw]:
    # The answer holds BGP keys: nothing but what stands here is taken.
    found = [vif for vif in among(_listed(dx)) if _gateway(vif) and _is_ours(dx, vif)]
    for vif in found:
        gateway = _gateway(vif)
        siblings = _siblings(dx, gateway, found)
        yield row(dx, {}, f"dxvif/{vif['virtualInterfaceId']}", "directconnect") | {
            "interface_id": vif["virtualInterfaceId"],
            "state": vif["virtualInterfaceState"],
            "connection_id": vif.get("connectionId", ""),
            "gateway_id": gateway,
            "siblings": siblings and sorted(siblings),
            "connections": siblings and [siblings[one] for one in sorted(siblings)],
        }


def _listed(dx: Api) -> list[Raw] | None:
    found = unpaged(dx, "DescribeVirtualInterfaces", "virtualInterfaces", "nextToken")
    return found and [vif for vif in found if vif.get("virtualInterfaceState") not in GONE]


def _gateway(vif: Raw) -> str:
    return vif.get("directConnectGatewayId") or vif.get("virtualGatewayId") or ""


def _is_ours(dx: Api, raw: Raw) -> bool:
    return raw.get("ownerAccount", dx.account.account_id) == dx.account.account_id


def _siblings(dx: Api, gateway: str, near: list[Raw]) -> dict[str, str | None] | None:
    """Virtual interfaces to `gateway`, and the line of each; None where it can't be seen.

    A Direct Connect gateway has them in any region and of any account; a virtual private
    gateway in its own region alone.
    """
    lines: dict[str, str | None] = {
        vif["virtualInterfaceId"]: vif.get("connectionId")
        for vif in near
        if _gateway(vif) == gateway
    }
    if gateway.startswith("vgw-"):
        return lines
    attached = unpaged(
        dx,
        "DescribeDirectConnectGatewayAttachments",
        "directConnectGatewayAttachments",
        "nextToken",
        directConnectGatewayId=gateway,
    )
    if attached is None:
        return None
    for one in attached:
        vif_id, region = one["virtualInterfaceId"], one.get("virtualInterfaceRegion", dx.region)
        if vif_id not in lines and one.get("attachmentState") in ("attached", "attaching"):
            there = among(_listed(dx.on(region=region)))
            seen = {vif["virtualInterfaceId"]: vif.get("connectionId") for vif in there}
            lines[vif_id] = seen.get(vif_id)
    return lines


COLLECTORS = (
    Collector(DirectConnections, read_connections),
    Collector(VirtualInterfaces, read_virtual_interfaces),
)
