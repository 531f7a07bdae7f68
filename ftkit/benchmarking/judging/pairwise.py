"""Answers of two models side by side, each pair in both orders: which is better, and is the judge swayed?

A judge that prefers what it reads first is known from L. Zheng and others, "Judging LLM-as-a-Judge with
MT-Bench and Chatbot Arena" (2023), whose remedy this is: swap, and believe only what holds in both orders.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal, NamedTuple

from ftkit.benchmarking.judging.disputes import Disputes, shown
from ftkit.benchmarking.judging.measuring import Agreements, share_words
from ftkit.benchmarking.judging.prompts import Message, judge_messages
from ftkit.benchmarking.judging.replies import Reply
from ftkit.benchmarking.judging.results import PANEL, TRUTH, Dispute, Preference
from ftkit.benchmarking.judging.rubric import Rubric
from ftkit.benchmarking.judging.sources import AnsweredRow, AnswerSet, Given
from ftkit.benchmarking.judging.table import VerdictTable
from ftkit.benchmarking.statistics import ALPHA, bootstrap_interval, mcnemar_exact, p_words

Outcome = Literal["first", "second", "tie", "torn", "undecided"]
_SWAPPED = {0: 0, 1: 2, 2: 1}


class Pair(NamedTuple):
    """One row's two answers; ``open`` says that a judge must look at them."""

    row: AnsweredRow
    first: Given
    second: Given

    @property
    def open(self) -> bool:
        """Both answers are there, and they differ."""
        return self.first.text is not None and self.second.text is not None and not self.same

    @property
    def same(self) -> bool:
        """Both answers are there and equal, outer spaces apart."""
        one, other = self.first.text, self.second.text
        return one is not None and other is not None and one.strip() == other.strip()

    @property
    def given(self) -> Outcome:
        """What is clear without a judge: a usable answer is better than none."""
        if self.first.text is not None and self.second.text is None:
            return "first"
        return "second" if self.second.text is not None and self.first.text is None else "tie"

    @property
    def truth(self) -> bool | None:
        """True where only the first is right, False where only the second; None where it decides nothing."""
        if self.first.right is None or self.second.right is None or self.first.right == self.second.right:
            return None
        return self.first.right


def pairs_of(answers: AnswerSet) -> Iterator[Pair]:
    """Each row's answers of the two models of the set, where both were asked."""
    first, second = answers.models
    for row in answers.rows():
        if first in row.answers and second in row.answers:
            yield Pair(row, row.answers[first], row.answers[second])


def pairwise_cases(answers: AnswerSet, rubric: Rubric) -> Iterator[list[Message]]:
    """What a judge is asked: each open pair, as it is and then swapped."""
    for pair in pairs_of(answers):
        if pair.first.text is not None and pair.second.text is not None and pair.open:
            texts = (pair.first.text, pair.second.text)
            yield judge_messages(rubric, pair.row.question, texts, pair.row.right)
            yield judge_messages(rubric, pair.row.question, texts[::-1], pair.row.right)


class Choice(NamedTuple):
    """One judge's two verdicts on a pair: 1 and 2 are the model's places in the set, 0 is a tie."""

    straight: int | None
    swapped: int | None
    reason: str = ""
    problem: str = ""

    @property
    def outcome(self) -> Outcome:
        """The verdict, where both orders give it."""
        if self.straight is None or self.swapped is None:
            return "undecided"
        if self.straight != self.swapped:
            return "torn"
        return ("tie", "first", "second")[self.straight]


def _choice(straight: Reply, swapped: Reply) -> Choice:
    one = straight.verdict.value if straight.verdict else None
    other = _SWAPPED[swapped.verdict.value] if swapped.verdict else None
    said = [reply.verdict.reason for reply in (straight, swapped) if reply.verdict and reply.verdict.reason]
    return Choice(one, other, " / swapped: ".join(said), straight.problem or swapped.problem)


