"""Random histories: scans, what people say, accounts and rules that change."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from stratum_pipeline.kernel.correlate import Correlation
from stratum_pipeline.kernel.rule import Severity
from stratum_pipeline.lifecycle.events import BY_PEOPLE, Accounts, Reason
from stratum_pipeline.lifecycle.record import current
from stratum_pipeline.lifecycle.triage import delete_view, save_view
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.errors import AlreadyExists
from stratum_pipeline.store.ledger import Ledger
from stratum_pipeline.store.objects import Change, ObjectStore
from stratum_pipeline.store.vault import Vault

from .conftest import LOGS, NOW, OPEN, Place, rule
from .make import ANN, PUBLIC, A, B, account, fail, unknown

NAMES, RULES, ACCOUNTS = "abc", (PUBLIC, OPEN, LOGS), (A, B)
DAY = timedelta(days=1)


class MemoryStore(ObjectStore):
    """A store of one process that lives as long."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}

    def url(self, key: str) -> str:
        return f"memory:{key}"

    def find(self, key: str) -> bytes | None:
        return self.stored.get(key)

    def put(self, key: str, data: bytes) -> None:
        self.stored[key] = data

    def create(self, key: str, data: bytes) -> None:
        if key in self.stored:
            raise AlreadyExists(key)
        self.stored[key] = data

    def update(self, key: str, change: Change) -> bool:
        data = change(self.find(key))
        if data is not None:
            self.put(key, data)
        return data is not None

    def list(self, prefix: str = "", after: str = "") -> Iterator[str]:
        return iter(sorted(k for k in self.stored if k.startswith(prefix) and k > after))

    def exists(self, key: str) -> bool:
        return key in self.stored

    def delete(self, key: str) -> None:
        self.stored.pop(key, None)


SHARED = Correlation(
    rule=OPEN,
    beside=(LOGS,),
    on=("related",),  # of any account
    because="Both are about the same",
    severity=Severity.CRITICAL,
)

_verdict = st.sampled_from(["gone", "passes", "unknown"]) | st.fixed_dictionaries(
    {
        "severity": st.sampled_from(["low", "high"]),
        "evidence": st.sampled_from(["{}", '{"open":true}']),
        "incarnation": st.sampled_from(["", "first", "second"]),
        "rule_version": st.sampled_from([1, 2]),
        "exposed": st.sampled_from([None, True]),
        "related": st.sampled_from([[], ["arn:shared"]]),
    }
)
_scan = st.fixed_dictionaries(
    {
        "account": st.sampled_from(ACCOUNTS),
        "outcome": st.sampled_from(["complete", "complete", "partial", "failed"]),
        "seen": st.sets(st.sampled_from(RULES), min_size=1),
        "late": st.booleans(),
        "gap": st.booleans(),
        "verdicts": st.dictionaries(
            st.tuples(st.sampled_from(NAMES), st.sampled_from(RULES)), _verdict, max_size=6
        ),
    }
)
_said = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(BY_PEOPLE),
        "about": st.sets(st.integers(0, 20), min_size=1, max_size=5),
        "to": st.sampled_from(["", "bob"]),
        "reason": st.sampled_from(Reason),
        "until": st.sampled_from([None, NOW + DAY, NOW + 2 * DAY]),
    }
)
_accounts = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["ACTIVE", "SUSPENDED", "CLOSED"]),
        "tags": st.sampled_from([[], [{"key": "criticality", "value": "high"}]]),
    }
)
_view = st.fixed_dictionaries(
    {"name": st.sampled_from("xy"), "shared": st.booleans(), "delete": st.booleans()}
)
_rules = st.sets(st.sampled_from(RULES), min_size=1)

STEPS = st.one_of(
    *(st.tuples(st.just("scan"), _scan),) * 3,
    *(st.tuples(st.just("say"), _said),) * 2,
    st.tuples(st.just("accounts"), _accounts),
    st.tuples(st.just("view"), _view),
    st.tuples(st.just("rules"), _rules),
)


class Story:
    """What happened in one place, step by step, each recorded."""

    def __init__(self) -> None:
        self.place = Place(Ledger(Vault(MemoryStore())), Data(MemoryStore()))
        self._clock = 0.0

    def step(self, what: str, how: Any) -> None:
        getattr(self, f"_{what}")(how)
        if what not in ("say", "view"):
            self.place.record()

    def _scan(self, how: dict[str, Any]) -> None:
        who = how["account"]
        keyed = {key: v for key, v in how["verdicts"].items() if v not in ("gone", "passes")}
        failing = {key: v for key, v in keyed.items() if v != "unknown"}
        # What starts far ahead contradicts what people said before.
        self._clock += 10**6 if how["late"] else 1
        self.place.scan(
            self._clock,
            *(fail(name, rule, who, **body) for (name, rule), body in failing.items()),
            unknowns=[unknown(*key, who, "denied") for key, v in keyed.items() if v == "unknown"],
            here=sorted({name for (name, _), v in how["verdicts"].items() if v != "gone"}),
            outcome=how["outcome"],
            account=who,
            seen=sorted(how["seen"]),
            gaps=[gap(who)] if how["gap"] else [],
        )

    def _say(self, how: dict[str, Any]) -> None:
        known = current(self.place.ledger).bodies["finding_id"].sort()
        about = sorted({known[n % len(known)] for n in how["about"]}) if len(known) else []
        if about:
            said = {name: how[name] for name in ("to", "reason", "until")}
            self.place.says(how["kind"], *about, note="x", **said)

    def _accounts(self, how: dict[str, Any]) -> None:
        self.place.data.write_accounts(Accounts.frame([account(), account(B, **how)]))

    def _view(self, how: dict[str, Any]) -> None:
        if how["delete"]:
            delete_view(self.place.ledger, ANN, how["name"], how["shared"])
        else:
            save_view(self.place.ledger, ANN, how["name"], {"text": ["x"]}, how["shared"])

    def _rules(self, how: set[str]) -> None:
        self.place = replace(self.place, rules=tuple(rule(id) for id in sorted(how)))


def gap(who: str) -> dict[str, Any]:
    about = {"account_id": who, "region": "*", "module": "s3", "operation": "s3:ListBuckets"}
    return about | {"outcome": "denied", "code": "AccessDenied", "rules": [OPEN], "resources": 1}


def told(steps: list[tuple[str, Any]]) -> Place:
    """The place after `steps`."""
    story = Story()
    for what, how in steps:
        story.step(what, how)
    return story.place
