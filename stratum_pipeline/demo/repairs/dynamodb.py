"""DynamoDB."""

import uuid
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

moto_describe: Any = Table.describe
moto_get_resource_policy: Any = DynamoDBBackend.get_resource_policy


def apply() -> None:
    moto: Any = Table
    moto.describe = describe
    moto.status, moto.replicas = "ACTIVE", ()
    moto = DynamoDBBackend
    moto.get_resource_policy = get_resource_policy


def describe(self: Any, base_key: str = "TableDescription") -> dict[str, Any]:
    """moto's tables have no id, are always active, and are replicated nowhere."""
    found = moto_describe(self, base_key)
    found[base_key] |= {
        "TableId": str(uuid.uuid5(uuid.NAMESPACE_URL, self.table_arn)),
        "TableStatus": self.status,
        "Replicas": [*self.replicas],
    }
    return found


def get_resource_policy(self: Any, resource_arn: str) -> Any:
    """moto takes the label of a stream for the name of a table, and finds none."""
    table, stream, _ = resource_arn.partition("/stream/")
    if stream and resource_arn in self.resource_policies:
        return self.resource_policies[resource_arn]
    return moto_get_resource_policy(self, table)
