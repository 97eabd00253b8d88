"""How a bucket keeps objects, under which keys, and whether anyone learns what happens to them."""

import polars as pl

from stratum_pipeline.kernel.rule import Rule, Severity
from stratum_pipeline.kernel.table import has

from ..inventory import Buckets
from .reach import public_policy
from .words import ENCRYPTION_EDITOR

KMS = ["aws:kms", "aws:kms:dsse"]
PUT_ENCRYPTION = "aws s3api put-bucket-encryption --bucket {name}"
UNDO_ENCRYPTION = (
    "Keep the configuration as it is now (`aws s3api get-bucket-encryption --bucket {name}`) and"
    " put that back; objects written meanwhile keep the key they were written with."
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
    breaks="Overwritten and deleted objects go on costing storage until a lifecycle rule expires"
    " them; the first requests after the change may see 404 for some minutes.",
    undo="Suspend it with `aws s3api put-bucket-versioning --bucket {name}"
    " --versioning-configuration Status=Suspended`.",
    criteria=("A1.2", "CC7.5", "PI1.5"),
)

# Any of the three keeps versions from whoever may delete objects. `replicas`: deleting a
# version is never replicated.
_held = (Buckets.object_lock != "") | Buckets.mfa_delete | (Buckets.replicas.list.len() > 0)

audit_protection = Rule(
    id="s3.bucket.audit_protection",
    table=Buckets,
    when=(Buckets.versioning == "Enabled") & Buckets.receives_audit,
    fails=~_held,
    severity=Severity.MEDIUM,
    title="Audit logs in the bucket can be deleted",
    rationale="CloudTrail or AWS Config delivers here. An intruder who gains the right to delete"
    " versions removes the traces: there is no Object Lock, no MFA delete and no copy elsewhere.",
    remediation="Enable Object Lock with a default retention in compliance mode, as long as the"
    " logs must be kept.",
    console="S3 > Buckets > {name} > Properties > Object Lock > Edit",
    cli="aws s3api put-object-lock-configuration --bucket {name} --object-lock-configuration"
    ' \'{{"ObjectLockEnabled": "Enabled", "Rule": {{"DefaultRetention": {{"Mode": "COMPLIANCE",'
    ' "Days": 365}}}}}}\'',
    breaks="Nobody can delete a locked version before its time, nor stop paying for it; Object"
    " Lock cannot be disabled again, nor versioning be suspended.",
    undo="Only the default retention can be removed, for versions written later: put the"
    " configuration without its Rule.",
    criteria=("CC7.2", "CC7.3", "C1.1"),
)

version_protection = Rule(
    id="s3.bucket.version_protection",
    table=Buckets,
    when=(Buckets.versioning == "Enabled") & ~Buckets.receives_audit,
    fails=~_held,
    severity=Severity.LOW,
    title="Nothing keeps object versions from being deleted",
    rationale="Whoever may delete versions, or got hold of such credentials, can destroy the data"
    " for good: there is no Object Lock, no MFA delete and no replica in another bucket. Any of"
    " them suffices here.",
    remediation="Where losing the data would hurt, enable Object Lock (existing objects are not"
    " locked) or replicate to a bucket of another account and region; MFA delete is left for the"
    " root user to enable.",
    console="S3 > Buckets > {name} > Properties > Object Lock > Edit",
    cli="aws s3api put-object-lock-configuration --bucket {name} --object-lock-configuration"
    " ObjectLockEnabled=Enabled",
    breaks="Object Lock cannot be disabled again, and versioning cannot be suspended; without a"
    " default retention it locks nothing that nobody asks to be locked.",
    undo="Object Lock stays once enabled; a default retention can be removed again.",
    criteria=("A1.2", "CC7.5"),
)

lock_retention = Rule(
    id="s3.bucket.lock_retention",
    table=Buckets,
    # S3 takes no default retention on a bucket that server access logs are delivered to.
    when=(Buckets.object_lock != "") & ~Buckets.receives_logs,
    fails=Buckets.object_lock == "on",
    severity=Severity.LOW,
    title="Object Lock has no default retention",
    rationale="Only objects whose writer asks for it are locked; all others can be deleted as if"
    " there were no lock.",
    remediation="Set a default retention, unless every writer sets one itself, as backup software"
    " does.",
    console="S3 > Buckets > {name} > Properties > Object Lock > Edit > Default retention",
    cli="aws s3api put-object-lock-configuration --bucket {name} --object-lock-configuration"
    ' \'{{"ObjectLockEnabled": "Enabled", "Rule": {{"DefaultRetention": {{"Mode": "GOVERNANCE",'
    ' "Days": 30}}}}}}\'',
    breaks="New versions cannot be deleted before the retention ends, and cost storage till then.",
    undo="Remove it for versions written later: `aws s3api put-object-lock-configuration"
    " --bucket {name} --object-lock-configuration ObjectLockEnabled=Enabled`.",
    criteria=("A1.2", "C1.2"),
)

