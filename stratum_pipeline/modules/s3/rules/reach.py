"""Who can reach a bucket, or its account's buckets, that should not."""

from functools import reduce
from operator import and_

import polars as pl

from stratum_pipeline.kernel.rule import ALWAYS, Rule, Severity
from stratum_pipeline.kernel.table import each, some

from ..inventory import ENFORCED, SETTINGS, AccountSettings, Buckets, ReservedNames
from .words import (
    ALL_ON,
    BLOCK_BUCKET,
    BLOCK_EDITOR,
    OWNERSHIP_EDITOR,
    POLICY_EDITOR,
    PUT_OWNERSHIP,
    PUT_POLICY,
    UNDO_BLOCK,
    UNDO_OWNERSHIP,
    UNDO_POLICY,
)

EVERYONE = [
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",  # of any AWS account
]
GROUPS = "http://acs.amazonaws.com/groups/"
# CloudFront's own, by which it delivers access logs.
CLOUDFRONT = "c4c1ede66af53448b93c283ce9448c4ba468c9432aa01d700d3878632f77d2d0"
ACL_EDITOR = "S3 > Buckets > {name} > Permissions > Access control list (ACL) > Edit"
PRIVATE_ACL = "aws s3api put-bucket-acl --bucket {name} --acl private"
UNDO_ACL = (
    "Keep the ACL as it is now (`aws s3api get-bucket-acl --bucket {name}`) and put that back."
)

account_public_access_block = Rule(
    id="s3.account.public_access_block",
    table=AccountSettings,
    fails=~reduce(and_, map(pl.col, SETTINGS)),
    severity=Severity.HIGH,
    title="Account does not block public access to S3",
    rationale="One wrong policy or ACL on any bucket or access point of the account, present or"
    " future, is enough to publish its data.",
    remediation="Turn on all four settings for the account, once nothing in it must be public;"
    " move what must be to an account of its own, or behind CloudFront.",
    console="S3 > Block Public Access settings for this account > Edit > Block all public access",
    cli="aws s3control put-public-access-block --account-id {account_id}"
    f" --public-access-block-configuration {ALL_ON}",
    breaks="Everything in the account that is public on purpose, websites and downloads among it,"
    " answers 403 within minutes; a policy that admits everyone also stops admitting the other"
    " accounts that it names.",
    undo="Put the earlier settings back, which `aws s3control get-public-access-block"
    " --account-id {account_id}` shows before the change.",
    criteria=("CC6.1", "CC6.6"),
)

reserved_names = Rule(
    id="s3.region.reserved_names",
    table=ReservedNames,
    fails=some(ReservedNames.taken, pl.element() != ""),
    severity=Severity.HIGH,
    title="Another account holds a bucket name that this account's services would use",
    rationale="Glue, SageMaker, EMR Studio and the CDK make the names of their buckets from the"
    " account's id and the region. Somebody took such a name: what the service stores there, code"
    " that it later runs included, would be theirs to read and to replace.",
    remediation="Don't use the service in this region with its default bucket: name a bucket of"
    " your own to it (for the CDK: bootstrap with another qualifier), deny writing to buckets"
    " that are not yours (s3:ResourceAccount), and have AWS Support look into the name.",
    console="S3 > Buckets: the names under `taken` are not among them",
    cli="aws s3api get-bucket-location --bucket NAME --expected-bucket-owner {account_id}",
    breaks="Jobs and deployments that rely on the default bucket fail until they are given"
    " another.",
    undo="Remove the condition on s3:ResourceAccount again.",
    criteria=("CC6.1", "CC6.6"),
)

public_policy = Rule(
    id="s3.bucket.public_policy",
    table=Buckets,
    # `public_write` implies `policy_public`: it is named for the evidence.
    fails=(Buckets.policy_public | Buckets.public_write)
    & ~(Buckets.restricts_policy | Buckets.account_restricts_policy),
    severity=Severity.CRITICAL,
    exposed=ALWAYS,
    title="Bucket policy admits anyone",
    rationale="What the policy allows to everyone needs no credentials, from anywhere on the"
    " internet; where it allows writing, anyone can also replace or delete objects.",
    remediation="Turn on RestrictPublicBuckets, which cuts off the public at once, then narrow"
    " the policy's principals; serve what must be public through CloudFront.",
    # AWS's own verdict is evidence, and none of ours: so it stands here and not in `fails`.
    console=POLICY_EDITOR + " (AWS calls it: {policy_status})",
    cli=BLOCK_BUCKET,
    breaks="Whoever reads the bucket without credentials is refused at once, and with them the"
    " other accounts that the public policy names.",
    undo=UNDO_BLOCK,
    criteria=("CC6.1", "CC6.6"),
)

