"""Takes the pictures of docs/log-review.md anew: ``python -m tests.support.oracles.take_pictures``."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from knockd.review.page import render_page
from tests.support.lab.browser import open_browser
from tests.support.samples.summaries import WEEK

DOCS = Path(__file__).resolve().parents[3] / "docs"
WIDTH, HEIGHT = 1_280, 1_156
"""What of the page is shown, in pixels: as far as the charts of time."""


def main() -> None:
    """Write docs/log-review-light.png and docs/log-review-dark.png."""
    with TemporaryDirectory() as folder, open_browser() as browser:
        page = Path(folder) / "review.html"
        page.write_text(render_page(WEEK))
        for scheme in ("light", "dark"):
            browser.show(page, WIDTH, scheme)
            browser.picture(DOCS / f"log-review-{scheme}.png", HEIGHT)


if __name__ == "__main__":
    main()
