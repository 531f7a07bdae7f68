"""Every result that a public function answers with is drawn: well formed, escaped, alone and in a table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from notebook_results import answered, made
from pydantic import BaseModel

from ftkit.display.html import Shown
from ftkit.display.html.shown import table_of, worded
from ftkit.lifecycle.migration.results import Compared, Inventory, MigrationReport, Moved, TunedModel
from ftkit.lifecycle.retraining.result import Cause, Check, Contest, Decision, Figure, Golden, Retrained
from ftkit.lifecycle.retraining.rounds import Round
from ftkit.registry import Benchmark, Lineage, Move, Part, Score, Version
from ftkit.registry.cards import Card

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e{{x}}'
Read = Callable[[str], Any]
RESULTS = answered()
WHEN = datetime(2026, 5, 1, 12, 0, 3, tzinfo=UTC)


def test_the_walk_finds_what_people_meet() -> None:
    names = {name.rsplit(".", 1)[1] for name in RESULTS}
    assert {
        "ValidationReport",
        "SplitResult",
        "Job",
        "Batch",
        "BenchmarkReport",
        "RunComparison",
        "RunResult",
        "Retrained",
        "Round",
        "Version",
        "Move",
        "Promotion",
        "Resolved",
        "Card",
        "Exported",
        "Inventory",
        "Export",
        "Recorded",
        "Compared",
        "MigrationReport",
        "Operation",
        "Schedule",
        "FixReport",
        "LLMResponse",
    } <= names


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_draws_itself_and_lets_nothing_through(name: str, page: Read) -> None:
    model = RESULTS[name]
    assert issubclass(model, Shown), f"{name} is a result: let it be Shown"
    one: Any = made(model, HOSTILE)
    read = page(one._repr_html_())
    assert read.harmless() and "\u202e" not in read.words
    table = page(table_of([one, one]))
    assert table.harmless() and table.tags.count("tr") == 3


class Inner(Shown, BaseModel):
    """A result within others."""

    path: Path = Path("a/b")
    good: bool = True
    share: float = 0.25


class Outer(Shown, BaseModel):
    """A result of results."""

    status: str = "failed"
    one: Inner = Inner()
    many: tuple[Inner, ...] = (Inner(), Inner(good=False))
    named: dict[str, Inner] = {"x<": Inner(), "y": Inner()}
    none: tuple[Inner, ...] = ()


def test_results_within_a_result_are_there_to_be_unfolded(page: Read) -> None:
    read = page(Outer()._repr_html_())
    assert read.tags.count("details") == 2 and read.tags.count("thead") == 2
    assert "x<" in read.words and "a/b" in read.words and "none" not in read.words
    assert ("class", "pill bad") in read.attributes


def test_figures_stand_at_the_right(page: Read) -> None:
    made_table = table_of([Inner(), Inner(share=0.5)])
    assert '<th class="n">share</th>' in made_table and "<th>good</th>" in made_table


def test_of_many_results_within_one_the_first_are_drawn() -> None:
    html = worded("many", [Inner()] * 70)
    assert html.count("<tr>") == 51 and "and 20 more" in html


def test_a_long_text_is_whole_and_keeps_its_lines() -> None:
    text = "line\n" * 100
    assert worded("text", text) == f"<pre>{text}</pre>"


def test_a_long_mapping_is_folded_and_nothing_of_it_is_lost(page: Read) -> None:
    read = page(worded("facts", {f"name {n}": "x" * 30 for n in range(20)}))
    assert "details" in read.tags and "name 19" in read.words


# retraining


def round_of(**more: Any) -> Retrained:
    figures = (
        Figure(model="ft:new<", role="challenger", value=0.9, low=0.85, high=0.94, rows=200),
        Figure(model="ft:old", role="champion", value=0.8, low=0.74, high=0.85, rows=200, per_1000=0.5),
    )
    contest = Contest(
        task="sentiment",
        rows=200,
        figures=figures,
        against="ft:old",
        difference=0.1,
        low=0.03,
        high=0.17,
        p=0.004,
        gained=25,
        lost=5,
    )
    checks = (
        Check(rule="min_gain", passed=True, said="+10 points, at least +1"),
        Check(rule="floors", passed=False, said="recall of up 40 %, at least 60 %", task="a"),
    )
    given: dict[str, Any] = {
        "recipe": "sentiment",
        "name": "sentiment",
        "platform": "local",
        "outcome": "kept",
        "reasons": ("recall of up is below its floor",),
        "causes": (Cause(kind="data", said="12 rows are new"),),
        "champion": "ft:old",
        "challenger": "ft:new<",
        "round": 3,
        "contests": (contest,),
        "started": WHEN,
        "decision": Decision(promote=False, checks=checks),
        "seconds": 12.3,
        "golden": Golden(rows=20, right=18, right_before=19, regressions=2, prompts=(HOSTILE, "b")),
    }
    return Retrained(**{**given, **more})


def test_a_round_says_how_it_ended_why_and_by_which_figures(page: Read) -> None:
    read = page(round_of()._repr_html_())
    assert read.harmless()
    for words in (
        "Retraining of sentiment",
        "kept",
        "round 3",
        "recall of up is below its floor",
        "12 rows are new",
        "90.0 %",
        "85.0 – 94.0 %",
        "+10.0 points (+3.0 to +17.0), p 0.004",
        "25 rows are right only with it",
        "min_gain",
        "floors (a)",
        "2 golden rows",
        "18 of 20 right",
        "ft:new<",
        "12.3 s",
    ):
        assert words in read.words, words
    assert ("class", "pill good") in read.attributes and ("class", "pill bad") in read.attributes


def test_a_call_with_nothing_to_do_says_that_and_no_more(page: Read) -> None:
    found = Retrained(
        recipe="r",
        name="r",
        platform="local",
        outcome="nothing to do",
        reasons=("the data is that of round 2",),
        started=WHEN,
    )
    read = page(found._repr_html_())
    assert "nothing to do" in read.words and "the data is that of round 2" in read.words
    assert "thead" not in read.tags and "golden" not in read.words


def test_rounds_are_a_table_of_how_each_ended(page: Read) -> None:
    facts = {"outcome": "promoted", "challenger": "ft:new", "reasons": ["better", "cheaper"]}
    rounds = [
        Round(number=1, state="done", facts=facts, at=WHEN),
        Round(number=2, state="begun", facts={}, at=WHEN),
    ]
    read = page(table_of(rounds))
    for words in ("promoted", "ft:new", "better, cheaper", "begun", "2026-05-01 12:00:03 UTC"):
        assert words in read.words


# registry


def version(number: int = 2, **more: Any) -> Version:
    scores = (
        Score(model="ft:x", role="tuned", value=0.9, low=0.85, high=0.94),
        Score(model="linear", role="base", value=0.5, stand_in_for="gpt-4.1-mini"),
    )
    lineage = Lineage(
        platform="local",
        base_model="linear",
        recipe="sentiment",
        job="ftjob-1",
        seed=42,
        parts={"train": Part(rows=900, sha256="a" * 64), "test": Part(rows=100, sha256="b" * 64)},
        benchmarks={
            "sentiment": Benchmark(metric="label", rows=100, scores=scores, verdict="ft:x is <better>")
        },
        source="headlines.csv",
        source_sha256="c" * 64,
        hyperparameters={"n_epochs": 3},
    )
    return Version(
        name="sentiment",
        version=number,
        model="ft:x",
        created_at=WHEN,
        lineage=lineage,
        **{"aliases": ("champion",), **more},
    )


def test_a_version_shows_its_figures_and_where_it_comes_from(page: Read) -> None:
    read = page(version()._repr_html_())
    for words in (
        "sentiment, version 2",
        "sentiment@champion",
        "90.0 %",
        "85.0 – 94.0 %",
        "ft:x is <better>",
        "stands in for gpt-4.1-mini",
        "train 900, test 100",
        "n_epochs 3",
        "a" * 64,
        "c" * 64,
    ):
        assert words in read.words, words
    assert read.tags.count("details") == 1


def test_a_card_warns_and_tells_its_story(page: Read) -> None:
    move = Move(
        name="sentiment",
        alias="champion",
        what="promoted",
        version=2,
        model="ft:x",
        before=1,
        reason=HOSTILE,
        at=WHEN,
        pid=1,
        host="h",
        ftkit="1",
    )
    read = page(Card(version=version(), history=(move,), warnings=("ends soon",))._repr_html_())
    assert read.harmless() and ("class", "note") in read.attributes
    assert "ends soon" in read.words and "promoted" in read.words and "alert(1)" in read.words


def test_a_history_is_a_table_without_what_only_a_log_needs(page: Read) -> None:
    move = Move(
        name="s",
        alias="champion",
        what="rolled back",
        version=1,
        model="ft:x",
        before=2,
        at=WHEN,
        pid=4711,
        host="box",
        ftkit="1",
    )
    read = page(table_of([move]))
    assert "rolled back" in read.words and "4711" not in read.words and "box" not in read.words


# migration


def tuned(**more: Any) -> TunedModel:
    return TunedModel(
        **{
            "name": "ft:a",
            "model": "ft:a",
            "platform": "local",
            "base": "linear",
            "job": "j",
            "alive": True,
            "days_left": 12,
            "shutdown": date(2026, 6, 1),
            **more,
        }
    )


def compared(verdict: Any = "equivalent", **more: Any) -> Compared:
    given: dict[str, Any] = {
        "old": "ft:a",
        "new": "ft:<b>",
        "platform": "local",
        "metric": "label",
        "against": "right answers",
        "rows": 200,
        "old_score": 0.8,
        "new_score": 0.81,
        "difference": 0.01,
        "low": -0.012,
        "high": 0.03,
        "confidence": 0.95,
        "within": 0.012,
        "margin": 0.02,
        "verdict": verdict,
        "agreement": 0.9,
        "agreement_low": 0.85,
        "agreement_high": 0.94,
        "only_old": 3,
        "only_new": 5,
        "statement": "ft:<b> is as good",
        "folder": Path("f"),
        "report": Path("f/report.html"),
    }
    return Compared(**{**given, **more})


def test_an_inventory_shows_what_ends_soon(page: Read) -> None:
    models = (tuned(), tuned(name="ft:gone", alive=False, days_left=-3), tuned(name="ft:c", days_left=400))
    found = Inventory(
        platform="local",
        title="Local <x>",
        address="a",
        as_of=date(2026, 5, 20),
        models=models,
        unfinished=("j",),
        failed=2,
        notice="It closes.",
    )
    read = page(found._repr_html_())
    for words in ("3 on Local <x>", "ft:gone", "2026-06-01", "-3", "400", "1 jobs still run", "It closes."):
        assert words in read.words, words
    assert ("class", "pill warn") in read.attributes and ("class", "pill bad") in read.attributes


@pytest.mark.parametrize(
    ("verdict", "tone"),
    [("equivalent", "good"), ("not worse", "good"), ("worse", "bad"), ("not shown", "warn")],
)
def test_a_comparison_of_old_and_new_says_its_statement(verdict: str, tone: str, page: Read) -> None:
    read = page(compared(verdict, rows_needed=900)._repr_html_())
    for words in (
        "ft:<b> is as good",
        verdict,
        "80.0 %",
        "81.0 %",
        "−1.2 to +3.0 points",
        "+1.0 points",
        "900",
        "90.0 % (85.0 – 94.0 %)",
    ):
        assert words in read.words, words
    assert ("class", f"pill {tone}") in read.attributes


def test_a_migration_says_how_far_each_model_has_come(page: Read) -> None:
    moved = (
        Moved(model=tuned(), compared=(compared(),)),
        Moved(model=tuned(name="ft:z"), damaged=("a file is gone",), next_step="ftkit migrate record"),
    )
    report = MigrationReport(
        folder=Path("house"),
        as_of=date(2026, 5, 20),
        models=moved,
        markdown=Path("house/report.md"),
        page=Path("house/report.html"),
    )
    read = page(report._repr_html_())
    for words in ("1 of 2 moved", "equivalent", "ft:z: a file is gone", "ftkit migrate record"):
        assert words in read.words, words


# tables


def test_a_round_is_a_table_of_the_models_that_it_compared() -> None:
    found = round_of().to_pandas()
    assert list(found["task"]) == ["sentiment"] * 2 and list(found["role"]) == ["challenger", "champion"]
    assert list(found["value"]) == [0.9, 0.8]
    nothing = round_of(contests=())
    assert list(nothing.to_pandas().columns) == list(found.columns) == nothing.to_dataset().column_names


def test_an_inventory_is_a_table_of_its_models() -> None:
    given: dict[str, Any] = {"platform": "local", "title": "t", "address": "a", "as_of": date(2026, 5, 20)}
    found = Inventory(**given, models=(tuned(), tuned(name="ft:b"))).to_dataset()
    assert found["name"] == ["ft:a", "ft:b"] and found["days_left"] == [12, 12]
    assert list(Inventory(**given, models=()).to_pandas().columns) == found.column_names
