"""Many small reads: in order, and no further ahead than the caller keeps up with."""

from collections.abc import Iterator
from itertools import count, islice

import pytest

from stratum_pipeline.store.ahead import AT_ONCE, BATCH, read_ahead


def test_everything_in_its_order():
    for size in (0, 1, AT_ONCE, 3_000):
        assert list(read_ahead(str, range(size))) == [(n, str(n)) for n in range(size)]


def test_what_has_no_end_is_read_as_far_as_it_is_wanted():
    taken: list[int] = []

    def endless() -> Iterator[int]:
        for n in count():
            taken.append(n)
            yield n

    read = read_ahead(lambda n: -n, endless())
    for wanted in (1, 100, 5_000):
        list(islice(read, wanted))
        asked = sum(w for w in (1, 100, 5_000) if w <= wanted)
        assert asked <= len(taken) <= asked + (AT_ONCE * 2 + 1) * BATCH
    read.close()


def test_what_goes_wrong_is_raised_where_it_is_due():
    def read(n: int) -> int:
        if n == 40:
            raise OSError("the fortieth")
        return n

    found = read_ahead(read, range(100))
    assert next(found) == (0, 0)
    with pytest.raises(OSError, match="the fortieth"):
        list(found)
