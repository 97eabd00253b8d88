"""Building the organization: accounts in their units, and what each account holds."""

import os
from itertools import chain
from typing import Any

from freezegun import freeze_time
from moto import mock_aws
from moto.moto_api._internal import mock_random
from moto.organizations import utils
from moto.organizations.models import organizations_backends

from . import estate
from .accounts import MANAGEMENT, Account
from .tools.core import ANYTHING, BORN, api, policy


def build(accounts: list[Account]) -> dict[str, dict[str, str]]:
    """Furnish moto's backends; return the ids that were drawn, by account and our names.

    Two builds are equal to the byte, but for the dates that are given in days before today:
    moto's randomness is seeded account by account, and the clock stands still.
    """
    names: dict[str, dict[str, str]] = {}
    mock = mock_aws()
    mock.start()
    try:
        with freeze_time(BORN):
            organization_id = _organize(accounts)
            for account in accounts:
                if not account.suspended:
                    mock_random.seed(int(account.id))
                    estate.furnish(account, organization_id, names)
    finally:
        mock.stop(remove_data=False)
        os.environ.pop("MOTO_ACCOUNT_ID", None)  # the request says it from here on
    return names


def _organize(accounts: list[Account]) -> str:
    """The organization's id, once its accounts stand in their units."""
    mock_random.seed(0)
    organizations = api(MANAGEMENT, "organizations")
    members = [account for account in accounts if account != MANAGEMENT]
    # moto draws an id for the management account as well, and throws it away.
    drawn = chain(["000000000000"], (account.id for account in members))
    utils.make_random_account_id = lambda: next(drawn)

    made = organizations.create_organization(FeatureSet="ALL")["Organization"]
    backend: Any = organizations_backends[MANAGEMENT.id]["aws"]
    backend.accounts[0].name, backend.accounts[0].email = MANAGEMENT.name, MANAGEMENT.email
    backend.org.master_account_email = MANAGEMENT.email
    backend.accounts[0].tags = MANAGEMENT.tags

    root = organizations.list_roots()["Roots"][0]["Id"]
    units: dict[tuple[str, ...], str] = {(): root}
    for path in sorted({account.unit[: depth + 1] for account in members for depth in range(2)}):
        unit = organizations.create_organizational_unit(ParentId=units[path[:-1]], Name=path[-1])
        units[path] = unit["OrganizationalUnit"]["Id"]

    for account in members:
        organizations.create_account(
            AccountName=account.name,
            Email=account.email,
            Tags=[{"Key": key, "Value": value} for key, value in account.tags.items()],
        )
        organizations.move_account(
            AccountId=account.id, SourceParentId=root, DestinationParentId=units[account.unit]
        )
        if account.suspended:
            organizations.close_account(AccountId=account.id)
        else:  # AWS gives the role it creates for the management account this power; moto doesn't
            api(account, "iam").put_role_policy(
                RoleName="OrganizationAccountAccessRole",
                PolicyName="AdministratorAccess",
                PolicyDocument=policy(ANYTHING),
            )
            api(MANAGEMENT, "organizations")
    return made["Id"]