lifecycle = Rule(
    id="s3.bucket.lifecycle",
    table=Buckets,
    fails=Buckets.lifecycle_rules == 0,
    severity=Severity.LOW,
    title="Nothing in the bucket ever expires",
    rationale="No lifecycle rule is enabled: data stays longer than anyone needs or may keep it,"
    " and old versions and parts of broken uploads are paid for without end.",
    remediation="Add a rule that aborts incomplete uploads, expires noncurrent versions, and"
    " expires or archives objects as the data's retention demands.",
    console="S3 > Buckets > {name} > Management > Lifecycle rules > Create lifecycle rule",
    cli="aws s3api put-bucket-lifecycle-configuration --bucket {name} --lifecycle-configuration"
    ' \'{{"Rules": [{{"ID": "tidy", "Status": "Enabled", "Filter": {{}},'
    ' "AbortIncompleteMultipartUpload": {{"DaysAfterInitiation": 7}},'
    ' "NoncurrentVersionExpiration": {{"NoncurrentDays": 90}}}}]}}\'',
    breaks="What a rule expires is gone: check the days against the data's retention first.",
    undo="Delete the rules with `aws s3api delete-bucket-lifecycle --bucket {name}`.",
    criteria=("C1.2",),
)

access_logging = Rule(
    id="s3.bucket.access_logging",
    table=Buckets,
    # A log bucket that logged its own deliveries would never fall silent.
    when=~Buckets.receives_logs | (Buckets.log_bucket != ""),
    fails=Buckets.log_bucket == "",
    severity=Severity.LOW,
    related=pl.concat_list("arn"),  # for findings on its access points
    title="Bucket records no access log",
    rationale="Without a log, who read, changed or deleted an object cannot be established"
    " afterwards. CloudTrail data events record the same, and are not looked at here.",
    remediation="Enable server access logging to a bucket of the same account and region, or"
    " record CloudTrail data events for the bucket and suppress this finding for that reason.",
    console="S3 > Buckets > {name} > Properties > Server access logging > Edit",
    cli="aws s3api put-bucket-logging --bucket {name} --bucket-logging-status"
    ' \'{{"LoggingEnabled": {{"TargetBucket": "LOG-BUCKET", "TargetPrefix": "{name}/"}}}}\'',
    breaks="Nothing is interrupted; the log's storage is paid for, so give it a lifecycle rule.",
    undo="Turn it off with `aws s3api put-bucket-logging --bucket {name}"
    " --bucket-logging-status '{{}}'`.",
    criteria=("CC7.2",),
)

log_bucket_missing = Rule(
    id="s3.bucket.log_bucket_missing",
    table=Buckets,
    when=Buckets.log_bucket != "",
    fails=~Buckets.log_bucket_exists,
    severity=Severity.MEDIUM,
    title="Access log goes to a bucket that the account does not have",
    rationale="S3 delivers access logs only within the account. The target was deleted, so the"
    " log is lost, and nothing says so.",
    remediation="Log to a bucket that exists in the same account and region.",
    console="S3 > Buckets > {name} > Properties > Server access logging > Edit",
    cli="aws s3api put-bucket-logging --bucket {name} --bucket-logging-status"
    ' \'{{"LoggingEnabled": {{"TargetBucket": "LOG-BUCKET", "TargetPrefix": "{name}/"}}}}\'',
    breaks="Nothing is interrupted; the log's storage is paid for.",
    undo="Name {log_bucket} again, where nothing arrives.",
    criteria=("CC7.2",),
)

event_notifications = Rule(
    id="s3.bucket.event_notifications",
    table=Buckets,
    # Of a bucket that only its own account writes to, its programs know what they write. Where
    # anyone may write, that is the finding.
    when=Buckets.takes_uploads & ~public_policy.fails,
    fails=Buckets.events_to.list.len() == 0,
    severity=Severity.LOW,
    title="Nobody is told of the objects that others put into the bucket",
    rationale="Other accounts write here, and no event notification lets anything scan what"
    " arrives, or notice that something did.",
    remediation="Send the bucket's events to EventBridge and scan new objects, for example with"
    " GuardDuty Malware Protection for S3.",
    console="S3 > Buckets > {name} > Properties > Amazon EventBridge > Edit",
    cli="aws s3api put-bucket-notification-configuration --bucket {name}"
    " --notification-configuration '{{\"EventBridgeConfiguration\": {{}}}}'",
    breaks="Nothing is interrupted; the command replaces the whole configuration, which is empty"
    " now.",
    undo="Empty it again: `aws s3api put-bucket-notification-configuration --bucket {name}"
    " --notification-configuration '{{}}'`.",
    criteria=("CC7.2",),
)

