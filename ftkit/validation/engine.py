"""``validate``: opens a source, runs every rule over it and makes the report."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.data import RowSource, open_rows
from ftkit.data.template import usual_template
from ftkit.display import Display, SilentDisplay
from ftkit.errors import DataError, UsageError, Where
from ftkit.settings import load_settings
from ftkit.validation.glance import fits_of, glance_of, stats_of
from ftkit.validation.inspector import Inspector
from ftkit.validation.lines import LineReader
from ftkit.validation.options import ValidateOptions
from ftkit.validation.parallel import check_shards
from ftkit.validation.plugins import RuleSet, load_rules
from ftkit.validation.remote import is_remote_text, remote_size
from ftkit.validation.rendering import renderer
from ftkit.validation.report import ValidationReport
from ftkit.validation.rules import ROW_KINDS, Context, Fault
from ftkit.validation.shards import Shard, unmarked

if TYPE_CHECKING:
    from ftkit.catalog import Catalog, Model, Provider
    from ftkit.settings import Settings
    from ftkit.validation.lines import Block

_TEXT_SUFFIXES = (".jsonl", ".ndjson", ".json")
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

    ``source`` is anything that ``ftkit.data.open_rows`` opens, or a .jsonl file of ``s3://...``,
    ``gs://...``, ``hf://...`` and whatever else fsspec has a driver for. JSON lines are read as bytes, so
    that whatever is in the file, each row is accepted or rejected with its place. ``models`` are counted
    exactly; ``platform`` defaults to the one in the settings, then to the models' own.

    Raises UsageError (no such source, column, model or platform), TokenizerMissing (a vocabulary is
    not on this machine), StorageError. What is wrong *in* the data is in the report.
    """
    chosen, config = options or ValidateOptions(), settings or load_settings()
    provider, entries = _targets(config, platform, models)
    files = [*config.validation.validators, *chosen.validators]
    rules = load_rules(files).configured(provider.rules, config.validation, chosen)
    _require_held_out(chosen.held_out)
    show = display or SilentDisplay()
    path: Path | str | None = source if is_remote_text(source) else _text_path(source)
    if path is None:
        wanted = chosen.template.columns if chosen.template else ()
        rows = open_rows(source, chosen.source.model_copy(update={"wanted": chosen.source.wanted or wanted}))
        if rows.kind != "jsonl":
            return _check_rows(rows, Context(rows.name, provider, entries, chosen, rules.params), rules, show)
        path = Path(rows.name)
    return _check_text(path, Context(str(source), provider, entries, chosen, rules.params), rules, show)


def _require_held_out(files: Sequence[Path]) -> None:
    """Raise UsageError where a file to compare with is not there."""
    for file in files:
        if ":/" not in str(file) and not file.expanduser().is_file():
            hint = "--held-out names the file of a validation or test part."
            raise UsageError("there is no such held-out file", where=str(file), hint=hint)


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


def _check_text(path: Path | str, context: Context, rules: RuleSet, display: Display) -> ValidationReport:
    """Check a JSON lines file as bytes, in one process or in several."""
    from ftkit.data.stream import PACKED_SUFFIXES

    packed = Path(path).suffix.lower() in PACKED_SUFFIXES
    size = path.stat().st_size if isinstance(path, Path) else remote_size(path)
    with display.work(f"validate {Path(path).name}", None if packed else size, "B") as progress:
        if packed or context.options.source.limit is not None:
            inspector = _read_in_order(path, context, rules, progress.update)
        else:
            inspector = check_shards(str(path), size, context, rules, progress.update)
        inspector.result.facts.file_bytes = size
        inspector.finish()
    return _report(inspector, "jsonl", rules)


def _read_in_order(
    path: Path | str, context: Context, rules: RuleSet, update: Callable[[float], None]
) -> Inspector:
    """Read what cannot be cut into ranges: a packed file, or the first rows of one."""
    from ftkit.data.stream import read_chunks

    template = context.options.template
    inspector = Inspector(context, rules, renderer(template, context.name) if template else None)
    result, limit = inspector.result, context.options.source.limit
    chunks = read_chunks(path) if isinstance(path, Path) else Shard(path, 0, sys.maxsize).chunks()
    reader = LineReader(unmarked(chunks, result), result.facts, context.options.max_line_bytes)
    try:
        for block in reader:
            if limit is not None and result.facts.rows + block.count > limit:
                _first_rows(inspector, block, limit)
                break
            inspector.block(block)
            result.facts.lines = block.first + block.count - 1
            update(block.end)
    except DataError as error:
        where = f" (after line {result.facts.lines:,})"
        inspector.fault(Fault("damaged-source", error.message + where, error.hint), None)
    return inspector


def _first_rows(inspector: Inspector, block: Block, limit: int) -> None:
    facts = inspector.result.facts
    for number, raw in enumerate(block.lines, block.first):
        if facts.rows >= limit:
            return
        inspector.line(raw, number)
        facts.lines = number


def _check_rows(rows: RowSource, context: Context, rules: RuleSet, display: Display) -> ValidationReport:
    """Read any other source of rows through its template."""
    template = context.options.template or usual_template(rows)
    inspector = Inspector(context, rules, renderer(template, rows.name) if template else None)
    with display.work(f"validate {rows.name}", None, "rows") as progress:
        try:
            for row in rows:
                inspector.row(row.data, row.line)
                if inspector.result.facts.rows % _ROWS_PER_UPDATE == 0:
                    progress.update(inspector.result.facts.rows)
        except DataError as error:
            line = error.where.line if isinstance(error.where, Where) else None
            inspector.fault(Fault("damaged-source", error.message, error.hint), line)
        progress.update(inspector.result.facts.rows)
        inspector.finish()
    return _report(inspector, rows.kind, rules, rows.notes)


def _report(inspector: Inspector, kind: str, rules: RuleSet, notes: Sequence[str] = ()) -> ValidationReport:
    result, options = inspector.result, inspector.context.options
    facts, log = result.facts, result.log
    models, sums = inspector.counted
    kinds: Counter[str] = Counter({kind: n for kind in ROW_KINDS if (n := getattr(facts, kind))})
    return ValidationReport(
        ok=not log.severities["error"] and facts.accepted == facts.rows and not result.unread,
        source=inspector.context.name,
        kind=kind,
        platform=inspector.context.provider.name,
        rows=facts.rows,
        accepted=facts.accepted,
        rejected=facts.rows - facts.accepted,
        messages=result.messages,
        bytes=facts.bytes,
        errors=log.severities["error"],
        warnings=log.severities["warning"],
        infos=log.severities["info"],
        counts=dict(sorted(log.counts.items())),
        findings=log.findings(),
        labels=result.labels.result(),
        glance=glance_of(kinds, result.roles, result.longest, counted=_counts_all(inspector)),
        tokens=stats_of(models, sums),
        fits=fits_of(models, sums, options.epochs),
        notes=[*notes, *rules.notes, *inspector.notes()],
    )


def _counts_all(inspector: Inspector) -> bool:
    """Whether the size of a row is told in tokens."""
    return inspector.context.options.counts == "exact" and bool(inspector.counted[0])
