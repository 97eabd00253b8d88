"""The overview: what it says of changes, of a first day, of nothing; where its rows lead."""

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


def said(app: AppTest) -> str:
    return "\n".join(str(part.value) for part in [*app.markdown, *app.caption])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (NONE, "nothing new"),
        (c.Change(count=5, severities={"high": 5}, causes={"baseline": 5}), "all of a first scan"),
        (
            c.Change(
                count=9,
                severities={"critical": 2, "low": 7},
                causes={"baseline": 4, "new": 5},
            ),
            "2 critical, 4 of a first scan",
        ),
    ],
    ids=["nothing", "a first scan", "both"],
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
    assert shown["Reopened"] == ("2", "2 not fixed")
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
    text = said(open_page("overview"))
    for sentence in ("1 fewer than 30 days ago", "unchanged in 30 days", "3 more than 30"):
        assert sentence in text


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
