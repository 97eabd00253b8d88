"""S3."""

import json
from typing import Any

from moto.core.responses import ActionResult
from moto.s3 import responses as s3_responses
from moto.s3.responses import S3Response

moto_s3: Any = s3_responses
moto_policy_is_public: Any = moto_s3.bucket_policy_is_public


def apply() -> None:
    moto: Any = S3Response
    moto.all_buckets = list_buckets
    moto_s3.bucket_policy_is_public = policy_is_public


def list_buckets(self: Any) -> Any:
    """moto knows no pages, and doesn't say in which region a bucket is."""
    self.data["Action"] = "ListBuckets"
    query = {name: self._get_param(name) for name in ("prefix", "bucket-region", "max-buckets")}
    found = self.backend.list_buckets(query["prefix"], query["bucket-region"], None)
    buckets = sorted(found, key=lambda bucket: bucket.name)
    token, size = self._get_param("continuation-token"), query["max-buckets"]
    start = int(token or 0)
    end = start + int(size or len(buckets))
    paged = token is not None or any(query.values())  # only then does AWS name the region
    return self.serialized(
        ActionResult(
            {
                "Owner": {"ID": self.current_account.rjust(64, "0")},
                "Buckets": [
                    {"Name": bucket.name, "CreationDate": bucket.creation_date_ISO8601}
                    | ({"BucketRegion": bucket.region_name} if paged else {})
                    for bucket in buckets[start:end]
                ],
            }
            | ({"Prefix": query["prefix"]} if query["prefix"] else {})
            | ({"ContinuationToken": str(end)} if end < len(buckets) else {})
        )
    )


def policy_is_public(policy: bytes | str) -> bool:
    """moto takes any condition for a restriction; one that holds for "*" restricts nobody."""
    document = json.loads(policy)
    for statement in document["Statement"]:
        if '"*"' in json.dumps(statement.get("Condition")):
            del statement["Condition"]
    return moto_policy_is_public(json.dumps(document))
