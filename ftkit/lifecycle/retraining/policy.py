"""``[retrain]`` of a recipe: when to train again, and when the new model takes the old one's place."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from ftkit.lifecycle.tables import Table

Share = Annotated[float, Field(ge=0, le=1)]


class RetrainTable(Table):
    """When to retrain a recipe, and by what to decide between the new model and the one in use.

    ``name`` is what the model is called in the registry; the recipe's name where it is not given.

    When: ``min_rows`` new or changed rows are reason enough. Fewer of them are, where ``max_days`` have
    passed since the last round, or where the shares of the answers among the new rows are further from
    those of the old ones than ``drift`` (total variation distance, 0 to 1) and chance does not explain it.
    A base model that ends within ``shutdown_days`` is a reason too, where ``successor`` names another one.

    Whether: the new model must be better than the one in use by ``min_gain`` (0 to 1, of what the metric
    measures) with a p-value below ``significance`` (0: the figures alone count); with ``beat_bases`` at least
    as good as every base model; as good as ``min_score``; its recall of each label at least the one in
    ``floors``. A thousand requests by batch may cost ``max_per_1000`` dollars at most. Of the rows in
    ``golden`` (a file beside the recipe, with the columns of the source), at most ``max_regressions`` may be
    wrong that the model in use has right. Where the model in use ends soon, or is gone, it is enough that a
    loss as large as ``max_loss`` is ruled out with 95 % confidence (non-inferiority, one test one way).
    ``max_cost`` (US dollars) lets no dearer training begin. A job that fails on the platform is launched
    anew by the next call, ``max_attempts`` times in all for the same data and recipe.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")] | None = None
    min_rows: int = Field(default=1, ge=1)
    max_days: float | None = Field(default=None, gt=0)
    drift: Share | None = None
    shutdown_days: int = Field(default=30, ge=0)
    successor: str | None = None
    min_gain: Share = 0.0
    significance: Annotated[float, Field(ge=0, lt=1)] = 0.05
    beat_bases: bool = True
    min_score: Share | None = None
    floors: dict[str, Share] = Field(default={})
    golden: str | None = None
    max_regressions: int = Field(default=0, ge=0)
    max_loss: Share = 0.02
    max_cost: float | None = Field(default=None, ge=0)
    max_attempts: int = Field(default=3, ge=1)
    max_per_1000: float | None = Field(default=None, ge=0)

    @field_validator("successor")
    @classmethod
    def _named(cls, model: str | None) -> str | None:
        if model is not None and not model.strip():
            raise ValueError("a model has a name")
        return model
