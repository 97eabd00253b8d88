"""The overview: what it says of changes, of a first day, of nothing; where its rows lead."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from stratum_pipeline.triage import contract as c

from .conftest import Open, Serve
from .fake import Fake

NONE = c.Change(count=0, severities={}, causes={})
TODAY = datetime.now(UTC).date()


class Told(Fake):
    """An API whose overview is given."""

    def __init__(self, **figures: object) -> None:
        super().__init__()
        self.figures = figures

    def overview(self, asked: c.ScopeQuery) -> c.Overview:
        return super().overview(asked).model_copy(update=self.figures)


def metrics(app: AppTest) -> dict[str, tuple[str, str]]:
    return {m.label: (m.value, m.proto.delta_description) for m in app.metric}


def links(app: AppTest) -> dict[str, str]:
    """Query by label, of links into the app."""
    return {link.proto.label: link.proto.query_string for link in app.get("page_link")}


def said(app: AppTest) -> str:
    return "\n".join(str(part.value) for part in [*app.markdown, *app.caption])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (NONE, "nothing new"),
        (
            c.Change(count=5, severities={"high": 5}, causes={"baseline": 5}),
            "all by a first scan: 5 high",
        ),
        (c.Change(count=5, severities={"low": 5}, causes={"baseline": 5}), "all by a first scan"),
        (
            c.Change(
                count=9,
                severities={"critical": 2, "low": 7},
                causes={"baseline": 4, "new": 5},
            ),
            "2 critical; 4 by a first scan",
        ),
    ],
    ids=["nothing", "a first scan", "a first scan, all low", "both"],
)
def test_a_first_scan_is_no_news(
    serve: Serve, open_page: Open, change: c.Change, sentence: str
) -> None:
    serve(Told(opened=change))
    assert metrics(open_page("overview"))["Opened"] == (str(change.count), sentence)


def test_why_findings_came_back_and_ended(serve: Serve, open_page: Open) -> None:
    back = c.Change(count=2, severities={"high": 2}, causes={"not_fixed": 2})
    gone = c.Change(count=7, severities={"low": 7}, causes={"fixed": 4, "gone": 3})
    serve(Told(reopened=back, resolved=gone, unknown=1234, gaps=1))
    shown = metrics(open_page("overview"))
    assert shown["Reopened"] == ("2", "2 marked resolved, still failing")
    assert shown["Resolved"] == ("7", "4 fixed, 3 gone")
    assert shown["Could not tell"] == ("1,234", "verdicts unknown, not passed; 1 gap")


def trend(*days: date) -> tuple[c.TrendPoint, ...]:
    return tuple(
        c.TrendPoint(day=day, severity=severity, open=number)
        for number, day in enumerate(days)
        for severity in ("critical", "high", "medium", "low")
    )


def test_one_day_is_no_line(serve: Serve, open_page: Open) -> None:
    serve(Told(trend=trend(TODAY)))
    app = open_page("overview")
    assert "history begins today" in said(app)
    assert not app.get("vega_lite_chart")


def test_a_trend_says_how_far_it_came_in_30_days(serve: Serve, open_page: Open) -> None:
    days = [TODAY - timedelta(days=back) for back in (40, 30, 0)]
    serve(Told(trend=trend(*days), open={"critical": 0, "high": 1, "medium": 4, "low": 1}))
    text = "\n".join(links(open_page("overview")))
    for sentence in ("1 fewer than 30 days ago", "unchanged in 30 days", "3 more than 30 days ago"):
        assert sentence in text


def test_a_short_history_is_measured_from_its_first_day(serve: Serve, open_page: Open) -> None:
    serve(Told(trend=trend(TODAY - timedelta(days=2), TODAY - timedelta(days=1), TODAY), open={}))
    app = open_page("overview")
    assert "last 3 days" in said(app)
    assert any("unchanged in 2 days" in label for label in links(app))
    spec = json.loads(app.get("vega_lite_chart")[0].proto.spec)
    ticks = spec["encoding"]["x"]["axis"]["values"]
    assert ticks == [f"{TODAY - timedelta(days=back):%d %b}" for back in (2, 1, 0)]


def test_every_figure_leads_to_what_it_counts(serve: Serve, open_page: Open) -> None:
    serve(Told(open={"critical": 8}))
    found = links(open_page("overview", scope="module:s3"))
    scope = "scope=module%3As3"
    assert found["Opened"] == f"{scope}&status=open&sort=newest"
    assert found["Reopened"] == f"{scope}&status=open&cause=regressed&cause=not_fixed&sort=changed"
    assert found["Resolved"] == f"{scope}&status=resolved&sort=changed"
    assert found["Suppressions ending"] == f"{scope}&status=suppressed"
    assert found["Could not tell"] == f"show=every&{scope}"
    critical = next(label for label in found if "Critical" in label)
    assert found[critical] == f"{scope}&status=open&severity=critical"


@pytest.mark.parametrize(
    ("back", "says"),
    [(timedelta(days=1), "Since yesterday"), (timedelta(days=3), "Since the last")],
)
def test_the_window_is_a_day_or_the_last_scan(
    serve: Serve, open_page: Open, back: timedelta, says: str
) -> None:
    serve(Told(since=datetime.now(UTC) - back))
    assert says in said(open_page("overview"))


def test_root_causes_of_one_name_are_told_apart(serve: Serve, open_page: Open) -> None:
    made = {
        "label": "root",
        "severity": "critical",
        "priority": 100,
        "findings": 2,
        "accounts": 1,
        "oldest": datetime.now(UTC),
    }
    keys = ("arn:aws:iam::111111111111:root", "arn:aws:iam::999999999999:root", "a setting")
    api = Fake()
    serve(
        Told(
            root_causes=tuple(c.Group.model_validate(made | {"key": key}) for key in keys),
            accounts=api.accounts(c.AccountsQuery()).items,
        )
    )
    shown = open_page("overview").dataframe[0].value
    assert list(shown["account"]) == ["payments-prod", "999999999999", ""]


def test_nothing_open_is_said_and_not_praised(serve: Serve, open_page: Open) -> None:
    serve(Told(root_causes=(), oldest=(), accounts=(), open={}, trend=()))
    text = said(open_page("overview"))
    assert "What could not be seen is not counted as passed." in text
    assert "No account has open findings." in text
    assert "%" not in text


def test_it_obeys_the_scope(api: Fake, open_page: Open) -> None:
    open_page("overview", scope="module:s3")
    questions = [question for name, question in api.calls if name == "overview"]
    assert questions[-1] == c.ScopeQuery(scope="module:s3")


def test_what_could_be_saved_is_told_where_anything_could(serve: Serve, open_page: Open) -> None:
    serve(Told())
    assert "Could be saved" not in metrics(open_page("overview"))
    serve(Told(monthly_usd=1234.5))
    app = open_page("overview")
    assert metrics(app)["Could be saved"] == ("1,234", "USD a month, estimated")
    assert "sort=cost" in links(app)["Could be saved"]
