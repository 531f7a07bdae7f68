"""Recipes, and the runs that carry them out step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.lifecycle.options import RunOptions
    from ftkit.lifecycle.recipe import Recipe, available_recipes, load_recipe
    from ftkit.lifecycle.result import RunResult
    from ftkit.lifecycle.runner import run

_HOME = {
    "Recipe": "ftkit.lifecycle.recipe",
    "RunOptions": "ftkit.lifecycle.options",
    "RunResult": "ftkit.lifecycle.result",
    "available_recipes": "ftkit.lifecycle.recipe",
    "load_recipe": "ftkit.lifecycle.recipe",
    "run": "ftkit.lifecycle.runner",
}

__all__ = ["Recipe", "RunOptions", "RunResult", "available_recipes", "load_recipe", "run"]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
