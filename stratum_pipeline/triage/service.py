"""Contract v1 answered: one method's worth of work per operation, over queue and ledger."""

import contextlib
import hashlib
import json
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from stratum_pipeline.lifecycle import triage
from stratum_pipeline.lifecycle.events import Kind
from stratum_pipeline.settings import Settings
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.encoding import canonical
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.ledger import Entry, Head, Ledger, LedgerError
from stratum_pipeline.store.objects import open_store
from stratum_pipeline.store.vault import Vault

from . import contract as c
from . import coverage, detail, drift, overview, problems, queries, reports
from .client import Transport
from .current import USUAL, Current, Pace, started
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


TAGGED = {*READS, "people", "views"}
"""What depends on the queue alone, on who asks and on what."""
BY_THE_CLOCK = {"facets", "overview"}
"""What the time of day changes, as a filter by age does."""


class Service:
    """Answers operations for whoever the server says asks. Safe for threads."""

    def __init__(
        self,
        data: Data,
        ledger: Ledger,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        pace: Pace = USUAL,
    ) -> None:
        self._ledger, self._now, self._pace = ledger, now, pace
        self._queue = Current(data, ledger, now, pace)
        self._reads: dict[str, Read] = {**READS, "drift": partial(drift.drift, data)}
        self._own: dict[str, Callable[[c.Me, Any], c.Model]] = {
            "me": lambda me, _: me,
            "people": lambda me, _: self._people(me),
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
        _may(me, operation)
        with _refusing(writing=operation.method != "GET"):
            if read := self._reads.get(operation.name):
                with self._queue.reading() as queue:
                    return read(queue, question, self._now())
            return self._own[operation.name](me, question)

    def tag(self, operation: c.Operation, me: c.Me, question: c.Model) -> str:
        """Another one whenever `call` may answer something else; "" if nothing can say that.

        Taken before the answer: what comes in between is under the older tag, and asked again.
        """
        _may(me, operation)
        if operation.name not in TAGGED:
            return ""
        with _refusing(), self._queue.reading() as queue:
            state = [c.VERSION, queue.id, queue.head.digest, _due(queue), str(queue.stale)]
        if operation.name in BY_THE_CLOCK or getattr(question, "age", ()):
            state.append(f"{self._now():%Y-%m-%dT%H:%M}")  # where.ago counts minutes
        if operation.name in ("people", "views"):
            state.append(me.id)
        state += [operation.name, question.model_dump_json()]
        return hashlib.sha256("\x1f".join(state).encode()).hexdigest()[:32]

    def export(self, me: c.Me, question: c.ExportQuery) -> Iterator[bytes]:
        """The file in pieces; ApiError before the first."""
        with _refusing(), self._queue.reading() as queue:
            yield from export(queue, question, self._now())

    def close(self) -> None:
        self._queue.close()

    # Writing

    def _record(self, me: c.Me, event: c.Record) -> c.Recorded:
        mark, request, now = _mark(me, event), _request(event), self._now()
        said: dict[str, Any] = {"note": event.note, "reason": event.reason or "", "now": now}
        with self._queue.reading(at_once=True) as queue:
            if before := _written(queue, mark):
                return _replay(before, request)
            triage.check(Kind(event.kind), until=event.until, **said)
            ids, head = self._ids(queue, event, now), queue.head
        if event.dry_run:
            return c.Recorded(matched=len(ids), entry=None, replayed=False)
        if event.filter is not None and event.expected not in (None, len(ids)):
            raise problems.conflict(
                f"the filter matches {len(ids)} findings now, not {event.expected}: look again."
            )
        if not ids:
            raise problems.invalid("the filter matches no finding: nothing was recorded.")
        write = partial(
            triage.triage,
            _Once(self._ledger, mark),
            _actor(me),
            Kind(event.kind),
            ids,
            to=event.to,
            until=event.until,
            head=head,
            mark=mark,
            request=request if mark else "",
            **said,
        )
        try:
            entry = self._appended(write)
        except _Written:
            entry = None
        # Under a key, the entry may be that of the same request in another thread or process.
        if before := self._looked_up(mark, needed=entry is None):
            return _replay(before, request, replayed=entry is None)
        assert entry is not None
        return c.Recorded(matched=len(ids), entry=entry.seq, replayed=False)

    def _appended(self, write: Callable[[], Entry]) -> Entry:
        """What `write` appended. It goes on after the deadline, so then nobody knows if it will."""
        try:
            return started(write).result(self._pace.deadline)
        except LedgerError:
            raise  # nothing is appended to a chain that is not whole
        except TimeoutError as error:
            raise problems.unsure("the vault has not answered in time.") from error
        except (StoreError, OSError) as error:
            raise problems.unsure(str(error)) from error

    def _looked_up(self, mark: str, needed: bool) -> Mapping[str, Any] | None:
        """The entry with that mark, if there is one; after a look, which others need too."""
        try:
            with self._queue.reading(at_once=True) as queue:
                return _written(queue, mark)
        except (StoreError, OSError) as error:
            if needed:
                raise problems.unsure(str(error)) from error
            return None

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

    # People and their views

    def _people(self, me: c.Me) -> c.People:
        with self._queue.reading() as queue:
            return reports.people(queue, me)

    def _views(self, me: c.Me, at_once: bool = False) -> c.Views:
        with self._queue.reading(at_once) as queue:
            rows = queue.rows(
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
        name, who = view.name.strip(), _actor(me)
        return self._changed(me, partial(triage.save_view, self._ledger, who, name, query), view)

    def _delete_view(self, me: c.Me, view: c.ViewKey) -> c.Views:
        _may_share(me, view.shared)
        known = {(one.name, one.shared) for one in self._views(me, at_once=True).items}
        if (view.name, view.shared) not in known:
            raise problems.not_found(f"there is no view {view.name!r} of yours.")
        write = partial(triage.delete_view, self._ledger, _actor(me), view.name)
        return self._changed(me, write, view)

    def _changed(self, me: c.Me, write: Callable[..., Entry], view: c.View | c.ViewKey) -> c.Views:
        with self._queue.reading() as queue:
            head = queue.head
        self._appended(partial(write, shared=view.shared, head=head))
        try:
            return self._views(me, at_once=True)
        except (StoreError, OSError) as error:
            raise problems.unsure(str(error)) from error


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
def _refusing(writing: bool = False) -> Generator[None]:
    """What went wrong, as a problem."""
    try:
        yield
    except triage.TriageError as error:
        raise problems.invalid(str(error)) from error
    except NoQueue as error:
        raise problems.no_queue() from error
    except (StoreError, OSError) as error:
        told = problems.not_recorded if writing else problems.storage
        raise told(str(error)) from error


def _due(queue: Queue) -> str:
    """When the next suppression ends: of one snapshot and ledger, which have ended by now."""
    due = "SELECT min(suppressed_until) FROM findings WHERE status = 'suppressed'"
    return str(queue.kept(due).item())


def _written(queue: Queue, mark: str) -> Mapping[str, Any] | None:
    if not mark:
        return None
    rows = queue.rows("SELECT seq, findings, body FROM v1_entries WHERE id = ?", mark)
    return rows.row(0, named=True) if rows.height else None


def _may(me: c.Me, operation: c.Operation) -> None:
    if not me.role.may(operation.role):
        raise problems.role_needed(operation.role, me.role)


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
