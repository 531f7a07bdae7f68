"""The recipes that ship with ftkit: each a folder with ``recipe.toml``, data and a README."""

from __future__ import annotations

from importlib.resources import files

sentiment = files(__name__) / "sentiment"
genre = files(__name__) / "genre"
judge = files(__name__) / "judge"
keywords = files(__name__) / "keywords"
sentiment_reviews = files(__name__) / "sentiment-reviews"
topics = files(__name__) / "topics"
multi_task = files(__name__) / "multi-task"
curate = files(__name__) / "curate"
