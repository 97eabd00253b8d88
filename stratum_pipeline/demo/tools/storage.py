"""S3: the buckets of one account."""

from dataclasses import dataclass, replace
from typing import Any

from moto.s3.models import s3_backends

from ..accounts import HOME, Account
from .core import Json, api, policy

BLOCKED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
ACLS_BLOCKED = BLOCKED | {"BlockPublicPolicy": False, "RestrictPublicBuckets": False}
UNBLOCKED = dict.fromkeys(BLOCKED, False)

RETENTION: dict[str, Json] = {
    mode: {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": mode, "Days": 30}},
    }
    for mode in ("GOVERNANCE", "COMPLIANCE")
}
TIDY: Json = {
    "ID": "tidy",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
}

OVER_TLS: Json = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


@dataclass(frozen=True)
class Storage:
    account: Account

    def block_public_access(self, block: dict[str, bool] = BLOCKED) -> None:
        api(self.account, "s3control").put_public_access_block(
            AccountId=self.account.id, PublicAccessBlockConfiguration=block
        )

    def remove_public_access_block(self) -> None:
        api(self.account, "s3control").delete_public_access_block(AccountId=self.account.id)

    def log_bucket(self) -> None:
        """Where the access logs of the other buckets and the flow logs go."""
        deliveries = [
            {
                "Principal": {"Service": service},
                "Action": "s3:PutObject",
                "Resource": f"arn:aws:s3:::acme-{self.account.name}-logs/*",
                "Condition": {"StringEquals": {"aws:SourceAccount": self.account.id}},
            }
            for service in ("logging.s3.amazonaws.com", "delivery.logs.amazonaws.com")
        ]
        # S3 delivers no logs to a bucket with a KMS key, or with a default retention.
        self.bucket("logs", *deliveries, logs=False, kms=False, lock="on")

    def bucket(
        self,
        name: str,
        *statements: Json,
        region: str = HOME,
        block: dict[str, bool] = BLOCKED,
        versions: bool = True,
        logs: bool = True,
        tls_only: bool = True,
        kms: bool = True,
        key: str = "",
        customer_keys: bool = False,
        lock: str = "GOVERNANCE",
        expires: bool = True,
        ownership: str = "BucketOwnerEnforced",
        acl: str = "private",
    ) -> None:
        """The bucket acme-<account>-<name>; `statements` join the one that demands TLS.

        lock: the mode of the default retention; "on" is a lock without one, "" is no lock.
        key: another KMS key than the account's own.
        """
        s3, prefix = api(self.account, "s3", region), f"acme-{self.account.name}"
        bucket = f"{prefix}-{name}"
        where = {} if region == HOME else {"LocationConstraint": region}
        s3.create_bucket(
            Bucket=bucket,
            ObjectOwnership=ownership,
            ACL=acl,
            ObjectLockEnabledForBucket=versions and bool(lock),
            **({"CreateBucketConfiguration": where} if where else {}),
        )
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
        s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [_encryption(self.account, kms, key, customer_keys)]
            },
        )
        if versions and lock in RETENTION:
            s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=RETENTION[lock])
        if versions and not lock:  # which versioning comes with
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        if expires:
            s3.put_bucket_lifecycle_configuration(
                Bucket=bucket, LifecycleConfiguration={"Rules": [TIDY]}
            )
        if logs:
            target = {"TargetBucket": f"{prefix}-logs", "TargetPrefix": f"{name}/"}
            s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": target})
        contents = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        said = [*statements, OVER_TLS] if tls_only else list(statements)
        if said:
            s3.put_bucket_policy(
                Bucket=bucket, Policy=policy(*({"Resource": contents, **s} for s in said))
            )

    def replicate(self, name: str, rule: Json, region: str = HOME) -> None:
        """`rule` is the destination: {"Bucket": ARN, "Account": id}."""
        api(self.account, "s3", region).put_bucket_replication(
            Bucket=self._named(name),
            ReplicationConfiguration={
                "Role": f"arn:aws:iam::{self.account.id}:role/replication",
                "Rules": [
                    {
                        "ID": "copy",
                        "Priority": 1,
                        "Status": "Enabled",
                        "Filter": {"Prefix": ""},
                        "DeleteMarkerReplication": {"Status": "Disabled"},
                        "Destination": rule,
                    }
                ],
            },
        )

    def grant_read(self, name: str, canonical_id: str) -> None:
        """By the bucket's ACL."""
        api(self.account, "s3").put_bucket_acl(
            Bucket=self._named(name), GrantRead=f"id={canonical_id}"
        )

    def website(self, name: str) -> None:
        api(self.account, "s3").put_bucket_website(
            Bucket=self._named(name),
            WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}},
        )

    def notify(self, name: str, topic_arn: str) -> None:
        """Announce new objects to a topic, which moto asks nothing about."""
        topic = {"Id": "new", "TopicArn": topic_arn, "Events": ["s3:ObjectCreated:*"]}
        api(self.account, "s3").put_bucket_notification_configuration(
            Bucket=self._named(name), NotificationConfiguration={"TopicConfigurations": [topic]}
        )

    def lose_log_bucket(self, name: str) -> None:
        """As if the bucket that `name` logs to had been deleted since."""
        backend: Any = s3_backends[self.account.id]["aws"]
        backend.buckets[self._named(name)].logging["TargetBucket"] = self._named("old-logs")

    def access_point(
        self, name: str, bucket: str, statement: Json | None = None, *, blocked: bool = True
    ) -> None:
        """The access point <name>, of acme-<account>-<bucket>."""
        control, arn = api(self.account, "s3control"), f"arn:aws:s3:{HOME}:{self.account.id}"
        control.create_access_point(
            AccountId=self.account.id,
            Name=name,
            Bucket=self._named(bucket),
            PublicAccessBlockConfiguration=BLOCKED if blocked else UNBLOCKED,
        )
        if statement:
            said = policy({"Resource": f"{arn}:accesspoint/{name}/object/*"} | statement)
            control.put_access_point_policy(AccountId=self.account.id, Name=name, Policy=said)

    def wide_access_point(
        self, name: str, bucket: str, statement: Json | None = None, *, blocked: bool = True
    ) -> str:
        """Alias of a new multi-Region access point <name>, of acme-<account>-<bucket>."""
        control, mine = api(self.account, "s3control"), {"AccountId": self.account.id}
        control.create_multi_region_access_point(
            **mine,
            ClientToken=name,
            Details={
                "Name": name,
                "PublicAccessBlock": BLOCKED if blocked else UNBLOCKED,
                "Regions": [{"Bucket": self._named(bucket)}],
            },
        )
        made = control.get_multi_region_access_point(**mine, Name=name)["AccessPoint"]["Alias"]
        if statement:
            resource = f"arn:aws:s3::{self.account.id}:accesspoint/{made}/object/*"
            control.put_multi_region_access_point_policy(
                **mine,
                ClientToken=name,
                Details={"Name": name, "Policy": policy({"Resource": resource} | statement)},
            )
        return made

    def take_name(self, holder: str, bucket: str, region: str) -> None:
        """Have the account `holder`, which is not ours, create `bucket` before us."""
        other = replace(self.account, id=holder)
        where = {"LocationConstraint": region}
        api(other, "s3", region).create_bucket(Bucket=bucket, CreateBucketConfiguration=where)

    def _named(self, name: str) -> str:
        return f"acme-{self.account.name}-{name}"


def _encryption(account: Account, kms: bool, key: str, customer_keys: bool) -> Json:
    key = key or f"arn:aws:kms:{HOME}:{account.id}:alias/storage"
    by = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key} if kms else {"SSEAlgorithm": "AES256"}
    refused = {} if customer_keys else {"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}
    return {"ApplyServerSideEncryptionByDefault": by, "BucketKeyEnabled": kms, **refused}
