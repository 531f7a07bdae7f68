"""Tries every fault on every operation and prints the table of what was survived, done twice or lost.

    python benchmarks/faults.py [--only WORD] [--at-once 8] [--points FILE] [--write]

Each fault happens once and, in a second turn, all through the first call of the operation; which
faults and operations there are stands in ``tests/faults/scenarios.py``. Then come the tests of
``tests/faults/test_fault_stories.py``: what vanishes, fails at once, or expires. ``--points`` adds
the table of the kill points that ``kill_points.py --out FILE`` measured; ``--write`` puts
everything into benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "faults"))

from scenarios import OPERATIONS, Operation, Outcome, attempt

from ftkit.gateway import connect
from ftkit.settings import Settings

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent / "tests" / "faults"
BEGIN, END = "<!-- faults: written by faults.py -->", "<!-- end of faults -->"


def try_all(folder: Path, operations: Iterable[Operation], at_once: int) -> list[Outcome]:
    """Every fault of every operation, once and lasting, on one platform."""
    works = [(o, fault, lasting) for lasting in (False, True) for o in operations for fault in o.faults]

    def one(work: tuple[Operation, str, bool]) -> Outcome:
        operation, fault, lasting = work
        outcome = attempt(url, Path(tempfile.mkdtemp(dir=folder)), operation, fault, lasting=lasting)
        if not (outcome.survived and outcome.met):
            print(outcome, file=sys.stderr, flush=True)
        return outcome

    with connect("local", settings=Settings(state_dir=folder / "platform")) as platform:
        url = platform.base_url
        with ThreadPoolExecutor(at_once) as pool:
            outcomes = list(pool.map(one, works))
        platform.stop_local()
    return outcomes


def rows(outcomes: list[Outcome]) -> list[str]:
    """A line for each fault, over all operations, and one for all."""
    names = dict.fromkeys(o.fault.removesuffix(", lasting") for o in outcomes)
    groups = {n: [o for o in outcomes if o.fault.removesuffix(", lasting") == n] for n in names}
    titles = ("fault", "operations", "tried", "survived", "by itself", "called again", "duplicates", "losses")
    lines = [f"| {' | '.join(titles)} | asked again |", "|---" * 9 + "|"]
    for name, some in [*groups.items(), ("all", outcomes)]:
        well = [o for o in some if o.survived and o.met]
        alone = sum(o.calls == 1 for o in well)
        lines.append(
            f"| {name} | {len({o.operation for o in some})} | {len(some)} | {len(well)} | {alone} "
            f"| {len(well) - alone} | {sum(sum(o.duplicates.values()) for o in some)} "
            f"| {sum(len(o.losses) for o in some)} | {sum(o.again for o in some)} |"
        )
    return lines


def by_operation(outcomes: list[Outcome]) -> list[str]:
    """A line for each operation, over all faults."""
    lines = ["| operation | tried | survived | duplicates | losses |", "|---" * 5 + "|"]
    for name in dict.fromkeys(o.operation for o in outcomes):
        some = [o for o in outcomes if o.operation == name]
        lines.append(
            f"| {name} | {len(some)} | {sum(o.survived and o.met for o in some)} "
            f"| {sum(sum(o.duplicates.values()) for o in some)} | {sum(len(o.losses) for o in some)} |"
        )
    return lines


def stories(folder: Path) -> list[str]:
    """The tests of what happens to things that were there: a line for each."""
    report = folder / "stories.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        str(TESTS / "test_fault_stories.py"),
        f"--junitxml={report}",
    ]
    subprocess.run(command, check=False, cwd=HERE.parent, stdout=subprocess.DEVNULL)
    lines = ["| what happens | survived |", "|---|---|"]
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.attrib["name"].removeprefix("test_").replace("_", " ")
        bad = any(child.tag in ("failure", "error", "skipped") for child in case)
        lines.append(f"| {name} | {'no' if bad else 'yes'} |")
    return lines


def kill_table(file: Path) -> list[str]:
    """The table of the kill points, from what they have written."""
    from kill_points import Point, table

    return table([Point(**one) for one in json.loads(file.read_text())])


def write(text: str) -> None:
    """Put the text between its marks in README.md, at the end where there are none yet."""
    readme = HERE / "README.md"
    old = readme.read_text()
    before, _, rest = old.partition(BEGIN)
    after = rest.partition(END)[2]
    readme.write_text(f"{before.rstrip()}\n\n{BEGIN}\n{text}\n{END}\n{after.lstrip()}")


def main() -> None:
    """Try, print, and write where asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="operations whose name has this in it")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--points", type=Path, help="what kill_points.py --out has written")
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        chosen = [o for o in OPERATIONS if options.only in o.name]
        outcomes = try_all(Path(name), chosen, options.at_once)
        parts = [rows(outcomes), by_operation(outcomes), stories(Path(name))]
    if options.points:
        parts.append(kill_table(options.points))
    text = "\n\n".join("\n".join(part) for part in parts)
    print(f"{text}\n\n{time.monotonic() - started:.0f} s")
    if options.write:
        write(text)


if __name__ == "__main__":
    main()
