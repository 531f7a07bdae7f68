"""Recipes, and the runs that carry them out step by step."""

from __future__ import annotations

from ftkit.lifecycle.recipe import Recipe, available_recipes, load_recipe
from ftkit.lifecycle.result import RunResult
from ftkit.lifecycle.run import RunOptions, run

__all__ = ["Recipe", "RunOptions", "RunResult", "available_recipes", "load_recipe", "run"]
