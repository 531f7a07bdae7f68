"""What a person may ask of a validation."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from ftkit.data import ExampleTemplate, SourceOptions


class ValidateOptions(BaseModel):
    """``template`` maps rows of columns to chat examples; a chat file needs none.

    ``labels`` are the only replies allowed; ``ignore`` names rules (code or name) that are left out;
    ``max_findings`` is how many findings of one rule are kept (all are counted);
    ``max_line_bytes`` is the longest line that is looked into.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    template: ExampleTemplate | None = None
    source: SourceOptions = SourceOptions()
    labels: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    max_findings: int = Field(default=100, ge=1)
    max_line_bytes: int = Field(default=64 << 20, ge=1)
