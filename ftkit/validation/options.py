"""What a person may ask of a validation."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ftkit.catalog.schema import RuleLevel, TuningMethod
from ftkit.data import ExampleTemplate, SourceOptions

Counts = Literal["exact", "limits", "bound"]


class ValidateOptions(BaseModel):
    """``template`` maps rows of columns to chat examples; a chat file needs none.

    ``method`` says what the data is for, where the rows themselves do not (SFT, DPO, RFT).
    ``labels`` are the only replies allowed. ``select`` and ``ignore`` name rules by code, name or the
    beginning of codes (``FT5``); ``severity`` gives rules another one, or ``off``; ``params`` sets
    rules' parameters (``FT502.similarity``); ``validators`` are files of further rules. ``held_out``
    are files that the rows are compared with, for leakage. ``counts``: with models, ``exact`` counts
    the tokens of every row, ``limits`` only of rows whose bytes do not prove that they fit, ``bound``
    of none (what is not proven is said to be unknown; no vocabulary is needed). ``epochs`` are those
    to be paid for, in the costs. ``processes``: None lets the size decide. ``engine``: ``ray`` checks what
    can be cut into ranges on a Ray cluster (extra ``ray``); ``processes`` then says nothing.
    ``max_findings`` is how many findings of one rule are kept (all are counted);
    ``max_line_bytes`` is the longest line that is looked into.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    template: ExampleTemplate | None = None
    source: SourceOptions = SourceOptions()
    labels: tuple[str, ...] | None = None
    method: TuningMethod | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: dict[str, RuleLevel] = {}
    params: dict[str, Any] = {}
    validators: tuple[Path, ...] = ()
    held_out: tuple[Path, ...] = ()
    counts: Counts = "exact"
    epochs: int | None = Field(default=None, ge=1)
    engine: Literal["local", "ray"] = "local"
    processes: int | None = Field(default=None, ge=1)
    max_findings: int = Field(default=100, ge=1)
    max_line_bytes: int = Field(default=64 << 20, ge=1)
