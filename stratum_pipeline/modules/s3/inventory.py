"""S3 buckets, and the account's own public access block, as AWS reports them."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import polars as pl

from stratum_pipeline.kernel.collect import Api, Collector, Reply
from stratum_pipeline.kernel.policy import with_policy
from stratum_pipeline.kernel.table import Column, Inventory, Resource, setting_arn

from .derive import enforces_tls, public_write, receives_logs, trusts_services

GRANT = pl.Struct({"grantee": pl.String, "permission": pl.String})
ENFORCED = "BucketOwnerEnforced"
"""Object ownership under which ACLs are without effect."""

SETTINGS = {
    "blocks_acls": "BlockPublicAcls",
    "ignores_acls": "IgnorePublicAcls",
    "blocks_policy": "BlockPublicPolicy",
    "restricts_policy": "RestrictPublicBuckets",
}
"""The four settings of a public access block: our name, AWS's name."""

BUCKETS = "s3:ListBuckets"
BLOCK, ACCOUNT_BLOCK = "s3:GetPublicAccessBlock", "s3control:GetPublicAccessBlock"
LOGGING, POLICY = "s3:GetBucketLogging", "s3:GetBucketPolicy"


class AccountSettings(Resource, listed_by=ACCOUNT_BLOCK, regional=False):
    """One row per account: its public access block, an organization's S3 policy included."""

    blocks_acls = Column(pl.Boolean, "BlockPublicAcls.", source=ACCOUNT_BLOCK)
    ignores_acls = Column(pl.Boolean, "IgnorePublicAcls.", source=ACCOUNT_BLOCK)
    blocks_policy = Column(pl.Boolean, "BlockPublicPolicy.", source=ACCOUNT_BLOCK)
    restricts_policy = Column(pl.Boolean, "RestrictPublicBuckets.", source=ACCOUNT_BLOCK)


