"""Coverage: what is drawn and what is told of it, the cell at the right, where it leads."""

import json
from datetime import timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import problems

from .conftest import Open, Serve
from .fake import HOSTILE, NOW, Fake
from .test_queue import asked, labels, said

MODULES = ("iam", "networking", "s3")


def cell(module: str, state: c.State = "complete", **changed: Any) -> c.Cell:
    made = {
        "module": module,
        "state": state,
        "reason": "",
        "scanned_at": None if state in ("off", "never") else NOW - timedelta(hours=3),
        "calls": 0,
        "unknown": 0,
        "gaps": 0,
    }
    return c.Cell.model_validate(made | changed)


def account(
    number: int, *cells: c.Cell, name: str | None = None, status: str = "ACTIVE"
) -> c.AccountCoverage:
    """Modules of which nothing is said are complete."""
    given = {each.module: each for each in cells}
    return c.AccountCoverage(
        account_id=f"{number:012d}",
        name=f"account-{number}" if name is None else name,
        ou="Root/Workloads",
        status=status,
        cells=tuple(given.get(module) or cell(module) for module in MODULES),
    )


def gap(number: int, module: str = "s3", **changed: Any) -> c.Gap:
    made = {
        "account_id": f"{number:012d}",
        "account_name": f"account-{number}",
        "region": "*",
        "module": module,
        "operation": "s3:GetBucketPolicy",
        "outcome": "denied",
        "permission": "s3:ListAllMyBuckets",
        "code": "AccessDenied",
        "rules": ("s3.bucket.public_policy", "s3.bucket.tls_only"),
        "resources": 2,
        "unlisted": False,
        "blinded": 4,
    }
    return c.Gap.model_validate(made | changed)


class Estate(Fake):
    """An API over these accounts and gaps."""

    def __init__(self, *accounts: c.AccountCoverage, gaps: tuple[c.Gap, ...] = ()) -> None:
        super().__init__()
        self.estate, self.missed = accounts, gaps

    def coverage(self, asked: c.CoverageQuery) -> c.Coverage:
        kind, _, named = asked.scope.partition(":")
        inside = [a for a in self.estate if kind != "account" or a.account_id == named]
        first = int(asked.cursor or 0)
        after = first + asked.limit
        return c.Coverage(
            accounts=tuple(inside[first:after]),
            modules=MODULES if inside else (),
            total=len(inside),
            next=str(after) if after < len(inside) else "",
            snapshot=self._snapshot(),
        )

    def gaps(self, asked: c.GapsQuery) -> c.Gaps:
        wanted = [
            gap
            for gap in self.missed
            if (not asked.account or gap.account_id in asked.account)
            and (not asked.module or gap.module in asked.module)
        ]
        first = int(asked.cursor or 0)
        after = first + asked.limit
        return c.Gaps(
            items=tuple(wanted[first:after]),
            total=len(wanted),
            next=str(after) if after < len(wanted) else "",
            snapshot=self._snapshot(),
        )


PARTIAL = cell(
    "s3", "partial", reason="s3:GetBucketPolicy denied (AccessDenied)", unknown=4, gaps=1
)


def charts(app: AppTest) -> list[Any]:
    return [json.loads(chart.proto.spec) for chart in app.get("vega_lite_chart")]


def panel(app: AppTest) -> str:
    """What is at the right, tables included."""
    return said(app) + "\n".join(table.value.to_string() for table in app.table)


def links(app: AppTest) -> dict[str, str]:
    """Query by label, of links into the app."""
    return {link.proto.label: link.proto.query_string for link in app.get("page_link")}


# --- matrix ------------------------------------------------------------------------------


def test_a_page_has_a_hundred_accounts(serve: Serve, open_page: Open) -> None:
    api = serve(Estate(*(account(number) for number in range(250))))
    app = open_page("coverage")
    assert asked(api, "coverage") == c.CoverageQuery(order="gaps", limit=100)
    assert "1 to 100 of 250" in said(app)
    app.button(key="coverage_Next").click().run()
    app.button(key="coverage_Next").click().run()
    assert "201 to 250 of 250" in said(app)
    app.segmented_control(key="show").set_value("name").run()
    assert asked(api, "coverage") == c.CoverageQuery(order="name", limit=100)
    assert app.query_params == {"show": "name"}
    assert {q.limit for name, q in api.calls if name == "coverage"} == {100}
    assert not app.exception