@dataclass
class _Wins:
    n: int = 0
    first: int = 0
    second: int = 0
    tie: int = 0
    torn: int = 0
    undecided: int = 0
    same: int = 0
    unusable: int = 0
    leaning: list[int] = field(default_factory=lambda: [0, 0])
    shown_first: array[float] = field(default_factory=lambda: array("f"))

    def add(self, pair: Pair, outcome: Outcome, choice: Choice | None) -> None:
        self.n += 1
        self.same += pair.same
        self.unusable += not pair.open and not pair.same
        if not pair.same:
            setattr(self, outcome, getattr(self, outcome) + 1)
        if choice is not None and choice.straight and choice.swapped:
            to_first = (choice.straight == 1) + (choice.swapped == 2)  # swapped, the second is shown first
            self.shown_first.append(to_first / 2)
            if to_first != 1:
                self.leaning[to_first == 0] += 1

    def preference(self, judge: str, first: str, second: str) -> Preference:
        decided = self.n - self.undecided
        even = self.tie + self.torn + self.same
        shown = decided - self.same - self.unusable
        p = mcnemar_exact(self.first, self.second)
        one_judge = judge != PANEL
        bias = sum(self.shown_first) / len(self.shown_first) if self.shown_first and one_judge else None
        low, high = bootstrap_interval(self.shown_first) if bias is not None else (None, None)
        share = (self.first + even / 2) / decided if decided else None
        made = Preference(
            judge=judge,
            first=first,
            second=second,
            n=self.n,
            first_wins=self.first,
            second_wins=self.second,
            ties=self.tie,
            torn=self.torn,
            same=self.same,
            unusable=self.unusable,
            undecided=self.undecided,
            first_share=share,
            p_value=p,
            consistency=1 - self.torn / shown if shown and one_judge else None,
            shown_first=bias,
            bias_low=low,
            bias_high=high,
            bias_p=mcnemar_exact(*self.leaning) if bias is not None else None,
        )
        return made.model_copy(update={"words": preference_words(made)})


def preference_words(found: Preference) -> str:
    """What a judge prefers, and whether it is swayed by what stands first, in plain words."""
    even = found.ties + found.torn + found.same
    better, worse = (
        (found.first, found.second) if found.first_wins >= found.second_wins else (found.second, found.first)
    )
    wins = f"{max(found.first_wins, found.second_wins):,} to {min(found.first_wins, found.second_wins):,}"
    if found.p_value < ALPHA:
        text = (
            f"{found.judge} prefers {better} to {worse}, {wins} and {even:,} even, {p_words(found.p_value)}"
        )
    else:
        text = f"{found.judge} shows no preference between {found.first} and {found.second}"
        text += (
            f" ({found.first_wins:,} to {found.second_wins:,} and {even:,} even, {p_words(found.p_value)})"
        )
    if found.shown_first is None:
        return text
    swayed = share_words(found.shown_first, found.bias_low, found.bias_high)
    if found.bias_p is not None and found.bias_p < ALPHA:
        where = "first" if found.shown_first > 0.5 else "second"
        text += f"; it leans to what is shown {where}: {swayed} of its choices fell on what was shown first"
    return f"{text}; the order changed its verdict on {found.torn:,} pairs"


