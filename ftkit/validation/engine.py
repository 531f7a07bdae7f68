"""``validate``: opens a source, runs every rule over it and makes the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.data import ExampleTemplate, RowSource, open_rows
from ftkit.data.template import usual_template
from ftkit.display import Display, SilentDisplay
from ftkit.errors import DataError, UsageError, Where
from ftkit.settings import load_settings
from ftkit.validation.glance import fits_of, stats_of
from ftkit.validation.inspector import Inspector, Render
from ftkit.validation.lines import LineReader
from ftkit.validation.options import ValidateOptions
from ftkit.validation.plugins import RuleSet, load_rules
from ftkit.validation.report import ValidationReport
from ftkit.validation.rules import Context, Fault

if TYPE_CHECKING:
    from ftkit.catalog import Catalog, Model, Provider
    from ftkit.settings import Settings

_TEXT_SUFFIXES = (".jsonl", ".ndjson", ".json")
_BOM = b"\xef\xbb\xbf"
_ROWS_PER_UPDATE = 1000


def validate(
    source: str | Path | Any,
    *,
    models: Sequence[str] = (),
    platform: str | None = None,
    settings: Settings | None = None,
    options: ValidateOptions | None = None,
    display: Display | None = None,
) -> ValidationReport:
    """Check training data against every rule, the platform's limits and the models' contexts.

    ``source`` is anything that ``ftkit.data.open_rows`` opens. JSON lines are read as bytes, so that
    whatever is in the file, each row is accepted or rejected with its place. ``models`` are counted
    exactly; ``platform`` defaults to the one in the settings, then to the models' own.

    Raises UsageError (no such source, column, model or platform), TokenizerMissing (a vocabulary is
    not on this machine), StorageError. What is wrong *in* the data is in the report.
    """
    chosen, config = options or ValidateOptions(), settings or load_settings()
    provider, entries = _targets(config, platform, models)
    files = [*config.validation.validators, *chosen.validators]
    rules = load_rules(files).configured(provider.rules, config.validation, chosen)
    show = display or SilentDisplay()
    if (path := _text_path(source)) is None:
        wanted = chosen.template.columns if chosen.template else ()
        rows = open_rows(source, chosen.source.model_copy(update={"wanted": chosen.source.wanted or wanted}))
        if rows.kind != "jsonl":
            return _check_rows(rows, Context(rows.name, provider, entries, chosen, rules.params), rules, show)
        path = Path(rows.name)
    return _check_text(path, Context(str(source), provider, entries, chosen, rules.params), rules, show)


def _targets(settings: Settings, platform: str | None, models: Sequence[str]) -> tuple[Provider, list[Model]]:
    """The platform whose limits hold, and the catalog's entries of the models."""
    catalog, named = settings.catalog, platform or settings.platform
    provider = catalog.provider(named) if named else None
    entries = [_entry(catalog, model, provider) for model in dict.fromkeys(models)]
    if provider is None:
        homes = {entry.provider for entry in entries}
        provider = catalog.provider(homes.pop() if len(homes) == 1 else settings.platform_name)
    return provider, entries


def _entry(catalog: Catalog, model: str, provider: Provider | None) -> Model:
    """The model's entry. A platform that is local or unknown may serve any platform's model by its name."""
    if provider is not None and (provider.local or not catalog.models(provider.name)):
        return catalog.model(model, provider.name) or catalog.require_model(model)
    return catalog.require_model(model, provider.name if provider is not None else None)


def _text_path(source: Any) -> Path | None:
    """The path of a JSON lines file, by its name; None for any other source."""
    if not isinstance(source, (str, Path)):
        return None
    try:
        path = Path(source).expanduser()
        name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
        return path if name.endswith(_TEXT_SUFFIXES) and path.is_file() else None
    except (OSError, RuntimeError):  # a name too long, no such home: open_rows says it in words
        return None


