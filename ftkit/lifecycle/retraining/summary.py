"""A round in Markdown, for a pull request, a chat or the summary page of a scheduler's run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ftkit.lifecycle.retraining.asking import in_all

if TYPE_CHECKING:
    from ftkit.lifecycle.retraining.result import Contest, Retrained

_MARKS = {True: "yes", False: "**no**"}


def to_markdown(result: Retrained) -> str:
    """What happened, why, the figures and every check."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: Retrained) -> Iterator[str]:
    yield f"## `{result.name}`: {result.outcome}"
    yield ""
    yield from (f"- {_plain(reason)}" for reason in result.reasons)
    yield ""
    facts = {
        "Why now": "; ".join(_plain(cause.said) for cause in result.causes),
        "Recipe": f"{_code(result.recipe)} on {result.platform}",
        "In use before" if result.outcome == "promoted" else "In use": _code(result.champion),
        "New model": _code(result.challenger),
        "Job": _code(result.job),
        "Cost": _cost(result),
        "Round": str(result.round) if result.round is not None else "",
    }
    yield from (f"- {name}: {value}" for name, value in facts.items() if value)
    yield from (f"- Asking {_code(one.model)}: {_plain(one.in_words())}" for one in result.asking)
    if result.asking:
        yield f"- In all: {in_all(result.estimate, result.asking)}"
    for contest in result.contests:
        yield ""
        yield from _figures(contest)
    if result.decision is not None:
        yield ""
        yield from ("| rule | holds | figures |", "| --- | --- | --- |")
        for check in result.decision.checks:
            yield f"| {check.rule} | {_MARKS[check.passed]} | {_cell(check.said)} |"
    if result.golden is not None and result.golden.prompts:
        yield ""
        yield "Golden rows that have become wrong:"
        yield ""
        yield from (f"- {_plain(' '.join(prompt.split()))}" for prompt in result.golden.prompts)


def _figures(contest: Contest) -> Iterator[str]:
    yield f"| {_cell(contest.task)} ({contest.rows:,} rows) | role | figure | 95 % interval |"
    yield "| --- | --- | ---: | ---: |"
    for one in contest.figures:
        span = f"{one.low:.1%} to {one.high:.1%}"
        yield f"| {_code(one.model)} | {one.role} | {one.value:.1%} | {span} |"


def _cost(result: Retrained) -> str:
    from ftkit.lifecycle.estimate import summary

    return "" if result.estimate is None else summary(result.estimate)


def _code(text: str | None) -> str:
    return "" if text is None else f"`{text.replace('`', '')}`"


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|").replace("\n", " ")


def _plain(text: str) -> str:
    """Text in which no character means anything to Markdown or HTML."""
    for character in "\\`*_[]<>":
        text = text.replace(character, f"\\{character}")
    return text
