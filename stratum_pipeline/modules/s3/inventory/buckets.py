"""General purpose buckets."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import polars as pl

from stratum_pipeline.kernel.collect import Api, Reply
from stratum_pipeline.kernel.table import Column, Inventory, Resource, each
from stratum_pipeline.kernel.trust import ANYONE, with_strangers

from .. import derive
from . import account

GRANT = pl.Struct({"grantee": pl.String, "permission": pl.String})
REPLICA = pl.Struct({"bucket": pl.String, "account": pl.String})
ENFORCED = "BucketOwnerEnforced"
"""Object ownership under which ACLs are without effect."""

BUCKETS = "s3:ListBuckets"
BLOCK, POLICY, LOGGING = "s3:GetPublicAccessBlock", "s3:GetBucketPolicy", "s3:GetBucketLogging"
VERSIONING, ENCRYPTION = "s3:GetBucketVersioning", "s3:GetBucketEncryption"
REPLICATION, EVENTS = "s3:GetBucketReplication", "s3:GetBucketNotificationConfiguration"
EVENT_TARGETS = {
    "TopicConfigurations": "TopicArn",
    "QueueConfigurations": "QueueArn",
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
}


SITE = {"IndexDocument", "RedirectAllRequestsTo"}
BUS = "EventBridge"
Ask = Callable[..., Reply]


class Buckets(Resource, listed_by=BUCKETS, regional=False):
    """One row per general purpose bucket."""

    name = Column(pl.String, "Unique in the partition.", source=BUCKETS)
    blocks_acls = Column(
        pl.Boolean,
        "The bucket's own BlockPublicAcls; it and the three below are true, and not asked,"
        " where all four of the account's are on.",
        source=BLOCK,
    )
    ignores_acls = Column(pl.Boolean, "Its own IgnorePublicAcls.", source=BLOCK)
    blocks_policy = Column(pl.Boolean, "Its own BlockPublicPolicy.", source=BLOCK)
    restricts_policy = Column(pl.Boolean, "Its own RestrictPublicBuckets.", source=BLOCK)
    account_blocks_acls = Column(
        pl.Boolean, "The account's likewise.", source=account.ACCOUNT_BLOCK
    )
    account_ignores_acls = Column(
        pl.Boolean, "The account's likewise.", source=account.ACCOUNT_BLOCK
    )
    account_blocks_policy = Column(
        pl.Boolean, "The account's likewise.", source=account.ACCOUNT_BLOCK
    )
    account_restricts_policy = Column(
        pl.Boolean, "The account's likewise.", source=account.ACCOUNT_BLOCK
    )
    policy = Column(pl.String, 'Policy as JSON; "" if none.', source=POLICY)
    policy_status = Column(
        pl.String,
        'AWS\'s own verdict on the policy: public | not public; "", and not asked, where no'
        " statement allows everyone anything, conditions aside.",
        source="s3:GetBucketPolicyStatus",
    )
    ownership = Column(
        pl.String,
        'ObjectOwnership; "" if never set, which means ObjectWriter.',
        source="s3:GetBucketOwnershipControls",
    )
    grants = Column(
        pl.List(GRANT),
        "What the ACL grants to others than the owner, grantee a URI or canonical id; none"
        " (and not asked) where ownership is BucketOwnerEnforced.",
        source="s3:GetBucketAcl",
    )
    website = Column(
        pl.Boolean,
        "Whether it is served as a website; false, and not asked, where neither an ACL nor a"
        " statement of the policy could let anyone in.",
        source="s3:GetBucketWebsite",
    )
    versioning = Column(pl.String, "Enabled | Suspended | Disabled", source=VERSIONING)
    mfa_delete = Column(pl.Boolean, "Whether deleting a version takes MFA.", source=VERSIONING)
    object_lock = Column(
        pl.String,
        'GOVERNANCE | COMPLIANCE, the default retention; "on" without one; "" if off, as it is'
        " (and not asked) without versioning.",
        source="s3:GetObjectLockConfiguration",
    )
    replicas = Column(
        pl.List(REPLICA),
        "Where enabled replication rules copy to; account is the one that the rule names, else"
        ' this one if it has the bucket, else "". None (and not asked) without versioning.',
        source=REPLICATION,
    )
    lifecycle_rules = Column(
        pl.Int64, "Lifecycle rules that are enabled.", source="s3:GetBucketLifecycleConfiguration"
    )
    events_to = Column(
        pl.List(pl.String), 'ARNs that events go to, and "EventBridge" where on.', source=EVENTS
    )
    log_bucket = Column(pl.String, 'Where access logs go; "" if off.', source=LOGGING)
    log_bucket_exists = Column(
        pl.Boolean,
        "Whether the account has `log_bucket`, as S3 demands; false if there is none.",
        source=LOGGING,
    )
    encryption = Column(
        pl.String,
        'Default encryption: AES256 | aws:kms | aws:kms:dsse; "" if none.',
        source=ENCRYPTION,
    )
    key = Column(
        pl.String,
        'The KMS key of it, as it was given: an ARN, id or alias; or "".',
        source=ENCRYPTION,
    )
    blocked_encryption = Column(
        pl.List(pl.String), "Kinds of encryption it refuses: SSE-C.", source=ENCRYPTION
    )

    policy_public = Column(
        pl.Boolean, "Whether `policy` admits anyone.", source=POLICY, derived=True
    )
    public_write = Column(
        pl.Boolean, "Whether it lets anyone overwrite or delete.", source=POLICY, derived=True
    )
    enforces_tls = Column(
        pl.Boolean, "Whether it denies all plain-text requests.", source=POLICY, derived=True
    )
    refuses_customer_keys = Column(
        pl.Boolean, "Whether it denies everyone SSE-C.", source=POLICY, derived=True
    )
    trusts_services = Column(
        pl.Boolean, "Whether it admits a service acting for anyone.", source=POLICY, derived=True
    )
    receives_audit = Column(
        pl.Boolean, "Whether it lets CloudTrail or AWS Config deliver.", source=POLICY, derived=True
    )
    takes_uploads = Column(
        pl.Boolean, "Whether it lets another account put objects.", source=POLICY, derived=True
    )
    outsiders = Column(
        pl.List(pl.String), "Whom it admits that are not ours.", source=POLICY, derived=True
    )
    outside_masters = Column(
        pl.List(pl.String),
        "Those of them who may change who reaches the bucket, or how.",
        source=POLICY,
        derived=True,
    )
    outside_replicas = Column(
        pl.List(pl.String),
        "Accounts of `replicas` that are not ours.",
        source=REPLICATION,
        derived=True,
    )
    outside_events = Column(
        pl.List(pl.String),
        "Accounts of `events_to` that are not ours.",
        source=EVENTS,
        derived=True,
    )
    outside_key = Column(
        pl.List(pl.String), "Account of `key`, if it is not ours.", source=ENCRYPTION, derived=True
    )
    receives_logs = Column(
        pl.Boolean, "Whether another bucket's access logs go here.", source=LOGGING, derived=True
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        judged = raw.with_columns(
            *derive.judgements(raw["policy"]),
            replica_accounts=pl.col("replicas").list.eval(each("account")),
            keys=pl.concat_list("key"),
            receives_logs=derive.receives_logs(),
        )
        for listed, outside in OUTSIDE.items():
            judged = with_strangers(judged, inventory, listed, outside)
        # Where anyone may write, that is a finding of its own.
        known = pl.concat_list(pl.lit(ANYONE), "account_id")
        others = pl.col("uploaders").list.set_difference(known)
        return judged.with_columns(takes_uploads=others.list.len() > 0)


OUTSIDE = {
    "admits": "outsiders",
    "masters": "outside_masters",
    "replica_accounts": "outside_replicas",
    "events_to": "outside_events",
    "keys": "outside_key",
}
"""Columns that list accounts or ARNs: what those of them that are not ours are called."""


def read_buckets(s3: Api) -> Iterator[dict[str, Any]]:
    home, names = s3.account, account.own_names(s3)
    born = account.CREATION_REGION.get(home.partition)
    block = account.settings(account.account_block(s3), "account_")
    blocked = all(block.values())

    def describe(bucket: dict[str, Any]) -> dict[str, Any]:
        name, arn = bucket["Name"], f"arn:{home.partition}:s3:::{bucket['Name']}"

        def asking(region: str) -> Ask:
            # Whoever takes over the name of a bucket deleted meanwhile is not to be read.
            near = s3.on(region=region, about=arn)
            return partial(near.call, Bucket=name, ExpectedBucketOwner=home.account_id)

        region = bucket.get("BucketRegion") or _region(asking(s3.region)("GetBucketLocation"))
        ask = asking(region or s3.region)
        return {
            "arn": arn,
            "account_id": home.account_id,
            "region": region,
            "incarnation": bucket["CreationDate"].isoformat() if born else "",
            "name": name,
            **(dict.fromkeys(account.SETTINGS, True) if blocked else _block(ask)),
            **block,
            **_reach(ask),
            **_keeping(ask, home.account_id, names),
            **_logging(ask, names),
            "events_to": _events(ask("GetBucketNotificationConfiguration")),
            **_encryption(ask),
        }

    yield from s3.each(describe, account.own_buckets(s3))


def _block(ask: Ask) -> dict[str, bool | None]:
    return account.settings(ask("GetPublicAccessBlock", absent=account.NO_BLOCK))


def _reach(ask: Ask) -> dict[str, Any]:
    """Policy, ACL and website, the last two where they can have an effect."""
    policy = ask("GetBucketPolicy", absent=("NoSuchBucketPolicy",)).get("Policy", "")
    controls = ask("GetBucketOwnershipControls", absent=("OwnershipControlsNotFoundError",))
    ownership = _first(controls, "OwnershipControls.Rules").get("ObjectOwnership", "")
    wide = None if policy is None else derive.names_everyone(policy)
    site: bool | None = False
    if wide is not False or ownership != ENFORCED:
        body = ask("GetBucketWebsite", absent=("NoSuchWebsiteConfiguration",)).body
        site = None if body is None else not SITE.isdisjoint(body)
    status = None if wide is None else _status(ask("GetBucketPolicyStatus")) if wide else ""
    return {
        "policy": policy,
        "policy_status": status,
        "ownership": ownership,
        "grants": [] if ownership == ENFORCED else _grants(ask("GetBucketAcl")),
        "website": site,
    }


def _keeping(ask: Ask, account_id: str, names: set[str] | None) -> dict[str, Any]:
    """Versioning, what needs it, and what expires."""
    versions = ask("GetBucketVersioning")
    versioning, mfa = versions.get("Status", "Disabled"), versions.get("MFADelete", "Disabled")
    found: dict[str, Any] = {
        "versioning": versioning,
        "mfa_delete": None if mfa is None else mfa == "Enabled",
        "object_lock": "",
        "replicas": [],
    }
    if versioning in ("Enabled", None):
        lock = ask("GetObjectLockConfiguration", absent=("ObjectLockConfigurationNotFoundError",))
        enabled = lock.get("ObjectLockConfiguration.ObjectLockEnabled", "")
        mode = lock.get("ObjectLockConfiguration.Rule.DefaultRetention.Mode", "on")
        copies = ask("GetBucketReplication", absent=("ReplicationConfigurationNotFoundError",))
        found["object_lock"] = enabled and mode
        found["replicas"] = _replicas(copies, account_id, names)
    rules = ask("GetBucketLifecycleConfiguration", absent=("NoSuchLifecycleConfiguration",))
    listed: list[dict[str, Any]] | None = rules.get("Rules", [])
    enabled = None if listed is None else sum(rule["Status"] == "Enabled" for rule in listed)
    return found | {"lifecycle_rules": enabled}


def _replicas(
    copies: Reply, account_id: str, names: set[str] | None
) -> list[dict[str, str | None]] | None:
    rules: list[dict[str, Any]] | None = copies.get("ReplicationConfiguration.Rules", [])
    if rules is None:
        return None

    def owner(destination: dict[str, str]) -> str | None:
        if named := destination.get("Account"):
            return named
        bucket = destination["Bucket"].rpartition(":")[2]
        return None if names is None else account_id if bucket in names else ""

    enabled = [rule["Destination"] for rule in rules if rule["Status"] == "Enabled"]
    copied = {one["Bucket"]: owner(one) for one in enabled}
    return [{"bucket": bucket, "account": copied[bucket]} for bucket in sorted(copied)]


def _logging(ask: Ask, names: set[str] | None) -> dict[str, Any]:
    target: str | None = ask("GetBucketLogging").get("LoggingEnabled.TargetBucket", "")
    known = None if target is None or names is None else target in names
    return {"log_bucket": target, "log_bucket_exists": known if target != "" else False}


def _events(reply: Reply) -> list[str] | None:
    if reply.body is None:
        return None
    arns = {one[key] for kind, key in EVENT_TARGETS.items() for one in reply.body.get(kind, ())}
    return sorted(arns | ({BUS} if "EventBridgeConfiguration" in reply.body else set()))


def _encryption(ask: Ask) -> dict[str, Any]:
    crypto = ask("GetBucketEncryption", absent=("ServerSideEncryptionConfigurationNotFoundError",))
    default = _first(crypto, "ServerSideEncryptionConfiguration.Rules")
    return {
        "encryption": default.get("ApplyServerSideEncryptionByDefault.SSEAlgorithm", ""),
        "key": default.get("ApplyServerSideEncryptionByDefault.KMSMasterKeyID", ""),
        "blocked_encryption": default.get("BlockedEncryptionTypes.EncryptionType", []),
    }


def _region(location: Reply) -> str | None:
    name = location.get("LocationConstraint", "")
    return None if name is None else {"": "us-east-1", "EU": "eu-west-1"}.get(name, name)


def _first(reply: Reply, path: str) -> Reply:
    """The first item of a list that has one at most."""
    items: list[dict[str, Any]] | None = reply.get(path, [])
    return Reply(None if items is None else items[0] if items else {})


def _status(reply: Reply) -> str | None:
    public = reply.get("PolicyStatus.IsPublic", False)
    return None if public is None else "public" if public else "not public"


def _grants(acl: Reply) -> list[dict[str, str]] | None:
    grants: list[dict[str, Any]] | None = acl.get("Grants", [])
    if grants is None:
        return None
    owner = acl.get("Owner.ID", "")
    given = {
        (g["Grantee"].get("URI") or g["Grantee"].get("ID", ""), g["Permission"]) for g in grants
    }
    return [{"grantee": to, "permission": what} for to, what in sorted(given) if to != owner]
