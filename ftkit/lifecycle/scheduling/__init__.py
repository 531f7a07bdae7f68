"""Ready files for schedulers that call ``ftkit retrain``: cron, systemd, GitHub, Kubernetes, Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.lifecycle.scheduling.calendar import Calendar
    from ftkit.lifecycle.scheduling.files import KINDS, Schedule, ScheduleFile, ScheduleOptions, schedule

_HOME = {
    "KINDS": "ftkit.lifecycle.scheduling.files",
    "Calendar": "ftkit.lifecycle.scheduling.calendar",
    "Schedule": "ftkit.lifecycle.scheduling.files",
    "ScheduleFile": "ftkit.lifecycle.scheduling.files",
    "ScheduleOptions": "ftkit.lifecycle.scheduling.files",
    "schedule": "ftkit.lifecycle.scheduling.files",
}

__all__ = ["KINDS", "Calendar", "Schedule", "ScheduleFile", "ScheduleOptions", "schedule"]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
