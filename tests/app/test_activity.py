"""Activity: the ledger in words, where an entry leads, and how it is taken back."""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
import triage
from streamlit.testing.v1 import AppTest

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import problems

from .conftest import Open, Serve
from .fake import HOSTILE, Fake
from .test_queue import asked, labels, said, tick

AT = datetime(2026, 11, 24, 12, 18, tzinfo=UTC)
SUPPRESSED = {"reason": "accepted_risk", "until": "2026-12-31T23:59:59+00:00", "note": "Agreed."}
SCANNED = {
    "scan_id": "s1",
    "outcomes": {"complete": 15, "failed": 1, "partial": 2},
    "changes": {"resolved": 1, "opened": 51},
}


class Ledger(Fake):
    """With entries, the newest first."""

    def __init__(self, *entries: c.Activity, role: c.Role = c.Role.OPERATOR) -> None:
        super().__init__(role=role)
        self.written = entries

    def activity(self, asked: c.ActivityQuery) -> c.Activities:
        wanted = [
            entry
            for entry in self.written
            if (not asked.kind or entry.kind in asked.kind)
            and (not asked.actor or entry.actor in asked.actor)
        ]
        first = int(asked.cursor or 0)
        page = tuple(itertools.islice(wanted, first, first + asked.limit))
        more = first + asked.limit < len(wanted)
        return c.Activities(
            items=page,
            actors=tuple(sorted({entry.actor for entry in self.written})),
            kinds=tuple(sorted({entry.kind for entry in self.written})),
            total=len(wanted),
            next=str(first + asked.limit) if more else "",
            snapshot=self._snapshot(),
        )


def entry(kind: str, body: dict[str, Any] | None = None, **changed: Any) -> c.Activity:
    system = kind == "scanned"
    made = {
        "seq": 7,
        "at": AT,
        "actor": "stratum" if system else "ann",
        "actor_kind": "system" if system else "person",
        "assurance": "process" if system else "unauthenticated",
        "kind": kind,
        "findings": 14,
        "finding_id": "",
        "title": "",
        "body": body or {},
    }
    return c.Activity.model_validate(made | changed)


def row(app: AppTest, number: int = 0) -> dict[str, Any]:
    return app.dataframe[0].value.iloc[number].to_dict()


def held(api: Ledger, seq: int, **changed: Any) -> None:
    """Entry `seq` speaks of the first three findings; `changed` is so of the first two."""
    ids = list(api.rows)[:3]
    api.entries[seq] = tuple(ids)
    for key in ids[:2]:
        api.rows[key] = api.rows[key].model_copy(update=changed)


# --- words -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body", "findings", "says"),
    [
        (
            "suppressed",
            SUPPRESSED,
            14,
            "Suppressed 14 findings until 31 Dec 2026: accepted risk",
        ),
        (
            "suppressed",
            SUPPRESSED | {"until": ""},
            1,
            "Suppressed 1 finding, no end: accepted risk",
        ),
        ("unsuppressed", {}, 14, "Unsuppressed 14 findings"),
        ("assigned", {"to": "bob"}, 1, "Assigned 1 finding to bob"),
        ("assigned", {"to": ""}, 1, "Unassigned 1 finding"),
        ("noted", {"note": "n"}, 1, "Noted on 1 finding"),
        ("acknowledged", {}, 1200, "Acknowledged 1,200 findings"),
        ("marked_resolved", {}, 1, "Marked 1 finding resolved"),
        ("marked_open", {}, 2, "Marked 2 findings open again"),
        ("view_saved", {"name": "Mine", "shared": False}, 0, 'Saved view "Mine"'),
        ("view_saved", {"name": "Ours", "shared": True}, 0, 'Saved shared view "Ours"'),
        ("view_deleted", {"name": "Ours", "shared": True}, 0, 'Deleted shared view "Ours"'),
        (
            "scanned",
            SCANNED,
            52,
            "Scanned: 15 complete, 2 partial, 1 failed; opened 51, resolved 1",
        ),
        ("scanned", {}, 0, "Scanned: nothing; nothing changed"),
        (
            "scanned",
            {"outcomes": {"complete": 3}, "changes": {"account_changed": 2, "relabelled": 1}},
            0,
            "Scanned: 3 complete; accounts changed 2, relabelled 1",
        ),
        ("audited_twice", {"by": "hand"}, 0, "audited_twice"),
    ],
)
def test_an_entry_in_words(
    serve: Serve, open_page: Open, kind: str, body: dict[str, Any], findings: int, says: str
) -> None:
    serve(Ledger(entry(kind, body, findings=findings)))
    app = open_page("activity")
    assert not app.exception
    assert row(app)["what"] == says


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (entry("noted"), "ann, not authenticated"),
        (entry("noted", assurance="oidc"), "ann, OIDC"),
        (entry("noted", assurance="alb"), "ann, ALB"),
        (entry("noted", actor="stratum"), "stratum, not authenticated"),
        (entry("scanned"), "stratum"),
    ],
)
def test_who_and_how_authenticated(
    serve: Serve, open_page: Open, made: c.Activity, says: str
) -> None:
    serve(Ledger(made))
    assert row(open_page("activity"))["who"] == says


