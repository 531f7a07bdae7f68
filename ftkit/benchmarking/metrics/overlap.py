"""Metrics of translations and summaries: how much of the wording two texts share, by kept libraries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from ftkit.benchmarking.metrics.base import Metric, MetricBase, Score
from ftkit.benchmarking.metrics.options import option
from ftkit.errors import UsageError

_WORD = re.compile(r"[^\W_]+")


def _missing(library: str, error: ImportError) -> UsageError:
    return UsageError(
        f"this metric needs {library}, which is not installed: {error}",
        hint="Install it: pip install 'ftkit[metrics]'",
    )


@lru_cache(maxsize=16)
def _chrf(characters: int, words: int, beta: int) -> Any:
    try:
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        raise _missing("sacrebleu", error) from error
    return CHRF(char_order=characters, word_order=words, beta=beta)


@dataclass(frozen=True)
class Chrf(MetricBase):
    """chrF: the F-score of character n-grams, for translations. Of several right answers the nearest counts.

    The value of a row is sacrebleu's sentence score divided by 100, and a model's score the mean over
    the rows; that is not the corpus score, which cannot be compared row by row. M. Popović, "chrF:
    character n-gram F-score for automatic MT evaluation", WMT 2015. Needs the extra `ftkit[metrics]`.
    """

    name = "chrf"
    continuous = True

    threshold: float = option(0.5, "From which value on a reply counts as right.")
    characters: int = option(6, "Longest n-gram of characters.")
    words: int = option(0, "Longest n-gram of words; 2 is chrF++.")
    beta: int = option(2, "How much more recall weighs than precision.")

    def check(self) -> None:
        """Raise UsageError where sacrebleu is not installed."""
        _chrf(self.characters, self.words, self.beta)

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        """The sentence score with its smoothing as sacrebleu has it by default."""
        scorer = _chrf(self.characters, self.words, self.beta)
        # its sums of shares may end in 1.0000000000000002
        value = min(1.0, scorer.sentence_score(answer, list(expected)).score / 100)
        return Score(value >= self.threshold, value)


class _AnyWords:
    """Cuts a text into words of any script, where rouge-score's own way knows a to z and digits only."""

    def tokenize(self, text: str) -> list[str]:
        return _WORD.findall(text.casefold())


@lru_cache(maxsize=4)
def _rouge(stem: bool) -> Any:
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError as error:
        raise _missing("rouge-score", error) from error
    kinds = ["rouge1", "rouge2", "rougeL"]
    return RougeScorer(kinds, use_stemmer=True) if stem else RougeScorer(kinds, tokenizer=_AnyWords())


@dataclass(frozen=True)
class Rouge(MetricBase):
    """ROUGE: the F1 of shared words and word pairs, or of the longest common subsequence, for summaries.

    All three are parts (`rouge1`, `rouge2`, `rougeL`); the value is the one of `kind`. Of several
    right answers the one nearest by `kind` counts. Words are those of any script; English endings are
    only cut off with `stem`. C.-Y. Lin, "ROUGE: a package for automatic evaluation of summaries", ACL
    2004. Needs the extra `ftkit[metrics]`.
    """

    name = "rouge"
    continuous = True
    has_parts = True

    kind: Literal["rouge1", "rouge2", "rougeL"] = option("rougeL", "Which of the three is the value.")
    threshold: float = option(0.5, "From which value on a reply counts as right.")
    stem: bool = option(False, "Cut endings off by Porter's rules; for English in a to z only.")

    def check(self) -> None:
        """Raise UsageError where rouge-score is not installed."""
        _rouge(self.stem)

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        """rouge-score's F-measures."""
        scored = [_rouge(self.stem).score(right, answer) for right in expected]
        nearest = max(scored, key=lambda found: found[self.kind].fmeasure)
        parts = {kind: float(one.fmeasure) for kind, one in nearest.items()}
        value = parts[self.kind]
        return Score(value >= self.threshold, value, parts=parts)


chrf: Metric = Chrf()
rouge: Metric = Rouge()
