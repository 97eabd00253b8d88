"""S3: the buckets of one account."""

from dataclasses import dataclass

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
        # S3 delivers no logs to a bucket encrypted with a KMS key.
        self.bucket("logs", *deliveries, logs=False, kms=False)

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
        ownership: str = "BucketOwnerEnforced",
        acl: str = "private",
    ) -> None:
        """The bucket acme-<account>-<name>; `statements` join the one that demands TLS."""
        s3, prefix = api(self.account, "s3", region), f"acme-{self.account.name}"
        bucket = f"{prefix}-{name}"
        where = {} if region == HOME else {"LocationConstraint": region}
        s3.create_bucket(
            Bucket=bucket,
            ObjectOwnership=ownership,
            ACL=acl,
            **({"CreateBucketConfiguration": where} if where else {}),
        )
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
        s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={"Rules": [_encryption(self.account, kms)]},
        )
        if versions:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        if logs:
            target = {"TargetBucket": f"{prefix}-logs", "TargetPrefix": f"{name}/"}
            s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": target})
        contents = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        said = [*statements, OVER_TLS] if tls_only else list(statements)
        if said:
            s3.put_bucket_policy(
                Bucket=bucket, Policy=policy(*({"Resource": contents, **s} for s in said))
            )


def _encryption(account: Account, kms: bool) -> Json:
    key = f"arn:aws:kms:{HOME}:{account.id}:alias/storage"
    by = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key} if kms else {"SSEAlgorithm": "AES256"}
    return {"ApplyServerSideEncryptionByDefault": by, "BucketKeyEnabled": kms}
