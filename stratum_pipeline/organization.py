"""Reaching accounts: who we are, which accounts there are, and a session in each.

Sources: sts:GetCallerIdentity, sts:AssumeRole, organizations:DescribeOrganization,
ListAccounts, ListRoots,
ListOrganizationalUnitsForParent, ListAccountsForParent, ListTagsForResource.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
import botocore.session
import polars as pl
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader

from .kernel.coverage import REFUSALS, Outcome, Refusal, classify
from .kernel.session import environment_session
from .kernel.trust import Members
from .lifecycle.events import Accounts

# The sessions of all accounts share what botocore knows of AWS: 26 ms a client without.
_LOADER = Loader()
_TAGS_AT_ONCE = 8
_SESSION_NAME = "stratum"

NOT_IN_USE = "AWSOrganizationsNotInUseException"
ALONE = {NOT_IN_USE, "AccessDeniedException", "AccessDenied"}
"""Answers to ListAccounts after which the current account is scanned alone."""


class AccessError(Exception):
    """AWS did not let us in; the message says where, why, and what to do."""

    def __init__(self, message: str, outcome: Outcome, code: str) -> None:
        super().__init__(message)
        self.outcome, self.code = outcome, code


@dataclass(frozen=True)
class Caller:
    """Whose credentials these are."""

    account_id: str
    arn: str
    region: str


@dataclass(frozen=True)
class Discovery:
    """The accounts there are, and how we know."""

    accounts: pl.DataFrame  # of Accounts
    organization: bool  # False: Organizations did not answer, the caller's account alone
    note: str  # why not; "" if it did
    members: pl.DataFrame | None  # of Members; None: who else is ours could not be found out


class Access:
    """Sessions in the accounts of one organization, from one set of credentials.

    role: path and name, {module} filled in. Where the caller's own account has no such
    role, the caller's credentials are used there; everywhere else that is an AccessError.
    """

    def __init__(self, role: str, external_id: str = "", session: boto3.Session | None = None):
        self.role, self.external_id = role, external_id
        try:
            self.session = session or environment_session()
        except BotoCoreError as error:  # AWS_PROFILE names none
            raise _refused(error, NO_CREDENTIALS, SIGN_IN) from error
        self._caller: Caller | None = None
        self._clients: dict[str, Any] = {}
        self._lock = threading.RLock()

    @property
    def region(self) -> str:
        return self.session.region_name or "us-east-1"

    def caller(self) -> Caller:
        """Who we are. AccessError without usable credentials."""
        with self._lock:
            if self._caller is None:
                try:
                    identity = self._client("sts").get_caller_identity()
                except REFUSALS as error:
                    raise _refused(error, NO_CREDENTIALS, SIGN_IN) from error
                self._caller = Caller(identity["Account"], identity["Arn"], self.region)
            return self._caller

    def listing(self) -> dict[str, str]:
        """Status by account id, of a whole listing or of the caller alone; no tags, no OUs."""
        caller = self.caller()
        try:
            return {account["Id"]: _status(account) for account in self._listed()}
        except REFUSALS as error:
            if classify(error)[1] in ALONE:
                return {caller.account_id: "ACTIVE"}
            raise _refused(error, NO_LISTING, RETRY) from error

    def discover(self) -> Discovery:
        """Every account of the organization with its OU and tags, or the caller's alone.

        AccessError if anything else fails: half an organization is not returned.
        """
        caller = self.caller()
        organizations = self._client("organizations")
        listed: list[dict[str, Any]] | None = None
        try:
            listed = list(_pages(organizations, "list_accounts", "Accounts"))
            units = _units(organizations)
            with ThreadPoolExecutor(_TAGS_AT_ONCE) as pool:
                ids = [str(account["Id"]) for account in listed]
                tags = list(pool.map(partial(_tags, organizations), ids))
            organization_id = self._organization_id()
        except REFUSALS as error:
            code = classify(error)[1]
            if code != NOT_IN_USE and (listed is not None or code not in ALONE):
                what = NO_LISTING if listed is None else NO_DETAILS
                raise _refused(error, what, RETRY) from error
            alone = {"account_id": caller.account_id, "name": caller.account_id, "ou": ""}
            row = alone | {"status": "ACTIVE", "tags": []}
            # Where there is no organization, every other account is a stranger's.
            ours = _members([caller.account_id]) if code == NOT_IN_USE else None
            return Discovery(Accounts.frame([row]), False, f"AWS Organizations: {code}", ours)
        rows = [
            {
                "account_id": account["Id"],
                "name": account.get("Name", ""),
                "status": _status(account),
                "ou": units.get(account["Id"], ""),
                "tags": tagged,
            }
            for account, tagged in zip(listed, tags, strict=True)
        ]
        ours = _members([organization_id, *ids])
        return Discovery(Accounts.frame(rows).sort("account_id"), True, "", ours)

    def enter(self, account_id: str, module: str) -> boto3.Session:
        """A session in `account_id` as `module`'s role; AccessError if it can't be assumed."""
        caller = self.caller()
        arn = self.role_arn(account_id, module)
        try:
            return self._assume(arn)
        except REFUSALS as error:
            if account_id == caller.account_id and classify(error)[0] != Outcome.THROTTLED:
                return self._session(self.session.get_credentials())
            raise _refused(
                error,
                f"{arn} cannot be assumed by {caller.arn}",
                "deploy the scanner role there, or set STRATUM_ROLE and STRATUM_EXTERNAL_ID to "
                "what is deployed",
            ) from error

    def _listed(self) -> list[dict[str, Any]]:
        self._organization_id()  # says so itself where there is none
        return list(_pages(self._client("organizations"), "list_accounts", "Accounts"))

    def _organization_id(self) -> str:
        return self._client("organizations").describe_organization()["Organization"]["Id"]

    def role_arn(self, account_id: str, module: str) -> str:
        partition = self.session.get_partition_for_region(self.region)
        return f"arn:{partition}:iam::{account_id}:role/{self.role.format(module=module)}"

    def _assume(self, arn: str) -> boto3.Session:
        external = {"ExternalId": self.external_id} if self.external_id else {}
        sts = self._client("sts")

        def refresh() -> dict[str, str]:
            answer = sts.assume_role(RoleArn=arn, RoleSessionName=_SESSION_NAME, **external)
            given = answer["Credentials"]
            return {
                "access_key": given["AccessKeyId"],
                "secret_key": given["SecretAccessKey"],
                "token": given["SessionToken"],
                "expiry_time": given["Expiration"].isoformat(),
            }

        credentials = RefreshableCredentials.create_from_metadata(
            refresh(), refresh, method="sts-assume-role"
        )
        return self._session(credentials)

    def _session(self, credentials: Any) -> boto3.Session:
        inner = botocore.session.Session(profile=self.session._session.profile)  # pyright: ignore
        inner.register_component("data_loader", _LOADER)
        inner._credentials = credentials  # pyright: ignore[reportPrivateUsage]
        return boto3.Session(botocore_session=inner, region_name=self.region)

    def _client(self, service: str) -> Any:
        """Shared by threads: building one is not thread-safe, and retry keeps its limits on it."""
        with self._lock:
            if service not in self._clients:
                config = Config(retries={"mode": "adaptive"}, connect_timeout=5, read_timeout=30)
                self._clients[service] = self.session.client(
                    service, region_name=self.region, config=config
                )
            return self._clients[service]


NO_CREDENTIALS = "AWS does not accept these credentials"
SIGN_IN = (
    "check AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws sso login`; "
    "`stratum doctor` tells more"
)
NO_LISTING = "the organization's accounts cannot be listed"
NO_DETAILS = "the accounts are listed, but not their OUs and tags"
RETRY = (
    "allow organizations:List* and DescribeOrganization to the scanner, or run again; "
    "nothing was changed"
)


def _status(account: dict[str, Any]) -> str:
    # State replaces Status, which AWS retired in September 2026.
    return account.get("State") or account["Status"]


def _refused(error: Refusal, what: str, fix: str) -> AccessError:
    outcome, code = classify(error)
    return AccessError(f"{what} ({code}): {fix}.", outcome, code)


def _pages(client: Any, operation: str, key: str, **params: Any) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(**params):
        yield from page[key]


def _units(organizations: Any) -> dict[str, str]:
    """The OU path of each account id: calls grow with the OUs, not with the accounts."""
    paths: dict[str, str] = {}
    todo = [(r["Id"], r["Name"]) for r in _pages(organizations, "list_roots", "Roots")]
    while todo:
        parent, path = todo.pop()
        for account in _pages(
            organizations, "list_accounts_for_parent", "Accounts", ParentId=parent
        ):
            paths[account["Id"]] = path
        todo += [
            (unit["Id"], f"{path}/{unit['Name']}")
            for unit in _pages(
                organizations,
                "list_organizational_units_for_parent",
                "OrganizationalUnits",
                ParentId=parent,
            )
        ]
    return paths


def _members(principals: list[str]) -> pl.DataFrame:
    return Members.frame({"principal": one} for one in sorted(principals))


def _tags(organizations: Any, account_id: str) -> list[dict[str, str]]:
    tags = _pages(organizations, "list_tags_for_resource", "Tags", ResourceId=account_id)
    return sorted(
        ({"key": t["Key"], "value": t["Value"]} for t in tags), key=lambda tag: tag["key"]
    )
