"""Makes docs/images/report.png: the top of the report of ``ftkit run sentiment``, as Chromium shows it."""

from __future__ import annotations

import base64
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "report.png"
WIDTH, HEIGHT = 1100, 1110
"""Pixels: as much of the page as a reader takes in at once."""

if TYPE_CHECKING:
    from chromium import Tab


def report(folder: Path) -> Path:
    """Run the recipe in ``folder``, on a local platform of its own; the report's path."""
    from ftkit.lifecycle import RunOptions, run
    from ftkit.settings import load_settings

    settings = load_settings(state_dir=folder / "state", runs_dir=folder / "runs", platform="local")
    result = run("sentiment", RunOptions(out=folder / "runs" / "sentiment"), settings=settings)
    assert result.report is not None
    return result.report


def take(tab: Tab, page: Path, picture: Path) -> None:
    """Write the top of a page as PNG."""
    tab.size(WIDTH, HEIGHT)
    tab.open(page.as_uri())
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT, "scale": 1}
    data = tab.call("Page.captureScreenshot", format="png", clip=clip)["data"]
    picture.parent.mkdir(exist_ok=True)
    picture.write_bytes(base64.b64decode(data))


def main() -> int:
    """0 where the picture was written, 1 where there is no Chromium."""
    sys.path.insert(0, str(ROOT / "tests"))
    import chromium

    if chromium.find() is None:
        print("no Chromium was found: name it in FTKIT_TEST_CHROMIUM")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        page = report(Path(folder))
        browser = chromium.Chromium(Path(folder) / "profile")
        try:
            take(browser.tab(prefers_color_scheme="light"), page, PICTURE)
        finally:
            browser.close()
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
