"""Contract v1 answered: one method's worth of work per operation, over queue and ledger."""

import contextlib
import hashlib
import json
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from stratum_pipeline.lifecycle import triage
from stratum_pipeline.lifecycle.events import Kind
from stratum_pipeline.settings import Settings
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.encoding import canonical
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.ledger import Head, Ledger
from stratum_pipeline.store.objects import open_store
from stratum_pipeline.store.vault import Vault

from . import contract as c
from . import coverage, detail, overview, problems, queries, reports
from .client import Transport
from .current import SECONDS, Current
from .export import export
from .facets import facets
from .identity import Identity
from .read_model import NoQueue, Queue

_KEYS = uuid.UUID("6f1d3f0e-2f0c-4f53-9a3b-6f8f4f9b1c52")  # namespace of idempotency keys

Read = Callable[[Queue, Any, datetime], c.Model]

READS: Mapping[str, Read] = {
    "seen": coverage.seen,
    "findings": queries.findings,
    "facets": facets,
    "groups": queries.groups,
    "finding": lambda queue, asked, now: detail.finding(queue, asked.finding_id, now),
    "coverage": coverage.coverage,
    "gaps": coverage.gaps,
    "accounts": reports.accounts,
    "rules": reports.rules,
    "overview": overview.overview,
    "activity": reports.activity,
}


class Service:
    """Answers operations for whoever the server says asks. Safe for threads."""

    def __init__(
        self,
        data: Data,
        ledger: Ledger,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        seconds: float = SECONDS,
    ) -> None:
        self._ledger, self._now = ledger, now
        self._queue = Current(data, ledger, now, seconds)
        self._own: dict[str, Callable[[c.Me, Any], c.Model]] = {
            "me": lambda me, _: me,
            "people": lambda me, _: reports.people(self._queue.get(), me),
            "views": lambda me, _: self._views(me),
            "record": self._record,
            "save_view": self._save_view,
            "delete_view": self._delete_view,
        }

    @classmethod
    def of(cls, settings: Settings) -> "Service":
        data = Data(open_store(settings.data))
        return cls(data, Ledger(Vault(open_store(settings.vault))))

    def call(self, operation: c.Operation, me: c.Me, question: c.Model) -> c.Model:
        """The answer to `question`; ApiError says why there is none."""
        if not me.role.may(operation.role):
            raise problems.role_needed(operation.role, me.role)
        with _refusing():
            if read := READS.get(operation.name):
                return read(self._queue.get(), question, self._now())
            return self._own[operation.name](me, question)

    def export(self, me: c.Me, question: c.ExportQuery) -> Iterator[bytes]:
        """The file in pieces; ApiError before the first."""
        with _refusing():
            return export(self._queue.get(), question, self._now())

    def close(self) -> None:
        self._queue.close()

    # Writing

    def _record(self, me: c.Me, event: c.Record) -> c.Recorded:
        queue, now = self._queue.get(at_once=True), self._now()
        mark, request = _mark(me, event), _request(event)
        if before := self._written(queue, mark):
            return _replay(before, request)
        said: dict[str, Any] = {"note": event.note, "reason": event.reason or "", "now": now}
        triage.check(Kind(event.kind), until=event.until, **said)
        ids = self._ids(queue, event, now)
        if event.dry_run:
            return c.Recorded(matched=len(ids), entry=None, replayed=False)
        if event.filter is not None and event.expected not in (None, len(ids)):
            raise problems.conflict(
                f"the filter matches {len(ids)} findings now, not {event.expected}: look again."
            )
        if not ids:
            raise problems.invalid("the filter matches no finding: nothing was recorded.")
        try:
            entry = triage.triage(
                _Once(self._ledger, mark),
                _actor(me),
                Kind(event.kind),
                ids,
                to=event.to,
                until=event.until,
                head=queue.head,
                mark=mark,
                request=request if mark else "",
                **said,
            )
        except _Written:
            entry = None
        queue = self._queue.get(at_once=True)
        # Under a key, the entry may be that of the same request in another thread or process.
        if mark and (before := self._written(queue, mark)):
            return _replay(before, request, replayed=entry is None)
        assert entry is not None
        return c.Recorded(matched=len(ids), entry=entry.seq, replayed=False)

    def _ids(self, queue: Queue, event: c.Record, now: datetime) -> list[str]:
        if (event.filter is None) == (not event.finding_ids):
            raise problems.invalid("name the findings either by finding_ids or by filter.")
        if event.filter is not None:
            return queries.ids(queue, event.filter, now)
        ids = sorted(set(event.finding_ids))
        if missing := queries.missing(queue, ids):
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise problems.not_found(f"there is no finding {missing[0]}{more}.")
        return ids

    def _written(self, queue: Queue, mark: str) -> Mapping[str, Any] | None:
        if not mark:
            return None
        rows = queue.rows("SELECT seq, findings, body FROM v1_entries WHERE id = ?", mark)
        return rows.row(0, named=True) if rows.height else None

    # Saved views

    def _views(self, me: c.Me, at_once: bool = False) -> c.Views:
        rows = self._queue.get(at_once).rows(
            "SELECT owner, name, shared, query FROM v1_views WHERE shared OR owner = ? "
            "ORDER BY shared, name",
            me.id,
        )
        return c.Views(
            items=tuple(
                c.View(**row | {"query": json.loads(row["query"])}) for row in rows.to_dicts()
            )
        )

    def _save_view(self, me: c.Me, view: c.View) -> c.Views:
        _may_share(me, view.shared)
        if not view.name.strip():
            raise problems.invalid("a view needs a name.")
        query = {name: list(values) for name, values in view.query.items()}
        head = self._queue.get().head
        triage.save_view(self._ledger, _actor(me), view.name.strip(), query, view.shared, head)
        return self._views(me, at_once=True)

    def _delete_view(self, me: c.Me, view: c.ViewKey) -> c.Views:
        _may_share(me, view.shared)
        known = {(one.name, one.shared) for one in self._views(me, at_once=True).items}
        if (view.name, view.shared) not in known:
            raise problems.not_found(f"there is no view {view.name!r} of yours.")
        head = self._queue.get().head
        triage.delete_view(self._ledger, _actor(me), view.name, view.shared, head)
        return self._views(me, at_once=True)


