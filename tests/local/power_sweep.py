"""Tell stories under ``strace``, cut the power after many of their calls, see what became of their promises.

    python power_sweep.py FOLDER MOST STORY...

At most MOST moments of each are tried, evenly spaced over all calls; the result is JSON on standard output,
by story.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crash_stories import STORIES, Promises, check
from crash_sweep import forked
from simulated_disk import Disk, View
from traced_calls import CALLS, Follower, read_calls


def views(seed: int) -> Iterator[View]:
    """What may survive beyond what was synced: nothing, every name, every content, any of them by chance."""
    rng = random.Random(seed)
    yield View("nothing more", lambda: False, lambda: False)
    yield View("names without contents", lambda: False, lambda: True)
    yield View("contents without names", lambda: True, lambda: False)
    yield View(f"by chance, seed {seed}", lambda: rng.random() < 0.5, lambda: rng.random() < 0.5)


def trace(story: str, folder: Path) -> Path:
    """The calls that telling the story makes."""
    log = folder.with_name("calls")
    command = ["strace", "-f", "-xx", "-s", "99999999", "-e", f"trace={CALLS}", "-e", "signal=none", "-o"]
    command += [str(log), sys.executable, __file__, "--tell", story, str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return log


def cut(disk: Disk, view: View, folder: Path, story: str) -> str | None:
    """What is wrong after a power cut now; None where all promises are kept."""
    folder.mkdir()
    promised = disk.find(disk.root / "promises")
    disk.show(folder, view)
    (folder / "promises").write_bytes(promised.content(lambda: True) if promised else b"")
    (folder / "state").mkdir(exist_ok=True)
    told = folder / "told"
    code = forked(lambda: check(folder / "state", STORIES[story], Promises(folder / "promises")), told)
    return told.read_text() if code else None


def sweep(story: str, folder: Path, most: int) -> dict[str, Any]:
    """Every chosen moment, seen in every view."""
    (folder / "whole").mkdir(parents=True)
    calls = list(read_calls(trace(story, folder / "whole")))
    disk = Disk(folder / "whole")
    follower = Follower(disk, Path.cwd())
    first = next(n for n, call in enumerate(calls) if str(folder).encode() in b"".join(call.arguments))
    count = min(most, len(calls) - first)
    chosen = {first + (2 * number + 1) * (len(calls) - first) // (2 * count) for number in range(count)}
    faults = []
    for number, call in enumerate(calls):
        follower.follow(call)
        for view in views(number) if number in chosen else ():
            place = f"after call {number}, {call.name}: {view.name}"
            fault = cut(disk, view, folder / f"{number}-{view.name}", story)
            if fault is not None:
                faults.append(f"{place}\n{fault}")
    return {"calls": len(calls) - first, "moments": len(chosen), "faults": faults}


def main() -> None:
    """Sweep and print, or tell the story itself."""
    if sys.argv[1] == "--tell":
        folder = Path(sys.argv[3])
        STORIES[sys.argv[2]].tell(folder / "state", Promises(folder / "promises"))
    else:
        folder, most = Path(sys.argv[1]).resolve(), int(sys.argv[2])
        json.dump({name: sweep(name, folder / name, most) for name in sys.argv[3:]}, sys.stdout)


if __name__ == "__main__":
    main()
