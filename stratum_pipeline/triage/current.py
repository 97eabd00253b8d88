"""The queue as it is now: the newest snapshot, and what was said since laid over it.

Another process' entries and snapshots are looked for every so often, our own entries at once,
each in a thread of its own: storage that is slow or gone holds up no reader. They go on with
what was so when it last answered, marked stale. Only a ledger that does not chain stops them:
nobody is shown what was so before one that cannot be trusted.
"""

import atexit
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from stratum_pipeline.store.data import Data
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.ledger import Ledger, LedgerError

from .contract import Stale
from .overlay import overlay
from .read_model import NoQueue, Queue

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """Seconds."""

    every: float = 2.0  # between looks
    patience: float = 0.5  # of a reader whose turn it is to look
    late: float = 5.0  # a look that takes longer leaves what is shown stale
    deadline: float = 8.0  # of a writer, for a look and for the append each
    first: float = 25.0  # of readers while nothing is loaded


USUAL = Pace()


class Current:
    """Gives the queue to readers, and keeps it current. Safe for threads."""

    def __init__(self, data: Data, ledger: Ledger, now: Callable[[], datetime], pace: Pace) -> None:
        self._data, self._ledger, self._now, self._pace = data, ledger, now, pace
        self._queue: Queue | None = None
        self._look, self._load = _Job(self._looking), _Job(self._loading)
        self._faults: dict[str, Exception] = {}  # by what failed when it was last tried
        self._looked, self._fresh_at = float("-inf"), now()
        self._overlaying, self._closed = threading.Lock(), False
        atexit.register(self.close)

    @contextlib.contextmanager
    def reading(self, at_once: bool = False) -> Generator[Queue]:
        """The newest snapshot with what was said since laid over it; open until the end.

        at_once: all that was said until now. Else one reader looks every so often, while the
        others go on with what there is. NoQueue before the first scan; StoreError if nothing
        is loaded yet, or not at_once, and data or vault do not answer in time.
        """
        if self._queue is None:
            _within(self._pace.first, self._load.start()[0].result)
        if at_once:
            _within(self._pace.deadline, self._look.again)
        elif time.monotonic() - self._looked >= self._pace.every:
            self._have_looked()
        queue = self._taken()
        try:
            yield queue
        finally:
            queue.let_go()

    def close(self) -> None:
        """End it; what hangs in storage is waited for no longer than a reader would."""
        atexit.unregister(self.close)
        self._closed = True
        # A thread that is in DuckDB when Python ends takes the process down with it.
        wait([job for job in (self._look.running, self._load.running) if job], self._pace.patience)
        if self._queue is not None:
            self._queue.close()

    def _have_looked(self) -> None:
        look, mine = self._look.start()
        if not mine:
            return
        wait([look], self._pace.patience)
        if (load := self._load.running) is not None:
            wait([load], self._pace.patience)

    def _taken(self) -> Queue:
        for fault in list(self._faults.values()):
            if isinstance(fault, LedgerError) or not isinstance(fault, NoQueue | StoreError):
                raise fault.with_traceback(None)  # of the readers before
        assert self._queue is not None
        while not (queue := self._queue).hold():
            if self._closed:
                raise StoreError("the server is stopping: ask again")
        queue.stale = self._stale()
        return queue

    def _stale(self) -> Stale | None:
        why = "; ".join(str(fault) for fault in list(self._faults.values()))
        if not why and self._look.lasts() > self._pace.late:
            why = "data or vault do not answer"
        return Stale(since=self._fresh_at, why=why) if why else None

    def _looking(self) -> None:
        began = self._now()
        try:
            with self._told("look"):
                newest = self._newest()["snapshot_id"]
                with self._overlaying:
                    queue = self._queue
                    if queue is None or self._closed:
                        return
                    overlay(queue, self._ledger, self._now())
        finally:
            self._looked = time.monotonic()
        self._fresh_at = began
        if newest != queue.id:
            self._load.start()
        else:  # also if another was named in between, and could not be loaded
            self._faults.pop("load", None)

    def _loading(self) -> None:
        with self._told("load"):
            while (newest := self._newest())["snapshot_id"] != (self._queue and self._queue.id):
                try:
                    queue = Queue.load(self._data)
                except StoreError:
                    if newest == self._newest():
                        raise
                    continue  # it was replaced, and dropped, while it was read
                self._replace_by(queue)

    def _replace_by(self, queue: Queue) -> None:
        began, before = self._now(), queue  # to be closed: this one, unless it comes to be shown
        try:
            with self._overlaying:
                overlay(queue, self._ledger, self._now())
                before, self._queue = self._queue, queue
                self._looked, self._fresh_at = time.monotonic(), began
            if self._closed:
                queue.close()
        finally:
            if before is not None:
                before.close()

    @contextlib.contextmanager
    def _told(self, what: str) -> Generator[None]:
        """What goes wrong in it is known to readers until it goes well."""
        try:
            yield
        except Exception as error:
            if what not in self._faults:
                log.warning("cannot %s for what is new: %s", what, error)
            self._faults[what] = error
            raise
        self._faults.pop(what, None)

    def _newest(self) -> Mapping[str, Any]:
        if (newest := self._data.current_queue()) is None:
            raise NoQueue
        return newest


def started(work: Callable[[], T]) -> Future[T]:
    """`work` in a thread of its own, which does not keep the process from ending."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever waits raises it
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


class _Job:
    """Work that is done in a thread of its own, once at a time."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._lock, self._began = threading.Lock(), 0.0
        self.running: Future[None] | None = None

    def start(self) -> tuple[Future[None], bool]:
        """The run under way, or a new one; whether it is new."""
        with self._lock:
            new = self.running is None
            if self.running is None:
                self._began = time.monotonic()
                self.running = started(self._run)
            return self.running, new

    def again(self, seconds: float) -> None:
        """A run that begins after this call, to its end. TimeoutError if that takes longer."""
        until, under_way = time.monotonic() + seconds, self.running
        if under_way is not None and not wait([under_way], seconds).done:
            raise TimeoutError
        self.start()[0].result(until - time.monotonic())

    def lasts(self) -> float:
        """For how many seconds a run has been under way."""
        return 0.0 if self.running is None else time.monotonic() - self._began

    def _run(self) -> None:
        try:
            self._work()
        finally:
            with self._lock:
                self.running = None


def _within(seconds: float, ended: Callable[[float], None]) -> None:
    try:
        ended(seconds)
    except TimeoutError as error:
        raise StoreError(
            f"data or vault did not answer within {seconds:g} seconds; try again"
        ) from error
