"""Unattended retraining: rounds that train, compare with the model in use, and promote or keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.lifecycle.retraining.deciding import decide
    from ftkit.lifecycle.retraining.options import RetrainOptions
    from ftkit.lifecycle.retraining.policy import RetrainTable
    from ftkit.lifecycle.retraining.result import (
        EXIT_CODES,
        Cause,
        Changes,
        Check,
        Contest,
        Decision,
        Golden,
        Retrained,
    )
    from ftkit.lifecycle.retraining.rounds import Round
    from ftkit.lifecycle.retraining.summary import to_markdown
    from ftkit.lifecycle.retraining.unattended import retrain, rounds_of

_HOME = {
    "EXIT_CODES": "ftkit.lifecycle.retraining.result",
    "Cause": "ftkit.lifecycle.retraining.result",
    "Changes": "ftkit.lifecycle.retraining.result",
    "Check": "ftkit.lifecycle.retraining.result",
    "Contest": "ftkit.lifecycle.retraining.result",
    "Decision": "ftkit.lifecycle.retraining.result",
    "Golden": "ftkit.lifecycle.retraining.result",
    "RetrainOptions": "ftkit.lifecycle.retraining.options",
    "RetrainTable": "ftkit.lifecycle.retraining.policy",
    "Retrained": "ftkit.lifecycle.retraining.result",
    "Round": "ftkit.lifecycle.retraining.rounds",
    "decide": "ftkit.lifecycle.retraining.deciding",
    "retrain": "ftkit.lifecycle.retraining.unattended",
    "rounds_of": "ftkit.lifecycle.retraining.unattended",
    "to_markdown": "ftkit.lifecycle.retraining.summary",
}

__all__ = [
    "EXIT_CODES",
    "Cause",
    "Changes",
    "Check",
    "Contest",
    "Decision",
    "Golden",
    "RetrainOptions",
    "RetrainTable",
    "Retrained",
    "Round",
    "decide",
    "retrain",
    "rounds_of",
    "to_markdown",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
