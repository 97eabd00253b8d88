"""An API in memory: enough of contract v1 to drive the app, with faults on demand."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage import problems

NOW = datetime.now(UTC)
HOSTILE = "![x](http://evil.invalid/a.png) [y](http://evil.invalid) <img src=//evil.invalid/b> `q`"
ACCOUNTS = {
    "111111111111": ("payments-prod", "Root/Workloads/Prod"),
    "222222222222": ("staging", "Root/Workloads/Staging"),
    "333333333333": ("log-archive", "Root/Security"),
}
RULES = {
    "iam.role.trusts_anyone": ("critical", "Role can be assumed from any AWS account", "role/sync"),
    "s3.bucket.public_policy": ("high", "Bucket policy admits anyone", "exports"),
    "networking.security_group.ssh_open": ("medium", "SSH is open to the internet", "sg-0a1"),
    "s3.bucket.versioning_off": ("low", "Bucket keeps no versions", "uploads"),
}
POINTS = {"critical": 100, "high": 70, "medium": 40, "low": 10}
STATUS = {"suppressed": "suppressed", "unsuppressed": "open"} | {
    "marked_resolved": "resolved",
    "marked_open": "open",
}
ROOTS = {"s3.bucket.public_policy": "Block Public Access is off in the account"}


class Fake:
    """A Transport. `fault` is raised instead of the answer to the operation it names."""

    def __init__(self, count: int = 8, role: c.Role = c.Role.OPERATOR, hostile: str = "") -> None:
        self.role, self.hostile, self.seq = role, hostile, 12
        self.fault: dict[str, Exception] = {}
        self.calls: list[tuple[str, c.Model]] = []
        self.headers: list[Mapping[str, str]] = []
        self.sent: list[Mapping[str, str]] = []  # for a session
        self.entries: dict[int, tuple[str, ...]] = {}
        self.saved: list[c.View] = []
        made = (self._make(n) for n in range(count))
        self.stale: c.Stale | None = None
        self.rows = {row.finding_id: row for row in sorted(made, key=lambda r: -r.priority)}

    def call(
        self, operation: c.Operation, question: c.Model, headers: Mapping[str, str]
    ) -> c.Model:
        self.calls.append((operation.name, question))
        self.headers.append(headers)
        if fault := self.fault.get(operation.name):
            raise fault
        if not self.role.may(operation.role):
            raise problems.role_needed(operation.role, self.role)
        return getattr(self, operation.name)(question)

    def session(self, headers: Mapping[str, str]) -> c.Session:
        self.sent.append(headers)
        if fault := self.fault.get("session"):
            raise fault
        return c.Session(token="t0k3n", expires_at=NOW + timedelta(hours=1))

    def export(self, question: c.ExportQuery, headers: Mapping[str, str]) -> Iterator[bytes]:
        yield b"finding_id\n"
        for row in self._matching(question):
            yield row.finding_id.encode() + b"\n"

    def close(self) -> None: ...

    # Answers

    def me(self, _: c.Nothing) -> c.Me:
        return c.Me(id="ops", role=self.role, assurance="unauthenticated", mode="local")

    def seen(self, asked: c.ScopeQuery) -> c.Seen:
        return c.Seen(
            unit="accounts",
            total=7,
            complete=5,
            partial=1,
            failed=0,
            off=1,
            never=0,
            gaps=4,
            unknown=9,
            first=self._gap(),
            oldest_scan=NOW,
            snapshot=self._snapshot(),
        )

    def findings(self, asked: c.FindingsQuery) -> c.Findings:
        key = {"age": "opened_at", "changed": "status_at", "account": "account_name"}
        name = key.get(asked.sort, "rule_id" if asked.sort == "rule" else "priority")
        older = asked.sort == "age"
        rows = sorted(
            self._matching(asked), key=lambda r: getattr(r, name), reverse=asked.descending != older
        )
        first = int(asked.cursor or 0)
        page = tuple(c.Row(**_narrow(row)) for row in rows[first : first + asked.limit])
        following = str(first + asked.limit) if first + asked.limit < len(rows) else ""
        return c.Findings(items=page, total=len(rows), next=following, snapshot=self._snapshot())

    def facets(self, asked: c.Filter) -> c.Facets:
        counts = {}
        for name in c.FACETS:
            rows = self._matching(asked.model_copy(update={name: ()}))
            found = Counter(_value(row, name) for row in rows)
            counts[name] = tuple(
                c.FacetValue(value=v, label=_label(name, v), count=n)
                for v, n in found.most_common()
            )
        return c.Facets(counts=counts, snapshot=self._snapshot())

    def groups(self, asked: c.GroupsQuery) -> c.Groups:
        field = {"rule": "rule_id", "resource": "resource_arn", "root_cause": "root_cause"}[
            asked.by
        ]
        rows = sorted(self._matching(asked), key=lambda r: getattr(r, field))
        items = []
        for key, found in itertools.groupby(rows, key=lambda r: getattr(r, field)):
            if key:
                items.append(_group(key, list(found), asked.by))
        items.sort(key=lambda g: -g.priority)
        total = sum(g.findings for g in items)
        return c.Groups(
            items=tuple(items),
            total=len(items),
            findings=total,
            next="",
            snapshot=self._snapshot(),
        )

    def finding(self, asked: c.FindingQuery) -> c.Finding:
        for key, row in self.rows.items():
            if key.startswith(asked.finding_id):
                return row
        raise problems.not_found(f"there is no finding {asked.finding_id}.")

    def coverage(self, asked: c.CoverageQuery) -> c.Coverage:
        modules = ("iam", "networking", "s3")
        return c.Coverage(accounts=(), modules=modules, total=0, next="", snapshot=self._snapshot())

    def accounts(self, asked: c.AccountsQuery) -> c.Accounts:
        items = tuple(
            c.Account(
                account_id=key,
                name=name,
                ou=ou,
                status="ACTIVE",
                scan="complete",
                scanned_at=NOW,
                open=3,
                critical=1,
                high=1,
                medium=1,
                low=0,
                gaps=0,
                tags={},
            )
            for key, (name, ou) in ACCOUNTS.items()
        )
        ous = ("Root", "Root/Security", "Root/Workloads", "Root/Workloads/Prod")
        return c.Accounts(
            items=items, ous=ous, total=len(items), next="", snapshot=self._snapshot()
        )

    def overview(self, asked: c.ScopeQuery) -> c.Overview:
        none = c.Change(count=0, severities={}, causes={})
        return c.Overview(
            since=None,
            opened=none,
            reopened=none,
            resolved=none,
            suppressions_ending=0,
            unknown=0,
            gaps=0,
            open={},
            monthly_usd=0,
            trend=(),
            root_causes=(),
            oldest=(),
            accounts=(),
            snapshot=self._snapshot(),
        )

    def people(self, _: c.Nothing) -> c.People:
        return c.People(items=("mara.lind", "ops"))

    def record(self, event: c.Record) -> c.Recorded:
        ids = event.finding_ids or tuple(r.finding_id for r in self._matching(event.filter))
        if event.filter and event.expected not in (None, len(ids)):
            raise problems.conflict(
                f"the filter matches {len(ids)} findings now, not {event.expected}: look again."
            )
        if event.dry_run:
            return c.Recorded(matched=len(ids), entry=None, replayed=False)
        self.seq += 1
        self.entries[self.seq] = tuple(ids)
        for key in ids:
            self.rows[key] = self._said(self.rows[key], event)
        return c.Recorded(matched=len(ids), entry=self.seq, replayed=False)

    def save_view(self, view: c.View) -> c.Views:
        self.saved.append(view.model_copy(update={"owner": "ops"}))
        return self.views(c.Nothing())

    def delete_view(self, gone: c.ViewKey) -> c.Views:
        self.saved = [v for v in self.saved if (v.name, v.shared) != (gone.name, gone.shared)]
        return self.views(c.Nothing())

    def views(self, _: c.Nothing) -> c.Views:
        return c.Views(items=tuple(self.saved))

    # Made up

    def _snapshot(self) -> c.Snapshot:
        as_of = NOW - timedelta(hours=3)
        return c.Snapshot(id="q1", as_of=as_of, seq=self.seq, stale=self.stale)

    def _gap(self) -> c.Gap:
        return c.Gap(
            account_id="222222222222",
            account_name=self.hostile or "staging",
            region="*",
            module="s3",
            operation="s3:GetBucketPolicy",
            outcome="denied",
            code="AccessDenied",
            permission="s3:GetBucketPolicy",
            rules=("s3.bucket.public_policy",),
            resources=2,
            unlisted=False,
            blinded=4,
        )

    def _matching(self, asked: c.Filter) -> list[c.Finding]:
        return [row for row in self.rows.values() if _fits(row, asked, self.entries)]

    def _said(self, row: c.Finding, event: c.Record) -> c.Finding:
        said = c.Event(
            seq=self.seq,
            at=NOW,
            kind=event.kind,
            cause="",
            actor="ops",
            assurance="unauthenticated",
            to=event.to,
            note=event.note,
            reason=event.reason or "",
            until=event.until,
        )
        changed: dict[str, Any] = {"timeline": (*row.timeline, said)}
        if status := STATUS.get(event.kind):
            changed["status"] = status
            changed["suppression"] = None
        if event.kind == "suppressed":
            changed["suppressed_until"] = event.until
            changed["suppression"] = c.Suppression(
                reason=event.reason or "accepted_risk",
                note=event.note,
                by="ops",
                at=NOW,
                until=event.until,
            )
        if event.kind == "assigned":
            changed["assignee"] = event.to
        if event.kind == "acknowledged":
            changed |= {"acknowledged": True, "acknowledged_by": "ops"}
        if event.kind in ("marked_resolved", "marked_open"):
            changed["marked_by"] = "ops" if event.kind == "marked_resolved" else ""
        return row.model_copy(update=changed)

    def _make(self, n: int) -> c.Finding:
        rule, (severity, title, stem) = list(RULES.items())[n % len(RULES)]
        account = list(ACCOUNTS)[n % len(ACCOUNTS)]
        name, ou = ACCOUNTS[account]
        resource = f"{stem}-{n:02d}"
        points = [c.Point(points=POINTS[severity], why=f"{severity.capitalize()} severity")]
        if n % 8 == 0:
            points.append(c.Point(points=20, why="The internet can reach it"))
        arn = f"arn:aws:{rule.split('.')[0]}:eu-west-1:{account}:{self.hostile or resource}"
        opened = NOW - timedelta(days=n * 3, hours=1)
        return c.Finding(
            finding_id=hashlib.sha256(f"{n}".encode()).hexdigest(),
            rule_id=rule,
            module=rule.split(".")[0],
            title=title,
            severity=severity,  # type: ignore[arg-type]
            status="open",
            priority=sum(point.points for point in points),
            cause="regressed" if n % 5 == 4 else "new",
            account_id=account,
            account_name=self.hostile or name,
            ou=ou,
            region="eu-west-1",
            resource_arn=arn,
            resource=self.hostile or resource,
            exposed=n % 8 == 0,
            assignee="mara.lind" if n % 4 == 3 else "",
            acknowledged=False,
            suppressed_until=None,
            opened_at=opened,
            status_at=opened,
            verified_at=NOW - timedelta(hours=2),
            unverified="s3:GetBucketPolicy was denied" if n % 7 == 6 else "",
            rule_version=1,
            own_severity=severity,  # type: ignore[arg-type]
            rationale="Anyone who knows the name can read what is in it.",
            remediation="Turn on RestrictPublicBuckets, then narrow the policy.",
            console=f"S3 > Buckets > {self.hostile or resource} > Permissions > Edit",
            cli=f"aws s3api put-public-access-block --bucket {resource}",
            breaks="Whoever relies on public access loses it.",
            undo=f"aws s3api delete-public-access-block --bucket {resource}",
            monthly_usd=12.5 if n % 3 == 0 else 0,
            criteria=("CC6.1", "CC6.6"),
            root_cause=ROOTS.get(rule, ""),
            evidence=(
                c.Fact(
                    name="policy_public",
                    meaning="Whether AWS calls the policy public",
                    value=self.hostile or True,
                    source="s3:GetBucketPolicyStatus",
                ),
                c.Fact(name="tags", meaning="Tags", value={"owner": self.hostile}, source=""),
            ),
            points=tuple(points),
            because=("Together with its role, it hands out the account.",) if n % 8 == 0 else (),
            related=(),
            timeline=(_opened(opened),),
            suppression=None,
            acknowledged_by="",
            marked_by="",
            account_status="ACTIVE",
            account_tags={"criticality": "high", "owner": self.hostile or "team-a"},
            account_scanned_at=NOW - timedelta(hours=2),
            snapshot=self._snapshot(),
        )


def _opened(at: datetime) -> c.Event:
    return c.Event(
        seq=3,
        at=at,
        kind="opened",
        cause="new",
        actor="stratum",
        assurance="system",
        to="",
        note="",
        reason="",
        until=None,
    )


def _narrow(row: c.Finding) -> dict[str, Any]:
    return {name: getattr(row, name) for name in c.Row.model_fields}


def _value(row: c.Finding, facet: str) -> str:
    if facet == "age":
        days = (NOW - row.opened_at).days
        bands = ((7, "under_7_days"), (30, "7_to_30_days"), (90, "30_to_90_days"))
        return next((name for limit, name in bands if days < limit), "over_90_days")
    names = {"account": "account_id", "rule": "rule_id", "resource": "resource_arn"}
    return getattr(row, names.get(facet, facet))


def _label(facet: str, value: str) -> str:
    if facet == "account":
        return ACCOUNTS[value][0]
    return RULES[value][1] if facet == "rule" else value


def _fits(row: c.Finding, asked: c.Filter, entries: dict[int, tuple[str, ...]]) -> bool:
    kind, _, value = asked.scope.partition(":")
    inside = {
        "organization": True,
        "ou": row.ou == value or row.ou.startswith(f"{value}/"),
        "account": row.account_id == value,
        "module": row.module == value,
    }[kind]
    chosen = {name: getattr(asked, name) for name in (*c.FACETS, "resource", "root_cause")}
    hay = f"{row.title} {row.rule_id} {row.resource_arn} {row.account_name} {row.root_cause}"
    return (
        inside
        and all(not values or _value(row, name) in values for name, values in chosen.items())
        and (asked.unverified is None or bool(row.unverified) == asked.unverified)
        and (asked.entry is None or row.finding_id in entries.get(asked.entry, ()))
        and asked.text.lower() in hay.lower()
    )


def _group(key: str, rows: list[c.Finding], by: str) -> c.Group:
    worst = max(rows, key=lambda r: r.priority)
    label = {"rule": worst.title, "resource": worst.resource, "root_cause": key}[by]
    return c.Group(
        key=key,
        label=label,
        severity=worst.severity,
        priority=worst.priority,
        findings=len(rows),
        accounts=len({r.account_id for r in rows}),
        oldest=min(r.opened_at for r in rows),
    )
