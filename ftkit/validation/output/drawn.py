"""Draws a validation report for a notebook: counts, findings by rule with their places, fits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ftkit.display.html.card import card
from ftkit.display.html.elements import Html, Tone, code, element, fields, folded, joined, notes, pill, table
from ftkit.validation.output.words import Group, counted, dollars, groups_of, totals

if TYPE_CHECKING:
    from ftkit.validation.report import Excerpt, Finding, ModelFit, ValidationReport

_PLACES = 5
_MOST_LABELS = 12
_TONES: dict[str, Tone] = {"error": "bad", "warning": "warn", "info": "plain"}


def report_html(report: ValidationReport) -> str:
    """The whole report: every rule that found something, with its first places."""
    state = "valid" if report.ok else "not valid"
    tone: Tone = "good" if report.ok else "bad"
    about = f"{counted(report.rows, 'row')}, {totals(report)}"
    groups = joined(map(_group, groups_of(report)))
    return str(
        card(
            "Validation",
            groups,
            _facts(report),
            _fits(report.fits),
            notes(report.notes),
            state=state,
            tone=tone,
            about=about,
        )
    )


def finding_html(finding: Finding) -> str:
    """One finding with its place."""
    tone = _TONES.get(finding.severity, "plain")
    title = f"{finding.code} {finding.rule}"
    return str(card(title, *_place(finding), state=finding.severity, tone=tone))


def _group(group: Group) -> Html:
    head = joined(
        (
            pill(group.severity, _TONES.get(group.severity, "plain")),
            element("b", f"{group.code} {group.name}"),
            f"{group.total:,} ×",
        ),
        " ",
    )
    shown = [element("div", *_place(finding)) for finding in group.findings[:_PLACES]]
    more = group.total - len(shown)
    rest = element("p", f"and {more:,} more", cls="quiet") if more > 0 else ""
    return folded(head, *shown, rest, opened=group.severity == "error")


def _place(finding: Finding) -> Iterator[Html]:
    spot = ":".join(str(part) for part in (finding.file, finding.line, finding.column) if part is not None)
    where = f"{spot} {finding.pointer}" if finding.pointer else spot
    yield element("p", code(where), " ", finding.message)
    if finding.excerpt is not None:
        yield _excerpt(finding.excerpt)
    if finding.hint:
        yield element("p", finding.hint, cls="quiet")


def _excerpt(excerpt: Excerpt) -> Html:
    text, start, end = excerpt.text, excerpt.start, excerpt.start + excerpt.length
    return element("pre", text[:start], element("mark", text[start:end]), text[end:])


def _facts(report: ValidationReport) -> Html:
    labels = report.labels or {}
    said = ", ".join(f"{name} {count:,}" for name, count in list(labels.items())[:_MOST_LABELS])
    tokens = report.tokens
    spread = None
    if tokens is not None:
        spread = (
            f"{tokens.total:,} in all, {tokens.p50:,} in half of the rows or fewer, "
            f"{tokens.max:,} at most ({tokens.tokenizer})"
        )
    return fields(
        (
            ("source", code(report.source)),
            ("platform", report.platform),
            ("rejected rows", f"{report.rejected:,}" if report.rejected else None),
            ("messages", f"{report.messages:,}"),
            ("labels", said),
            ("tokens", spread),
        )
    )


def _fits(fits: list[ModelFit]) -> Html:
    if not fits:
        return Html()
    rows = [
        (
            code(fit.model),
            "unknown" if fit.limit is None else f"{fit.limit:,}",
            f"{fit.over:,}" + (f" ({fit.unknown:,} unknown)" if fit.unknown else ""),
            "unknown" if fit.billable_tokens is None else f"{fit.billable_tokens:,}",
            dollars(fit.training_cost_all if fit.training_cost_all is not None else fit.training_cost),
        )
        for fit in fits
    ]
    headers = ("model", "limit in tokens", "rows over it", "billed tokens, one epoch", "training")
    return table(headers, rows, right=(1, 2, 3, 4))
