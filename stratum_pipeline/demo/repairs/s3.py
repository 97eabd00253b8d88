"""S3."""

import json
from typing import Any

from moto.core.responses import ActionResult
from moto.s3 import models as s3_models
from moto.s3 import notifications
from moto.s3 import responses as s3_responses
from moto.s3.responses import S3Response

moto_s3: Any = s3_responses
moto_policy_is_public: Any = moto_s3.bucket_policy_is_public


def apply() -> None:
    moto: Any = S3Response
    moto.all_buckets = list_buckets
    moto.get_bucket_encryption = get_bucket_encryption
    moto_s3.bucket_policy_is_public = policy_is_public
    # moto lets every account see every other's buckets.
    moto_models: Any = s3_models
    moto_models.s3_allow_crossdomain_access = lambda: False
    # It sends a first event at once, to topics that aren't there.
    moto_notifications: Any = notifications
    moto_notifications.send_test_event = send_nothing


def send_nothing(**_: Any) -> None:
    """In place of the test event."""


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


def get_bucket_encryption(self: Any) -> Any:
    """moto forgets the kinds of encryption that a bucket refuses."""
    self.data["Action"] = "GetBucketEncryption"
    rule = self.backend.get_bucket_encryption(self.bucket_name)["Rule"]
    found: dict[str, Any] = {
        "ApplyServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"],
        "BucketKeyEnabled": rule.get("BucketKeyEnabled") == "true",
    }
    if refused := rule.get("BlockedEncryptionTypes"):
        found["BlockedEncryptionTypes"] = {"EncryptionType": [refused["EncryptionType"]]}
    return self.serialized(ActionResult({"ServerSideEncryptionConfiguration": {"Rules": [found]}}))


def policy_is_public(policy: bytes | str) -> bool:
    """moto takes any condition for a restriction; one that holds for "*" restricts nobody."""
    document = json.loads(policy)
    for statement in document["Statement"]:
        if '"*"' in json.dumps(statement.get("Condition")):
            del statement["Condition"]
    return moto_policy_is_public(json.dumps(document))