_acls_count = (Buckets.ownership != ENFORCED) & ~(
    Buckets.ignores_acls | Buckets.account_ignores_acls
)

public_acl = Rule(
    id="s3.bucket.public_acl",
    table=Buckets,
    fails=some(Buckets.grants, each("grantee").is_in(EVERYONE)) & _acls_count,
    severity=Severity.CRITICAL,
    exposed=ALWAYS,
    title="Bucket ACL grants access to everyone",
    rationale="The grant lets anyone, or anyone with an AWS account of their own, list the bucket,"
    " write to it or change its ACL, whatever the bucket policy allows.",
    remediation="Turn on IgnorePublicAcls or reset the ACL to private, then disable ACLs with"
    " object ownership BucketOwnerEnforced; ACLs of single objects lose their effect with it.",
    console=ACL_EDITOR,
    cli=PRIVATE_ACL,
    breaks="Whoever lists or writes by the grant is refused; the ACL's other grants go as well.",
    undo=UNDO_ACL,
    criteria=("CC6.1", "CC6.6"),
)

_public = public_policy.fails | public_acl.fails

object_acls = Rule(
    id="s3.bucket.object_acls",
    table=Buckets,
    # Where the bucket is public already, that is the finding: the same settings end both.
    when=~_public,
    fails=_acls_count,
    severity=Severity.MEDIUM,
    title="Single objects of the bucket may be public",
    rationale="ACLs are in effect and public ones are not ignored, so whoever may write an object"
    " may publish it, and some may be public now. Which is not looked at: it would take reading"
    " the names and ACLs of all objects.",
    remediation="Turn on IgnorePublicAcls, which ends whatever is public by an ACL; then disable"
    " ACLs with object ownership BucketOwnerEnforced.",
    console=BLOCK_EDITOR,
    cli=BLOCK_BUCKET,
    breaks="Links to objects that are public by their ACL answer 403, and uploads that ask for a"
    " public ACL fail.",
    undo=UNDO_BLOCK,
    criteria=("CC6.1", "CC6.6"),
)

_blocked = [pl.col(setting) | pl.col(f"account_{setting}") for setting in SETTINGS]

public_access_block = Rule(
    id="s3.bucket.public_access_block",
    version=2,
    table=Buckets,
    when=~(_public | object_acls.fails),  # which the same settings end
    fails=~reduce(and_, _blocked),
    severity=Severity.MEDIUM,
    title="Bucket could be made public",
    rationale="Neither the bucket nor its account has every setting of Block Public Access on,"
    " so a mistake in a policy or an ACL can publish the bucket or an object in it.",
    remediation="Turn on all four settings, for the bucket or for the whole account.",
    console=BLOCK_EDITOR,
    cli=BLOCK_BUCKET,
    breaks="Nothing is public now, so nobody is cut off; putting a public policy or ACL fails"
    " from then on.",
    undo=UNDO_BLOCK,
    criteria=("CC6.1", "CC6.6"),
)

outside_control = Rule(
    id="s3.bucket.outside_control",
    table=Buckets,
    fails=Buckets.outside_masters.list.len() > 0,
    severity=Severity.HIGH,
    title="Bucket policy gives an account outside the organization control of the bucket",
    rationale="It may change the policy, the ACL, encryption, replication, versioning or what"
    " expires: with that it can let others in, copy the data away or destroy it, and lock you out.",
    remediation="Allow those accounts the few data actions they need, on the prefix they need,"
    " and no s3:* or s3:Put*; remove whom you do not know.",
    console=POLICY_EDITOR,
    cli=PUT_POLICY,
    breaks="What those accounts do to the bucket's settings from outside fails.",
    undo=UNDO_POLICY,
    criteria=("CC6.1", "CC6.3"),
)

