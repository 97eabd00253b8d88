"""What the scan managed to ask AWS, whatever the answer."""

import enum

import polars as pl
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from .table import Column, Table


class Outcome(enum.StrEnum):
    OK = "ok"  # answered, including "nothing is configured"
    DENIED = "denied"  # our credentials lack the permission, or an SCP forbids it
    THROTTLED = "throttled"  # still refused after every retry
    UNSUPPORTED = "unsupported"  # the service is not offered there
    ERROR = "error"  # anything else, our own bugs included


GAPS = [Outcome.DENIED, Outcome.THROTTLED, Outcome.ERROR]
"""Outcomes after which something is unknown that a complete scan would know."""

Refusal = ClientError | BotoCoreError | ResponseParserError
REFUSALS = (ClientError, BotoCoreError, ResponseParserError)
"""All by which botocore says that a call failed; the last when a proxy answers, not AWS."""

EVERYWHERE = "*"
"""Region of a failure that says nothing of any one region."""


class Coverage(Table):
    """One row per (account, region, operation, resource, outcome, code).

    Answered calls are folded into one row per (account, region, operation).
    """

    account_id = Column(pl.String, "12-digit account the call was made in.")
    region = Column(pl.String, 'Region the call was made in; "*" if it never got that far.')
    operation = Column(pl.String, 'Service and operation, e.g. "s3:GetBucketPolicy".')
    resource_arn = Column(pl.String, 'What was asked about; "" for a listing, or when ok.')
    outcome = Column(pl.String, "An Outcome.")
    code = Column(pl.String, 'Error code as AWS gave it; "" when ok.')
    calls = Column(pl.Int64, "How many calls this row stands for; retries are not counted.")


# Spelled as each service spells them. THROTTLED is botocore's own list
# (retries.standard.ThrottledRetryableChecker) less LimitExceededException, also a quota.
CODES = {
    Outcome.DENIED: {
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "AllAccessDisabled",
        "AuthFailure",
        "AuthorizationError",
        "AuthorizationErrorException",
        "ExpiredToken",
        "ExpiredTokenException",
        "ForbiddenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnauthorizedException",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    },
    Outcome.THROTTLED: {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    },
    Outcome.UNSUPPORTED: {
        "NotSignedUp",
        "OptInRequired",
        "SubscriptionRequiredException",
        "UnknownOperationException",
    },
}


def classify(error: Refusal) -> tuple[Outcome, str]:
    """The outcome a failed call is filed under, and the code that says why.

    An unreachable endpoint is an error, not "unsupported": an outage must not read as
    "nothing there".
    """
    if not isinstance(error, ClientError):
        return Outcome.ERROR, type(error).__name__
    code: str = error.response.get("Error", {}).get("Code", "")
    for outcome, codes in CODES.items():
        if code in codes:
            return outcome, code
    return Outcome.ERROR, code
