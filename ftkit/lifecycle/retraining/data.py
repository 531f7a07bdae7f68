"""A round's data on this machine: examples, checked, divided with earlier rows in their parts, frozen."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.data import canonical_json, prompt_of, read_jsonl, sha256_file
from ftkit.errors import DataError, UsageError, Where
from ftkit.lifecycle.journal import Journal
from ftkit.lifecycle.own_code import own_files
from ftkit.lifecycle.prepare import Preparation, content_hash
from ftkit.lifecycle.recipe import Recipe
from ftkit.lifecycle.tables import changed
from ftkit.splitting import is_split, read_manifest, resolve_part, split

if TYPE_CHECKING:
    from ftkit.display import Display
    from ftkit.lifecycle.launching import LaunchPlan
    from ftkit.lifecycle.retraining.rounds import Round
    from ftkit.settings import Settings

DATA = "data"


class RoundData:
    """The data of the round in ``directory``; whatever was made before is not made again.

    ``last`` is the last round that was decided: its rows stay in their parts. Where there is none, ``before``
    is the split that the model in use was trained on. ``frozen`` is the manifest of the split that this very
    round began with: whatever the data is now, it goes on with that.
    """

    def __init__(
        self,
        recipe: Recipe,
        directory: Path,
        settings: Settings,
        display: Display,
        last: Round | None,
        frozen: Path | None = None,
        before: Path | None = None,
    ) -> None:
        self.settings, self.folder, self._frozen = settings, directory / DATA, frozen
        self._earlier = last.split if last is not None else before
        self._last, self._divides = last, recipe.split.divides and not is_split(Path(recipe.data_path))
        keep = _kept(recipe, last, before) if self._divides else None
        if keep is not None:
            recipe = _with_seed_of(recipe, keep, display)
        self.recipe, self.display = recipe, display
        self._preparation = Preparation(recipe, Journal(self.folder), settings, display, keep)

    def examples(self) -> Path:
        """The examples made of the rows. Raises DataError where no row makes one."""
        return self._preparation.examples()

    def origin(self) -> dict[str, str | None]:
        """The raw data that the examples are made of, and its SHA-256 where it is a file or folder."""
        return {"source": self.recipe.data_path, "source_sha256": self._preparation.origin()}

    def divided(self) -> Path:
        """The split to train and test on. Raises ValidationFailed where the examples have errors."""
        if self._frozen is not None:
            return self._frozen
        examples = self.examples()
        self._check_earlier()
        self._preparation.check(examples)
        parts = self._preparation.split(examples)
        source = Path(self.recipe.data_path)
        if is_split(source):
            if self._earlier is not None:
                check_no_leak(self._earlier, source)
            return read_manifest(source).manifest
        made = self.folder / "splits"
        if parts["train"].parent != made:
            self._train_on_all(parts["train"], made)
        return read_manifest(made).manifest

    def _check_earlier(self) -> None:
        """DataError where the last split is elsewhere, and counts would divide otherwise than it did."""
        last, recipe = self._last, self.recipe
        if last is None or last.split is not None or not self._divides:
            return
        sizes = (recipe.split.train, recipe.split.validation, recipe.split.test)
        if any(isinstance(size, int) for size in sizes):
            raise DataError(
                f"the split of round {last.number} is not on this machine: counts would divide the rows anew",
                where=str(last.facts.get("split")),
                hint="Put `runs_dir` where all machines reach it, or give [split] in shares: "
                "they depend on a row's content alone.",
            )
        said = "rows are divided by their content, as then"
        self.display.note(f"the split of round {last.number} is on another machine: {said}")

    def _train_on_all(self, rows: Path, made: Path) -> None:
        """Held-out rows are of their own: all others are trained on, not an earlier attempt's."""
        if not is_split(made) or read_manifest(made).source_sha256 != sha256_file(rows):
            split(rows, train=1.0, out=made, display=self.display)

    def tests(self) -> Path:
        """The held-out rows, of all tasks."""
        own = self.recipe.benchmark.data
        if own is not None:
            return self._preparation.others("held-out", own)
        return resolve_part(self.divided(), "test")

    def golden(self) -> Path | None:
        """The rows that must not get worse, where there are any."""
        name = self.recipe.retrain.golden
        return None if name is None else self._preparation.others("golden", name)

    def launch_plan(self) -> LaunchPlan:
        """What the training would send and cost; nothing is sent."""
        from ftkit.gateway.orders import JobOrder, method_of
        from ftkit.lifecycle.launching import plan_launch
        from ftkit.splitting import training_files

        train, validation = training_files(self.divided())
        table = self.recipe.train
        order = JobOrder(
            training_file=str(self._preparation.upload_file(train)),
            model=table.model,
            validation_file=None if validation is None else str(self._preparation.upload_file(validation)),
            suffix=table.suffix,
            seed=self.recipe.split.seed,
            method=method_of("supervised", table.hyperparameters.model_dump()),  # type: ignore[arg-type]
        )
        return plan_launch(self.settings, order, display=self.display)