class PairwiseTally:
    """Sums up the choices of ``judges`` between two models, in one pass over the pairs."""

    def __init__(self, answers: AnswerSet, rubric: Rubric, judges: Sequence[str]) -> None:
        self._answers, self._judges = answers, tuple(judges)
        self._raters = (*judges, *([PANEL] if len(judges) > 1 else []))
        self._wins = {rater: _Wins() for rater in self._raters}
        first, second = answers.models
        self._agreements = Agreements(first, second)
        self.disputes = Disputes()
        self.known_truth = False
        self._rows = 0

    def read(self, replies: Sequence[Iterator[Reply]], table: VerdictTable) -> None:
        """Take every judge's replies to :func:`pairwise_cases`, and write each choice down."""
        for pair in pairs_of(self._answers):
            self._rows += 1
            choices: dict[str, Choice] = {}
            if pair.open:
                for judge, said in zip(self._judges, replies, strict=True):
                    choices[judge] = _choice(next(said), next(said))
            self._add(pair, choices, table)

    def _add(self, pair: Pair, choices: dict[str, Choice], table: VerdictTable) -> None:
        outcomes: dict[str, Outcome] = dict.fromkeys(self._raters, pair.given)
        if pair.open:
            outcomes |= {judge: choice.outcome for judge, choice in choices.items()}
            if PANEL in outcomes:
                outcomes[PANEL] = _most([outcomes[judge] for judge in self._judges])
        texts = dict(zip(self._answers.models, (pair.first.text, pair.second.text), strict=True))
        right = None if pair.truth is None else self._answers.models[not pair.truth]
        for rater, outcome in outcomes.items():
            choice = choices.get(rater)
            self._wins[rater].add(pair, outcome, choice)
            reason, problem = (choice.reason, choice.problem) if choice else ("", "")
            word = "" if outcome == "undecided" else self._word(outcome)
            if pair.open or rater == self._raters[0]:  # what no judge was shown is written down once
                table.add(pair.row, texts, rater if pair.open else "", word, reason, problem, right)
        self._compare(pair, outcomes, choices)

    def _word(self, outcome: Outcome) -> str:
        places = {"first": self._answers.models[0], "second": self._answers.models[1]}
        return places.get(outcome, outcome)

    def _compare(self, pair: Pair, outcomes: dict[str, Outcome], choices: dict[str, Choice]) -> None:
        self.known_truth = self.known_truth or pair.truth is not None
        if not pair.open:
            return
        calls = {rater: o == "first" for rater, o in outcomes.items() if o in ("first", "second")}
        if pair.truth is not None:
            for rater, call in calls.items():
                self._agreements.add(rater, TRUTH, None, call, pair.truth)
        for one, other in combinations([judge for judge in self._judges if judge in calls], 2):
            self._agreements.add(one, other, None, calls[one], calls[other])
        opinions = {calls[judge] for judge in self._judges if judge in calls}
        if pair.truth is not None and opinions:
            opinions.add(pair.truth)
        if len(opinions) > 1:
            self.disputes.add(lambda: self._dispute(pair, outcomes, choices))

    def _dispute(self, pair: Pair, outcomes: dict[str, Outcome], choices: dict[str, Choice]) -> Dispute:
        texts = (shown(pair.first.text), shown(pair.second.text))
        return Dispute(
            row=pair.row.row,
            question=shown(pair.row.question),
            expected=tuple(shown(text) for text in pair.row.right),
            answers=dict(zip(self._answers.models, texts, strict=True)),
            verdicts={rater: self._word(outcome) for rater, outcome in outcomes.items()},
            reasons={judge: shown(choice.reason) for judge, choice in choices.items() if choice.reason},
            right=pair.truth,
        )

    def fields(self) -> dict[str, Any]:
        """The fields of a JudgeReport that come of it."""
        first, second = self._answers.models
        pairs = combinations(self._judges, 2)
        truth = self._raters if self.known_truth else ()
        return {
            "rows": self._rows,
            "preferences": tuple(self._wins[r].preference(r, first, second) for r in self._raters),
            "against_truth": tuple(a for r in truth for a in self._agreements.between(r, TRUTH)),
            "between": tuple(a for x, y in pairs for a in self._agreements.between(x, y)),
            "disputes": self.disputes.kept,
            "disputes_total": self.disputes.total,
        }


def _most(outcomes: Sequence[Outcome]) -> Outcome:
    """What most judges say; a tie where no model has more voices than the other, undecided without any."""
    decided = [outcome for outcome in outcomes if outcome != "undecided"]
    first, second = decided.count("first"), decided.count("second")
    even = len(decided) - first - second
    if not decided:
        return "undecided"
    if first > max(second, even):
        return "first"
    return "second" if second > max(first, even) else "tie"
