"""What a person waits for: a page of the app in Chromium, first and again, and clicks in it.

python benchmarks/bench_app.py [FINDINGS ...]        100,000 by default
"""

import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

import estate
from bench_api import peak
from playwright.sync_api import Page, expect

from stratum_pipeline.store.data import Data
from stratum_pipeline.store.objects import LocalStore

sys.path.append(str(Path(__file__).parents[1]))
from tests.browser import WIDE, browsing, serving, settled, visit

TIMES = 20


def measured(what: str, page: Page, calls: list[Callable[[], object]], times: int = TIMES) -> None:
    """Until the page stands still after each of `calls` in turn."""
    spent: list[float] = []
    for call in islice(cycle(calls), times):
        began = time.perf_counter()
        call()
        settled(page)
        spent.append(1000 * (time.perf_counter() - began))
    worst = max(spent)
    print(f"  {what:36} p50 {statistics.median(spent):6.0f} ms   worst {worst:6.0f} ms", flush=True)


def children() -> dict[str, int]:
    """Process ids of the app and the API, by name."""
    found = Path(f"/proc/self/task/{Path('/proc/self').resolve().name}/children").read_text()
    said = {n: Path(f"/proc/{n}/cmdline").read_text() for n in found.split()}
    words = {"app": "streamlit", "API": "uvicorn"}
    return {who: int(n) for who, word in words.items() for n in said if word in said[n]}


def choosing(page: Page, word: str) -> Callable[[], object]:
    """A click on that severity of the rail, answered when the address says so."""
    facet = page.get_by_test_id("stSidebar").get_by_role("button", name=re.compile(f"^{word}"))

    def click() -> None:
        before = page.url
        facet.click()
        expect(page).not_to_have_url(before)

    return click


def run(count: int) -> None:
    with tempfile.TemporaryDirectory() as name, browsing() as chromium:
        folder = Path(name)
        estate.publish(Data(LocalStore(folder / "data")), count)
        with serving(folder, {}) as served:
            page = chromium.new_context(viewport=WIDE, reduced_motion="reduce").new_page()
            print(f"\n{count:,} findings")
            queue = f"{served.app}/queue"
            measured("the queue, first since start", page, [lambda: visit(page, queue)], 1)
            measured("the queue again", page, [lambda: visit(page, queue)])
            measured("the overview, first", page, [lambda: visit(page, served.app)], 1)
            measured("the overview again", page, [lambda: visit(page, served.app)])
            visit(page, queue)
            words = ("Critical", "High", "Medium", "Low")
            measured("a click on a filter", page, [choosing(page, word) for word in words])
            for who, process_id in children().items():
                print(f"  peak memory of the {who:17} {peak(process_id):.2f} GB")


if __name__ == "__main__":
    for size in [int(word) for word in sys.argv[1:]] or [100_000]:
        run(size)
