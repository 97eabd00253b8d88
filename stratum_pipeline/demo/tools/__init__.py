"""Tools to furnish an account of the emulated organization.

What they make is configured correctly unless told otherwise, so that `estate` reads as a
list of exceptions. Every call goes through boto3 to moto, in this process.
"""

from dataclasses import dataclass
from typing import Any

from ..accounts import Account
from .identity import Identity
from .network import Network
from .storage import Storage


@dataclass(frozen=True)
class Workshop:
    """The tools, in one account.

    `names` gathers, by account, the ids that AWS draws, under our names for the resources.
    """

    account: Account
    organization_id: str
    names: dict[str, dict[str, str]]

    @property
    def iam(self) -> Identity:
        return Identity(self.account)

    @property
    def s3(self) -> Storage:
        return Storage(self.account)

    def network(self, name: str, region: str, logs: str = "kept", **options: Any) -> Network:
        """A new VPC; see `Network.build`."""
        return Network.build(self.account, self._mine, name, region, logs, **options)

    def known_network(self, name: str, region: str) -> Network:
        """A VPC that `network` made before."""
        return Network.known(self.account, self._mine, name, region)

    def default_network(self, region: str) -> Network:
        """The region's default VPC, which accounts here start without."""
        return Network.default(self.account, self._mine, region)

    @property
    def _mine(self) -> dict[str, str]:
        return self.names.setdefault(self.account.name, {})


__all__ = ["Identity", "Network", "Storage", "Workshop"]
