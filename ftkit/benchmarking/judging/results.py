"""What judges say of models, and what is to be thought of the judges, as checked types that are also JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ftkit.data.tabled import Tabled, plain_records
from ftkit.display.html import Shown

Kind = Literal["correct", "score", "pair"]
"""What a judge is asked: is this answer right, how good is it (0 to ``scale``), which of two is better."""
PANEL = "panel"
"""The name of several judges together: the majority of their verdicts, the mean of their scores."""
TRUTH = "truth"
"""The name of the right answers in an agreement."""


class _Result(Shown, BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class JudgeUsed(_Result):
    """One judge, and what it took. Of ``requests``, ``different`` ones were not equal to another one.

    ``asked`` of these went out, ``cached`` had been answered before, the oldest at ``oldest`` (seconds
    since 1970). ``undecided`` requests have no verdict: no answer came or, in all ``rounds``, none of the
    wanted form. ``enforced`` says that the platform itself keeps replies to the form. Tokens are of what
    went out; ``cost`` in US dollars is None where it is not known, ``cost_note`` says why.
    """

    judge: str
    backend: str
    enforced: bool
    requests: int
    different: int
    asked: int
    cached: int
    undecided: int
    failures: dict[str, int] = {}
    rounds: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None
    cost: float | None = None
    cost_note: str | None = None
    oldest: int | None = None
    batches: tuple[str, ...] = ()

    @property
    def tokens(self) -> int | None:
        """Tokens of requests and replies together."""
        if self.prompt_tokens is None or self.completion_tokens is None:
            return None
        return self.prompt_tokens + self.completion_tokens


class Judged(_Result):
    """One model as one judge (or the panel) sees it.

    All ``n`` answers are accounted for: ``unusable`` ones (failed, empty, cut off, refused) count as not
    right and as score 0 without being shown to the judge; ``undecided`` ones have no verdict and stand
    outside ``share``. ``correct`` answers were called right, or scored at ``pass_mark`` or above; ``share``
    is of the decided and unusable, 0 to 1, within ``low`` to ``high``. ``mean_score`` is 0 to the scale,
    within ``score_low`` to ``score_high``; None where no scores were asked for.
    """

    judge: str
    model: str
    n: int
    unusable: int
    undecided: int
    correct: int
    share: float | None
    low: float | None
    high: float | None
    mean_score: float | None = None
    score_low: float | None = None
    score_high: float | None = None
    scores: tuple[int, ...] = ()


class JudgedDifference(_Result):
    """Two models by one judge (or the panel), on the ``n`` rows where it has a verdict on both.

    ``only_first`` rows are called right with the first model alone, or scored higher; ``difference`` is
    the first model's share (or mean score, over the scale) minus the second's, within ``low`` to
    ``high``. ``p_value`` is McNemar's exact test, of scores that of a paired bootstrap; ``p_adjusted``
    is corrected for the number of pairs of models (Holm).
    """

    judge: str
    first: str
    second: str
    n: int
    only_first: int
    only_second: int
    difference: float
    low: float
    high: float
    p_value: float
    p_adjusted: float
    words: str = ""


class Agreement(_Result):
    """Two raters of the same answers: two judges, or a judge and the truth.

    Answers that both call right (``both``), one of them (``only_first``, ``only_second``) or none
    (``neither``). ``share`` is how often they say the same, within ``low`` to ``high``; ``kappa`` Cohen's,
    which is 0 for what chance alone would give, None where it is not defined. ``model`` is the model that
    answered, None for all together.
    """

    first: str
    second: str
    model: str | None = None
    n: int
    both: int
    only_first: int
    only_second: int
    neither: int
    share: float | None
    low: float | None
    high: float | None
    kappa: float | None
    kappa_low: float | None
    kappa_high: float | None
    words: str = ""


class Preference(_Result):
    """One judge's (or the panel's) choice between the answers of two models to the same questions.

    Every pair is shown in both orders. A verdict counts where both orders give it; ``first_wins``,
    ``second_wins`` and ``ties`` are of those. ``torn`` pairs got two different verdicts and are ties too,
    ``same`` ones have equal answers and were not shown, ``undecided`` ones lack a verdict. ``shown_first``
    is the share of all choices, in either order, that fell on the answer shown first (0.5 without a bias),
    within ``bias_low`` to ``bias_high``; ``consistency`` the share of pairs with one verdict in both
    orders. ``first_share`` counts a tie as half; ``p_value`` is the exact sign test of the wins.
    """

    judge: str
    first: str
    second: str
    n: int
    first_wins: int
    second_wins: int
    ties: int
    torn: int
    same: int
    unusable: int
    undecided: int
    first_share: float | None
    p_value: float
    consistency: float | None
    shown_first: float | None
    bias_low: float | None
    bias_high: float | None
    bias_p: float | None
    words: str = ""


class Dispute(_Result):
    """An answer on which judges differ among themselves or from the truth, with their reasons.

    ``verdicts`` and ``reasons`` are by judge; ``right`` is the truth, None where it is not known.
    ``answers`` are by model: one, or the two of a pair.
    """

    row: int
    question: str
    expected: tuple[str, ...]
    answers: dict[str, str]
    verdicts: dict[str, str]
    reasons: dict[str, str] = {}
    right: bool | None = None


class JudgeReport(Tabled, _Result):
    """What judges say of the answers of models, and how far the judges are to be believed.

    ``judged`` holds each model as each judge sees it (and the panel, where there are several judges),
    ``differences`` each two of the models, ``preferences`` which of two each judge prefers.
    ``against_truth`` measures every judge by the right answers, where these are known; ``between`` holds
    each two judges. ``disputes`` are a selection out of ``disputes_total``. ``criteria`` is the rubric,
    ``scale`` the highest score. ``verdict`` is one sentence. As a table it is ``judged``, or else the
    ``preferences``.
    """

    kind: Kind
    criteria: str
    scale: int | None = None
    pass_mark: int | None = None
    reference_shown: bool = False
    data: str
    rows: int
    models: tuple[str, ...]
    judges: tuple[JudgeUsed, ...]
    judged: tuple[Judged, ...] = ()
    differences: tuple[JudgedDifference, ...] = ()
    preferences: tuple[Preference, ...] = ()
    against_truth: tuple[Agreement, ...] = ()
    between: tuple[Agreement, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    disputes_total: int = 0
    verdict: str = ""
    notes: tuple[str, ...] = ()
    files: dict[str, str] = {}
    created_at: str = ""
    ftkit_version: str = ""

    def _repr_html_(self) -> str:
        from ftkit.benchmarking.drawn import judges_html

        return judges_html(self)

    def _records(self) -> Iterable[dict[str, Any]]:
        return plain_records(self.judged or self.preferences)

    def _columns(self) -> Sequence[str]:
        return list((Preference if self.preferences and not self.judged else Judged).model_fields)