outside_access = Rule(
    id="s3.bucket.outside_access",
    table=Buckets,
    when=Buckets.outside_masters.list.len() == 0,  # the graver finding on the same policy
    fails=Buckets.outsiders.list.len() > 0,
    severity=Severity.MEDIUM,
    title="Bucket policy admits an account outside the organization",
    rationale="Who can act for that account is decided there, not here, and nothing in this"
    " organization records or limits it. Accounts by which AWS itself delivers logs don't count.",
    remediation="Check with the bucket's owner that each account under `outsiders` is a partner"
    " of today; name roles instead of whole accounts, and narrow actions and prefix. Remove whom"
    " nobody knows.",
    console=POLICY_EDITOR,
    cli=PUT_POLICY,
    breaks="Whoever is removed from the policy loses access at the next request.",
    undo=UNDO_POLICY,
    criteria=("CC6.1", "CC6.3"),
)

foreign_acl = Rule(
    id="s3.bucket.foreign_acl",
    table=Buckets,
    when=~public_acl.fails,  # the same reset ends both
    fails=(Buckets.ownership != ENFORCED)
    & some(
        Buckets.grants,
        ~each("grantee").str.starts_with(GROUPS) & (each("grantee") != CLOUDFRONT),
    ),
    severity=Severity.MEDIUM,
    title="Bucket ACL grants access to another account",
    rationale="The grant names a canonical user id, from which no account can be told; it counts"
    " beside the bucket policy, where a review looks first.",
    remediation="Find out whose the id is, move what it needs into the bucket policy, then"
    " disable ACLs with object ownership BucketOwnerEnforced.",
    console=ACL_EDITOR,
    cli=PRIVATE_ACL,
    breaks="That account is refused unless the bucket policy admits it.",
    undo=UNDO_ACL,
    criteria=("CC6.1", "CC6.3"),
)

acls_enabled = Rule(
    id="s3.bucket.acls_enabled",
    version=2,
    table=Buckets,
    # Disabling ACLs ends those findings too.
    when=~(public_acl.fails | object_acls.fails | foreign_acl.fails),
    fails=Buckets.ownership != ENFORCED,
    severity=Severity.LOW,
    title="Bucket still uses access control lists",
    rationale="Access can be granted on each object apart from the bucket policy, and objects"
    " written by another account may belong to that account.",
    remediation="Move what the ACLs grant into the bucket policy, reset the bucket's ACL to"
    " private, then set object ownership to BucketOwnerEnforced.",
    console=OWNERSHIP_EDITOR,
    cli=PUT_OWNERSHIP,
    breaks="Requests that carry another ACL than bucket-owner-full-control fail, and access that"
    " only an ACL grants ends; services that still deliver by ACL need a bucket policy first.",
    undo=UNDO_OWNERSHIP,
    criteria=("CC6.1", "CC6.3"),
)

confused_deputy = Rule(
    id="s3.bucket.confused_deputy",
    table=Buckets,
    fails=Buckets.trusts_services,
    severity=Severity.MEDIUM,
    title="Bucket policy trusts an AWS service whoever it acts for",
    rationale="Anyone can have the service reach the bucket from an account of their own: the"
    " confused deputy. A resource control policy of the organization may prevent that, and is"
    " not looked at here.",
    remediation="Add a condition on aws:SourceAccount, aws:SourceArn or aws:SourceOrgID to every"
    " statement that allows something to a service principal; for load balancer logs name the"
    " resource down to AWSLogs/<account id>/.",
    console=POLICY_EDITOR,
    cli=PUT_POLICY,
    breaks="Deliveries on behalf of an account or resource that the condition does not name stop,"
    " without an error that anyone sees.",
    undo=UNDO_POLICY,
    criteria=("CC6.1", "CC6.3"),
)

website = Rule(
    id="s3.bucket.website",
    table=Buckets,
    fails=Buckets.website & ~Buckets.enforces_tls,  # one that denies plain HTTP serves nobody
    severity=Severity.LOW,
    title="Bucket is served as a website over plain HTTP",
    rationale="A website endpoint knows no HTTPS, so pages and what visitors send can be read and"
    " altered in transit, and it works only as long as strangers may read the bucket.",
    remediation="Serve it through CloudFront with origin access control, then delete the website"
    " configuration and block public access.",
    console="S3 > Buckets > {name} > Properties > Static website hosting > Edit > Disable",
    cli="aws s3api delete-bucket-website --bucket {name}",
    breaks="The website endpoint answers 404: move the DNS name to CloudFront first, and with it"
    " redirects and the error page.",
    undo="Keep the configuration as it is now (`aws s3api get-bucket-website --bucket {name}`) and"
    " put that back.",
    criteria=("CC6.6", "CC6.7"),
)

