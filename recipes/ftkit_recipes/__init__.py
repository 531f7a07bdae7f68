"""The recipes that ship with ftkit: each a folder with ``recipe.toml``, data and a README."""

from __future__ import annotations

from importlib.resources import files

sentiment = files(__name__) / "sentiment"
genre = files(__name__) / "genre"
