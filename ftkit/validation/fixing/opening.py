"""Opens a source for one serial pass: its rows as candidates, the context and the rules that judge them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.data import RowSource, open_rows
from ftkit.data.stream import PACKED_SUFFIXES, read_chunks
from ftkit.data.template import usual_template
from ftkit.settings import load_settings
from ftkit.validation.engine import _targets, _text_path
from ftkit.validation.fixing.candidates import Candidate, Render, mended, of_lines, of_pieces, of_rows
from ftkit.validation.fixing.mends import Change
from ftkit.validation.fixing.rows import RowCutter
from ftkit.validation.fixing.source import SourceText
from ftkit.validation.inspection import Inspection
from ftkit.validation.lines import LineReader
from ftkit.validation.options import ValidateOptions
from ftkit.validation.plugins import RuleSet, load_rules
from ftkit.validation.rendering import renderer
from ftkit.validation.rules import Context
from ftkit.validation.shards import unmarked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ftkit.settings import Settings

Update = Callable[[float], None]


@dataclass
class Opened:
    """A source and what it is judged under. ``path`` is a JSON text; else ``rows`` are those of a table."""

    path: Path | None
    rows: RowSource | None
    context: Context
    rules: RuleSet

    @property
    def file(self) -> Path | None:
        """The file that must not be overwritten, where the source is one."""
        if self.path is not None:
            return self.path
        named = Path(self.context.name)
        return named if named.is_file() else None

    @property
    def total(self) -> int | None:
        """The bytes that will be read, where they are known."""
        packed = self.path is None or self.path.suffix.lower() in PACKED_SUFFIXES
        return None if packed or self.path is None else self.path.stat().st_size

    def mended_text(
        self, text: SourceText, note: Callable[[Change], None], aliases: bool
    ) -> Iterator[Candidate]:
        """The rows of a JSON text with every mend made; ``note`` is told what is dropped between them."""
        return of_pieces(RowCutter(text, note), self._render(), aliases=aliases)

    def plain_lines(self, result: Inspection, update: Update) -> Iterator[Candidate]:
        """The lines of a JSON text as they are; the facts of ``result`` are filled in."""
        return of_lines(self._numbered(result, update), self._render())

    def mended_rows(self, aliases: bool) -> Iterator[Candidate]:
        """The rows of a table with the mends of values."""
        return mended(self.plain_rows(), aliases=aliases)

    def plain_rows(self) -> Iterator[Candidate]:
        """The rows of a table."""
        assert self.rows is not None
        return of_rows(self.rows, self._render())

    def _render(self) -> Render | None:
        template = self.context.options.template
        if template is None and self.rows is not None:
            template = usual_template(self.rows)
        return renderer(template, self.context.name) if template is not None else None

    def _numbered(self, result: Inspection, update: Update) -> Iterator[tuple[int, bytes]]:
        assert self.path is not None
        chunks = unmarked(read_chunks(self.path), result)
        for block in LineReader(chunks, result.facts, self.context.options.max_line_bytes):
            for number, raw in enumerate(block.lines, block.first):
                result.facts.lines = number
                yield number, raw
            update(block.end)


def open_source(
    source: Any,
    models: Sequence[str],
    platform: str | None,
    settings: Settings | None,
    options: ValidateOptions | None,
) -> Opened:
    """Open what ``validate`` opens, in the same way. Raises UsageError, StorageError."""
    chosen, config = options or ValidateOptions(), settings or load_settings()
    provider, entries = _targets(config, platform, models)
    files = [*config.validation.validators, *chosen.validators]
    rules = load_rules(files).configured(provider.rules, config.validation, chosen)
    path, rows, name = _text_path(source), None, str(source)
    if path is None:
        wanted = chosen.source.wanted or (chosen.template.columns if chosen.template else ())
        rows = open_rows(source, chosen.source.model_copy(update={"wanted": wanted}))
        name = rows.name
        if rows.kind == "jsonl":
            path, rows = Path(rows.name), None
    return Opened(path, rows, Context(name, provider, entries, chosen, rules.params), rules)