def _check_text(path: Path, context: Context, rules: RuleSet, display: Display) -> ValidationReport:
    """Read a JSON lines file as bytes, line by line."""
    from ftkit.data.stream import PACKED_SUFFIXES, read_chunks

    template, limit = context.options.template, context.options.source.limit
    inspector = Inspector(context, rules, _renderer(template, context.name) if template else None)
    reader = LineReader(read_chunks(path), inspector.facts, context.options.max_line_bytes)
    packed = path.suffix.lower() in PACKED_SUFFIXES
    with display.work(f"validate {path.name}", None if packed else path.stat().st_size, "B") as progress:
        try:
            _read(reader, inspector, limit, progress.update)
        except DataError as error:
            where = f" (after line {inspector.facts.lines:,})"
            inspector.fault(Fault("damaged-source", error.message + where, error.hint), None)
        inspector.finish()
    return _report(inspector, "jsonl", rules)


def _read(
    reader: LineReader, inspector: Inspector, limit: int | None, update: Callable[[float], None]
) -> None:
    facts = inspector.facts
    for block in reader:
        for number, raw in enumerate(block.lines, block.first):
            if limit is not None and facts.rows >= limit:
                facts.lines = number - 1
                return
            if number == 1 and raw.startswith(_BOM):
                facts.has_bom = True
                raw = raw[len(_BOM) :]
                if not raw and len(block.lines) == 1:
                    continue
            inspector.line(raw, number)
        facts.lines = block.first + len(block.lines) - 1
        update(block.end)


def _check_rows(rows: RowSource, context: Context, rules: RuleSet, display: Display) -> ValidationReport:
    """Read any other source of rows through its template."""
    template = context.options.template or usual_template(rows)
    inspector = Inspector(context, rules, _renderer(template, rows.name) if template else None)
    with display.work(f"validate {rows.name}", None, "rows") as progress:
        try:
            for row in rows:
                inspector.row(row.data, row.line)
                if inspector.facts.rows % _ROWS_PER_UPDATE == 0:
                    progress.update(inspector.facts.rows)
        except DataError as error:
            line = error.where.line if isinstance(error.where, Where) else None
            inspector.fault(Fault("damaged-source", error.message, error.hint), line)
        progress.update(inspector.facts.rows)
        inspector.finish()
    return _report(inspector, rows.kind, rules, rows.notes)


def _renderer(template: ExampleTemplate, name: str) -> Render:
    first = True

    def render(data: dict[str, Any], line: int) -> dict[str, Any] | Fault:
        nonlocal first
        try:
            example = template.render(data, Where(name, line))
        except UsageError as error:
            if first:  # a column that is not there at all, not a row that lacks it
                raise
            return Fault("not-mapped", error.message, error.hint)
        except DataError as error:
            return Fault("not-mapped", error.message, error.hint)
        first = False
        return example

    return render


def _report(inspector: Inspector, kind: str, rules: RuleSet, notes: Sequence[str] = ()) -> ValidationReport:
    facts, log = inspector.facts, inspector.log
    return ValidationReport(
        ok=not log.severities["error"] and facts.accepted == facts.rows and not inspector.unread,
        source=inspector.context.name,
        kind=kind,
        platform=inspector.context.provider.name,
        rows=facts.rows,
        accepted=facts.accepted,
        rejected=facts.rows - facts.accepted,
        messages=inspector.messages,
        bytes=facts.bytes,
        errors=log.severities["error"],
        warnings=log.severities["warning"],
        infos=log.severities["info"],
        counts=dict(sorted(log.counts.items())),
        findings=log.findings(),
        labels=inspector.labels.result(),
        tokens=stats_of(inspector.tokens.models, inspector.tokens.sums),
        fits=fits_of(inspector.tokens.models, inspector.tokens.sums, inspector.context.options.epochs),
        notes=[*notes, *rules.notes, *inspector.notes()],
    )