def test_one_page_needs_no_pager(serve: Serve, open_page: Open) -> None:
    serve(Estate(account(1)))
    assert "Next" not in labels(open_page("coverage"))


def test_an_address_names_order_and_scope(serve: Serve, open_page: Open) -> None:
    api = serve(Estate(account(1)))
    app = open_page("coverage", show="name", scope="ou:Root/Workloads")
    wanted = c.CoverageQuery(scope="ou:Root/Workloads", order="name", limit=100)
    assert asked(api, "coverage") == wanted
    assert not app.exception


def test_a_scope_of_nothing_says_so(serve: Serve, open_page: Open) -> None:
    serve(Estate())
    app = open_page("coverage", scope="account:123456789012")
    assert "No account here" in said(app)
    assert not charts(app)


# --- told in text ------------------------------------------------------------------------


def test_what_is_incomplete_is_told_in_text(serve: Serve, open_page: Open) -> None:
    serve(
        Estate(
            account(1, PARTIAL),
            account(2, cell("iam", "failed", reason="role stratum-iam cannot be assumed")),
            account(3, cell("s3", "never", reason="not scanned yet")),
        )
    )
    text = said(open_page("coverage")).replace("\\", "")
    assert "Partial] s3 in account-1" in text
    assert "s3:GetBucketPolicy denied (AccessDenied)" in text
    assert "Failed] iam in account-2" in text
    assert "Never] s3 in account-3" in text
    assert "4 verdicts unknown" in text
    assert "Off" not in text


def test_one_cause_is_told_once(serve: Serve, open_page: Open) -> None:
    closed = [cell(m, "off", reason="account is SUSPENDED") for m in MODULES]
    serve(Estate(*(account(number, *closed, status="SUSPENDED") for number in range(9))))
    text = said(open_page("coverage")).replace("\\", "")
    assert text.count("account is SUSPENDED") == 1
    assert "iam, networking, s3 in account-0, account-1, account-2, account-3 and 5 more" in text
    assert "Every cell here is complete or switched off." in text


def test_more_causes_than_can_be_read_are_counted(serve: Serve, open_page: Open) -> None:
    broken = [cell("s3", "failed", reason=f"error {number}") for number in range(90)]
    serve(Estate(*(account(number, each) for number, each in enumerate(broken))))
    assert "and 50 more in the matrix" in said(open_page("coverage"))


# --- one cell ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missed", "says"),
    [
        (gap(1), "was denied (AccessDenied). Grant the scanner role `s3:ListAllMyBuckets`"),
        (gap(1, outcome="throttled", code="Slow"), "was throttled past the retries (Slow)"),
        (gap(1, outcome="error", code="EndpointConnectionError"), "failed (EndpointConnection"),
        (gap(1, unlisted=True, blinded=0), "A listing is lost, resources may be missing"),
        (gap(1), "2 resources; 4 verdicts unknown"),
    ],
)
def test_a_gap_says_cause_and_cost(serve: Serve, open_page: Open, missed: c.Gap, says: str) -> None:
    serve(Estate(account(1, PARTIAL), gaps=(missed, gap(1, "iam"), gap(2))))
    text = panel(open_page("coverage", cell="000000000001:s3")).replace("\\", "")
    assert says in text
    assert "4 verdicts, not passed" in text
    assert "s3.bucket.tls_only" in text


def test_regions_of_one_cause_are_told_together(serve: Serve, open_page: Open) -> None:
    regions = ("us-east-1", "eu-west-1")
    serve(Estate(account(1, PARTIAL), gaps=tuple(gap(1, region=region) for region in regions)))
    text = panel(open_page("coverage", cell="000000000001:s3")).replace("\\", "")
    assert text.count("was denied") == 1
    assert "4 resources; 8 verdicts unknown in eu-west-1, us-east-1" in text


@pytest.mark.parametrize(
    ("state", "reason"),
    [("failed", "role cannot be assumed"), ("never", "not scanned yet"), ("off", "switched off")],
)
def test_what_was_not_judged_knows_nothing(
    serve: Serve, open_page: Open, state: c.State, reason: str
) -> None:
    serve(Estate(account(1, cell("s3", state, reason=reason))))
    text = panel(open_page("coverage", cell="000000000001:s3"))
    assert reason in text
    assert "everything: nothing was judged" in text


