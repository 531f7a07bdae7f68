"""Tell stories once for every point at which they could be ended, and see what became of their promises.

    python crash_sweep.py FOLDER MOST STORY...

Each telling and each check is a forked process of this one, which imports everything once and starts no
thread itself. At most MOST points of each story are tried, evenly spaced; the result is JSON on standard
output, by story.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crash_points import Points, watch
from crash_stories import STORIES, Promises, Story, check

import ftkit.local.engines.linear.model
import ftkit.local.engines.linear.train
import ftkit.local.engines.linear.untrained  # noqa: F401 - loaded once, before any fork


def forked(do: Callable[[], Any], told: Path) -> int:
    """Do something in a process of its own: how it ended; ``told`` gets its result, or what was raised."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        told.write_text(json.dumps(do()))
        code = 0
    except BaseException:  # noqa: BLE001 - told to the parent
        told.write_text(traceback.format_exc())
    finally:
        os._exit(code)


def tell(story: Story, folder: Path, end_at: int | None) -> list[str]:
    """The labels of all points, if it lives to the end."""
    points = Points(end_at)
    watch(points)
    story.tell(folder / "state", Promises(folder / "promises"))
    return points.labels


def one(story: Story, folder: Path, end_at: int | None) -> dict[str, Any]:
    """One telling and its check."""
    folder.mkdir()
    told = folder / "told"
    promises = Promises(folder / "promises")
    ended = forked(lambda: tell(story, folder, end_at), told)
    labels = json.loads(told.read_text()) if ended == 0 else []
    fault = None if ended in (0, -9) else told.read_text()
    if fault is None and forked(lambda: check(folder / "state", story, promises), told):
        fault = told.read_text()
    return {
        "point": end_at,
        "ended": ended,
        "fault": fault,
        "result": promises.all("result"),
        "labels": labels,
    }


def sweep(name: str, folder: Path, most: int) -> dict[str, Any]:
    """One story, left alone and ended at its points."""
    folder.mkdir()
    story = STORIES[name]
    whole = one(story, folder / "whole", None)
    labels = whole["labels"]
    count = min(most, len(labels))
    chosen = [(2 * number + 1) * len(labels) // (2 * count) for number in range(count)]
    points = [one(story, folder / f"at-{number}", number) for number in chosen]
    for point in points:
        point["label"] = labels[point["point"]]
    return {"whole": whole, "points": points}


def main() -> None:
    """Sweep and print."""
    folder, most = Path(sys.argv[1]), int(sys.argv[2])
    json.dump({name: sweep(name, folder / name, most) for name in sys.argv[3:]}, sys.stdout)


if __name__ == "__main__":
    main()
