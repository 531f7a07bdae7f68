"""chrF and ROUGE: against the libraries' own figures, and against sums made by hand."""

from __future__ import annotations

import sys
from collections import Counter

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from ftkit.benchmarking import find_metric
from ftkit.benchmarking.metrics import chrf, overlap, rouge
from ftkit.errors import UsageError

RIGHT = "The quick brown fox jumps over the lazy dog."
REPLIES = [RIGHT, "A quick brown dog jumps.", "Der Hund schläft.", "fox", "the the the the", "?"]
WORDS = st.lists(st.sampled_from(["the", "cat", "sat", "on", "a", "mat"]), min_size=1, max_size=8)


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("words", [0, 2])
def test_chrf_is_sacrebleus(reply: str, words: int) -> None:
    metric = find_metric("chrf", words=words)
    others = [RIGHT, "Another fox."]
    want = sacrebleu.sentence_chrf(reply, others, word_order=words).score / 100
    score = metric.score(reply, others, ())
    assert score.value == pytest.approx(want)
    assert score.correct == (want >= 0.5)


def test_chrf_of_short_texts_by_hand() -> None:
    one = find_metric("chrf", characters=1, beta=1)
    # characters of "abcd" in "abxy": 2 of 4 either way
    assert one.score("abcd", ["abxy"], ()).value == pytest.approx(0.5)
    assert chrf.score(RIGHT, [RIGHT], ()).value == pytest.approx(1)
    assert chrf.score("xyz", ["abc"], ()).value < 0.01


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("kind", ["rouge1", "rouge2", "rougeL"])
def test_rouge_is_rouge_scores(reply: str, kind: str) -> None:
    want = RougeScorer(["rouge1", "rouge2", "rougeL"]).score(RIGHT, reply)
    score = find_metric("rouge", kind=kind).score(reply, [RIGHT], ())
    if reply.isascii():  # the library's own words are of a to z
        assert score.parts == pytest.approx({name: one.fmeasure for name, one in want.items()})
    assert score.value == score.parts[kind]


@settings(max_examples=60)
@given(WORDS, WORDS)
def test_rouge_1_is_the_f1_of_counted_words(found: list[str], right: list[str]) -> None:
    both = sum((Counter(found) & Counter(right)).values())
    want = 2 * both / (len(found) + len(right))
    assert rouge.score(" ".join(found), [" ".join(right)], ()).parts["rouge1"] == pytest.approx(want)


@settings(max_examples=60)
@given(WORDS, WORDS)
def test_rouge_l_is_the_f1_of_the_longest_common_subsequence(found: list[str], right: list[str]) -> None:
    rows = [[0] * (len(right) + 1) for _ in range(len(found) + 1)]
    for i, one in enumerate(found, 1):
        for j, other in enumerate(right, 1):
            rows[i][j] = rows[i - 1][j - 1] + 1 if one == other else max(rows[i - 1][j], rows[i][j - 1])
    want = 2 * rows[-1][-1] / (len(found) + len(right))
    assert rouge.score(" ".join(found), [" ".join(right)], ()).value == pytest.approx(want)


def test_words_of_any_script_count() -> None:
    assert rouge.score("Москва столица России", ["москва — столица России!"], ()).value == pytest.approx(1)
    assert rouge.score("snow_storm", ["snow storm"], ()).value == pytest.approx(1)


def test_endings_are_cut_off_on_demand() -> None:
    assert rouge.score("cats jumping", ["cat jumps"], ()).value == 0
    assert find_metric("rouge", stem=True).score("cats jumping", ["cat jumps"], ()).value == pytest.approx(1)


def test_the_nearest_of_several_right_answers_counts() -> None:
    assert rouge.score("a b c", ["x y z", "a b d"], ()).value == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("metric", "module", "library"),
    [("chrf", "sacrebleu.metrics.chrf", "sacrebleu"), ("rouge", "rouge_score.rouge_scorer", "rouge-score")],
)
def test_a_missing_library_is_said_before_anything_is_asked(
    metric: str, module: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    overlap._chrf.cache_clear()
    overlap._rouge.cache_clear()
    with pytest.raises(UsageError, match=f"needs {library}, which is not installed") as caught:
        find_metric(metric)
    assert "ftkit[metrics]" in str(caught.value.hint)