def test_a_cell_of_another_page_is_shown(serve: Serve, open_page: Open) -> None:
    api = serve(Estate(*(account(number) for number in range(150))))
    app = open_page("coverage", cell="000000000149:iam")
    assert "### iam in account\\-149" in said(app)
    assert {q.limit for name, q in api.calls if name == "coverage"} == {1, 100}
    app.button(key="close").click().run()
    assert "### iam" not in said(app)
    assert not app.query_params


@pytest.mark.parametrize("address", ["", "x", "000000000009:s3", "000000000001:ec2", "1:s3"])
def test_an_address_of_no_cell_shows_none(serve: Serve, open_page: Open, address: str) -> None:
    serve(Estate(account(1)))
    app = open_page("coverage", cell=address)
    assert not app.exception
    assert "Close" not in labels(app)


def test_from_a_cell_to_its_findings(serve: Serve, open_page: Open) -> None:
    api = Estate(account(1, PARTIAL), gaps=(gap(1),))
    for key, row in list(api.rows.items())[:3]:
        here = {"account_id": "000000000001", "module": "s3"}
        api.rows[key] = row.model_copy(update=here | {"unverified": "denied"})
    serve(api)
    found = links(open_page("coverage", cell="000000000001:s3"))
    where = "account=000000000001&module=s3"
    assert found["3 findings left unverified"] == f"status=open&{where}&unverified=yes"
    assert found["3 findings open"] == f"status=open&{where}"


def test_a_cell_that_was_verified_says_so(serve: Serve, open_page: Open) -> None:
    serve(Estate(account(1)))
    app = open_page("coverage", cell="000000000001:s3")
    assert "No open finding is left unverified." in said(app)
    assert not [label for label in links(app) if "findings" in label]


# --- every gap ---------------------------------------------------------------------------


def test_every_gap_a_hundred_a_page(serve: Serve, open_page: Open) -> None:
    missed = tuple(gap(number, region="eu-west-1") for number in range(120))
    api = serve(Estate(gaps=missed))
    app = open_page("coverage", show="every", scope="module:s3")
    assert asked(api, "gaps") == c.GapsQuery(scope="module:s3", limit=100)
    assert len(app.dataframe[0].value) == 100
    assert app.dataframe[0].value.iloc[0].to_dict() == {
        "account": "account-0",
        "operation": "s3:GetBucketPolicy",
        "outcome": "denied (AccessDenied)",
        "region": "eu-west-1",
        "blinded": 4,
        "rules": 2,
        "seen": "2 resources",
    }
    app.button(key="gaps_Next").click().run()
    assert "101 to 120 of 120" in said(app)


def test_no_gap_is_not_everything_seen(serve: Serve, open_page: Open) -> None:
    serve(Estate(account(1)))
    text = said(open_page("coverage", show="every"))
    assert "No call failed." in text
    assert "never scanned" in text


# --- what AWS says -----------------------------------------------------------------------


def test_names_of_aws_are_text(serve: Serve, open_page: Open) -> None:
    hostile = cell("s3", "partial", reason=HOSTILE, gaps=1)
    serve(Estate(account(1, hostile, name=HOSTILE), gaps=(gap(1, code=HOSTILE, region=HOSTILE),)))
    app = open_page("coverage", cell="000000000001:s3")
    text = panel(app)
    assert "evil" in text
    assert "](" not in text
    assert "<img" not in text.replace("\\<", "")
    assert not app.exception


def test_accounts_of_one_name_are_two_rows(serve: Serve, open_page: Open) -> None:
    serve(Estate(account(1, name="prod"), account(2, name="prod"), account(3, name="")))
    app = open_page("coverage")
    rows = charts(app)[0]["layer"][0]["encoding"]["y"]["sort"]
    assert rows == ["prod 000000000001", "prod 000000000002", "000000000003"]


def test_a_fault_is_said(serve: Serve, open_page: Open) -> None:
    api = Estate(account(1))
    api.fault["coverage"] = problems.storage("the data folder is not there.")
    serve(api)
    assert "data folder is not there" in said(open_page("coverage")).replace("\\", "")
