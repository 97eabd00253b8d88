"""Drift: changes by resource, from what to what, and what the address says of the window."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from stratum_pipeline.triage import contract as c

from .conftest import Open, Serve
from .fake import HOSTILE, Fake
from .test_overview import links
from .test_queue import asked, said, tick

AT = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
ARN = "arn:aws:s3:::exports"
POLICY = '"{\\"Statement\\":[{\\"Effect\\":\\"Allow\\",\\"Principal\\":\\"%s\\"}]}"'


class Drifting(Fake):
    """With changes, the newest first, a page at a time."""

    def __init__(self, *pages: tuple[c.Drifted, ...]) -> None:
        super().__init__()
        self.pages = pages or ((),)

    def drift(self, asked: c.DriftQuery) -> c.Drift:
        page = int(asked.cursor or 0)
        assert asked.since is not None
        more = page + 1 < len(self.pages)
        return c.Drift(
            items=self.pages[page],
            since=asked.since,
            until=AT,
            searched_to=AT - timedelta(days=3) if more else asked.since,
            next=str(page + 1) if more else "",
            snapshot=self._snapshot(),
        )


def change(**over: Any) -> c.Drifted:
    made = {
        "at": AT,
        "scan_id": "s1",
        "account_id": "111111111111",
        "account_name": "payments-prod",
        "region": "eu-west-1",
        "module": "s3",
        "table": "buckets",
        "resource": "exports",
        "resource_arn": ARN,
        "incarnation": "first",
        "what": "changed",
        "column": "versioning",
        "was": '"Enabled"',
        "now": '"Suspended"',
        "cut": False,
    }
    return c.Drifted.model_validate(made | over)


def appeared(**over: Any) -> c.Drifted:
    now = '{"name":"new","public":false}'
    return change(**{"what": "appeared", "column": "", "was": "", "now": now} | over)


def rows(app: AppTest) -> list[dict[str, Any]]:
    return app.dataframe[0].value.to_dict("records")


# --- in words ----------------------------------------------------------------------------

LONG = change(column="policy", was=POLICY % "arn:aws:iam::1:root", now=POLICY % "*")
VANISHED = change(what="vanished", column="", was='{"name":"exports"}', now="")
REPLACED = change(what="replaced", column="incarnation", was='"a"', now='"b"')


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ((change(),), 'versioning: "Enabled" → "Suspended"'),
        ((LONG,), "policy changed"),
        ((change(), LONG), "versioning, policy changed"),
        ((appeared(),), "Appeared"),
        ((VANISHED,), "Vanished"),
        ((REPLACED,), "Replaced"),
        ((REPLACED, LONG), "Replaced; policy changed"),
    ],
)
def test_what_happened_to_a_resource(
    serve: Serve, open_page: Open, found: tuple[c.Drifted, ...], says: str
) -> None:
    serve(Drifting(found))
    app = open_page("drift")
    assert not app.exception
    (row,) = rows(app)
    assert row["what"] == says
    assert (row["at"], row["account"], row["module"]) == (
        "24 Nov 2026, 06:30",
        "payments-prod",
        "s3",
    )


def test_one_row_for_a_resource_in_a_scan(serve: Serve, open_page: Open) -> None:
    other = change(resource="uploads", resource_arn=ARN + "2")
    earlier = change(scan_id="s0", at=AT - timedelta(days=1))
    serve(Drifting((change(), other, LONG, earlier)))
    app = open_page("drift")
    assert [(row["resource"], row["at"][:2]) for row in rows(app)] == [
        ("exports", "24"),
        ("uploads", "24"),
        ("exports", "23"),
    ]
    assert "4 changes of 3 resources, newest scan first." in said(app)


def test_what_two_modules_say_alike_is_said_once(serve: Serve, open_page: Open) -> None:
    again = {"module": "cost", "at": AT + timedelta(minutes=1)}
    seen = (change(), change(**again), appeared(), appeared(now="{}", **again))
    differs = change(column="size", module="cost")
    serve(Drifting((*seen, differs)))
    app = open_page("drift")
    (row,) = rows(app)
    assert row["what"] == "Appeared; versioning, size changed"
    assert row["module"] == "s3, cost"


def test_from_what_to_what(serve: Serve, open_page: Open) -> None:
    serve(Drifting((change(), LONG)))
    app = open_page("drift")
    assert '`versioning` :gray[from] `"Enabled"` :gray[to] `"Suspended"`' in said(app)
    (code,) = app.code
    assert '-      "Principal": "arn:aws:iam::1:root"' in code.value
    assert '+      "Principal": "*"' in code.value
    assert '       "Effect": "Allow",' in code.value


def test_what_is_known_of_what_came_and_of_what_went(serve: Serve, open_page: Open) -> None:
    serve(Drifting((appeared(), change(**VANISHED.model_dump() | {"resource_arn": "arn:2"}))))
    app = open_page("drift")
    assert '"public": false' in app.code[0].value
    tick(app, 1)
    assert app.code[0].value == '{\n  "name": "exports"\n}'


def test_what_was_cut_off_says_so(serve: Serve, open_page: Open) -> None:
    cut = '"' + "x" * 3999
    serve(Drifting((change(was=cut, now=cut, cut=True),)))
    app = open_page("drift")
    assert not app.exception
    assert "Cut off here" in said(app)


def test_what_aws_says_is_text(serve: Serve, open_page: Open) -> None:
    hostile = dict.fromkeys(("resource", "account_name", "region", "column", "was", "now"), HOSTILE)
    serve(Drifting((change(**hostile), change(resource_arn=HOSTILE, what="replaced"))))
    app = open_page("drift")
    shown = [p.value for p in (*app.markdown, *app.caption)]
    shown += [t.value.to_string() for t in app.table]
    outside = "\n".join(part for part in shown if "``" not in part)  # a code span is inert
    assert "evil" in outside
    assert "](" not in outside
    assert " <img" not in outside


# --- window and filters ------------------------------------------------------------------


def days_ago(days: int) -> datetime:
    return datetime.combine((datetime.now(UTC) - timedelta(days=days)).date(), time(), UTC)


def test_the_last_week_of_everything_is_asked_for(serve: Serve, open_page: Open) -> None:
    api = serve(Drifting((change(),)))
    app = open_page("drift")
    assert asked(api, "drift") == c.DriftQuery(since=days_ago(7))
    assert app.query_params == {}


def test_a_deep_link_filters_and_the_address_follows(serve: Serve, open_page: Open) -> None:
    api = serve(Drifting((change(),)))
    app = open_page("drift", days="30", change=["vanished", "nonsense"], arn=ARN, scope="module:s3")
    wanted = c.DriftQuery(scope="module:s3", since=days_ago(30), what=("vanished",), resource=ARN)
    assert asked(api, "drift") == wanted
    app.text_input(key="arn").set_value("").run()
    app.multiselect(key="change").set_value(["changed", "replaced"]).run()
    app.segmented_control(key="days").set_value("90").run()
    assert app.query_params == {
        "days": "90",
        "change": ["changed", "replaced"],
        "scope": "module:s3",
    }
    assert asked(api, "drift").since == days_ago(90)


def test_it_leads_to_the_findings_of_the_resource_in_any_scope(
    serve: Serve, open_page: Open
) -> None:
    serve(Drifting((change(),)))
    address = links(open_page("drift", scope="module:cost"))["Findings of this resource"]
    assert parse_qs(address) == {
        "resource": [ARN],
        "scope": ["organization"],
        "status": ["any"],
    }


def test_a_finding_leads_to_what_changed_on_its_resource(api: Fake, open_page: Open) -> None:
    one = next(iter(api.rows.values()))
    address = links(open_page("finding", id=one.finding_id))["What changed on it"]
    assert parse_qs(address) == {"arn": [one.resource_arn], "days": ["90"]}


def test_only_this_resource(serve: Serve, open_page: Open) -> None:
    api = serve(Drifting((change(),)))
    app = open_page("drift")
    next(b for b in app.button if b.label == "Only this resource").click().run()
    assert asked(api, "drift").resource == ARN
    assert app.query_params == {"arn": ARN}
    assert "Only this resource" not in [button.label for button in app.button]


def test_pages_turn_without_a_total(serve: Serve, open_page: Open) -> None:
    serve(Drifting((change(),), (change(resource="older"),)))
    app = open_page("drift")
    assert "Page 1" in said(app)
    app.button(key="drift_Next").click().run()
    assert [row["resource"] for row in rows(app)] == ["older"]
    assert "Page 2" in said(app)
    assert app.button(key="drift_Next").disabled


# --- nothing to show ---------------------------------------------------------------------


def test_nothing_changed_is_said_with_what_it_does_not_mean(serve: Serve, open_page: Open) -> None:
    serve(Drifting())
    app = open_page("drift")
    assert "Nothing changed" in said(app)
    assert "What a scan could not see it says nothing of." in said(app)
    assert not app.dataframe


def test_no_match_has_a_way_out(serve: Serve, open_page: Open) -> None:
    api = serve(Drifting())
    app = open_page("drift", change="vanished", arn=ARN, days="30")
    assert "No changes match" in said(app)
    next(button for button in app.button if button.label == "Show all").click().run()
    assert asked(api, "drift") == c.DriftQuery(since=days_ago(30))
    assert app.query_params == {"days": "30"}


def test_a_part_of_the_window_without_changes_leads_on(serve: Serve, open_page: Open) -> None:
    serve(Drifting((), (change(),)))
    app = open_page("drift", days="90")
    assert "Nothing found back to 21 Nov 2026" in said(app)
    app.button(key="drift_Next").click().run()
    assert len(rows(app)) == 1