def split_of_run(directory: str | None) -> Path | None:
    """The manifest of the split that a run trained on, where both are on this machine."""
    from ftkit.lifecycle.lineage import read_run

    if directory is None:
        return None
    try:
        parts = read_run(Path(directory)).steps["split"]["result"]["parts"]
    except (UsageError, DataError, KeyError):
        return None  # it is on another machine, or is no run any more
    folders = [Path(directory) / "splits", *(Path(part["path"]).parent for part in parts.values())]
    return next((read_manifest(folder).manifest for folder in folders if is_split(folder)), None)


def _kept(recipe: Recipe, last: Round | None, before: Path | None) -> Path | None:
    """The earlier split, where it is on this machine."""
    if last is None:
        return before if before is not None and _has_the_parts(recipe, before) else None
    return last.split


def _has_the_parts(recipe: Recipe, before: Path) -> bool:
    """Whether a split held back what the recipe does: a run may have been told otherwise."""
    sizes = recipe.split.model_dump(include={"validation", "test"})
    parts = read_manifest(before).parts
    return all(sizes[name] is not None for name in sizes if name in parts and parts[name].rows)


def check_no_leak(earlier: Path, now: Path) -> None:
    """DataError where a split trains on a row that an earlier one tests on: no figure would be believed."""
    tested = {_prompt_hash(row.data) for row in read_jsonl(resolve_part(earlier, "test"))}
    for name in ("train", "validation"):
        part = read_manifest(now).parts.get(name)
        if part is None or not part.rows:
            continue
        for row in read_jsonl(resolve_part(now, name)):
            if _prompt_hash(row.data) in tested:
                raise DataError(
                    "this row was tested on in the last round, and is to be trained on now",
                    where=Where(resolve_part(now, name), row.line),
                    hint=f"Split with --keep {earlier.parent}, so that no row changes its part.",
                )


def _prompt_hash(example: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(canonical_json(prompt_of(example))).digest()[:12]


def _with_seed_of(recipe: Recipe, keep: Path, display: Display) -> Recipe:
    """Another seed would divide otherwise: the earlier split's holds."""
    seed = read_manifest(keep).seed
    if seed != recipe.split.seed:
        display.note(f"the seed stays {seed}, so that no row changes its part")
    return recipe.model_copy(update={"split": changed(recipe.split, seed=seed)})


def fingerprint_of(recipe: Recipe) -> dict[str, str]:
    """Hashes by which two rounds are compared: of the data, and of all that the recipe says of them.

    To what the recipe says belong the rows that it holds out, its golden rows and the Python files beside it.
    The data of a hosted dataset has no hash before it is read: its name stands for it.
    """
    from ftkit.lifecycle.journal import key_of

    held_out, golden = recipe.benchmark.data, recipe.retrain.golden
    beside = [recipe.beside(name) for name in (held_out, golden) if name]
    work = [task.model_dump(mode="json") for task in recipe.work]
    source = recipe.source.model_dump(mode="json", exclude={"data"})
    asked = [content_hash(name) or name for name in beside]
    tables = (recipe.split, recipe.train, recipe.benchmark, recipe.retrain)
    said = (work, source, *tables, asked, own_files(recipe))
    return {"data": content_hash(recipe.data_path) or recipe.data_path, "recipe": key_of(*said)}


def is_hosted(recipe: Recipe) -> bool:
    """Whether the data can only be compared once it is read."""
    return content_hash(recipe.data_path) is None
