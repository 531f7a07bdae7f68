"""Recipes and the runs that carry them out step by step; launching single jobs, checked and estimated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.lifecycle.estimate import Estimate
    from ftkit.lifecycle.exporting import export
    from ftkit.lifecycle.gate import Passed, check_for
    from ftkit.lifecycle.launching import Launched, LaunchPlan, launch, plan_launch
    from ftkit.lifecycle.options import RunOptions
    from ftkit.lifecycle.promoting import promote, resolve_served, rollback
    from ftkit.lifecycle.recipe import Recipe, available_recipes, load_recipe
    from ftkit.lifecycle.result import RunResult
    from ftkit.lifecycle.retraining import Retrained, RetrainOptions, retrain
    from ftkit.lifecycle.runner import run

_HOME = {
    "Estimate": "ftkit.lifecycle.estimate",
    "LaunchPlan": "ftkit.lifecycle.launching",
    "Launched": "ftkit.lifecycle.launching",
    "Passed": "ftkit.lifecycle.gate",
    "Recipe": "ftkit.lifecycle.recipe",
    "RetrainOptions": "ftkit.lifecycle.retraining",
    "Retrained": "ftkit.lifecycle.retraining",
    "RunOptions": "ftkit.lifecycle.options",
    "RunResult": "ftkit.lifecycle.result",
    "available_recipes": "ftkit.lifecycle.recipe",
    "check_for": "ftkit.lifecycle.gate",
    "export": "ftkit.lifecycle.exporting",
    "launch": "ftkit.lifecycle.launching",
    "load_recipe": "ftkit.lifecycle.recipe",
    "plan_launch": "ftkit.lifecycle.launching",
    "promote": "ftkit.lifecycle.promoting",
    "resolve_served": "ftkit.lifecycle.promoting",
    "retrain": "ftkit.lifecycle.retraining",
    "rollback": "ftkit.lifecycle.promoting",
    "run": "ftkit.lifecycle.runner",
}

__all__ = [
    "Estimate",
    "LaunchPlan",
    "Launched",
    "Passed",
    "Recipe",
    "RetrainOptions",
    "Retrained",
    "RunOptions",
    "RunResult",
    "available_recipes",
    "check_for",
    "export",
    "launch",
    "load_recipe",
    "plan_launch",
    "promote",
    "resolve_served",
    "retrain",
    "rollback",
    "run",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
