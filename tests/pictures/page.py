"""Photographs the page of the recorded run, as wide as a desk and as a phone, for the docs.

python -m tests.pictures.page docs
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from orchestra.reports.html.page import render_html
from tests.golden import recorded
from tests.pictures.browser import Browser


def photograph(folder: Path) -> None:
    """Write `report.png` and `report-phone.png` into the folder."""
    with tempfile.TemporaryDirectory() as name, Browser() as browser:
        page = Path(name) / "report.html"
        text = render_html(recorded.record(), recorded.Logs(), "/home/ann/weather")
        page.write_text(text, encoding="utf-8")
        browser.look(1080, height=1830)
        browser.open(page.as_uri())
        (folder / "report.png").write_bytes(browser.picture(whole=False))
        browser.look(390, dark=True, height=1560)
        browser.open(page.as_uri())
        browser.value("document.getElementById('timeline').scrollIntoView()")
        (folder / "report-phone.png").write_bytes(browser.picture(whole=False))


if __name__ == "__main__":
    photograph(Path(sys.argv[1]))
