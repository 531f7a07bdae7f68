"""Draws a migration's report as one self-contained page, in the style of a benchmark's report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ftkit.benchmarking.words import between, percent, points, points_between
from ftkit.display.html.elements import Html, Tone, code, element, fields, joined, pill, table
from ftkit.lifecycle.migration.results import (
    Compared,
    ExportedModel,
    MigrationReport,
    Moved,
    Recorded,
    Retrained,
)

VERDICTS: dict[str, Tone] = {"equivalent": "good", "not worse": "good", "worse": "bad", "not shown": "warn"}
_HEADERS = ("Model", "Last day", "Days left", "Exported", "Recorded", "Retrained", "Compared")


def render_page_of(found: MigrationReport) -> str:
    """The page as text; the same report gives the same text. Whatever others have named is escaped."""
    from ftkit.benchmarking.drawing import Sheet
    from ftkit.benchmarking.page import render_page

    sections = [("models", "How far each model has come", _overview(found))]
    if (drawn := _drawn(found)) is not None:
        sections.append(("parity", "Old and new on the same rows", drawn))
    sections += [(f"model-{n}", one.model.name, _model(one, found)) for n, one in enumerate(found.models, 1)]
    return render_page(
        "plain.html.j2",
        Sheet(),
        title="Migration",
        lead=f"{found.summary}.",
        words=_first_end(found),
        warnings=[f"{one.model.name}: {fault}" for one in found.models for fault in one.damaged],
        sections=sections,
        links=[(name, heading) for name, heading, _ in sections[:2] if not name.startswith("model-")],
    )


def _first_end(found: MigrationReport) -> str:
    """Which model ends first, of those that have no successor yet."""
    waiting = [one.model for one in found.models if not one.done and one.model.shutdown is not None]
    first = min(waiting, key=lambda model: str(model.shutdown), default=None)
    if first is None or first.days_left is None:
        return f"As of {found.as_of.isoformat()}."
    left = first.days_left
    when = f"in {left:,} days" if left > 1 else "tomorrow" if left == 1 else "today"
    said = f"ends {when}, on {first.shutdown}" if left >= 0 else f"ended on {first.shutdown}"
    return f"As of {found.as_of.isoformat()}. {first.name} {said}."


def _overview(found: MigrationReport) -> Html:
    rows = [_overview_row(number, one) for number, one in enumerate(found.models, 1)]
    return element("div", table(_HEADERS, rows, right=(1, 2)), cls="card")


def _overview_row(number: int, one: Moved) -> tuple[Any, ...]:
    model = one.model
    return (
        element("a", code(model.name), href=f"#model-{number}-h"),
        model.shutdown or "not known",
        "–" if model.days_left is None else f"{model.days_left:,}",
        "–" if one.exported is None else f"{len(one.exported.files)} files",
        "–" if one.recorded is None else f"{one.recorded.answered:,} answers",
        joined(element("div", code(r.model or r.status)) for r in one.retrained) or "–",
        joined(element("div", _verdict(c)) for c in one.compared) or "–",
    )


def _verdict(one: Compared) -> Html:
    return pill(one.verdict, VERDICTS[one.verdict])


def _model(one: Moved, found: MigrationReport) -> Html:
    """All that is known of one model."""
    parts = [*_compared(one, found.folder), element("div", *_facts(one), cls="grid")]
    parts += [element("p", note, cls="quiet") for note in one.model.notes]
    if one.exported is not None:
        parts.append(_files(one.exported))
    if one.next_step is not None:
        command = element("pre", element("code", one.next_step))
        parts.append(element("div", element("h3", "Next"), command, cls="card"))
    return joined(parts)


def _compared(one: Moved, folder: Path) -> Iterator[Html]:
    for compared in one.compared:
        same = f"{percent(compared.agreement)} ({between(compared.agreement_low, compared.agreement_high)})"
        page = compared.report.relative_to(folder).as_posix()
        link = element("a", "every row and figure", href=quote(page))
        yield element(
            "div",
            element("p", _verdict(compared), " ", compared.statement),
            element("p", f"Both say the same on {same} of the rows; ", link, ".", cls="quiet"),
            *(element("p", note, cls="quiet") for note in compared.notes),
            cls="card",
        )


def _facts(one: Moved) -> Iterator[Html]:
    model = one.model
    used = f"{model.last_used:%Y-%m-%d} ({model.last_used_by})" if model.last_used else None
    tokens = f"{model.trained_tokens:,}" if model.trained_tokens is not None else None
    settings = ", ".join(f"{name} {value}" for name, value in model.hyperparameters.items())
    yield _card(
        "The old model",
        [
            ("platform", model.platform),
            ("base", _code(model.base)),
            ("job", _code(model.job)),
            ("method", model.method),
            ("hyperparameters", settings),
            ("trained tokens", tokens),
            ("last used", used),
        ],
    )
    if one.recorded is not None:
        yield _card("Its answers", _recorded(one.recorded))
    for new in one.retrained:
        yield _card("The new model", _retrained(new))


def _recorded(one: Recorded) -> list[tuple[str, Any]]:
    settings = ", ".join(f"{name} {value}" for name, value in one.parameters.items())
    return [
        ("recorded", f"{one.recorded_at:%Y-%m-%d}"),
        ("answers", f"{one.answered:,} of {one.rows:,}"),
        ("with log probabilities", f"{one.with_logprobs:,}"),
        ("right answers known", f"{one.expected:,}"),
        ("asked with", settings),
    ]


def _retrained(one: Retrained) -> list[tuple[str, Any]]:
    cost = f"at most ${one.dollars:,.2f}" if one.dollars else None
    left = ", ".join(f"{name} {value}" for name, value in one.left_behind.items())
    return [
        ("model", _code(one.model) or one.status),
        ("platform", one.platform),
        ("base", _code(one.base)),
        ("job", _code(one.job)),
        ("method", one.method),
        ("rows", f"{one.training_rows:,}"),
        ("rows too long", fitting_words(one)),
        ("hyperparameters", ", ".join(f"{name} {value}" for name, value in one.hyperparameters.items())),
        ("not taken along", left),
        ("cost", cost),
    ]


def fitting_words(one: Retrained) -> str | None:
    """What became of rows that were too long for the new base; None where there were none."""
    fit = one.fitting
    if fit is None or not fit.over:
        return None
    return (
        f"{fit.over:,} over {fit.limit:,} tokens: {fit.dropped:,} dropped, {fit.truncated:,} truncated, "
        f"{fit.divided:,} divided into {fit.windows:,}"
    )


def _files(one: ExportedModel) -> Html:
    rows = [(code(file.path), f"{file.bytes:,}", code(file.sha256)) for file in one.files]
    lost = [element("p", f"{m.kind} {m.id or ''} is missing: {m.reason}", cls="warn") for m in one.missing]
    shown = table(("File", "Bytes", "SHA-256"), rows, right=(1,))
    return element("div", element("h3", "Its copy"), shown, *lost, cls="card")


def _card(title: str, pairs: list[tuple[str, Any]]) -> Html:
    return element("div", element("h3", title), fields(pairs), cls="card")


def _code(text: str | None) -> Html | None:
    return code(text) if text else None


def _drawn(found: MigrationReport) -> Html | None:
    """Every comparison's interval, and the margin that it is held against."""
    shown = [one for moved in found.models for one in moved.compared if one.against == "right answers"]
    if not shown:
        return None
    sure = " and ".join(sorted({f"{one.confidence * 100:g} %" for one in shown}))
    words = (
        "New minus old, in points. The line is where the difference lies, each end with "
        f"{sure} confidence; the field behind it is the margin: a line within it shows parity."
    )
    rows = [
        (code(one.old), code(one.new), percent(one.old_score), percent(one.new_score), points(one.difference),
         points_between(one.low, one.high), f"{one.margin * 100:g}", _verdict(one))
        for one in shown
    ]  # fmt: skip
    headers = ("Model", "New model", "Old", "New", "Points", "Interval", "Margin", "Shown")
    return joined(
        [
            element("figure", intervals(shown), element("figcaption", words), cls="card"),
            element("div", table(headers, rows, right=(2, 3, 4, 5, 6)), cls="card"),
        ]
    )


