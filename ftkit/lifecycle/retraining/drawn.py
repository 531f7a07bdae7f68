"""Draws a call of ``retrain`` for a notebook: how it ended and why, the models side by side, the rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ftkit.benchmarking.words import between, dollars, p_value, percent, points, points_between
from ftkit.display.html.card import card
from ftkit.display.html.elements import Html, Tone, code, element, fields, folded, pill, table
from ftkit.display.html.shown import moment

if TYPE_CHECKING:
    from ftkit.lifecycle.retraining.result import Changes, Contest, Decision, Golden, Retrained

_TONES: dict[str, Tone] = {"promoted": "good", "kept": "plain", "blocked": "warn", "failed": "bad"}
_PROMPT = 300


def retrained_html(result: Retrained) -> str:
    """The outcome with its reasons, then the figures that led to it."""
    number = f", round {result.round}" if result.round is not None else ""
    return str(
        card(
            f"Retraining of {result.name}",
            *(element("p", element("b", reason)) for reason in result.reasons),
            *(_contest(contest) for contest in result.contests),
            _decision(result.decision),
            _golden(result.golden),
            _facts(result),
            state=result.outcome,
            tone=_TONES.get(result.outcome, "plain"),
            about=f"{result.recipe} on {result.platform}{number}",
        )
    )


def _contest(contest: Contest) -> Html:
    rows = [
        (code(one.model), one.role, percent(one.value), between(one.low, one.high), dollars(one.per_1000))
        for one in contest.figures
    ]
    shown = table(
        ("model", "role", "figure", "95 % interval", "per 1,000"),
        rows,
        right=(2, 3, 4),
        caption=f"{contest.task}: {contest.rows:,} held-out rows",
    )
    return element("div", shown, element("p", *_difference(contest), cls="quiet"))


def _difference(contest: Contest) -> Iterator[Html | str]:
    if contest.difference is None:
        return
    yield f"The new model against {contest.against}: {points(contest.difference)} points"
    if contest.low is not None:
        yield f" ({points_between(contest.low, contest.high)})"
    if contest.p is not None:
        yield f", p {p_value(contest.p)}"
    yield f"; {contest.gained:,} rows are right only with it, {contest.lost:,} only without."


def _decision(decision: Decision | None) -> Html:
    if decision is None:
        return Html()
    rows = [
        (
            f"{check.rule} ({check.task})" if check.task else check.rule,
            pill("holds", "good") if check.passed else pill("fails", "bad"),
            check.said,
        )
        for check in decision.checks
    ]
    return table(("rule", "", "figures"), rows)


def _golden(golden: Golden | None) -> Html:
    if golden is None or not golden.prompts:
        return Html()
    title = f"{len(golden.prompts):,} golden rows that have become wrong"
    return folded(title, element("div", *(element("pre", prompt[:_PROMPT]) for prompt in golden.prompts)))


def _facts(result: Retrained) -> Html:
    golden = result.golden
    return fields(
        (
            ("why now", "; ".join(cause.said for cause in result.causes)),
            ("rows", _rows(result.changes)),
            ("golden rows", f"{golden.right:,} of {golden.rows:,} right" if golden else None),
            ("in use before", _code(result.champion)),
            ("new model", _code(result.challenger)),
            ("version", str(result.version) if result.version is not None else None),
            ("job", _code(result.job)),
            ("cost", _cost(result)),
            ("directory", _code(result.directory)),
            ("report", _code(result.report)),
            ("summary", _code(result.summary)),
            ("started", moment(result.started)),
            ("time of this call", f"{result.seconds:,.1f} s"),
        )
    )


def _rows(changes: Changes | None) -> str | None:
    if changes is None:
        return None
    known = {"new": changes.new, "gone": changes.gone}
    said = [f"{changes.rows:,}", *(f"{count:,} {what}" for what, count in known.items() if count)]
    return ", ".join(said)


def _cost(result: Retrained) -> Html | None:
    from ftkit.lifecycle.estimate import summary

    if result.estimate is None:
        return None
    asking = (f"asking {one.model}: {one.in_words()}" for one in result.asking)
    return element("div", *(element("div", line) for line in (summary(result.estimate), *asking)))


def _code(value: object) -> Html | None:
    return None if value is None else code(value)
