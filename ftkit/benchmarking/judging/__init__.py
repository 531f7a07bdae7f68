"""Judges: models that say whether answers are right, how good they are, or which of two is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.benchmarking.judging.adding import with_judges
    from ftkit.benchmarking.judging.asking import Judge
    from ftkit.benchmarking.judging.examples import JudgeExamples, judge_examples
    from ftkit.benchmarking.judging.metric import JudgeMetric
    from ftkit.benchmarking.judging.places import open_answers
    from ftkit.benchmarking.judging.results import (
        Agreement,
        Dispute,
        Judged,
        JudgedDifference,
        JudgeReport,
        JudgeUsed,
        Preference,
    )
    from ftkit.benchmarking.judging.rubric import Rubric, rubric_of
    from ftkit.benchmarking.judging.run import judge, judge_answers
    from ftkit.benchmarking.judging.show import judges_markdown, print_judges
    from ftkit.benchmarking.judging.sources import AnsweredRow, AnswerSet, Columns, Given

_HOME = {
    "Agreement": "ftkit.benchmarking.judging.results",
    "AnswerSet": "ftkit.benchmarking.judging.sources",
    "AnsweredRow": "ftkit.benchmarking.judging.sources",
    "Columns": "ftkit.benchmarking.judging.sources",
    "Dispute": "ftkit.benchmarking.judging.results",
    "Given": "ftkit.benchmarking.judging.sources",
    "Judge": "ftkit.benchmarking.judging.asking",
    "JudgeExamples": "ftkit.benchmarking.judging.examples",
    "JudgeMetric": "ftkit.benchmarking.judging.metric",
    "JudgeReport": "ftkit.benchmarking.judging.results",
    "JudgeUsed": "ftkit.benchmarking.judging.results",
    "Judged": "ftkit.benchmarking.judging.results",
    "JudgedDifference": "ftkit.benchmarking.judging.results",
    "Preference": "ftkit.benchmarking.judging.results",
    "Rubric": "ftkit.benchmarking.judging.rubric",
    "judge": "ftkit.benchmarking.judging.run",
    "judge_answers": "ftkit.benchmarking.judging.run",
    "judge_examples": "ftkit.benchmarking.judging.examples",
    "judges_markdown": "ftkit.benchmarking.judging.show",
    "open_answers": "ftkit.benchmarking.judging.places",
    "print_judges": "ftkit.benchmarking.judging.show",
    "rubric_of": "ftkit.benchmarking.judging.rubric",
    "with_judges": "ftkit.benchmarking.judging.adding",
}

__all__ = [
    "Agreement",
    "AnswerSet",
    "AnsweredRow",
    "Columns",
    "Dispute",
    "Given",
    "Judge",
    "JudgeExamples",
    "JudgeMetric",
    "JudgeReport",
    "JudgeUsed",
    "Judged",
    "JudgedDifference",
    "Preference",
    "Rubric",
    "judge",
    "judge_answers",
    "judge_examples",
    "judges_markdown",
    "open_answers",
    "print_judges",
    "rubric_of",
    "with_judges",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
