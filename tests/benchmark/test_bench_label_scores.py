"""Per-label precision, recall, F1 and the confusion matrix, against scikit-learn's."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from ftkit.benchmarking import find_metric
from ftkit.benchmarking.answers import AnswerLine
from ftkit.benchmarking.heldout import HeldOutRow
from ftkit.benchmarking.results import OTHER
from ftkit.benchmarking.scoring import Tally, judge, label_scores, macro_f1

LABELS = ("bad", "good", "so-so", "never")
SAYS = {OTHER: ["", "I cannot say", "good or bad", None]}


def tallied(truth: Sequence[str], said: Sequence[str], metric: str = "label") -> Tally:
    """The sums over answers that mean ``said``, in one of several words for it."""
    chance = random.Random(3)
    tally, scorer = Tally(LABELS), find_metric(metric)
    for number, (right, label) in enumerate(zip(truth, said, strict=True)):
        text = chance.choice(SAYS.get(label, [label, label.upper(), f"It is {label}."]))
        row = HeldOutRow(number, number + 1, [], (right,))
        answer = AnswerLine(str(number), text is not None, text, "stop")
        tally.add(judge(answer, scorer, row, LABELS), answer, row.expected)
    return tally


@pytest.mark.parametrize("seed", range(5))
def test_the_figures_of_every_label_are_scikit_learns(seed: int) -> None:
    chance = random.Random(seed)
    truth = chance.choices(LABELS[:3], weights=(5, 3, 1), k=300)
    said = [right if chance.random() < 0.6 else chance.choice((*LABELS, OTHER)) for right in truth]
    found = tallied(truth, said).confusion()
    assert found is not None
    columns = [*LABELS, OTHER]
    want = confusion_matrix(truth, said, labels=columns)
    assert np.array_equal(np.array(found.counts), want[:-1])
    assert np.sum(want) == 300, "every row is somewhere"
    scores = label_scores(found)
    figures = precision_recall_fscore_support(truth, said, labels=list(LABELS), zero_division=np.nan)
    for place, score in enumerate(scores):
        mine = (score.precision, score.recall, score.f1, score.support)
        for one, other in zip(mine, (column[place] for column in figures), strict=True):
            assert (one is None and np.isnan(other)) or one == pytest.approx(other)
    # a label that is never right and sometimes answered has an F1 of 0 and is in the mean
    assert macro_f1(scores) == pytest.approx(np.nanmean(figures[2]))


def test_answers_of_no_use_are_in_the_recall_and_not_in_any_precision() -> None:
    tally = tallied(["good"] * 4, ["good", OTHER, OTHER, "bad"])
    good = label_scores(tally.confusion() or pytest.fail("a labelled task"))[1]
    assert (good.support, good.predicted, good.precision, good.recall) == (4, 1, 1.0, 0.25)
    assert len(tally.right) == 4


def test_one_of_several_right_labels_stands_where_it_was_answered() -> None:
    tally = Tally(LABELS)
    metric = find_metric("one_of")
    for number, text in enumerate(("good", "bad", "so-so", "what?")):
        row = HeldOutRow(number, number + 1, [], ("good", "bad"))
        answer = AnswerLine(str(number), True, text, "stop")
        tally.add(judge(answer, metric, row, LABELS), answer, row.expected)
    confusion = tally.confusion()
    assert confusion is not None
    assert [list(row) for row in confusion.counts[:2]] == [[1, 0, 0, 0, 0], [0, 1, 1, 0, 1]]
