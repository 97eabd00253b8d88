"""Buckets and log groups that only ever grow."""

from stratum_pipeline.kernel.rule import Rule, Severity

from ..inventory.storage import LARGE_GB, Buckets, LogGroups
from .common import monthly

WORTH_GB = 1

lifecycle = Rule(
    id="cost.bucket.lifecycle",
    table=Buckets,
    when=Buckets.standard_gb >= LARGE_GB,
    fails=~Buckets.tiers,
    severity=Severity.MEDIUM,
    title="Large bucket keeps every object at the highest price",
    rationale="It holds a terabyte or more in the Standard class, old versions included, and no"
    " lifecycle rule ever moves or expires any. The amount is what Standard-IA would save, before"
    " retrievals; Intelligent-Tiering finds by itself which objects that suits.",
    remediation="Add a lifecycle rule that moves objects to Intelligent-Tiering, and one that"
    " expires noncurrent versions.",
    console="S3 > Buckets > {name} > Management > Create lifecycle rule",
    cli="aws s3api put-bucket-lifecycle-configuration --bucket {name} --lifecycle-configuration"
    ' \'{{"Rules": [{{"ID": "tiering", "Status": "Enabled", "Filter": {{}}, "Transitions":'
    ' [{{"Days": 0, "StorageClass": "INTELLIGENT_TIERING"}}],'
    ' "NoncurrentVersionExpiration": {{"NoncurrentDays": 90}}}}]}}\'',
    breaks="Each transition is charged per object, which many small ones never earn back; expired"
    " versions are gone; the command replaces rules that are there.",
    undo="Delete the rules, after which nothing more moves or expires: `aws s3api"
    " delete-bucket-lifecycle --bucket {name}`",
    criteria=(),
    monthly_usd=monthly(Buckets.ia_usd, Buckets.price_source),
)

incomplete_uploads = Rule(
    id="cost.bucket.incomplete_uploads",
    table=Buckets,
    fails=Buckets.stale_uploads > 0,
    severity=Severity.LOW,
    title="Bucket stores parts of uploads that were never completed",
    rationale="Parts of a multipart upload are paid for until it is completed or aborted, and no"
    " listing of objects shows them. These were begun over a week ago.",
    remediation="Add a lifecycle rule that aborts incomplete multipart uploads after seven days.",
    console="S3 > Buckets > {name} > Management > Create lifecycle rule > Delete expired object"
    " delete markers or incomplete multipart uploads",
    cli="aws s3api put-bucket-lifecycle-configuration --bucket {name} --lifecycle-configuration"
    ' \'{{"Rules": [{{"ID": "abort-uploads", "Status": "Enabled", "Filter": {{}},'
    ' "AbortIncompleteMultipartUpload": {{"DaysAfterInitiation": 7}}}}]}}\'',
    breaks="An upload that takes longer than seven days is aborted; the command replaces rules that"
    " are there.",
    undo="Delete the rule; aborted uploads must be sent again: `aws s3api delete-bucket-lifecycle"
    " --bucket {name}`",
    criteria=(),
    monthly_usd=monthly(Buckets.stale_usd, Buckets.price_source),
)

retention = Rule(
    id="cost.log_group.retention",
    table=LogGroups,
    # What holds next to nothing costs nothing, and is not worth anybody's time.
    fails=(LogGroups.retention_days == 0) & (LogGroups.stored_gb >= WORTH_GB),
    severity=Severity.LOW,
    title="Log group never expires its events",
    rationale="It holds a gigabyte or more, and keeps all that is ever written to it: the bill"
    " grows every month, and so does what a leak of the logs would tell.",
    remediation="Set a retention, as long as investigations and your auditors need; export older"
    " events to S3 if they must be kept.",
    console="CloudWatch > Log groups > {name} > Actions > Edit retention setting",
    cli="aws logs put-retention-policy --log-group-name {name} --retention-in-days 365",
    breaks="Events older than the retention are deleted within days, for good.",
    undo="Keep all events from now on: `aws logs delete-retention-policy --log-group-name {name}`",
    criteria=(),
    monthly_usd=monthly(LogGroups.usd, LogGroups.price_source),
)

RULES = (lifecycle, incomplete_uploads, retention)