class Buckets(Resource, listed_by=BUCKETS, regional=False):
    """One row per general purpose bucket."""

    name = Column(pl.String, "Unique in the partition.", source=BUCKETS)
    blocks_acls = Column(pl.Boolean, "The bucket's own BlockPublicAcls.", source=BLOCK)
    ignores_acls = Column(pl.Boolean, "The bucket's own IgnorePublicAcls.", source=BLOCK)
    blocks_policy = Column(pl.Boolean, "The bucket's own BlockPublicPolicy.", source=BLOCK)
    restricts_policy = Column(pl.Boolean, "The bucket's own RestrictPublicBuckets.", source=BLOCK)
    account_blocks_acls = Column(pl.Boolean, "The account's likewise.", source=ACCOUNT_BLOCK)
    account_ignores_acls = Column(pl.Boolean, "The account's likewise.", source=ACCOUNT_BLOCK)
    account_blocks_policy = Column(pl.Boolean, "The account's likewise.", source=ACCOUNT_BLOCK)
    account_restricts_policy = Column(pl.Boolean, "The account's likewise.", source=ACCOUNT_BLOCK)
    policy = Column(pl.String, 'Policy as JSON; "" if none.', source=POLICY)
    policy_status = Column(
        pl.String,
        'AWS\'s own verdict on the policy: public | not public; "" if none.',
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
    versioning = Column(
        pl.String, "Enabled | Suspended | Disabled", source="s3:GetBucketVersioning"
    )
    log_bucket = Column(pl.String, 'Where access logs go; "" if off.', source=LOGGING)
    encryption = Column(
        pl.String,
        'Default encryption: AES256 | aws:kms | aws:kms:dsse; "" if none.',
        source="s3:GetBucketEncryption",
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
    trusts_services = Column(
        pl.Boolean, "Whether it admits a service acting for anyone.", source=POLICY, derived=True
    )
    receives_logs = Column(
        pl.Boolean, "Whether another bucket's access logs go here.", source=LOGGING, derived=True
    )

    @classmethod
    def derive(cls, raw: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
        # The kernel reads NotPrincipal as everyone: right of an Allow, too much of a Deny.
        named = pl.col("policy").str.replace_all('"NotPrincipal"', '"Principal"', literal=True)
        denies = with_policy(raw.select(named), enforces_tls=enforces_tls)
        judged = with_policy(raw, public_write=public_write, trusts_services=trusts_services)
        return judged.with_columns(denies["enforces_tls"], receives_logs=receives_logs())


NO_BLOCK = ("NoSuchPublicAccessBlockConfiguration",)
PAGE = {"PageSize": 1000}  # AWS names each bucket's region only when the request is paginated
# A bucket's creation date is true only here; elsewhere it moves with every change of the
# bucket's settings (github.com/aws/aws-cli/issues/3597). Other partitions have no such place.
CREATION_REGION = {"aws": "us-east-1"}


def read_account(s3control: Api) -> Iterator[dict[str, Any]]:
    account = s3control.account
    yield {
        "arn": setting_arn(account.partition, "s3", "", account.account_id, "public-access-block"),
        "account_id": account.account_id,
        "region": "",
        "incarnation": "",
        **_settings(_account_block(s3control)),
    }


def read_buckets(s3: Api) -> Iterator[dict[str, Any]]:
    account = s3.account
    born_in = CREATION_REGION.get(account.partition)
    shared = _settings(_account_block(s3), "account_")

    def describe(bucket: dict[str, Any]) -> dict[str, Any]:
        name, arn = bucket["Name"], f"arn:{account.partition}:s3:::{bucket['Name']}"

        def asking(region: str) -> Callable[..., Reply]:
            # Whoever takes over the name of a bucket deleted meanwhile is not to be read.
            home = s3.on(region=region, about=arn)
            return partial(home.call, Bucket=name, ExpectedBucketOwner=account.account_id)

        region = bucket.get("BucketRegion") or _region(asking(s3.region)("GetBucketLocation"))
        ask = asking(region or s3.region)
        policy = ask("GetBucketPolicy", absent=("NoSuchBucketPolicy",)).get("Policy", "")
        controls = ask("GetBucketOwnershipControls", absent=("OwnershipControlsNotFoundError",))
        ownership = _first(controls, "OwnershipControls.Rules").get("ObjectOwnership", "")
        crypto = ask(
            "GetBucketEncryption", absent=("ServerSideEncryptionConfigurationNotFoundError",)
        )
        default = _first(crypto, "ServerSideEncryptionConfiguration.Rules")
        return {
            "arn": arn,
            "account_id": account.account_id,
            "region": region,
            "incarnation": bucket["CreationDate"].isoformat() if born_in else "",
            "name": name,
            **_settings(ask("GetPublicAccessBlock", absent=NO_BLOCK)),
            **shared,
            "policy": policy,
            "policy_status": policy and _status(ask("GetBucketPolicyStatus")),
            "ownership": ownership,
            "grants": [] if ownership == ENFORCED else _grants(ask("GetBucketAcl")),
            "versioning": ask("GetBucketVersioning").get("Status", "Disabled"),
            "log_bucket": ask("GetBucketLogging").get("LoggingEnabled.TargetBucket", ""),
            "encryption": default.get("ApplyServerSideEncryptionByDefault.SSEAlgorithm", ""),
        }

    listing = s3.on(region=born_in or s3.region)
    yield from s3.each(describe, listing.pages("ListBuckets", "Buckets", PaginationConfig=PAGE))


def _account_block(api: Api) -> Reply:
    """The account's public access block, asked once for both tables."""

    def ask() -> list[dict[str, Any]] | None:
        control = api.on(service="s3control", about="")
        reply = control.call(
            "GetPublicAccessBlock", AccountId=control.account.account_id, absent=NO_BLOCK
        )
        return None if reply.body is None else [reply.body]

    found = api.account.once((ACCOUNT_BLOCK,), ask)
    return Reply(None if found is None else found[0])


def _settings(block: Reply, prefix: str = "") -> dict[str, bool | None]:
    return {
        f"{prefix}{ours}": block.get(f"PublicAccessBlockConfiguration.{theirs}", False)
        for ours, theirs in SETTINGS.items()
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


COLLECTORS = (
    Collector(AccountSettings, read_account),
    Collector(Buckets, read_buckets, calls=("s3:GetBucketLocation",)),
)
