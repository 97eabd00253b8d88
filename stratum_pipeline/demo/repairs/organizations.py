"""AWS Organizations."""

from moto.organizations.utils import PAGINATION_MODEL


def apply() -> None:
    # Here moto resumes a listing at the first account with the same JoinedTimestamp.
    PAGINATION_MODEL["list_accounts"] |= {"unique_attribute": "Id", "limit_default": 20}
