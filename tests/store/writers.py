"""Processes that append to one ledger at the same time: `python writers.py URL WRITERS EACH`.

They are forks of one that has imported everything, and begin together.
"""

import os
import sys

from stratum_pipeline.store.ledger import SYSTEM, Head, Ledger
from stratum_pipeline.store.objects import open_store
from stratum_pipeline.store.vault import Vault


def write(url: str, me: int, each: int) -> None:
    ledger, head = Ledger(Vault(open_store(url))), Head()
    for n in range(each):
        entry = ledger.append("noted", SYSTEM, lambda _, n=n: {"text": f"{me} {n}"}, head)
        assert entry is not None
        head = entry.head


def main(url: str, writers: int, each: int) -> int:
    ready, go = os.pipe()
    children: list[int] = []
    for me in range(writers):
        if (child := os.fork()) == 0:
            os.close(go)
            os.read(ready, 1)  # until nobody holds the other end
            write(url, me, each)
            os._exit(0)
        children.append(child)
    os.close(go)
    return max(os.waitpid(child, 0)[1] for child in children)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])) != 0)
