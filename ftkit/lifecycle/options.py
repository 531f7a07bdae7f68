"""What a caller may change of a recipe for one run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ftkit.errors import UsageError
from ftkit.lifecycle.recipe import Recipe, with_columns
from ftkit.lifecycle.tables import Amount, Hyperparameters, Seed, SplitTable, changed
from ftkit.splitting import is_split


class RunOptions(BaseModel):
    """Overrides of a recipe; None leaves the recipe's own value.

    Where any of ``train``, ``validation`` and ``test`` is given, the three replace the recipe's
    sizes together. ``columns`` maps the recipe's column names to those of ``data``;
    ``file_columns`` names the columns of a file without a header row. ``fresh`` starts over: another
    job is launched, also where a good one exists, and the old directory is kept under another name.
    ``max_cost``, in US dollars, lets no job begin that may cost more. ``data`` may be a split (its folder or
    manifest): its rows are taken as they are, each part for its purpose. ``tune`` decides whether a model is
    tuned, where it is not as the recipe says. ``rehearse`` names a platform whose models are tuned and
    compared here: on the local platform, models of its own stand in for them. Who writes data and who
    judges is then as without it.
    ``keep`` is the folder or manifest of an earlier split, whose rows stay in their parts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str | Path | None = None
    columns: dict[str, str] = {}
    file_columns: tuple[str, ...] | None = None
    encoding: str | None = None
    limit: int | None = Field(default=None, ge=1)
    train: Amount | None = None
    validation: Amount | None = None
    test: Amount | None = None
    seed: Seed | None = None
    tune: bool | None = None
    rehearse: str | None = None
    model: str | None = None
    base_models: tuple[str, ...] | None = None
    hyperparameters: dict[str, Any] = {}
    out: Path | None = None
    fresh: bool = False
    max_cost: float | None = Field(default=None, ge=0)
    keep: Path | None = None

    def applied_to(self, recipe: Recipe, platform: str) -> Recipe:
        """The recipe as this run carries it out on ``platform``. Raises UsageError for what contradicts."""
        self._check_split()
        recipe = with_columns(self._on_platform(recipe, platform), self.columns)
        source = changed(
            recipe.source,
            data=self._data_path(),
            columns=self.file_columns,
            encoding=self.encoding,
            limit=self.limit,
        )
        train = changed(recipe.train, model=self.model, hyperparameters=self._hyperparameters(recipe))
        models = self.base_models or ((self.model,) if self.model else None)
        return recipe.model_copy(
            update={
                "kind": recipe.kind if self.tune is None else "tune" if self.tune else "compare",
                "source": source,
                "split": self._split(recipe.split),
                "train": train,
                "benchmark": changed(recipe.benchmark, models=models),
            }
        )

    def _on_platform(self, recipe: Recipe, platform: str) -> Recipe:
        if self.rehearse == platform:
            raise UsageError(
                f"on {platform} itself this is no rehearsal: its own models would be tuned and asked",
                hint="Rehearse on the local platform (--platform local), or leave the rehearsal out.",
            )
        if self.rehearse is not None and self.rehearse not in recipe.platforms:
            raise UsageError(
                f"the recipe {recipe.name!r} names no models for {self.rehearse!r}",
                hint=f"It does for: {', '.join(recipe.platforms) or 'none'}.",
            )
        if self.rehearse is None:
            return recipe.on_platform(platform)
        found = recipe.on_platform(self.rehearse)  # but who writes and who judges stays: stand-ins cannot
        benchmark = changed(found.benchmark, judge=recipe.benchmark.judge)
        return found.model_copy(update={"generate": recipe.generate, "benchmark": benchmark})

    def _data_path(self) -> str | None:
        """A path as the caller sees it; any other name (of a hosted dataset) as it stands."""
        if self.data is None:
            return None
        return str(Path(self.data).resolve()) if Path(self.data).exists() else str(self.data)

    def _check_split(self) -> None:
        """A split's rows are examples in their parts: there is nothing to map, to leave out or to divide."""
        if self.data is None or not is_split(Path(self.data)):
            return
        names = ("columns", "file_columns", "encoding", "limit", "train", "validation", "test", "keep")
        for name in names:
            if getattr(self, name) not in (None, {}):
                raise UsageError(
                    f"{name} has no meaning for a split, whose rows are in their parts already",
                    where=str(self.data),
                    hint="Leave it out, or give the file that the split was made of.",
                )

    def _split(self, table: SplitTable) -> SplitTable:
        sizes = {"train": self.train, "validation": self.validation, "test": self.test}
        if all(size is None for size in sizes.values()):
            sizes = {} if table.divides or not self.tune else {"test": SplitTable().test}
        return table.model_copy(update={**sizes, **({} if self.seed is None else {"seed": self.seed})})

    def _hyperparameters(self, recipe: Recipe) -> Hyperparameters:
        given = {k: v for k, v in self.hyperparameters.items() if v is not None}
        try:
            return Hyperparameters(**{**recipe.train.hyperparameters.model_dump(), **given})
        except ValidationError as error:
            fault = error.errors()[-1]  # of a value that is neither auto nor a good number, the latter
            raise UsageError(
                f"{fault['loc'][0]} cannot be {fault['input']!r}: {fault['msg'].lower()}",
                hint=f"There are: {', '.join(Hyperparameters.model_fields)}.",
            ) from error
