"""Reading many small objects: in order, in parallel, a bounded distance ahead."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
AT_ONCE = 16
BATCH = 32


def read_ahead(read: Callable[[T], R], items: Iterable[T]) -> Generator[tuple[T, R]]:
    """Each of `items` with what `read` gives for it, in their order.

    `items` may be endless: no more than AT_ONCE * BATCH * 2 results wait for the caller.
    """

    def some(batch: list[T]) -> list[tuple[T, R]]:
        return [(item, read(item)) for item in batch]

    rest, taken = iter(items), 0
    waiting: deque[Future[list[tuple[T, R]]]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            # A hand-over costs as much as reading a small file; the first are not to wait for it.
            while batch := list(islice(rest, min(BATCH, 1 + taken // AT_ONCE))):
                taken += len(batch)
                waiting.append(pool.submit(some, batch))
                if len(waiting) == AT_ONCE * 2:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for left in waiting:
                left.cancel()
