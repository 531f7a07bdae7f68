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
    from ftkit.lifecycle.migration.recording import plan_record, record
    from ftkit.lifecycle.migration.reporting import report
    from ftkit.lifecycle.migration.results import (
        Compared,
        Export,
        ExportedModel,
        Inventory,
        MigrationReport,
        Recorded,
        RecordPlan,
        Retrained,
        RetrainPlan,
        TunedModel,
    )
    from ftkit.lifecycle.migration.retraining import plan_retrain, retrain
    from ftkit.lifecycle.migration.steps import next_of

_RESULTS = "ftkit.lifecycle.migration.results"
_HOME = {
    "Compared": _RESULTS,
    "Export": _RESULTS,
    "ExportedModel": _RESULTS,
    "Inventory": _RESULTS,
    "MigrationReport": _RESULTS,
    "RecordPlan": _RESULTS,
    "Recorded": _RESULTS,
    "RetrainPlan": _RESULTS,
    "Retrained": _RESULTS,
    "TunedModel": _RESULTS,
    "compare": "ftkit.lifecycle.migration.comparing",
    "export": "ftkit.lifecycle.migration.exporting",
    "inventory": "ftkit.lifecycle.migration.listing",
    "next_of": "ftkit.lifecycle.migration.steps",
    "plan_record": "ftkit.lifecycle.migration.recording",
    "plan_retrain": "ftkit.lifecycle.migration.retraining",
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
    "RecordPlan",
    "Recorded",
    "RetrainPlan",
    "Retrained",
    "TunedModel",
    "compare",
    "export",
    "inventory",
    "next_of",
    "plan_record",
    "plan_retrain",
    "record",
    "report",
    "retrain",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
