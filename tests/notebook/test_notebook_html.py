"""Results drawn for notebooks: well formed, harmless, and with what a person must know."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit import split, validate
from ftkit.benchmarking.judging.results import Judged, JudgeReport, JudgeUsed
from ftkit.benchmarking.results import BenchmarkReport, BreakEven, Comparison, Disagreement, ModelScore
from ftkit.benchmarking.versus.results import ModelChange, RunComparison, RunSide, SettingChange
from ftkit.display.html.curve import MOST_POINTS, curves, thinned
from ftkit.display.html.elements import Html, bar, element, fields, joined, readable, safe, shortly, table
from ftkit.gateway.results import Batch, Job, JobEvent, ModelInfo, Problem
from ftkit.inference.llm.response import LLMResponse
from ftkit.lifecycle.result import RunResult
from ftkit.splitting import SplitOptions

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e{{x}}'
Read = Callable[[str], Any]


def drawn(result: Any) -> str:
    made: str = result._repr_html_()
    return made


def chat(question: str, answer: str) -> str:
    """A line of a chat file."""
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": turns}) + "\n"


# elements


def test_text_is_escaped_and_html_of_ours_is_not() -> None:
    assert element("p", "<b>", element("b", "&")) == "<p>&lt;b&gt;<b>&amp;</b></p>"


def test_attributes_are_escaped_and_may_be_left_out() -> None:
    made = element("td", cls='a"b', title=None, aria_label="<")
    assert made == '<td class="a&quot;b" aria-label="&lt;"></td>'


def test_html_given_as_an_attribute_is_escaped_too() -> None:
    assert element("i", title=Html('<b x="1">')) == '<i title="&lt;b x=&quot;1&quot;&gt;"></i>'


def test_nothing_is_shown_for_none() -> None:
    assert safe(None) == "" and joined((None, 1, None, "a"), ", ") == ", 1, , a"


def test_characters_that_cannot_be_seen_are_marked() -> None:
    assert readable("a\u202eb\x07c\nd\te") == "a\ufffdb\ufffdc\nd\te"


@given(st.text())
def test_any_text_comes_back_as_it_was_or_marked(text: str) -> None:
    import html

    assert html.unescape(str(safe(text))) == readable(text)


@pytest.mark.parametrize(
    ("share", "width"), [(0, "0.0%"), (0.25, "25.0%"), (1, "100.0%"), (7, "100.0%"), (-1, "0.0%")]
)
def test_a_bar_is_never_longer_than_its_place(share: float, width: str) -> None:
    assert f"width:{width}" in bar(share)


def test_a_table_marks_columns_of_figures() -> None:
    made = table(("name", "n"), [("a", 1)], right=(1,))
    assert '<th class="n">n</th>' in made and '<td class="n">1</td>' in made and "<td>a</td>" in made


def test_fields_without_a_value_are_left_out_and_zero_is_one() -> None:
    made = fields([("a", 0), ("b", None), ("c", ""), ("d", ()), ("e", False)])
    assert [name for name in "abcde" if f">{name}</th>" in made] == ["a", "e"]


@pytest.mark.parametrize(
    ("value", "words"),
    [(1234567, "1,234,567"), (0.5, "0.5"), (True, "True"), ({"n": 3}, "n 3"), (["a", "b"], "a, b"),
     ("x" * 300, "x" * 200 + "…")],
)  # fmt: skip
def test_values_in_words(value: object, words: str) -> None:
    assert shortly(value) == words


# curves


def test_a_curve_says_where_it_begins_and_ends(page: Read) -> None:
    made = curves({"loss": [(1, 2.0), (2, 1.0), (3, 0.5)]})
    assert made is not None
    read = page(made)
    assert ("aria-label", "loss 2 to 0.5") in read.attributes
    assert read.tags.count("polyline") == 1


@pytest.mark.parametrize(
    "points", [[], [(1, 1.0)], [(1, math.nan), (2, math.inf)], [(1, 1.0), (2, math.nan)]]
)
def test_no_curve_of_fewer_than_two_points(points: list[tuple[float, float]]) -> None:
    assert curves({"loss": points}) is None


def test_a_curve_that_grows_keeps_the_place_of_its_first_steps(page: Read) -> None:
    points = [(1.0, 3.0), (2.0, 1.0)]
    now = curves({"loss": points}, until=10)
    later = curves({"loss": [*points, (5.0, 2.0)]}, until=10)
    assert now is not None and later is not None
    drawn_now, drawn_later = (
        next(v for k, v in page(made).attributes if k == "points") for made in (now, later)
    )
    assert drawn_later.startswith(drawn_now + " ") and "10</text>" in now


def test_a_flat_curve_stands_in_the_picture(page: Read) -> None:
    made = curves({"loss": [(1, 3.0), (2, 3.0)]})
    assert made is not None and "nan" not in made
    assert page(made).tags.count("polyline") == 1


def test_a_long_curve_is_thinned_to_means() -> None:
    points = [(float(n), float(n)) for n in range(10_000)]
    made = thinned(points)
    assert len(made) == MOST_POINTS
    assert made == sorted(made)
    assert sum(y for _, y in made) / len(made) == pytest.approx(4999.5, rel=0.01)


def test_names_of_curves_are_escaped(page: Read) -> None:
    made = curves({HOSTILE: [(1, 1.0), (2, 2.0)]})
    assert made is not None and page(made).harmless()


# every result


def test_a_job_says_what_became_of_it(page: Read) -> None:
    job = Job(
        id="ftjob-1", status="failed", model="linear", hyperparameters={"n_epochs": 3}, trained_tokens=12345,
        trained_steps=3, total_steps=4, error=Problem(message="no rows", code="bad_file"),
        created_at=datetime(2026, 5, 1, 12, 0, 3, tzinfo=UTC),
    )  # fmt: skip
    read = page(drawn(job))
    for words in (
        "ftjob-1",
        "failed",
        "n_epochs 3",
        "12,345",
        "3 of 4",
        "no rows (bad_file)",
        "2026-05-01 12:00:03",
    ):
        assert words in read.words
    assert ("class", "pill bad") in read.attributes


def test_a_batch_says_how_far_it_is(page: Read) -> None:
    batch = Batch(id="b1", status="in_progress", total=40, completed=9, failed=1, input_file_id="file-1")
    read = page(drawn(batch))
    assert "10 of 40" in read.words and "file-1" in read.words
    assert ("style", "width:25.0%") in read.attributes


def test_many_problems_of_a_batch_are_counted(page: Read) -> None:
    problems = tuple(Problem(message=f"fault {n}", line=n) for n in range(1, 15))
    read = page(drawn(Batch(id="b", status="failed", errors=problems)))
    assert "line 10: fault 10" in read.words and "fault 11" not in read.words and "and 4 more" in read.words


def test_results_without_a_drawing_of_their_own_show_their_fields(page: Read) -> None:
    read = page(drawn(ModelInfo(id="linear", engine="linear", raw={"secret": "not shown"})))
    assert "Model info" in read.words and "linear" in read.words
    assert "not shown" not in read.words


def test_a_report_names_every_rule_with_its_places(tmp_path: Path, page: Read) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(chat("a", "b") + '{"messages":[{"role":"<i>boss</i>","content":"a"}]}\n{"messages": \n')
    report = validate(file, platform="local")
    read = page(drawn(report))
    assert read.harmless() and "i" not in read.tags
    assert "not valid" in read.words and "<i>boss</i>" in read.words
    for finding in report.findings:
        assert finding.code in read.words
    assert f"{file}:2" in read.words
    assert page(drawn(report.findings[0])).words.count(report.findings[0].code) == 1


def test_a_valid_file_is_said_to_be_so(tmp_path: Path, page: Read) -> None:
    file = tmp_path / "good.jsonl"
    file.write_text("".join(chat(f"q{n}", "b") for n in range(20)))
    read = page(drawn(validate(file, platform="local", models=["linear"])))
    assert ("class", "pill good") in read.attributes and "20 rows" in read.words and "linear" in read.words


def test_a_split_shows_its_parts_and_strata(tmp_path: Path, page: Read) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(chat(f"q{n}", "<up>" if n % 2 else "down") for n in range(60)))
    result = split(
        file, test=20, validation=10, out=tmp_path / "parts", options=SplitOptions(stratify="reply")
    )
    read = page(drawn(result))
    assert read.harmless() and "up" not in read.tags
    for words in ("train", "validation", "test", "33.3%", "<up>", "60 rows", str(result.manifest)):
        assert words in read.words


def score(model: str, correct: int, **more: Any) -> ModelScore:
    return ModelScore(
        model=model, title=model, role="base", n=100, correct=correct, accuracy=correct / 100,
        low=correct / 100 - 0.05, high=correct / 100 + 0.05, **more,
    )  # fmt: skip


def report(**more: Any) -> BenchmarkReport:
    return BenchmarkReport(
        metric="label", labels=("a", "b"), confidence=0.95, data="test.jsonl", data_sha256="0", rows=100,
        platform="local", models=(score("base", 50), score(HOSTILE, 80, notes=(HOSTILE,))), reference=HOSTILE,
        rival="base", verdict=f"{HOSTILE} is better", majority_label=HOSTILE, majority_share=0.5, **more,
    )  # fmt: skip


def test_a_benchmark_shows_the_best_first_and_is_harmless(page: Read) -> None:
    row = Disagreement(
        row=3, line=4, prompt=HOSTILE, expected=("a",), answers={"base": "b", HOSTILE: "a"},
        correct={"base": False, HOSTILE: True},
    )  # fmt: skip
    read = page(drawn(report(disagreements=(row,), disagreements_total=1, notes=(HOSTILE,))))
    assert read.harmless()
    assert "80.0 %" in read.words and read.words.index("80.0 %") < read.words.index("50.0 %")
    assert "1 rows on which" in read.words and "✓ a" in read.words and "✗ b" in read.words
    assert "svg" in read.tags


def test_a_benchmark_shows_when_tuning_pays(page: Read) -> None:
    more = (BreakEven(other="base", batch=12_000),)
    made = report()
    made = made.model_copy(update={"models": (made.models[0], score("ft:x", 90, break_even=more))})
    assert "When ft:x pays against base" in page(drawn(made)).words


def judges() -> JudgeReport:
    used = JudgeUsed(
        judge=HOSTILE, backend="hook", enforced=False, requests=5, different=5, asked=5, cached=0, undecided=0
    )
    seen = Judged(
        judge=HOSTILE, model="m", n=5, unusable=0, undecided=0, correct=4, share=0.8, low=0.4, high=0.95
    )
    return JudgeReport(
        kind="correct", criteria=HOSTILE, data="d", rows=5, models=("m",), judges=(used,), judged=(seen,),
        verdict=HOSTILE, notes=(HOSTILE,),
    )  # fmt: skip


def test_judges_are_drawn_alone_and_within_a_benchmark(page: Read) -> None:
    alone, within = page(drawn(judges())), page(drawn(report(judges=(judges(),))))
    for read in (alone, within):
        assert (
            read.harmless() and "Models as the judges see them" in read.words and "The criteria" in read.words
        )


def comparison() -> RunComparison:
    side = RunSide(name="a", path="p", platform="local", metric="label", data="d", data_sha256="0", rows=9,
                   models=("m",), reference="m")  # fmt: skip
    test = Comparison(
        model="m", other="m", n=9, only_model=0, only_other=6, difference=-0.66, p_value=0.03, verdict="v"
    )
    change = ModelChange(
        model_a="m", model_b="m", n=9, continuous=False, figure_a=1.0, figure_b=0.34, gained=0, lost=6,
        changed=6, test=test, verdict="worse",
    )  # fmt: skip
    return RunComparison(
        a=side, b=side.model_copy(update={"name": HOSTILE}), rows=9, only_a=0, only_b=0,
        settings=(SettingChange(what="max_tokens", a="8", b=None),), changes=(change,), verdict=HOSTILE,
    )  # fmt: skip


def test_two_runs_are_drawn_with_what_was_changed(page: Read) -> None:
    read = page(drawn(comparison()))
    assert read.harmless()
    for words in ("worse", "−66.0", "max_tokens", "100.0 %", "34.0 %"):
        assert words in read.words


def test_a_run_shows_its_comparison(tmp_path: Path, page: Read) -> None:
    result = RunResult(
        recipe=HOSTILE, directory=tmp_path, platform="local", base_url=None, tuned_model="ft:linear:x",
        parameters={}, steps={}, benchmark=report(), versions={}, state="new", seconds=1.5,
    )  # fmt: skip
    read = page(drawn(result))
    assert read.harmless() and "ft:linear:x" in read.words and "80.0 %" in read.words


def test_a_response_shows_its_figures(tmp_path: Path, page: Read) -> None:
    response = LLMResponse(model_name=HOSTILE, backend="b", batch_mode=False, rows=3, cache_dir=tmp_path)
    read = page(drawn(response))
    assert read.harmless() and "request stats" in read.words


@pytest.mark.parametrize(
    "result",
    [
        Job(id=HOSTILE, status=HOSTILE, model=HOSTILE, suffix=HOSTILE, metadata={HOSTILE: HOSTILE}),
        Batch(id=HOSTILE, status=HOSTILE, endpoint=HOSTILE, errors=(Problem(message=HOSTILE),)),
        JobEvent(id=HOSTILE, message=HOSTILE, data={HOSTILE: HOSTILE}),
        ModelInfo(id=HOSTILE, owned_by=HOSTILE),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_a_platform_says_runs_nothing(result: Any, page: Read) -> None:
    read = page(drawn(result))
    assert read.harmless()
    assert "\u202e" not in read.words and "alert(1)" in read.words


def test_errors_are_open_and_warnings_wait_to_be_opened(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text('{"messages": 3}\n' + chat("a", "b") * 20)
    made = drawn(validate(file, platform="local"))
    errors = made.split('<span class="pill error')[0]
    assert '<details open="">' in errors and "<details><summary>" in made


def test_times_are_of_utc_and_seeds_are_no_amounts(page: Read) -> None:
    moment = datetime(2026, 5, 1, 12, 0, 3, tzinfo=UTC)
    read = page(drawn(JobEvent(id="e", created_at=moment, message="m")))
    assert "2026-05-01 12:00:03 UTC" in read.words
    assert "1438755854" in page(drawn(Job(id="j", status="running", seed=1438755854))).words
