"""What a caller may say of one call of ``retrain``, beyond the recipe."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class RetrainOptions(BaseModel):
    """Options of one call; None leaves what the recipe says.

    ``data`` and ``columns`` are as in ``RunOptions``. ``force`` begins a round where nothing asks for one.
    ``dry_run`` says what would be done and cost, and sends nothing. ``wait`` waits for another call that
    retrains the same name; without it, that is nothing to do. ``max_cost`` (US dollars) is a limit beside the
    recipe's: the lower one holds. ``summary`` is a file to which the summary (Markdown) is added.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str | Path | None = None
    columns: dict[str, str] = {}
    encoding: str | None = None
    force: bool = False
    dry_run: bool = False
    wait: bool = False
    max_cost: float | None = Field(default=None, ge=0)
    summary: Path | None = None
