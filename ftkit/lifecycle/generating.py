"""The step in which a model writes the data: every row of the source asked about, the answers sifted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ftkit.data import ExampleTemplate, SourceOptions, open_jsonl_writer, open_rows
from ftkit.data.template import fill_text
from ftkit.display import Display
from ftkit.errors import DataError, Where
from ftkit.lifecycle.journal import Journal, key_of
from ftkit.lifecycle.keeping import Keeper
from ftkit.lifecycle.own_code import own_files
from ftkit.lifecycle.prepare import content_hash
from ftkit.lifecycle.recipe import Recipe
from ftkit.lifecycle.result import Generated
from ftkit.lifecycle.tables import GenerateTable
from ftkit.settings import Settings

if TYPE_CHECKING:
    from ftkit.gateway import Platform
    from ftkit.inference.llm import LLMResponse

KEPT_FILE, DROPPED_FILE = "generated.jsonl", "dropped.jsonl"


class Generation:
    """The data that a model writes for one run."""

    def __init__(
        self,
        recipe: Recipe,
        journal: Journal,
        settings: Settings,
        display: Display,
        platform: Callable[[], Platform],
    ) -> None:
        assert recipe.generate is not None
        self.recipe, self.table, self.journal = recipe, recipe.generate, journal
        self.settings, self.display, self.platform = settings, display, platform
        self.directory = journal.directory

    def made(self) -> Generated:
        """The generated rows: from the journal where nothing has changed, else asked for.

        What was answered before is not paid for again. Raises DataError where no row is of use.
        """
        origin = content_hash(self.recipe.data_path) or self.recipe.data_path
        held_out = self.recipe.benchmark.data
        known = content_hash(self.recipe.beside(held_out)) if held_out else None
        code = own_files(self.recipe)  # the model may be a hook of the recipe's own
        key = key_of(origin, self.recipe.source, self.table, self.recipe.columns, known, code)
        done = self.journal.done("generate", key)
        if done and (found := Generated.model_validate(done)).still_there():
            return found
        self.journal.intend("generate", key)
        made = self._generated()
        self.journal.finish("generate", key, **made.model_dump(mode="json"))
        return made

    def _generated(self) -> Generated:
        response = self._asked()
        keeper = Keeper(self.table.keep, self.recipe.columns or tuple(self.table.fields), self._held_out())
        kept, dropped = self.directory / KEPT_FILE, self.directory / DROPPED_FILE
        reasons: Counter[str] = Counter()
        with open_jsonl_writer(kept) as good, open_jsonl_writer(dropped) as bad:
            for row in response.dataset:
                if (problem := keeper.problem(row)) is None:
                    good.write(row)
                else:
                    reasons[problem] += 1
                    bad.write({"reason": problem, "row": row})
        if not good.rows:
            raise DataError(
                f"of {self.table.model}'s answers none is of use",
                where=str(dropped),
                hint=_reasons(reasons + Counter(response.failures)) or "The source has no rows.",
            )
        stats, tokens = response.request_stats, response.token_usage
        made = Generated(
            model=self.table.model,
            requests=stats.total,
            answered=stats.succeeded,
            cached=stats.cached,
            rows=good.rows + bad.rows,
            kept=good.rows,
            dropped=dict(reasons.most_common()),
            failures=response.failures,
            prompt_tokens=tokens.input,
            completion_tokens=tokens.output,
            cost=response.cost_info.total_cost,
            form=response.form,
            path=kept,
            dropped_path=dropped,
            sha256=good.sha256,
        )
        self.display.note(
            f"{made.kept:,} of {made.rows:,} generated rows are kept"
            + (f"; dropped: {_reasons(reasons)}" if reasons else "")
        )
        return made

    def _asked(self) -> LLMResponse:
        from ftkit.inference.backends import needs_platform
        from ftkit.inference.llm import LLM

        table = self.table
        llm = LLM(
            table.model,
            prompt=lambda row: _messages(table, row),
            output_type=table.fields,
            batch=None,
            backend=self.platform() if needs_platform(table.model, self.settings) else None,
            generation_params={"temperature": table.temperature, "max_tokens": table.max_tokens},
            settings=self.settings,
            display=self.display,
        )
        return llm(list(self._seeds()), working_dir=self.directory / "generation")

    def _seeds(self) -> Iterator[dict[str, Any]]:
        """The rows to ask about, each with all columns that the prompt names."""
        source = self.recipe.source
        wanted = ExampleTemplate(user=self.table.prompt, system=self.table.system).columns
        options = SourceOptions(**source.model_dump(exclude={"data"}), wanted=wanted)
        rows = open_rows(self.recipe.data_path, options)
        for row in rows:
            _messages(self.table, row.data, Where(rows.name, row.line))  # a fault has its line here
            yield dict(row.data)

    def _held_out(self) -> Iterator[Mapping[str, Any]]:
        if self.recipe.benchmark.data is not None:
            for row in open_rows(self.recipe.beside(self.recipe.benchmark.data), SourceOptions()):
                yield row.data


def _messages(
    table: GenerateTable, row: Mapping[str, Any], where: Where | None = None
) -> list[dict[str, Any]]:
    turns = (("system", table.system), ("user", table.prompt))
    return [{"role": role, "content": fill_text(text, row, where)} for role, text in turns if text]


def _reasons(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} ({count:,})" for reason, count in reasons.most_common())
