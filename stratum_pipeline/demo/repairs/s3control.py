"""S3 access points."""

from typing import Any

from moto.core.responses import ActionResult
from moto.s3control.responses import S3ControlResponse


def apply() -> None:
    moto: Any = S3ControlResponse
    moto.create_access_point = create_access_point
    moto.list_access_points = list_access_points


def create_access_point(self: Any) -> ActionResult:
    """moto has all access points in us-east-1."""
    asked = {
        "account_id": self._get_param("AccountId"),
        "name": self._get_param("Name"),
        "bucket": self._get_param("Bucket"),
        "vpc_configuration": self._get_param("VpcConfiguration"),
        "public_access_block_configuration": self._get_param("PublicAccessBlockConfiguration"),
    }
    made = self.backend.create_access_point(**asked)
    made.arn = f"arn:aws:s3:{self.region}:{asked['account_id']}:accesspoint/{asked['name']}"
    return ActionResult({"AccessPointArn": made.arn, "Alias": made.alias})


def list_access_points(self: Any) -> ActionResult:
    """moto lists those of every region in each, and doesn't say whose their buckets are."""
    account_id = self._get_param("AccountId")
    points = self.backend.access_points.get(account_id, {}).values()
    mine = [point for point in points if point.arn.split(":")[3] == self.region]
    return ActionResult(
        {
            "AccessPointList": [
                {
                    "Name": point.name,
                    "NetworkOrigin": point.network_origin,
                    "Bucket": point.bucket,
                    "BucketAccountId": account_id,
                    "AccessPointArn": point.arn,
                    "Alias": point.alias,
                }
                | ({"VpcConfiguration": {"VpcId": point.vpc_id}} if point.vpc_id else {})
                for point in mine
            ]
        }
    )
