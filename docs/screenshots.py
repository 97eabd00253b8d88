"""Pictures of the app over the demonstration.

python -m docs.screenshots           those that the README shows, into docs/screens
python -m docs.screenshots FOLDER    every page, light and dark, wide and narrow, to look at
"""

import argparse
import io
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from PIL import Image, ImageChops
from playwright.sync_api import Browser, ViewportSize, expect

from stratum_pipeline.triage import contract as c
from stratum_pipeline.triage.client import Client, Http
from tests.browser import FAILED, WIDE, Served, browsing, scan_demonstration, serving, visit

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
NARROW: ViewportSize = {"width": 390, "height": 844}
SHOWN = {"overview-dark", "queue-light", "finding-light", "coverage-light"}
MARGIN = 24
SCREENS = Path(__file__).with_name("screens")


def main(folder: Path | None) -> None:
    """Only SHOWN, if no folder is given."""
    into = folder or SCREENS
    into.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scanned:
        scan_demonstration(Path(scanned))
        with serving(Path(scanned), {"LOGNAME": "dana"}) as served, browsing() as chromium:
            for name, path, theme, size in pictures(served):
                if folder or name in SHOWN:
                    picture = take(chromium, served.app + path, theme, size)
                    small(picture).save(into / f"{name}.png", optimize=True)


def pictures(served: Served) -> Iterator[tuple[str, str, Theme, ViewportSize]]:
    """Name, path in the app, theme, viewport."""
    with Client(Http(served.api)) as stratum:
        first = stratum.findings(c.FindingsQuery(status=("open",), limit=1)).items[0]
    pages = {
        "overview": "/",
        "queue": "/queue",
        "finding": f"/finding?id={first.finding_id}",
        "coverage": "/coverage",
        "drift": "/drift",
        "activity": "/activity",
    }
    for theme in THEMES:
        for name, path in pages.items():
            yield f"{name}-{theme}", path, theme, WIDE
            yield f"{name}-{theme}-390", path, theme, NARROW


def take(chromium: Browser, url: str, theme: Theme, size: ViewportSize) -> bytes:
    """A PNG of what a new visitor with that preference sees."""
    context = chromium.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce")
    try:
        page = context.new_page()
        visit(page, url)
        expect(page.locator(FAILED)).to_have_count(0)
        page.wait_for_timeout(500)  # tables are drawn on a canvas, which tells nobody when
        return page.screenshot()
    finally:
        context.close()


def small(png: bytes) -> Image.Image:
    """Without the empty ground below, in 256 colors undithered: a third of the bytes."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    ground = Image.new("RGB", image.size, image.getpixel((image.width - 1, image.height - 1)))
    drawn = ImageChops.difference(image, ground).getbbox()
    if drawn:
        image = image.crop((0, 0, image.width, min(image.height, drawn[3] + MARGIN)))
    return image.quantize(256, dither=Image.Dither.NONE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Pictures of the app over the demonstration.")
    parser.add_argument("folder", nargs="?", type=Path)
    main(parser.parse_args().folder)
