"""What a judge is asked and by what criteria: written in a file, a recipe or in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ftkit.benchmarking.judging.results import Kind
from ftkit.errors import ConfigurationError, DataError, UsageError, Where
from ftkit.settings.toml import faults_of, parse_toml

DEFAULT_SCALE = 10
LONGEST_SCALE = 100
DEFAULT_CRITERIA: dict[str, str] = {
    "correct": (
        "The answer is correct when it does what the question asks, is true, and keeps to every rule that "
        "the question gives, such as a list of allowed answers. Its style and length do not matter."
    ),
    "score": (
        "The highest score is for an answer that does all that the question asks, truly, completely and "
        "clearly; 0 is for one that is of no use. Longer is not better."
    ),
    "pair": (
        "The better answer does more of what the question asks, and does it more truly and clearly. "
        "Longer is not better, and neither is what stands first. Call it a tie where neither is better."
    ),
}


class Rubric(BaseModel):
    """What a judge is asked (``kind``) and by what ``criteria``; each kind has criteria of its own.

    ``scale`` is the highest score (1 to 100, by default 10) and ``pass_mark`` the lowest that counts as
    right (by default the first above the middle); both belong to ``kind="score"``, which a ``scale``
    implies. ``reasons`` asks for a short reason before the verdict, ``reference`` shows the judge the
    right answer of the row. Raises ValueError for fields that do not fit together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind = "correct"
    criteria: str = Field(default="", max_length=100_000)
    scale: int | None = Field(default=None, ge=1, le=LONGEST_SCALE)
    pass_mark: int | None = Field(default=None, ge=1)
    reasons: bool = True
    reference: bool = False

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        scored = given.get("scale") is not None
        kind = given.get("kind") or ("score" if scored else "correct")
        filled = {**given, "kind": kind}
        if isinstance(kind, str) and not str(given.get("criteria") or "").strip():
            filled["criteria"] = DEFAULT_CRITERIA.get(kind, "")
        if kind == "score":
            filled["scale"] = given.get("scale") if scored else DEFAULT_SCALE
            if given.get("pass_mark") is None and isinstance(filled["scale"], int):
                filled["pass_mark"] = filled["scale"] // 2 + 1
        return filled

    @model_validator(mode="after")
    def _fits_together(self) -> Rubric:
        if self.kind != "score" and (self.scale is not None or self.pass_mark is not None):
            raise ValueError("a scale and a pass mark belong to kind 'score'")
        if self.scale is not None and self.pass_mark is not None and self.pass_mark > self.scale:
            raise ValueError(f"the pass mark {self.pass_mark} is above the scale {self.scale}")
        return self

    def passes(self, value: float) -> bool:
        """Whether a verdict of this value calls the answer right."""
        return value >= (self.pass_mark if self.pass_mark is not None else 1)


def rubric_of(given: Rubric | str | Path | None = None, **fields: Any) -> Rubric:
    """A rubric from a file or from its criteria; ``fields`` that are not None are stronger.

    A ``.toml`` file holds fields of :class:`Rubric`, any other file the text of the criteria; a ``str``
    is the criteria themselves. Raises UsageError for fields that do not fit together, DataError for a
    file that cannot be read and ConfigurationError for faults of a ``.toml`` file.
    """
    said = {name: value for name, value in fields.items() if value is not None}
    if isinstance(given, Rubric):
        kept = given.model_dump(exclude_unset=True)
        if said.get("kind", given.kind) != given.kind:
            kept = {name: kept[name] for name in ("reasons", "reference") if name in kept}
        said = {**kept, **said}
    elif isinstance(given, Path):
        said = {**_read(given), **said}
    elif given is not None:
        said = {"criteria": given, **said}
    try:
        return Rubric(**said)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"the rubric does not fit: {f'{place}: ' if place else ''}{what}") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the rubric cannot be read: {error}", where=Where(path)) from error
    if path.suffix.lower() != ".toml":
        if not text.strip():
            raise DataError("the rubric is empty", where=Where(path))
        return {"criteria": text.strip()}
    table, faults = parse_toml(text, path)
    if not faults:
        try:
            Rubric(**table)
            return table
        except ValidationError as error:
            faults = faults_of(error, text, path)
    raise ConfigurationError("the rubric has faults:", faults=faults)
