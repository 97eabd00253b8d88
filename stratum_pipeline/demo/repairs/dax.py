"""DynamoDB Accelerator."""

from typing import Any

from moto.dax.models import DaxCluster
from moto.moto_api import state_manager

ZONES = "abc"

moto_create_new_node: Any = DaxCluster._create_new_node  # pyright: ignore[reportPrivateUsage]


def apply() -> None:
    moto: Any = DaxCluster
    moto._create_new_node = create_new_node
    state_manager.set_transition("dax::cluster", {"progression": "immediate"})


def create_new_node(self: Any, index: int) -> Any:
    """moto puts all nodes of a cluster into one zone; AWS spreads them."""
    node = moto_create_new_node(self, index)
    node.availability_zone = node.availability_zone[:-1] + ZONES[index % len(ZONES)]
    return node
