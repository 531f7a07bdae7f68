"""ftkit in a notebook: results drawn, jobs followed in their place, and the kluster cookbook's helpers.

Results draw themselves where they are a cell's last value; ``show`` draws them anywhere, several as one
table, and ``frame`` makes a pandas frame of them. ``watch`` follows a job or a batch to its end.
``display`` is what ``ftkit.connect(display=...)`` and every other call takes to show its progress by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.notebook.cookbook import (
        create_batch_job,
        create_tasks,
        get_results,
        monitor_job_status,
        save_tasks,
    )
    from ftkit.notebook.showing import display, frame, show
    from ftkit.notebook.watching import watch, watch_all

_HOME = {
    "create_batch_job": "ftkit.notebook.cookbook",
    "create_tasks": "ftkit.notebook.cookbook",
    "display": "ftkit.notebook.showing",
    "frame": "ftkit.notebook.showing",
    "get_results": "ftkit.notebook.cookbook",
    "monitor_job_status": "ftkit.notebook.cookbook",
    "save_tasks": "ftkit.notebook.cookbook",
    "show": "ftkit.notebook.showing",
    "watch": "ftkit.notebook.watching",
    "watch_all": "ftkit.notebook.watching",
}

__all__ = [
    "create_batch_job",
    "create_tasks",
    "display",
    "frame",
    "get_results",
    "monitor_job_status",
    "save_tasks",
    "show",
    "watch",
    "watch_all",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