def test_what_people_wrote_is_text(serve: Serve, open_page: Open) -> None:
    serve(Ledger(entry("assigned", {"to": HOSTILE, "note": HOSTILE}, actor=HOSTILE, title=HOSTILE)))
    app = open_page("activity")
    parts = [*app.markdown, *app.caption]  # the raw body is in a code block, which is inert
    shown = "\n".join([*(p.value for p in parts), *(t.value.to_string() for t in app.table)])
    assert "evil" in shown
    assert "](" not in shown
    assert " <img" not in shown


# --- list --------------------------------------------------------------------------------


def test_a_deep_link_filters_and_the_address_follows(serve: Serve, open_page: Open) -> None:
    api = serve(Ledger(entry("noted"), entry("scanned")))
    app = open_page("activity", kind=["noted", "suppressed"], actor="ann")
    assert asked(api, "activity") == c.ActivityQuery(kind=("noted", "suppressed"), actor=("ann",))
    assert "1 entry of the ledger, append-only, newest first" in said(app)
    app.multiselect(key="kind").set_value([]).run()
    app.multiselect(key="actor").set_value(["stratum"]).run()
    assert app.query_params == {"actor": "stratum"}
    assert asked(api, "activity") == c.ActivityQuery(actor=("stratum",))


def test_a_page_has_fifty(serve: Serve, open_page: Open) -> None:
    serve(Ledger(*(entry("noted", seq=seq) for seq in range(120, 0, -1))))
    app = open_page("activity")
    assert "1 to 50 of 120" in said(app)
    app.button(key="activity_Next").click().run()
    assert row(app)["seq"] == 70
    app.multiselect(key="actor").set_value(["ann"]).run()
    assert "1 to 50 of 120" in said(app)


def test_an_empty_ledger_says_so(serve: Serve, open_page: Open) -> None:
    serve(Ledger())
    assert "The ledger is empty" in said(open_page("activity"))


def test_no_match_has_a_way_out(serve: Serve, open_page: Open) -> None:
    serve(Ledger(entry("noted")))
    app = open_page("activity", kind="suppressed")
    assert "No entries match" in said(app)
    next(button for button in app.button if button.label == "Show all").click().run()
    assert row(app)["what"] == "Noted on 14 findings"
    assert app.query_params == {}


# --- one entry ---------------------------------------------------------------------------


def test_the_newest_is_read_until_another_is_selected(serve: Serve, open_page: Open) -> None:
    serve(Ledger(entry("noted", {"note": "The newer"}), entry("noted", {"note": "The older"})))
    app = open_page("activity")
    assert "The newer" in said(app)
    tick(app, 1)
    assert "The older" in said(app)
    assert '"note": "The older"' in app.code[0].value


def test_of_one_finding_its_title_of_several_their_number(serve: Serve, open_page: Open) -> None:
    one = entry("noted", findings=1, finding_id="a" * 64, title="Bucket policy admits anyone")
    serve(Ledger(one, entry("noted"), entry("view_saved", findings=0)))
    app = open_page("activity")
    about = [row(app, number)["about"] for number in range(3)]
    assert about == ["Bucket policy admits anyone", "14 findings", ""]


# --- the way back ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "button", "back", "state", "cause"),
    [
        ("suppressed", "Unsuppress these 2 findings", "unsuppressed", "suppressed", ()),
        (
            "marked_resolved",
            "Mark these 2 findings open again",
            "marked_open",
            "resolved",
            ("new", "baseline", "regressed", "not_fixed"),
        ),
    ],
)
def test_what_still_holds_is_taken_back(
    serve: Serve,
    open_page: Open,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    button: str,
    back: c.Action,
    state: str,
    cause: tuple[c.Cause, ...],
) -> None:
    api = Ledger(entry(kind, SUPPRESSED if kind == "suppressed" else None, findings=3))
    held(api, 7, status=state)
    serve(api)
    app = open_page("activity")
    assert asked(api, "record").dry_run
    assert button in labels(app)
    app.button(key="back").click().run()
    assert "**2 findings.**" in said(app)
    # AppTest cannot press what is in a dialog.
    monkeypatch.setattr(triage, "start", lambda act, on: triage._record(act, on, {}, "once"))
    app.button(key="back").click().run()
    written = next(q for name, q in api.calls if name == "record" and not q.dry_run)
    assert (written.kind, written.expected) == (back, 2)
    assert written.filter == c.Filter(entry=7, status=(state,), cause=cause)  # type: ignore[arg-type]
    assert "2 findings" in app.session_state["outcome"].text
    assert "It no longer holds for any finding." in said(app)


def test_a_viewer_takes_nothing_back(serve: Serve, open_page: Open) -> None:
    api = Ledger(entry("suppressed", SUPPRESSED), role=c.Role.VIEWER)
    held(api, 7, status="suppressed")
    serve(api)
    app = open_page("activity")
    assert not [label for label in labels(app) if "Unsuppress" in label]
    assert "record" not in {name for name, _ in api.calls}


def test_a_refused_count_leaves_the_rest_of_the_page(serve: Serve, open_page: Open) -> None:
    api = Ledger(entry("suppressed", SUPPRESSED))
    api.fault["record"] = problems.storage("the vault is not there.")
    serve(api)
    app = open_page("activity")
    assert "vault is not there" in said(app).replace("\\", "")
    assert "Agreed" in said(app)
