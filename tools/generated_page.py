"""What tools do with a page of docs/ that they made: write it, or with --check say whether it is current."""

from __future__ import annotations

import sys
from pathlib import Path


def write_or_check(page: Path, text: str) -> int:
    """An exit code: 0 where the page is written or current, 1 where ``--check`` finds it stale."""
    if "--check" in sys.argv[1:]:
        if page.exists() and page.read_text("utf-8") == text:
            return 0
        print(f"{page.name} is stale: run `make format`")
        return 1
    page.parent.mkdir(exist_ok=True)
    page.write_text(text, "utf-8")
    return 0
