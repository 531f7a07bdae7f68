"""Writes docs/clients.md from the JUnit report of tests/clients: each client, its version, what was run.

Run as ``python tools/client_table.py REPORT``. A report with a failure, or without tests, writes nothing.
With ``--check`` in place of a report it says whether the page has every client in the version that
``tests/clients/locks/`` holds now.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = ROOT / "tests" / "clients"
PAGE = ROOT / "docs" / "clients.md"
HEAD = """# Third-party clients

Written by `make test-clients` from its own results; not edited by hand. Each client is the published
package in an environment of its own, unchanged, pointed at a real `ftkit serve` by its base URL and key;
hosted model names are stand-ins. What each runs stands in `tests/clients/`.

| Client | Version | What was run |
| --- | --- | --- |
"""
FOOT = """
Not run, because they speak other routes than OpenAI's: Scale's `llm-engine` client (`/v1/llm/fine-tunes`,
training files by URL) and llama-stack's up to 0.2 (`/v1/openai/v1/...`; its successor is OGX's above).
"""


@dataclass
class Row:
    """One client's line of the table."""

    package: str
    did: list[str] = field(default_factory=list)


def cases(report: Path) -> Iterator[dict[str, str]]:
    """The properties of every test. Raises ``ValueError`` at a test that did not pass."""
    for case in ElementTree.parse(report).iter("testcase"):
        for child in case:
            if child.tag in ("failure", "error", "skipped"):
                raise ValueError(f"{case.get('classname')}.{case.get('name')}: {child.tag}")
        yield {one.get("name", ""): one.get("value", "") for one in case.iter("property")}


def rows(report: Path) -> list[Row]:
    """The table's lines, in the order in which the clients were run first."""
    found: dict[str, Row] = {}
    for case in cases(report):
        if "client" in case:
            found.setdefault(case["client"], Row(case["package"])).did.append(case["did"])
    if not found:
        raise ValueError(f"{report} has no tests of clients")
    return list(found.values())


def page(found: list[Row]) -> str:
    """The whole page."""
    lines = []
    for row in found:
        package, version = row.package.rsplit(" ", 1)
        lines.append(f"| {package} | {version} | {'; '.join(row.did).replace('|', chr(92) + '|')} |\n")
    return HEAD + "".join(lines) + FOOT


def missing() -> list[str]:
    """Clients that the page does not have, or has in another version."""
    table = tomllib.loads((CLIENTS / "environments.toml").read_text("utf-8"))
    text = PAGE.read_text("utf-8")
    found = []
    for name, entry in table.items():
        if not entry.get("client", True):
            continue
        package = re.split(r"[^a-z0-9-]", entry["packages"][0])[0]
        lock = (CLIENTS / "locks" / f"{name}.txt").read_text("utf-8").lower().replace("_", "-")
        version = next(line for line in lock.splitlines() if line.startswith(f"{package}==")).split("==")[1]
        if f"| {package} | {version} |" not in text:
            found.append(f"{package} {version}")
    return found


def main() -> int:
    """0 where the page is written or current, 1 where the report does not allow it or the check fails."""
    if sys.argv[1:] == ["--check"]:
        stale = missing()
        if stale:
            print(f"{PAGE.name} does not have {', '.join(stale)}: run `make test-clients`", file=sys.stderr)
        return 1 if stale else 0
    try:
        PAGE.write_text(page(rows(Path(sys.argv[1]))), "utf-8")
    except (IndexError, OSError, ValueError, ElementTree.ParseError) as error:
        print(f"{PAGE.name} is not written: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
