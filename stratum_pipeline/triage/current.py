"""The queue as it is now: the newest snapshot, and what was said since laid over it.

Another process' entries and snapshots are looked for every `SECONDS`, our own entries at once.
If that fails, reads fail: nobody is shown what was so before a ledger that cannot be read.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from stratum_pipeline.store.data import Data
from stratum_pipeline.store.errors import StoreError
from stratum_pipeline.store.ledger import Ledger

from .overlay import overlay
from .read_model import NoQueue, Queue

SECONDS = 2.0


class Current:
    """Gives the queue to readers, and keeps it current. Safe for threads.

    NoQueue before the first scan; StoreError if data or vault cannot be read.
    """

    def __init__(
        self, data: Data, ledger: Ledger, now: Callable[[], datetime], seconds: float
    ) -> None:
        self._data, self._ledger, self._now, self._seconds = data, ledger, now, seconds
        self._queue: Queue | None = None
        self._looked = float("-inf")
        self._failed = self._stale = False  # as of the last look
        self._looking, self._loading = threading.Lock(), threading.Lock()

    def get(self, at_once: bool = False) -> Queue:
        """The newest snapshot with what was said since laid over it.

        at_once: all that was said until now. Else one reader looks every so often, and one
        loads a new snapshot, while the others go on with what there is.
        """
        if self._queue is None:
            with self._loading:
                self._load()
        must = at_once or self._failed
        due = time.monotonic() - self._looked >= self._seconds
        if (must or due) and self._looking.acquire(blocking=must):
            try:
                self._look()
            finally:
                self._looking.release()
        if self._stale and not at_once and self._loading.acquire(blocking=False):
            try:
                self._load()
            finally:
                self._loading.release()
        assert self._queue is not None
        return self._queue

    def _look(self) -> None:
        assert self._queue is not None
        try:
            newest = self._newest()
            overlay(self._queue, self._ledger, self._now())
        except BaseException:
            self._failed = True
            raise
        self._stale = newest["snapshot_id"] != self._queue.id
        self._failed, self._looked = False, time.monotonic()

    def _load(self) -> None:
        while (newest := self._newest())["snapshot_id"] != (self._queue and self._queue.id):
            try:
                queue = Queue.load(self._data)
            except StoreError:
                if newest == self._newest():
                    raise
                continue  # it was replaced, and dropped, while it was read
            with self._looking:
                overlay(queue, self._ledger, self._now())
                # The one before may still be read from: it closes with its last reader.
                self._queue, self._stale, self._looked = queue, False, time.monotonic()

    def _newest(self) -> Mapping[str, Any]:
        if (newest := self._data.current_queue()) is None:
            raise NoQueue
        return newest

    def close(self) -> None:
        if self._queue is not None:
            self._queue.close()