kms_encryption = Rule(
    id="s3.bucket.kms_encryption",
    table=Buckets,
    # AWS documents only SSE-S3 for a bucket that server access logs are delivered to.
    when=~Buckets.receives_logs | Buckets.encryption.is_in(KMS),
    fails=~Buckets.encryption.is_in(KMS),
    severity=Severity.LOW,
    title="Bucket's default encryption uses no KMS key",
    rationale="With keys that S3 manages (SSE-S3), whoever may read an object also gets it"
    " decrypted: there is no key policy to deny that, no record of the key's use and no key to"
    " disable.",
    remediation="Make SSE-KMS with a customer managed key and a bucket key the default, first"
    " granting readers and writers the use of that key; load balancers deliver access logs only"
    " to buckets with SSE-S3.",
    console=ENCRYPTION_EDITOR,
    cli=PUT_ENCRYPTION + " --server-side-encryption-configuration"
    ' \'{{"Rules": [{{"ApplyServerSideEncryptionByDefault": {{"SSEAlgorithm": "aws:kms",'
    ' "KMSMasterKeyID": "KEY-ARN"}}, "BucketKeyEnabled": true}}]}}\'',
    breaks="Whoever may not use the key can neither write new objects nor read them, other"
    " accounts and AWS services among them; requests to KMS are charged.",
    undo=UNDO_ENCRYPTION,
    criteria=("CC6.1",),
)

outside_key = Rule(
    id="s3.bucket.outside_key",
    table=Buckets,
    fails=Buckets.outside_key.list.len() > 0,
    severity=Severity.HIGH,
    title="New objects are encrypted under a key of an account outside the organization",
    rationale="Whoever owns the key decides who can read the objects: refused or scheduled for"
    " deletion, it makes them unreadable for good. Ransomware that reaches a bucket does this.",
    remediation="Make a key of your own the default and copy the objects over themselves while"
    " the other key still works; look up in CloudTrail who set it (PutBucketEncryption).",
    console=ENCRYPTION_EDITOR,
    cli=PUT_ENCRYPTION + " --server-side-encryption-configuration"
    ' \'{{"Rules": [{{"ApplyServerSideEncryptionByDefault": {{"SSEAlgorithm": "aws:kms",'
    ' "KMSMasterKeyID": "KEY-ARN"}}, "BucketKeyEnabled": true}}]}}\'',
    breaks="Readers and writers need the use of the new key before the change.",
    undo=UNDO_ENCRYPTION,
    criteria=("CC6.1",),
)

customer_keys = Rule(
    id="s3.bucket.customer_keys",
    table=Buckets,
    fails=~has(Buckets.blocked_encryption, "SSE-C") & ~Buckets.refuses_customer_keys,
    severity=Severity.LOW,
    title="Objects can be encrypted with keys that only their writer holds",
    rationale="With SSE-C the key comes with the request and AWS keeps none of it: whoever may"
    " write can turn objects into what only they can read, as ransomware did in 2025. AWS blocks"
    " it on new buckets since April 2026.",
    remediation="Block SSE-C in the bucket's encryption settings, or deny it in the policy, once"
    " nothing uses it (CloudTrail data events and access logs show who does).",
    console=ENCRYPTION_EDITOR + " > Blocked encryption types",
    cli=PUT_ENCRYPTION + " --server-side-encryption-configuration"
    ' \'{{"Rules": [{{"ApplyServerSideEncryptionByDefault": {{"SSEAlgorithm": "{encryption}"}},'
    ' "BlockedEncryptionTypes": {{"EncryptionType": ["SSE-C"]}}}}]}}\'',
    breaks="Writing with SSE-C fails with 403; objects already written that way stay readable. The"
    " command replaces the whole rule: name the default key and the bucket key as they are.",
    undo=UNDO_ENCRYPTION,
    criteria=("CC6.1",),
)

KEEPING = (
    versioning,
    audit_protection,
    version_protection,
    lock_retention,
    lifecycle,
    access_logging,
    log_bucket_missing,
    event_notifications,
    kms_encryption,
    outside_key,
    customer_keys,
)
