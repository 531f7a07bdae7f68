"""The metric ``judge``: verdicts instead of right answers, asked for before anything is scored."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ftkit.benchmarking import find_metric
from ftkit.benchmarking.judging import JudgeMetric
from ftkit.benchmarking.metrics.base import Means, Score, lost_parts, prepare, score_row
from ftkit.catalog import Model
from ftkit.display import SilentDisplay
from ftkit.errors import UsageError
from ftkit.inference import AnswerCache
from ftkit.inference.backends.hook import Hook
from ftkit.inference.backends.hooked import HookBackend
from ftkit.settings import Settings


def row(line: int, text: str, *right: str) -> Any:
    return SimpleNamespace(line=line, messages=[{"role": "user", "content": text}], expected=right, data={})


def said(text: str) -> Any:
    return SimpleNamespace(custom_id="x", text=text, message={})


ANSWERED = [(row(1, "1+1?"), said("2")), (row(2, "1+1?"), said("3")), (row(2, "1+1?"), said("two"))]


def means(folder: Path) -> Means:
    """The judges are hooks of the project's own settings: nothing is asked of this backend."""
    backend = HookBackend(Hook(call=lambda: "never"), Model(id="m", provider="custom"), Settings())
    return Means(backend, AnswerCache(folder / "answers.db"), folder / "judge", SilentDisplay())


@pytest.fixture
def hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three judges in a module beside the project: of length, of digits, and one that says nothing."""
    (tmp_path / "court.py").write_text(
        "import json, re\n"
        "def answer(messages):\n"
        "    return re.search('<answer>\\n(.*)\\n</answer>', messages[1]['content'], re.S)[1]\n"
        "def short(messages):\n"
        "    return json.dumps({'verdict': 'correct' if len(answer(messages)) < 2 else 'incorrect'})\n"
        "def even(messages):\n"
        "    return json.dumps({'verdict': 'correct' if answer(messages) in ('2', 'two') else 'incorrect'})\n"
        "def seven(messages):\n"
        "    return '7' if answer(messages) == '2' else '2'\n"
        "def mute(messages):\n"
        "    return 'Hm.'\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scored(metric: Any, folder: Path) -> list[Score]:
    metric.check()
    prepare(metric, lambda: iter(ANSWERED), means(folder))
    return [score_row(metric, answer, line, ()) for line, answer in ANSWERED]


def test_what_the_judge_says_is_the_score(hooks: Path) -> None:
    metric = find_metric("judge", judges="hook:court:short")
    assert metric.name == "judge" and not metric.labelled
    assert [(s.correct, s.value) for s in scored(metric, hooks)] == [(True, 1.0), (True, 1.0), (False, 0.0)]
    assert list((hooks / "judge").iterdir()) == []


def test_several_judges_are_parts_and_a_split_is_invalid(hooks: Path) -> None:
    metric = find_metric("judge", judges=("hook:court:short", "hook:court:even"))
    first, second, third = scored(metric, hooks)
    assert (first.correct, first.invalid) == (True, False)
    assert (second.correct, second.invalid) == (False, True) and third.invalid
    assert second.parts == {"hook:court:short": 1.0, "hook:court:even": 0.0}
    assert lost_parts(metric, ANSWERED[0][0], ()) == {"hook:court:short": 0.0, "hook:court:even": 0.0}


def test_scores_make_models_comparable_by_their_mean(hooks: Path) -> None:
    metric = find_metric("judge", judges="hook:court:seven", scale="10")
    assert isinstance(metric, JudgeMetric) and metric.continuous
    assert [(s.correct, s.value) for s in scored(metric, hooks)] == [(True, 0.7), (False, 0.2), (False, 0.2)]
    assert metric.used[0].judge == "hook:court:seven" and metric.used[0].undecided == 0


def test_an_answer_without_a_verdict_is_not_right(hooks: Path) -> None:
    assert all(
        s == Score(False, 0.0, None, True)
        for s in scored(find_metric("judge", judges="hook:court:mute"), hooks)
    )


def test_options_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no judge is named"):
        find_metric("judge").check()  # type: ignore[attr-defined]
    rubric = tmp_path / "rubric.toml"
    rubric.write_text('kind = "pair"\n')
    with pytest.raises(UsageError, match="scores one answer"):
        find_metric("judge", judges="m", rubric=str(rubric)).check()  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="not both"):
        find_metric("judge", judges="m", rubric="x", criteria="y").check()  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="answers to questions"):
        JudgeMetric(judges=("m",)).score("2", (), ())


def test_no_right_answer_is_needed() -> None:
    assert JudgeMetric(judges=("m",)).needs_truth is False