tls_only = Rule(
    id="s3.bucket.tls_only",
    version=2,
    table=Buckets,
    when=~website.fails,  # which has no HTTPS: that is the finding
    fails=~Buckets.enforces_tls,
    severity=Severity.MEDIUM,
    title="Bucket accepts unencrypted requests",
    rationale="Objects sent over plain HTTP can be read and altered in transit. A resource control"
    " policy of the organization may forbid that too, and is not looked at here.",
    remediation="Add a statement to the policy that denies s3:* on the bucket and its objects to"
    " everyone where aws:SecureTransport is false.",
    console=POLICY_EDITOR,
    cli=PUT_POLICY,
    breaks="Clients that still use http:// are refused.",
    undo=UNDO_POLICY,
    criteria=("CC6.7",),
)

replication_outside = Rule(
    id="s3.bucket.replication_outside",
    table=Buckets,
    fails=Buckets.outside_replicas.list.len() > 0,
    severity=Severity.HIGH,
    title="Bucket is replicated to an account outside the organization",
    rationale="Every new object is copied there as it is written: to a partner, or by an intruder"
    " who wants to go on receiving the data after being shut out.",
    remediation="Confirm with the owner what the copy is for; delete the replication rule if"
    " nobody can say, and look up in CloudTrail who made it (PutBucketReplication).",
    console="S3 > Buckets > {name} > Management > Replication rules",
    cli="aws s3api delete-bucket-replication --bucket {name}",
    breaks="All replication of the bucket stops, also by rules that are wanted: put those again.",
    undo="Keep the rules as they are now (`aws s3api get-bucket-replication --bucket {name}`) and"
    " put those back; what was written meanwhile takes a batch job to replicate.",
    criteria=("CC6.1", "CC6.7"),
)

replication_unpinned = Rule(
    id="s3.bucket.replication_unpinned",
    table=Buckets,
    fails=some(Buckets.replicas, each("account") == ""),
    severity=Severity.LOW,
    title="Replication does not say whose the destination bucket is",
    rationale="The rule names a bucket of another account and not the account. Bucket names are"
    " taken again once deleted: whoever then holds the name can receive the data, and nobody can"
    " tell from the rule whether today's holder is meant.",
    remediation="Name the destination's account in the rule, which also makes the copies that"
    " account's own.",
    console="S3 > Buckets > {name} > Management > Replication rules > Edit > Destination",
    cli="aws s3api put-bucket-replication --bucket {name} --replication-configuration"
    " file://replication.json",
    breaks="Replication fails where the named account is not the bucket's; copies change owner"
    " from then on, for which the role needs s3:ObjectOwnerOverrideToBucketOwner.",
    undo="Keep the rules as they are now (`aws s3api get-bucket-replication --bucket {name}`) and"
    " put those back.",
    criteria=("CC6.1",),
)

outside_events = Rule(
    id="s3.bucket.outside_events",
    table=Buckets,
    fails=Buckets.outside_events.list.len() > 0,
    severity=Severity.MEDIUM,
    title="Bucket announces its objects to an account outside the organization",
    rationale="Each event tells the name, size and writer of an object; a function there may go"
    " on to fetch it.",
    remediation="Confirm with the owner what the notification is for, or remove it.",
    console="S3 > Buckets > {name} > Properties > Event notifications",
    cli="aws s3api put-bucket-notification-configuration --bucket {name}"
    " --notification-configuration file://notifications.json",
    breaks="Whatever waits for these events does nothing any more.",
    undo="Keep the configuration as it is now (`aws s3api get-bucket-notification-configuration"
    " --bucket {name}`) and put that back.",
    criteria=("CC6.1",),
)

REACH = (
    account_public_access_block,
    reserved_names,
    public_policy,
    public_acl,
    object_acls,
    public_access_block,
    outside_control,
    outside_access,
    foreign_acl,
    acls_enabled,
    confused_deputy,
    website,
    tls_only,
    replication_outside,
    replication_unpinned,
    outside_events,
)
