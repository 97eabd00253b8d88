"""AWS Direct Connect."""

from typing import Any

from moto.core.responses import ActionResult
from moto.directconnect.models import Connection
from moto.directconnect.responses import DirectConnectResponse
from moto.moto_api._internal import mock_random

VIRTUAL_INTERFACES: dict[tuple[str, str], list[dict[str, Any]]] = {}
"""Virtual interfaces, of which moto knows nothing, by account and region."""


def apply() -> None:
    connection: Any = Connection
    connection.__post_init__ = draw_id
    responses: Any = DirectConnectResponse
    responses.describe_virtual_interfaces = describe_virtual_interfaces


def draw_id(self: Any) -> None:
    """moto takes a name and the time of day for an id."""
    self.connection_id = f"dxcon-{mock_random.get_random_hex(8)}"


def describe_virtual_interfaces(self: Any) -> ActionResult:
    found = VIRTUAL_INTERFACES.get((self.current_account, self.region), [])
    return ActionResult({"virtualInterfaces": found})
