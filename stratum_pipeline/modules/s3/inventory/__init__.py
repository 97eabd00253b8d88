"""S3 as AWS reports it: the account's settings, its buckets and its access points."""

from stratum_pipeline.kernel.collect import Collector

from .access_points import (
    AccessPoints,
    MultiRegionAccessPoints,
    read_points,
    read_wide_points,
)
from .account import (
    SETTINGS,
    AccountSettings,
    ReservedNames,
    read_account,
    read_names,
)
from .buckets import BUS, ENFORCED, Buckets, read_buckets

COLLECTORS = (
    Collector(AccountSettings, read_account),
    Collector(Buckets, read_buckets, calls=("s3:GetBucketLocation",)),
    Collector(ReservedNames, read_names, calls=("s3:ListBuckets",)),
    Collector(AccessPoints, read_points),
    Collector(MultiRegionAccessPoints, read_wide_points),
)

__all__ = [
    "BUS",
    "COLLECTORS",
    "ENFORCED",
    "SETTINGS",
    "AccessPoints",
    "AccountSettings",
    "Buckets",
    "MultiRegionAccessPoints",
    "ReservedNames",
]
