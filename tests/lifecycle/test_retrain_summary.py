"""The Markdown of a round: what a person reads in a pull request, and what no text of the data can break."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ftkit.lifecycle.estimate import Estimate, Span
from ftkit.lifecycle.retraining import (
    EXIT_CODES,
    Cause,
    Check,
    Contest,
    Decision,
    Golden,
    Retrained,
    to_markdown,
)
from ftkit.lifecycle.retraining.asking import AskingCost
from ftkit.lifecycle.retraining.result import Figure


def retrained(**fields: Any) -> Retrained:
    given: dict[str, Any] = {
        "recipe": "updown",
        "name": "updown",
        "platform": "local",
        "outcome": "promoted",
        "reasons": ("it is better",),
        "started": datetime(2026, 6, 1, tzinfo=UTC),
    }
    return Retrained.model_validate(given | fields)


def test_what_happened_and_why() -> None:
    text = to_markdown(
        retrained(
            causes=(Cause(kind="data", said="5 new rows"), Cause(kind="age", said="it was long ago")),
            champion="old",
            challenger="new",
            job="ftjob-1",
            round=3,
        )
    )
    assert text.startswith("## `updown`: promoted\n\n- it is better\n")
    assert "- Why now: 5 new rows; it was long ago\n" in text
    assert "- In use before: `old`\n- New model: `new`\n- Job: `ftjob-1`\n- Round: 3\n" in text


def test_nothing_to_do_is_short() -> None:
    text = to_markdown(retrained(outcome="nothing to do", reasons=("the data is that of the last round",)))
    assert text.splitlines() == [
        "## `updown`: nothing to do",
        "",
        "- the data is that of the last round",
        "",
        "- Recipe: `updown` on local",
    ]


def test_figures_checks_and_golden_rows_are_tables_and_lists() -> None:
    figures = (
        Figure(model="new", role="challenger", value=0.9, low=0.85, high=0.95, rows=40),
        Figure(model="a|b", role="base", value=0.5, low=0.4, high=0.6, rows=40),
    )
    text = to_markdown(
        retrained(
            contests=(Contest(task="tone", rows=40, figures=figures),),
            decision=Decision(promote=False, checks=(Check(rule="gain", passed=False, said="a | b"),)),
            golden=Golden(rows=2, right=1, right_before=2, regressions=1, prompts=("first\nsecond",)),
        )
    )
    assert "| tone (40 rows) | role | figure | 95 % interval |" in text
    assert "| `new` | challenger | 90.0% | 85.0% to 95.0% |" in text
    assert "| gain | **no** | a \\| b |" in text
    assert "- first second\n" in text


def test_the_cost_is_the_estimate_in_words() -> None:
    made = Estimate(platform="local", model="linear", dollars=Span(low=1.2, high=1.2))
    assert "- Cost: the job costs $1.20\n" in to_markdown(retrained(estimate=made))


def test_texts_mean_nothing_to_markdown_or_html() -> None:
    text = to_markdown(retrained(reasons=("<script>*[x](y)*`",), champion="a`b"))
    assert "<script>" not in text and "\\<script\\>\\*\\[x\\](y)\\*\\`" in text
    assert "`ab`" in text


@pytest.mark.parametrize(("outcome", "code"), EXIT_CODES.items())
def test_each_outcome_has_its_exit_code_in_the_record(outcome: str, code: int) -> None:
    assert retrained(outcome=outcome).model_dump(mode="json")["exit_code"] == code
    assert len({EXIT_CODES[name] for name in ("promoted", "kept", "nothing to do", "blocked", "failed")}) == 5


def test_a_dry_run_tells_what_is_known_of_the_cost_and_what_is_not() -> None:
    asking = (
        AskingCost(model="the new model", requests=40, dollars=Span(low=0.5, high=0.5)),
        AskingCost(model="old", requests=40, note="the catalog has no price"),
    )
    made = Estimate(platform="local", model="linear", dollars=Span(low=1.2, high=1.2))
    text = to_markdown(retrained(outcome="planned", estimate=made, asking=asking))
    assert "- Asking `the new model`: 40 requests, $0.50\n" in text
    assert "- Asking `old`: 40 requests, an unknown sum (the catalog has no price)\n" in text
    assert "- In all: at least $1.70\n" in text


def test_a_round_with_nothing_in_it_is_still_a_page() -> None:
    text = to_markdown(retrained(outcome="failed", reasons=()))
    assert text.startswith("## `updown`: failed\n") and "None" not in text


def test_every_check_is_a_line_of_one_table() -> None:
    checks = tuple(Check(rule=f"rule {n}", passed=n % 2 == 0, said=f"said\n{n}") for n in range(4))
    text = to_markdown(retrained(decision=Decision(promote=False, checks=checks)))
    table = [line for line in text.splitlines() if line.startswith("| rule ")]
    assert len(table) == 5 and all(line.count("|") == 4 for line in table)
    assert table[2] == "| rule 1 | **no** | said 1 |"
