"""Draws the steps of a migration for a notebook: what there is, how new and old compare, what is next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ftkit.benchmarking.words import between, percent, points, points_between
from ftkit.display.html.card import card
from ftkit.display.html.elements import Html, Tone, bar, code, element, fields, notes, pill, table

if TYPE_CHECKING:
    from ftkit.lifecycle.migration.results import Compared, Inventory, MigrationReport, Moved, TunedModel

_VERDICTS: dict[str, Tone] = {"equivalent": "good", "not worse": "good", "worse": "bad", "not shown": "warn"}
_SOON_DAYS = 30


def inventory_html(found: Inventory) -> str:
    """Every tuned model, the one that ends first at the top."""
    headers = ("model", "base", "job", "data", "lives", "last day", "days", "last used")
    shown = table(headers, map(_model, found.models), right=(6,)) if found.models else ""
    said = [f"{len(found.unfinished):,} jobs still run"] if found.unfinished else []
    said += [f"{found.failed:,} jobs ended without a model"] if found.failed else []
    about = f"{len(found.models):,} on {found.title}, {found.as_of}"
    warned = notes([*([found.notice] if found.notice else []), *found.notes])
    more = element("p", "; ".join(said), cls="quiet") if said else ""
    return str(card("Tuned models", shown, more, warned, about=about))


def _model(model: TunedModel) -> tuple[Any, ...]:
    files = [file for file in (model.training_file, model.validation_file) if file is not None]
    gone = sum(1 for file in files if file.there is False)
    data = None if not files else f"{gone} of {len(files)} gone" if gone else f"{len(files)} files"
    lives = {True: pill("yes", "good"), False: pill("no", "bad"), None: None}[model.alive]
    used = model.last_used.date() if model.last_used is not None else None
    return (code(model.name), _code(model.base), _code(model.job), data, lives, model.shutdown,
            _days(model.days_left), used)  # fmt: skip


def _days(left: int | None) -> Html | str | None:
    if left is None or left > _SOON_DAYS:
        return None if left is None else f"{left:,}"
    return pill(f"{left:,}", "warn" if left > 0 else "bad")


def compared_html(found: Compared) -> str:
    """The statement, both models on the same rows, and the interval that it rests on."""
    rows = [
        (code(found.old), "old", _share(found.old_score), f"{found.only_old:,}"),
        (code(found.new), "new", _share(found.new_score), f"{found.only_new:,}"),
    ]
    same = f"{percent(found.agreement)} ({between(found.agreement_low, found.agreement_high)})"
    sure = f"{found.confidence * 100:.0f} %"
    needed = f"{found.rows_needed:,}" if found.rows_needed is not None else None
    facts = (
        ("new minus old", f"{points(found.difference)} points"),
        (f"bounds, {sure} sure each way", f"{points_between(found.low, found.high)} points"),
        ("margin", f"{found.margin * 100:g} points"),
        ("parity is shown within", f"{found.within * 100:.1f} points"),
        ("rows that would show it", needed),
        ("both say the same on", same),
        ("report", code(found.report)),
    )
    return str(
        card(
            "Old and new",
            element("p", element("b", found.statement)),
            table(("model", "", f"by {found.metric}", "right alone"), rows, right=(3,)),
            fields(facts),
            notes(found.notes),
            state=found.verdict,
            tone=_VERDICTS.get(found.verdict, "plain"),
            about=f"{found.rows:,} rows, against the {found.against}",
        )
    )


def migration_html(report: MigrationReport) -> str:
    """How far every model has come, and the command that is next."""
    headers = ("model", "days", "exported", "recorded", "retrained", "compared")
    shown = table(headers, map(_moved, report.models), right=(1, 3)) if report.models else ""
    damaged = [f"{one.model.name}: {fault}" for one in report.models for fault in one.damaged]
    about = f"{report.done:,} of {len(report.models):,} moved, {report.as_of}"
    steps = [("next", code(one.next_step)) for one in report.models if one.next_step]
    places = fields((*steps, ("folder", code(report.folder)), ("report", code(report.page))))
    return str(card("Migration", shown, notes(damaged), places, about=about))


def _moved(one: Moved) -> tuple[Any, ...]:
    models = [element("div", code(r.model) if r.model else f"job {r.job}, {r.status}") for r in one.retrained]
    verdicts = [element("div", pill(c.verdict, _VERDICTS.get(c.verdict, "plain"))) for c in one.compared]
    recorded = f"{one.recorded.answered:,}" if one.recorded else None
    return (
        code(one.model.name),
        _days(one.model.days_left),
        "yes" if one.exported else "no",
        recorded,
        element("div", *models) if models else None,
        element("div", *verdicts) if verdicts else None,
    )


def _share(share: float) -> Html:
    return element("span", bar(share), f" {percent(share)}")


def _code(text: str | None) -> Html | None:
    return code(text) if text else None