class _Written(Exception):
    """An entry with that mark is in the ledger already."""


class _Once(Ledger):
    """A ledger that refuses to append behind an entry with the mark, whoever wrote it when."""

    def __init__(self, ledger: Ledger, mark: str) -> None:
        super().__init__(ledger.vault)
        self._mark = mark

    def head(self, known: Head | None = None) -> Head:
        head = known or Head()
        for entry in self.entries(head):
            if entry.id == self._mark:
                raise _Written
            head = entry.head
        return head


@contextlib.contextmanager
def _refusing() -> Generator[None]:
    """What went wrong, as a problem."""
    try:
        yield
    except triage.TriageError as error:
        raise problems.invalid(str(error)) from error
    except NoQueue as error:
        raise problems.no_queue() from error
    except (StoreError, OSError) as error:
        raise problems.storage(str(error)) from error


def _may_share(me: c.Me, shared: bool) -> None:
    if shared and not me.role.may(c.Role.APPROVER):
        raise problems.role_needed(c.Role.APPROVER, me.role)


def _actor(me: c.Me) -> dict[str, str]:
    return {"kind": "person", "id": me.id, "assurance": me.assurance}


def _mark(me: c.Me, event: c.Record) -> str:
    """The entry's id: for a key, the same whenever this person sends it."""
    key = event.idempotency_key
    return str(uuid.uuid5(_KEYS, f"{me.id}\x1f{key}")) if key else ""


def _request(event: c.Record) -> str:
    asked = event.model_dump(mode="json", exclude={"idempotency_key"})
    return hashlib.sha256(canonical(asked)).hexdigest()


def _replay(before: Mapping[str, Any], request: str, replayed: bool = True) -> c.Recorded:
    if json.loads(before["body"]).get("request") != request:
        raise problems.invalid("this idempotency key was used for another request: take a new one.")
    return c.Recorded(matched=before["findings"], entry=before["seq"], replayed=replayed)


class Embedded:
    """Transport to a service in this process; who asks is verified as a server would."""

    def __init__(self, service: Service, identity: Identity) -> None:
        self._service, self._identity = service, identity

    def call(
        self, operation: c.Operation, question: c.Model, headers: Mapping[str, str]
    ) -> c.Model:
        return self._service.call(operation, self._who(headers), question)

    def session(self, headers: Mapping[str, str]) -> c.Session:
        return self._identity.session(self._who(headers))

    def export(self, question: c.ExportQuery, headers: Mapping[str, str]) -> Iterator[bytes]:
        return self._service.export(self._who(headers), question)

    def close(self) -> None:
        self._service.close()

    def _who(self, headers: Mapping[str, str]) -> c.Me:
        return self._identity.who(headers, None)


def embedded() -> Transport:
    """A service over the data and vault of this machine's settings."""
    settings = Settings()
    return Embedded(Service.of(settings), Identity.of(settings))
