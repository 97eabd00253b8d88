"""Who is in the demonstration organization.

No account has moto's default id (123456789012): a request that reached that account would
have lost its caller on the way, and would show.
"""

from collections.abc import Iterator
from dataclasses import dataclass

HOME, IRELAND, SYDNEY = REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2")
"""The regions that are enabled, in every account; the home region first."""

EXTERNAL_ID = "stratum-demo"
"""What the scan roles' trust demands of whoever assumes them."""

SCANNER_ROLE = "stratum-tooling"
"""The role, in the management account, that scans."""

MODULES = (
    *("iam", "s3", "networking"),
    *("compute", "rds", "dynamodb", "lambda", "config", "ssm", "cost"),
)
"""Each has its own role in each account: /stratum/scan-<module>."""


@dataclass(frozen=True)
class Account:
    """A member of the organization. `unit` is its path of organizational units, from the root."""

    name: str
    id: str
    unit: tuple[str, ...]
    environment: str
    owner: str
    criticality: str  # high | medium | low
    suspended: bool = False

    @property
    def email(self) -> str:
        return f"aws+{self.name}@acme.example"

    @property
    def tags(self) -> dict[str, str]:
        return {
            "environment": self.environment,
            "owner": self.owner,
            "criticality": self.criticality,
        }


MANAGEMENT = Account("management", "111122223333", (), "management", "platform", "high")
SECURITY = Account("security", "222233334444", ("Security",), "security", "security", "high")
PRODUCTION = Account(
    "production", "333344445555", ("Workloads", "Production"), "production", "orders", "high"
)
STAGING = Account(
    "staging", "444455556666", ("Workloads", "Staging"), "staging", "orders", "medium"
)
DATA = Account("data", "555566667777", ("Workloads", "Production"), "production", "data", "high")
SANDBOX = Account("sandbox", "666677778888", ("Sandbox",), "sandbox", "engineering", "low")
LEGACY = Account(
    "legacy", "777788889999", ("Suspended",), "production", "platform", "low", suspended=True
)

NAMED = (MANAGEMENT, SECURITY, PRODUCTION, STAGING, DATA, SANDBOX, LEGACY)


def roster(size: int | None = None) -> list[Account]:
    """The organization's accounts, `size` in all: those above, then generated sandboxes."""
    size = len(NAMED) if size is None else size
    if size < len(NAMED):
        raise ValueError(f"the organization has at least {len(NAMED)} accounts")
    return [*NAMED, *_sandboxes(size - len(NAMED))]


def _sandboxes(count: int) -> Iterator[Account]:
    for n in range(1, count + 1):
        yield Account(f"sandbox-{n:04}", f"9{n:011}", ("Sandbox",), "sandbox", "engineering", "low")
