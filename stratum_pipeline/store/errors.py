"""One family of storage errors. Each message names the place and says what to do."""

import errno

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError


class StoreError(Exception):
    """Storage failed."""


class NotFound(StoreError):
    """Nothing is stored under that key."""


class AlreadyExists(StoreError):
    """The key was not created: it is there already. Read it to learn whose it is.

    After a lost reply it may be your own: the retried request finds the first one's work.
    """


class Conflict(AlreadyExists):
    """Another writer is at that key this moment: read it, and if it is absent try again."""


class Tampered(StoreError):
    """Bytes in the vault are not the bytes that were written."""


STANDS = "nothing was lost: the previous version stands"
FULL = {errno.ENOSPC, errno.EDQUOT}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
NO_LINKS = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}

MISSING = {"NoSuchKey", "404"}
TAKEN = {"PreconditionFailed", "412"}
BUSY = {"ConditionalRequestConflict", "409"}
REFUSED = {"AccessDenied", "AllAccessDisabled", "403"}
CREDENTIALS = {
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}


def from_os(error: OSError, doing: str) -> StoreError:
    """`error` explained; `doing` is "write /data/accounts.parquet"."""
    why = f"cannot {doing}: {error.strerror or error}"
    if isinstance(error, FileExistsError):
        return AlreadyExists(f"{why}; it was left as it is")
    if error.errno in FULL:
        return StoreError(f"{why}; free space and run again; {STANDS}")
    if error.errno in FORBIDDEN:
        return StoreError(f"{why}; give this user the permission and run again; {STANDS}")
    if error.errno in NO_LINKS:
        return StoreError(f"{why}; use a file system with hard links, or S3")
    return StoreError(f"{why}; {STANDS}")


def from_aws(error: ClientError | BotoCoreError, doing: str) -> StoreError:
    """`error` explained; `doing` is "put s3://bucket/key"."""
    if not isinstance(error, ClientError):
        why = f"cannot {doing}: {error} ({type(error).__name__})"
        if isinstance(error, NoCredentialsError):
            return StoreError(f"{why}; sign in to AWS, or run under a role, and run again")
        return StoreError(f"{why}; check the network and the endpoint, and run again; {STANDS}")
    code = code_of(error)
    why = f"cannot {doing}: {error.response.get('Error', {}).get('Message', '')} ({code})"
    if code in MISSING:
        return NotFound(f"{why}; nothing is stored there")
    if code in TAKEN:
        return AlreadyExists(f"{why}; it exists already and was left as it is")
    if code in BUSY:
        return Conflict(f"{why}; another writer is there at this moment, try again")
    if code == "NoSuchBucket":
        return StoreError(f"{why}; create the bucket, or correct STRATUM_DATA or STRATUM_VAULT")
    if code in CREDENTIALS:
        return StoreError(f"{why}; the AWS credentials are expired or wrong: renew them; {STANDS}")
    if code in REFUSED:
        return StoreError(
            f"{why}; allow this role to list, get, put and (data only) delete there; {STANDS}"
        )
    return StoreError(f"{why}; run again; {STANDS}")


def code_of(error: ClientError) -> str:
    """AWS's own code, "" if it gave none."""
    return error.response.get("Error", {}).get("Code", "")
