"""Moving tuned models to another platform: what there is, a copy of it, its answers, its like, the proof.

Everything lies in one folder (see ``ftkit.lifecycle.migration.folder``), and each step goes on where an
earlier call of it stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.lifecycle.migration.comparing import compare
    from ftkit.lifecycle.migration.exporting import export
    from ftkit.lifecycle.migration.listing import inventory
    from ftkit.lifecycle.migration.recording import record
    from ftkit.lifecycle.migration.reporting import report
    from ftkit.lifecycle.migration.results import (
        Compared,
        Export,
        ExportedModel,
        Inventory,
        MigrationReport,
        Recorded,
        Retrained,
        TunedModel,
    )
    from ftkit.lifecycle.migration.retraining import retrain

_RESULTS = "ftkit.lifecycle.migration.results"
_HOME = {
    "Compared": _RESULTS,
    "Export": _RESULTS,
    "ExportedModel": _RESULTS,
    "Inventory": _RESULTS,
    "MigrationReport": _RESULTS,
    "Recorded": _RESULTS,
    "Retrained": _RESULTS,
    "TunedModel": _RESULTS,
    "compare": "ftkit.lifecycle.migration.comparing",
    "export": "ftkit.lifecycle.migration.exporting",
    "inventory": "ftkit.lifecycle.migration.listing",
    "record": "ftkit.lifecycle.migration.recording",
    "report": "ftkit.lifecycle.migration.reporting",
    "retrain": "ftkit.lifecycle.migration.retraining",
}

__all__ = [
    "Compared",
    "Export",
    "ExportedModel",
    "Inventory",
    "MigrationReport",
    "Recorded",
    "Retrained",
    "TunedModel",
    "compare",
    "export",
    "inventory",
    "record",
    "report",
    "retrain",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