_WIDTH, _LINE, _SIDE, _MOST = 480, 46, 14, 64


def intervals(shown: list[Compared]) -> Html:
    """The intervals as SVG, one below the other on one scale, which has 0 in its middle."""
    reach = 1.1 * max(max(abs(one.low), abs(one.high), one.margin) for one in shown)
    half = _WIDTH / 2

    def across(share: float) -> float:
        return round(half + share / reach * (half - _SIDE), 1)

    height = _LINE * len(shown) + 18
    body: list[Html] = []
    for number, one in enumerate(shown):
        body += _interval(one, _LINE * number, across)
    ends = ((-reach / 1.1, "start"), (0.0, "middle"), (reach / 1.1, "end"))
    body += [_text(across(at), height - 3, f"{at * 100:+.1f}" if at else "0", anchor) for at, anchor in ends]
    label = "; ".join(
        f"{one.old}: {points_between(one.low, one.high)} points, {one.verdict}" for one in shown
    )
    box = f"0 0 {_WIDTH} {height}"
    return element("svg", joined(body), cls="chart", role="img", aria_label=label, viewBox=box)


def _interval(one: Compared, top: int, across: Any) -> list[Html]:
    low, high, middle = across(one.low), across(one.high), top + 31
    left, right = across(-one.margin), across(one.margin)
    name = one.old if len(one.old) <= _MOST else f"…{one.old[1 - _MOST :]}"
    field = {"x": left, "y": top + 20, "width": round(right - left, 1), "height": 22}
    colour = {"good": "var(--good)", "bad": "var(--bad)"}.get(VERDICTS[one.verdict], "var(--ink)")
    return [
        element("rect", **field, fill="var(--line)", fill_opacity=0.6),
        _line(across(0), top + 20, across(0), top + 42, "var(--quiet)", 1),
        _text(_SIDE, top + 13, name, "start", "var(--ink)"),
        _line(low, middle, high, middle, colour, 2),
        *(_line(end, middle - 5, end, middle + 5, colour, 2) for end in (low, high)),
        element("circle", cx=across(one.difference), cy=middle, r=4, fill=colour),
    ]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: int) -> Html:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=colour, stroke_width=width)


def _text(x: float, y: float, text: str, anchor: str, fill: str = "var(--quiet)") -> Html:
    return element("text", text, x=x, y=y, font_size=11, text_anchor=anchor, fill=fill)
