"""What must hold of S3 buckets, and of an account's public access block."""

from functools import reduce
from operator import and_

import polars as pl

from stratum_pipeline.kernel.rule import ALWAYS, Rule, Severity
from stratum_pipeline.kernel.table import each, some

from .inventory import ENFORCED, SETTINGS, AccountSettings, Buckets

EVERYONE = [
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",  # of any AWS account
]
ALL_ON = ",".join(f"{theirs}=true" for theirs in SETTINGS.values())
POLICY_EDITOR = "S3 > Buckets > {name} > Permissions > Bucket policy > Edit"
PUT_POLICY = "aws s3api put-bucket-policy --bucket {name} --policy file://policy.json"

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
    cli=f"aws s3api put-public-access-block --bucket {{name}}"
    f" --public-access-block-configuration {ALL_ON}",
    criteria=("CC6.1", "CC6.6"),
)

public_acl = Rule(
    id="s3.bucket.public_acl",
    table=Buckets,
    fails=some(Buckets.grants, each("grantee").is_in(EVERYONE))
    & (Buckets.ownership != ENFORCED)
    & ~(Buckets.ignores_acls | Buckets.account_ignores_acls),
    severity=Severity.CRITICAL,
    exposed=ALWAYS,
    title="Bucket ACL grants access to everyone",
    rationale="The grant lets anyone, or anyone with an AWS account of their own, list the bucket,"
    " write to it or change its ACL, whatever the bucket policy allows.",
    remediation="Turn on IgnorePublicAcls or reset the ACL to private, then disable ACLs with"
    " object ownership BucketOwnerEnforced; ACLs of single objects lose their effect with it.",
    console="S3 > Buckets > {name} > Permissions > Access control list (ACL) > Edit",
    cli="aws s3api put-bucket-acl --bucket {name} --acl private",
    criteria=("CC6.1", "CC6.6"),
)

_BLOCKED = [pl.col(setting) | pl.col(f"account_{setting}") for setting in SETTINGS]

public_access_block = Rule(
    id="s3.bucket.public_access_block",
    table=Buckets,
    # Where the bucket is public already, that is the finding: the same settings end both.
    when=~(public_policy.fails | public_acl.fails),
    fails=~reduce(and_, _BLOCKED),
    severity=Severity.MEDIUM,
    title="Bucket could be made public",
    rationale="Neither the bucket nor its account has every setting of Block Public Access on,"
    " so a mistake in a policy or an ACL can publish the bucket or an object in it.",
    remediation="Turn on all four settings, for the bucket or for the whole account.",
    console="S3 > Buckets > {name} > Permissions > Block public access (bucket settings) > Edit",
    cli="aws s3api put-public-access-block --bucket {name}"
    f" --public-access-block-configuration {ALL_ON}",
    criteria=("CC6.1", "CC6.6"),
)

versioning = Rule(
    id="s3.bucket.versioning",
    table=Buckets,
    fails=Buckets.versioning != "Enabled",
    severity=Severity.MEDIUM,
    title="Bucket does not keep object versions",
    rationale="An object overwritten or deleted, by mistake or by ransomware, cannot be recovered"
    " from the bucket.",
    remediation="Enable versioning, with a lifecycle rule that expires noncurrent versions.",
    console="S3 > Buckets > {name} > Properties > Bucket Versioning > Edit",
    cli="aws s3api put-bucket-versioning --bucket {name} --versioning-configuration Status=Enabled",
    criteria=("A1.2", "CC7.5", "PI1.5"),
)

access_logging = Rule(
    id="s3.bucket.access_logging",
    table=Buckets,
    # A log bucket that logged its own deliveries would never fall silent.
    when=~Buckets.receives_logs | (Buckets.log_bucket != ""),
    fails=Buckets.log_bucket == "",
    severity=Severity.LOW,
    title="Bucket records no access log",
    rationale="Without a log, who read, changed or deleted an object cannot be established"
    " afterwards. CloudTrail data events record the same, and are not looked at here.",
    remediation="Enable server access logging to a bucket of the same account and region, or"
    " record CloudTrail data events for the bucket and suppress this finding for that reason.",
    console="S3 > Buckets > {name} > Properties > Server access logging > Edit",
    cli="aws s3api put-bucket-logging --bucket {name} --bucket-logging-status"
    ' \'{{"LoggingEnabled": {{"TargetBucket": "LOG-BUCKET", "TargetPrefix": "{name}/"}}}}\'',
    criteria=("CC7.2",),
)

tls_only = Rule(
    id="s3.bucket.tls_only",
    table=Buckets,
    fails=~Buckets.enforces_tls,
    severity=Severity.MEDIUM,
    title="Bucket accepts unencrypted requests",
    rationale="Objects sent over plain HTTP can be read and altered in transit. A resource control"
    " policy of the organization may forbid that too, and is not looked at here.",
    remediation="Add a statement to the policy that denies s3:* on the bucket and its objects to"
    " everyone where aws:SecureTransport is false; a static website, which has no HTTPS of its"
    " own, belongs behind CloudFront.",
    console=POLICY_EDITOR,
    cli=PUT_POLICY,
    criteria=("CC6.7",),
)

kms_encryption = Rule(
    id="s3.bucket.kms_encryption",
    table=Buckets,
    # AWS documents only SSE-S3 for a bucket that server access logs are delivered to.
    when=~Buckets.receives_logs | Buckets.encryption.is_in(["aws:kms", "aws:kms:dsse"]),
    fails=~Buckets.encryption.is_in(["aws:kms", "aws:kms:dsse"]),
    severity=Severity.LOW,
    title="Bucket's default encryption uses no KMS key",
    rationale="With keys that S3 manages (SSE-S3), whoever may read an object also gets it"
    " decrypted: there is no key policy to deny that, no record of the key's use and no key to"
    " disable.",
    remediation="Make SSE-KMS with a customer managed key and a bucket key the default, first"
    " granting readers and writers the use of that key; load balancers deliver access logs only"
    " to buckets with SSE-S3.",
    console="S3 > Buckets > {name} > Properties > Default encryption > Edit",
    cli="aws s3api put-bucket-encryption --bucket {name} --server-side-encryption-configuration"
    ' \'{{"Rules": [{{"ApplyServerSideEncryptionByDefault": {{"SSEAlgorithm": "aws:kms",'
    ' "KMSMasterKeyID": "KEY-ARN"}}, "BucketKeyEnabled": true}}]}}\'',
    criteria=("CC6.1",),
)

acls_enabled = Rule(
    id="s3.bucket.acls_enabled",
    table=Buckets,
    when=~public_acl.fails,  # disabling ACLs ends that finding
    fails=Buckets.ownership != ENFORCED,
    severity=Severity.LOW,
    title="Bucket still uses access control lists",
    rationale="Access can be granted on each object apart from the bucket policy, and objects"
    " written by another account may belong to that account.",
    remediation="Move what the ACLs grant into the bucket policy, reset the bucket's ACL to"
    " private, then set object ownership to BucketOwnerEnforced.",
    console="S3 > Buckets > {name} > Permissions > Object Ownership > Edit > ACLs disabled",
    cli="aws s3api put-bucket-ownership-controls --bucket {name}"
    f" --ownership-controls 'Rules=[{{{{ObjectOwnership={ENFORCED}}}}}]'",
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
    criteria=("CC6.1", "CC6.3"),
)

RULES = (
    account_public_access_block,
    public_policy,
    public_acl,
    public_access_block,
    versioning,
    access_logging,
    tls_only,
    kms_encryption,
    acls_enabled,
    confused_deputy,
)
