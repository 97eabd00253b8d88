"""What the tools share: clients, dates, and documents in AWS's grammar."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from ..accounts import HOME, Account

BORN = datetime(2023, 3, 6, 9, tzinfo=UTC)
"""When everything was created: the clock stands still while the organization is built."""

LONG_AGO = datetime(2024, 1, 15, 9, tzinfo=UTC)
"""Older than any limit on age, whenever the demonstration is run."""

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
"""Midnight of the real today: read as this loads, before the clock is stopped."""

Json = dict[str, Any]

QUICK = Config(signature_version=UNSIGNED, parameter_validation=False)
"""moto checks neither; a hundred generated accounts are 3,000 calls."""


def days_ago(days: int) -> datetime:
    """What must stay recent is dated from today, in whole days."""
    return TODAY - timedelta(days=days)


def api(account: Account, service: str, region: str = HOME) -> Any:
    """A boto3 client that acts in `account`, until the next call of this function."""
    os.environ["MOTO_ACCOUNT_ID"] = account.id  # moto reads it at each request
    return _client(service, region)


@cache
def _client(service: str, region: str) -> Any:
    return boto3.client(service, region_name=region, config=QUICK)  # pyright: ignore[reportCallIssue, reportArgumentType]


def policy(*statements: Mapping[str, Any]) -> str:
    """A policy document; `Effect` is Allow where a statement names none."""
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **s} for s in statements]}
    )


def trust(principal: str | Json, condition: Json | None = None) -> str:
    """A role's trust policy; a bare string names an AWS service ("lambda")."""
    if isinstance(principal, str):
        principal = {"Service": f"{principal}.amazonaws.com"}
    action = "sts:AssumeRoleWithWebIdentity" if "Federated" in principal else "sts:AssumeRole"
    statement: Json = {"Principal": principal, "Action": action}
    return policy(statement | ({"Condition": condition} if condition else {}))


ANYTHING: Json = {"Action": "*", "Resource": "*"}
