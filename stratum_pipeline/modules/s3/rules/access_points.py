"""Who can reach buckets through their access points."""

from functools import reduce
from operator import and_

import polars as pl

from stratum_pipeline.kernel.rule import ALWAYS, Rule, Severity

from ..inventory import SETTINGS, AccessPoints, MultiRegionAccessPoints
from .words import ALL_ON

_settings_on = reduce(and_, [pl.col(name) | pl.col(f"account_{name}") for name in SETTINGS])
_restricts = pl.col("restricts_policy") | pl.col("account_restricts_policy")
_bucket = pl.concat_list(
    pl.format(
        "arn:{}:s3:::{}",
        pl.col("arn").str.split(":").list.get(1, null_on_oob=True),
        AccessPoints.bucket,
    )
)
# No other partition has multi-Region access points.
_buckets = MultiRegionAccessPoints.buckets.list.eval(pl.lit("arn:aws:s3:::") + pl.element())

POINT = "S3 > Access Points > {name} > Permissions > Access point policy > Edit"
PUT_POLICY = (
    "aws s3control put-access-point-policy --account-id {account_id} --name {name}"
    " --policy file://policy.json --region {region}"
)
UNDO_POLICY = (
    "Keep the policy as it is now (`aws s3control get-access-point-policy --account-id {account_id}"
    " --name {name} --region {region}`) and put that back."
)
WIDE = "S3 > Multi-Region Access Points > {name} > Permissions > Edit"
PUT_WIDE = (
    "aws s3control put-multi-region-access-point-policy --account-id {account_id}"
    " --region us-west-2 --client-token TOKEN"
    ' --details \'{{"Name": "{name}", "Policy": "POLICY"}}\''
)
UNDO_WIDE = (
    "Keep the policy as it is now (`aws s3control get-multi-region-access-point-policy"
    " --account-id {account_id} --name {name} --region us-west-2`) and put that back."
)
FIXED = (
    "The settings of an access point are fixed when it is made: make another with all four on,"
    " move its users there, and delete this one; or block public access for the whole account."
)
BREAKS_ANONYMOUS = "Whoever comes through the access point without credentials is refused at once."
BREAKS_OUTSIDE = "Whoever is removed from the policy loses access at the next request."

public_policy = Rule(
    id="s3.access_point.public_policy",
    table=AccessPoints,
    fails=AccessPoints.policy_public
    & (AccessPoints.network_origin == "Internet")
    & ~_restricts
    & AccessPoints.bucket_yields,
    severity=Severity.CRITICAL,
    exposed=ALWAYS,
    related=_bucket,
    title="Access point admits anyone to its bucket",
    rationale="Its policy lets everyone in, and the bucket leaves that decision to its access"
    " points: objects can be reached from the internet though the bucket itself looks private.",
    remediation="Narrow the policy's principals, or delete it; a condition on aws:PrincipalOrgID"
    " keeps everyone else out.",
    console=POINT,
    cli="aws s3control delete-access-point-policy --account-id {account_id} --name {name}"
    " --region {region}",
    breaks=BREAKS_ANONYMOUS,
    undo=UNDO_POLICY,
    criteria=("CC6.1", "CC6.6"),
)

public_access_block = Rule(
    id="s3.access_point.public_access_block",
    table=AccessPoints,
    when=(AccessPoints.network_origin == "Internet") & ~public_policy.fails,
    fails=~_settings_on,
    severity=Severity.MEDIUM,
    related=_bucket,
    title="Access point could be made public",
    rationale="Neither it nor its account has every setting of Block Public Access on: a wrong"
    " policy can publish the bucket through it, and public ACLs count for who comes this way.",
    remediation=FIXED,
    console="S3 > Access Points > Create access point > Block all public access",
    cli="aws s3control create-access-point --account-id {account_id} --name NEW-NAME"
    " --bucket {bucket} --region {region} --public-access-block-configuration"
    f" {ALL_ON}",
    breaks="Users of the access point must be moved to the new one's ARN or alias before the old"
    " is deleted.",
    undo="Keep the old access point until nobody uses it.",
    criteria=("CC6.1", "CC6.6"),
)

outside_access = Rule(
    id="s3.access_point.outside_access",
    table=AccessPoints,
    fails=AccessPoints.outsiders.list.len() > 0,
    severity=Severity.MEDIUM,
    related=_bucket,
    title="Access point admits an account outside the organization",
    rationale="Who can act for that account is decided there. A review of the bucket's own policy"
    " does not show it.",
    remediation="Check with the owner that each account under `outsiders` is a partner of today;"
    " narrow actions and prefix, and remove whom nobody knows.",
    console=POINT,
    cli=PUT_POLICY,
    breaks=BREAKS_OUTSIDE,
    undo=UNDO_POLICY,
    criteria=("CC6.1", "CC6.3"),
)

wide_public_policy = Rule(
    id="s3.multi_region_access_point.public_policy",
    table=MultiRegionAccessPoints,
    fails=MultiRegionAccessPoints.policy_public & ~_restricts,
    severity=Severity.HIGH,
    exposed=ALWAYS,
    related=_buckets,
    title="Multi-Region access point's policy admits anyone",
    rationale="Wherever one of its buckets leaves the decision to access points, everyone reaches"
    " its objects from the internet, by whichever region is nearest.",
    remediation="Narrow the policy's principals; a condition on aws:PrincipalOrgID keeps everyone"
    " else out.",
    console=WIDE,
    cli=PUT_WIDE,
    breaks=BREAKS_ANONYMOUS,
    undo=UNDO_WIDE,
    criteria=("CC6.1", "CC6.6"),
)

wide_public_access_block = Rule(
    id="s3.multi_region_access_point.public_access_block",
    table=MultiRegionAccessPoints,
    when=~wide_public_policy.fails,
    fails=~_settings_on,
    severity=Severity.MEDIUM,
    related=_buckets,
    title="Multi-Region access point could be made public",
    rationale="Neither it nor its account has every setting of Block Public Access on: a wrong"
    " policy can publish its buckets through it.",
    remediation=FIXED,
    console="S3 > Multi-Region Access Points > Create > Block all public access",
    cli="aws s3control create-multi-region-access-point --account-id {account_id}"
    " --region us-west-2 --client-token TOKEN"
    ' --details \'{{"Name": "NEW-NAME", "Regions": [{{"Bucket": "BUCKET"}}]}}\'',
    breaks="Users must be moved to the new access point's ARN before the old is deleted.",
    undo="Keep the old access point until nobody uses it.",
    criteria=("CC6.1", "CC6.6"),
)

wide_outside_access = Rule(
    id="s3.multi_region_access_point.outside_access",
    table=MultiRegionAccessPoints,
    fails=MultiRegionAccessPoints.outsiders.list.len() > 0,
    severity=Severity.MEDIUM,
    related=_buckets,
    title="Multi-Region access point admits an account outside the organization",
    rationale="Who can act for that account is decided there. A review of the buckets' own"
    " policies does not show it.",
    remediation="Check with the owner that each account under `outsiders` is a partner of today;"
    " narrow actions and prefix, and remove whom nobody knows.",
    console=WIDE,
    cli=PUT_WIDE,
    breaks=BREAKS_OUTSIDE,
    undo=UNDO_WIDE,
    criteria=("CC6.1", "CC6.3"),
)

ACCESS_POINTS = (
    public_policy,
    public_access_block,
    outside_access,
    wide_public_policy,
    wide_public_access_block,
    wide_outside_access,
)
