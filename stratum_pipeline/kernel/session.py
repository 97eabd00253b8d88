"""The AWS session of the environment."""

import os

import boto3


def environment_session() -> boto3.Session:
    """boto3's session; its region is AWS_REGION where that is set.

    Every other AWS SDK reads that variable; boto3 reads AWS_DEFAULT_REGION alone.
    Raises botocore's ProfileNotFound if AWS_PROFILE names none.
    """
    return boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
