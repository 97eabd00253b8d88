"""Who would notice: budgets, anomaly monitors, Compute Optimizer; and what that one says."""

from stratum_pipeline.kernel.rule import Rule, Severity, age_days
from stratum_pipeline.kernel.table import has

from ..inventory.account import Billing, Functions, Secrets
from .common import monthly

UNREAD_DAYS = 90

budget = Rule(
    id="cost.account.budget",
    table=Billing,
    when=Billing.payer,
    fails=Billing.budgets.list.len() == 0,
    severity=Severity.MEDIUM,
    title="No budget watches the bill",
    rationale="The account pays for itself or for its organization, and no budget says when that"
    " is more than was meant: stolen keys that mine, or a loop that calls itself, run until the"
    " invoice comes.",
    remediation="Set a monthly cost budget with alerts to whoever can act on them; the first two"
    " are free.",
    console="Billing and Cost Management > Budgets > Create budget > Monthly cost budget",
    cli="aws budgets create-budget --account-id {account_id} --budget file://budget.json"
    " --notifications-with-subscribers file://notifications.json",
    breaks="Nothing is interrupted; alerts go out once the amount is reached.",
    undo="Delete it: `aws budgets delete-budget --account-id {account_id} --budget-name NAME`",
    criteria=(),
)

anomaly_detection = Rule(
    id="cost.account.anomaly_detection",
    table=Billing,
    when=Billing.payer,
    fails=Billing.monitors.list.len() == 0,
    severity=Severity.LOW,
    title="No monitor looks for anomalies in the bill",
    rationale="Cost Anomaly Detection is free and tells within a day of spending that is out of the"
    " ordinary for a service, often the first sign of an account being abused.",
    remediation="Create a monitor of all AWS services, with a subscription to it.",
    console="Billing and Cost Management > Cost Anomaly Detection > Create monitor",
    cli="aws ce create-anomaly-monitor --anomaly-monitor"
    " MonitorName=services,MonitorType=DIMENSIONAL,MonitorDimension=SERVICE",
    breaks="Nothing is interrupted; it turns on Cost Explorer where that is off, for good.",
    undo="Delete it: `aws ce delete-anomaly-monitor --monitor-arn MONITOR-ARN`",
    criteria=(),
)

compute_optimizer = Rule(
    id="cost.account.compute_optimizer",
    table=Billing,
    when=Billing.payer,
    fails=Billing.optimizer != "Active",
    severity=Severity.LOW,
    title="Compute Optimizer is not enrolled",
    rationale="It is free, and tells from metrics which functions have more memory, and which"
    " instances, volumes and databases more of everything, than they use. Whether Lambda functions"
    " are too large can be known in no other way.",
    remediation="Enroll the organization from the account that pays for it, members included.",
    console="AWS Compute Optimizer > Get started > Opt in",
    cli="aws compute-optimizer update-enrollment-status --status Active --include-member-accounts",
    breaks="Nothing is interrupted; a service-linked role reads the metrics of all members.",
    undo="Opt out: `aws compute-optimizer update-enrollment-status --status Inactive`",
    criteria=(),
)

memory = Rule(
    id="cost.function.memory",
    table=Functions,
    fails=has(Functions.reasons, "MemoryOverprovisioned"),
    severity=Severity.LOW,
    title="Function has more memory than it needs",
    rationale="Lambda is paid by memory and time. Compute Optimizer has seen from the function's"
    " own runs that it would do as well with less.",
    remediation="Lower the memory to what Compute Optimizer advises, and watch the duration.",
    console="Lambda > Functions > {name} > Configuration > General configuration > Edit >"
    " {advised_mb} MB",
    cli="aws lambda update-function-configuration --function-name {name}"
    " --memory-size {advised_mb}",
    breaks="Less memory is also less processor: runs that need it rarely may take longer or run out"
    " of memory.",
    undo="Raise it again: `aws lambda update-function-configuration --function-name {name}"
    " --memory-size {memory_mb}`",
    criteria=(),
    monthly_usd=monthly(Functions.usd, Functions.price_source),
)

unused_secret = Rule(
    id="cost.secret.unused",
    table=Secrets,
    when=(Secrets.owner == "") & ~Secrets.replica,
    fails=(age_days(Secrets.created) >= UNREAD_DAYS) & (age_days(Secrets.accessed) >= UNREAD_DAYS),
    severity=Severity.LOW,
    title="Secret has not been read for 90 days",
    rationale="It is paid for by the month, and a credential that nobody uses is one that nobody"
    " misses when it is stolen.",
    remediation="Schedule the secret for deletion, and revoke what it opens.",
    console="Secrets Manager > Secrets > {name} > Actions > Delete secret",
    cli="aws secretsmanager delete-secret --secret-id {arn} --recovery-window-in-days 30",
    breaks="Whoever reads it once a quarter or less fails from that day on.",
    undo="Within the 30 days: `aws secretsmanager restore-secret --secret-id {arn}`",
    criteria=(),
    monthly_usd=monthly(Secrets.usd, Secrets.price_source),
)

RULES = (budget, anomaly_detection, compute_optimizer, memory, unused_secret)
