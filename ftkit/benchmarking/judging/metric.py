"""The metric ``judge``: an answer is right, or worth its score, when models that judge say so."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.benchmarking.judging.asking import Hearing, digest_of, hear
from ftkit.benchmarking.judging.judges import judges_of
from ftkit.benchmarking.judging.pointwise import panel_value
from ftkit.benchmarking.judging.prompts import Message, judge_messages, question_text
from ftkit.benchmarking.judging.rubric import Rubric, rubric_of
from ftkit.benchmarking.metrics.base import Answered, Means, MetricBase, Score, SeenAnswer, SeenRow
from ftkit.benchmarking.metrics.options import option
from ftkit.errors import UsageError

if TYPE_CHECKING:
    from ftkit.benchmarking.judging.results import JudgeUsed

_Verdicts = dict[int, tuple[float | None, ...]]


@dataclass
class JudgeMetric(MetricBase):
    """Right is what ``judges`` call right, or score above the middle of ``scale``; no truth is needed.

    Several judges decide by majority, scores are averaged, and each judge's verdicts are a part of their
    own. With a ``scale`` models are compared by the mean score. An answer on which the judges are evenly
    split, or that has no verdict, counts as not right and is counted as invalid, too.
    """

    name = "judge"
    labelled = False
    needs_truth = False

    judges: tuple[str, ...] = option((), "The models that judge.")
    rubric: str | None = option(None, "A file with the criteria, as text or TOML.")
    criteria: str | None = option(None, "The criteria themselves.")
    scale: int | None = option(None, "Scores from 0 to this, in place of correct or incorrect.")
    reasons: bool = option(True, "Ask for a reason before the verdict.")
    reference: bool = option(False, "Show the judges the right answers.")
    used: tuple[JudgeUsed, ...] = field(default=(), init=False, repr=False, compare=False)
    _verdicts: _Verdicts = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def continuous(self) -> bool:  # type: ignore[override] # a matter of the rubric here
        """Models are compared by their scores, where there are any."""
        return self._asked.scale is not None

    @property
    def has_parts(self) -> bool:  # type: ignore[override]
        """Each of several judges is a part."""
        return len(self.judges) > 1

    @cached_property
    def _asked(self) -> Rubric:
        if self.rubric is not None and self.criteria is not None:
            raise UsageError("the metric 'judge' takes a rubric or criteria, not both")
        given = Path(self.rubric) if self.rubric is not None else self.criteria
        found = rubric_of(given, scale=self.scale, reasons=self.reasons, reference=self.reference)
        if found.kind == "pair":
            raise UsageError("a metric scores one answer; pairs are compared by `ftkit judge --pairwise`")
        return found

    def check(self) -> None:
        """Raise UsageError where no judge is named or the rubric does not fit."""
        if not self.judges:
            raise UsageError("no judge is named", hint="Name one: --metric-option judges=MODEL.")
        assert self._asked

    def prepare(self, answered: Answered, means: Means) -> None:
        """Let the judges judge all usable answers; equal answers to equal questions once."""
        from ftkit.settings import load_settings

        self.check()
        platform = getattr(means.backend, "platform", None)
        settings = platform.settings if platform is not None else load_settings()
        judges = judges_of(
            self.judges,
            settings=settings,
            platform=platform,
            via=getattr(means.backend, "via", "auto"),
            window=getattr(means.backend, "window", "24h"),
            display=means.display,
        )

        def cases() -> Iterator[list[Message]]:
            return (self._case(row, answer) for row, answer in answered())

        what = hashlib.sha256(b"".join(_key(row, a).to_bytes(8) for row, a in answered())).hexdigest()
        hearings = [
            Hearing(one, self._asked, cases, means.folder / digest_of(one, self._asked, what), means.cache)
            for one in judges
        ]
        with means.display.work(f"Judging by {', '.join(self.judges)}"):
            hear(hearings)
        self.used = tuple(hearing.used() for hearing in hearings)
        replies = zip(*(hearing.replies() for hearing in hearings), strict=True)
        for (row, answer), said in zip(answered(), replies, strict=True):
            values = (None if r.verdict is None else float(r.verdict.value) for r in said)
            self._verdicts[_key(row, answer)] = tuple(values)
        for hearing in hearings:
            hearing.tidy()

    def _case(self, row: SeenRow, answer: SeenAnswer) -> list[Message]:
        question = question_text(row.messages)
        return judge_messages(self._asked, question, (answer.text or "",), tuple(row.expected))

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        """Not of use here: raises UsageError, for a judge must see the question."""
        raise UsageError("the metric 'judge' scores answers to questions, not texts alone")

    def score_answer(self, answer: SeenAnswer, row: SeenRow, labels: Sequence[str]) -> Score:
        """What the judges say of this answer to this row."""
        said = self._verdicts.get(_key(row, answer), (None,) * len(self.judges))
        top = self._asked.scale or 1
        parts: Mapping[str, Any] = {}
        if self.has_parts:
            parts = {j: (v or 0.0) / top for j, v in zip(self.judges, said, strict=True)}
        value = panel_value([v for v in said if v is not None], self._asked)
        if value is None:
            return Score(False, 0.0, None, True, parts)
        return Score(self._asked.passes(value), value / top, None, False, parts)


def _key(row: SeenRow, answer: SeenAnswer) -> int:
    """An answer's text to a row, in 64 bits."""
    text = f"{row.line}\n{answer.text or ''}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8])
