"""What an account decides for a whole region."""

from collections.abc import Iterator

import polars as pl

from stratum_pipeline.kernel.collect import Api, Collector
from stratum_pipeline.kernel.table import Column, Resource, setting_arn

from .common import (
    ENCRYPTION,
    IMAGE_BLOCK,
    METADATA_DEFAULTS,
    SERIAL_CONSOLE,
    SNAPSHOT_BLOCK,
    Raw,
    metadata_defaults,
    snapshot_block,
)


class RegionSettings(Resource, listed_by=ENCRYPTION):
    """One row per region: defaults and blocks of EC2 and EBS, declarative policies included."""

    ebs_encryption = Column(
        pl.Boolean, "Whether new volumes and copies are encrypted unasked.", source=ENCRYPTION
    )
    snapshot_block = Column(
        pl.String, "unblocked | block-new-sharing | block-all-sharing", source=SNAPSHOT_BLOCK
    )
    image_block = Column(pl.String, "unblocked | block-new-sharing", source=IMAGE_BLOCK)
    default_tokens = Column(
        pl.String,
        'HttpTokens of new instances: required | optional; "" if none is set.',
        source=METADATA_DEFAULTS,
    )
    default_endpoint = Column(
        pl.String,
        'HttpEndpoint of new instances: enabled | disabled; "" if none is set.',
        source=METADATA_DEFAULTS,
    )
    serial_console = Column(
        pl.Boolean, "Whether instances' serial consoles can be used.", source=SERIAL_CONSOLE
    )


def read_settings(ec2: Api) -> Iterator[Raw]:
    account = ec2.account
    arn = setting_arn(account.partition, "ec2", ec2.region, account.account_id, "defaults")
    defaults = metadata_defaults(ec2)
    yield {
        "arn": arn,
        "account_id": account.account_id,
        "region": ec2.region,
        "incarnation": "",
        "ebs_encryption": ec2.call("GetEbsEncryptionByDefault").get(
            "EbsEncryptionByDefault", False
        ),
        "snapshot_block": snapshot_block(ec2),
        "image_block": ec2.call("GetImageBlockPublicAccessState").get(
            "ImageBlockPublicAccessState", "unblocked"
        ),
        "default_tokens": None if defaults is None else defaults.get("HttpTokens", ""),
        "default_endpoint": None if defaults is None else defaults.get("HttpEndpoint", ""),
        "serial_console": ec2.call("GetSerialConsoleAccessStatus").get(
            "SerialConsoleAccessEnabled", False
        ),
    }


COLLECTORS = (Collector(RegionSettings, read_settings),)
