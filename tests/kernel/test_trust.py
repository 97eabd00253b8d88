"""Who is let in, and who of them is not ours."""

import json
from typing import Any

import polars as pl
import pytest

from stratum_pipeline.kernel.policy import statements
from stratum_pipeline.kernel.trust import Members, admitted, with_outsiders, with_strangers

ME, SIBLING, STRANGER = "111111111111", "222222222222", "999999999999"
OURS, THEIRS = "o-ours123456", "o-theirs1234"
KNOWN = {Members: Members.frame({"principal": one} for one in (ME, SIBLING, OURS))}


def policy(principal: Any, **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*"}
    return json.dumps({"Statement": [statement | more]})


def when(**keys: Any) -> dict[str, Any]:
    named = {key.replace("__", ":"): value for key, value in keys.items()}
    return {"Condition": {"StringLike": named}}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("", []),
        (policy("*"), ["*"]),
        (policy({"AWS": "*"}), ["*"]),
        (policy({"AWS": STRANGER}), [STRANGER]),
        (policy({"AWS": f"arn:aws:iam::{STRANGER}:root"}), [STRANGER]),
        (policy({"AWS": [f"arn:aws:iam::{STRANGER}:role/a", SIBLING]}), [SIBLING, STRANGER]),
        (policy({"AWS": STRANGER}, Effect="Deny"), []),
        (policy({"Service": "lambda.amazonaws.com"}), []),
        (policy({"Federated": "cognito-identity.amazonaws.com"}), []),
        (policy({"AWS": "AROAEXAMPLE"}), []),  # a principal deleted since
        (policy("*", **when(aws__PrincipalOrgID=OURS)), [OURS]),
        (policy("*", **when(aws__PrincipalOrgPaths=f"{THEIRS}/r-1/*")), [THEIRS]),
        (policy("*", **when(aws__PrincipalOrgID="o-*")), ["*"]),  # holds nobody
        (policy("*", **when(aws__PrincipalArn=f"arn:aws:iam::{STRANGER}:role/*")), [STRANGER]),
        (policy("*", **when(aws__PrincipalAccount=[ME, STRANGER])), [ME, STRANGER]),
        (policy("*", **when(aws__SourceVpce="vpce-1")), []),  # says where, not who
        (policy("*", Condition={"IpAddress": {"aws:SourceIp": "9.9.9.9/32"}}), []),
        # Held to a network, a named stranger is let in all the same.
        (
            policy({"AWS": STRANGER}, Condition={"IpAddress": {"aws:SourceIp": "9.9.9.9/32"}}),
            [STRANGER],
        ),
        (policy({"AWS": STRANGER}, **when(aws__SourceVpce="vpce-1")), [STRANGER]),
        # What a condition shuts out is not let in.
        (
            policy(
                "*",
                Condition={
                    "StringEquals": {"aws:PrincipalAccount": SIBLING},
                    "StringNotEquals": {"aws:PrincipalArn": f"arn:aws:iam::{STRANGER}:root"},
                },
            ),
            [SIBLING],
        ),
        # Both must hold: who is not of the organization is not let in.
        (policy("*", **when(aws__PrincipalOrgID=OURS, aws__PrincipalAccount=STRANGER)), [OURS]),
        (policy({"AWS": STRANGER}, **when(aws__PrincipalOrgID=OURS)), [OURS]),
    ],
)
def test_admitted(document: str, expected: list[str]):
    parsed = statements(document)
    assert parsed is not None
    assert admitted(parsed) == expected


def outsiders(document: str | None, inventory: Any, account: str | None = ME) -> Any:
    raw = pl.DataFrame(
        {"account_id": [account], "policy": [document]},
        schema={"account_id": pl.String, "policy": pl.String},
    )
    (found,) = with_outsiders(raw, inventory)["outsiders"].to_list()
    return found


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("", []),
        (policy({"AWS": [ME, SIBLING]}), []),
        (policy({"AWS": [STRANGER, SIBLING]}), [STRANGER]),
        (policy("*", **when(aws__PrincipalOrgID=OURS)), []),
        (policy("*", **when(aws__PrincipalOrgID=THEIRS)), [THEIRS]),
        (policy("*"), []),  # anyone is another finding
        ("not json", None),
        (None, None),
    ],
)
def test_outsiders(document: str | None, expected: Any):
    assert outsiders(document, KNOWN) == expected


def test_where_nobody_knows_who_is_ours_others_are_unknown_and_no_one_is_known():
    assert outsiders(policy({"AWS": SIBLING}), {}) is None
    assert outsiders(policy({"AWS": ME}), {}) == []
    assert outsiders("", {}) == []


def test_whose_a_row_is_must_be_known():
    assert outsiders(policy({"AWS": SIBLING}), KNOWN, account=None) is None


@pytest.mark.parametrize(
    ("shared", "expected"),
    [
        ([], []),
        (["all"], []),
        ([SIBLING, STRANGER], [STRANGER]),
        ([f"arn:aws:organizations::{STRANGER}:organization/{THEIRS}"], [THEIRS]),
        ([f"arn:aws:organizations::{ME}:ou/{OURS}/ou-1-2"], []),
        ([SIBLING, None], None),
        (None, None),
    ],
)
def test_strangers(shared: Any, expected: Any):
    raw = pl.DataFrame(
        {"account_id": [ME], "shared_with": [shared]},
        schema={"account_id": pl.String, "shared_with": pl.List(pl.String)},
    )
    assert with_strangers(raw, KNOWN, "shared_with")["outsiders"].to_list() == [expected]
