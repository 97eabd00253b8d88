"""Who is told of what happens to databases."""

import polars as pl

from stratum_pipeline.kernel.rule import Rule, Severity
from stratum_pipeline.kernel.table import some

from ..inventory import EventNotices

event_subscriptions = Rule(
    id="rds.region.event_subscriptions",
    table=EventNotices,
    fails=some(EventNotices.unwatched, pl.element() != ""),
    severity=Severity.LOW,
    title="Critical events of databases reach nobody",
    rationale="No active event subscription covers, for all databases of the region, failures,"
    " maintenance and changes of configuration; the evidence says which are missing. EventBridge"
    " rules can deliver the same, and are not looked at here.",
    remediation="Subscribe a topic that people read to the missing categories, for all sources of"
    " the type.",
    console="RDS > Event subscriptions > Create event subscription",
    cli="aws rds create-event-subscription --region {region} --subscription-name critical-events"
    " --sns-topic-arn TOPIC-ARN --enabled",
    breaks="Nothing; SNS bills what it delivers.",
    undo="aws rds delete-event-subscription --region {region} --subscription-name critical-events",
    criteria=("CC7.2", "CC7.3"),
)

RULES = (event_subscriptions,)
