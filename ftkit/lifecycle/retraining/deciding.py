"""Holds the figures of a round against the policy: one check for each rule, and whether to promote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from ftkit.benchmarking.statistics import Parity, rows_for_parity, rows_words
from ftkit.lifecycle.retraining.policy import RetrainTable
from ftkit.lifecycle.retraining.result import Check, Contest, Decision, Golden


def decide(
    policy: RetrainTable,
    contests: Sequence[Contest],
    *,
    champion: str | None,
    challenger: str,
    ending: bool = False,
    golden: Golden | None = None,
) -> Decision:
    """Whether ``challenger`` takes the champion's place, and what each rule of the policy says.

    ``ending`` says that the champion ends soon or is gone: then not to be worse is enough. Of several tasks,
    no one may break a rule, and one at least must gain.
    """
    if champion == challenger:
        said = "the training gave the model that is in use: the same data, the same recipe"
        return Decision(promote=False, checks=(Check(rule="another model", passed=False, said=said),))
    checks: list[Check] = []
    gains = [_gain(contest, policy, ending) for contest in contests]
    checks += gains if len(contests) == 1 else _of_several(gains, contests, policy)
    for contest in contests:
        checks += _rules_of(contest, policy)
    checks += _floors(contests, policy)
    if policy.golden is not None:
        checks.append(_golden(golden, policy))
    named = [
        check.model_copy(update={"task": None}) if len(contests) == 1 else _with_task(check)
        for check in checks
    ]
    return Decision(promote=all(check.passed for check in named), checks=tuple(named))


def _with_task(check: Check) -> Check:
    return check if check.task is None else check.model_copy(update={"said": f"{check.task}: {check.said}"})


def _of_several(gains: Sequence[Check], contests: Sequence[Contest], policy: RetrainTable) -> list[Check]:
    """Where one task gains, the others must only not be worse."""
    if not any(gain.passed for gain in gains):
        return list(gains)
    return [
        gain if gain.passed else _not_worse(contest, policy)
        for gain, contest in zip(gains, contests, strict=True)
    ]


def _gain(contest: Contest, policy: RetrainTable, ending: bool) -> Check:
    if contest.against is None or contest.difference is None:
        return Check(rule="gain", passed=True, said="there is nothing to be better than", task=contest.task)
    if ending:
        return _not_worse(contest, policy)
    enough = contest.difference >= policy.min_gain and contest.difference > 0
    said = f"{_difference(contest)} to {contest.against}"
    if not enough:
        wanted = f"at least {_points(policy.min_gain)}" if policy.min_gain else "a gain"
        return Check(rule="gain", passed=False, said=f"{said}: {wanted} is wanted", task=contest.task)
    if policy.significance and (contest.p is None or contest.p >= policy.significance):
        said = f"{said}: it may be chance (it takes p < {policy.significance:g})"
        return Check(rule="gain", passed=False, said=said, task=contest.task)
    return Check(rule="gain", passed=True, said=said, task=contest.task)


def _not_worse(contest: Contest, policy: RetrainTable) -> Check:
    """Non-inferiority: a loss as large as ``max_loss`` is ruled out, by a one-sided test."""
    shown = contest.parity
    if contest.against is None or shown is None:
        return Check(
            rule="not worse", passed=True, said="there is nothing to be worse than", task=contest.task
        )
    passed = shown.not_worse(policy.max_loss)
    sure = f"with {shown.confidence * 100:g} % confidence"
    said = f"{_difference(contest)} to {contest.against}: {sure} worse by {_at_most(shown)}"
    if not passed:
        said = f"{said}, where less than {_points(policy.max_loss)} may be lost{_more_rows(contest, policy)}"
    return Check(rule="not worse", passed=passed, said=said, task=contest.task)


def _at_most(shown: Parity) -> str:
    """The most that may be lost, rounded up: what is said is never less than what is shown."""
    return f"at most {ceil(round(shown.loss * 1000, 6)) / 10:.1f} points"


def _more_rows(contest: Contest, policy: RetrainTable) -> str:
    """How many rows it would take, where the two seem to be as good as each other."""
    if not policy.max_loss or contest.difference is None or contest.difference <= -policy.max_loss:
        return ""
    needed = rows_for_parity(policy.max_loss, max(contest.gained + contest.lost, 1) / contest.rows)
    return f"; about {rows_words(needed)} held-out rows would show it" if needed > contest.rows else ""


def _difference(contest: Contest) -> str:
    assert contest.difference is not None
    span = ""
    if contest.low is not None and contest.high is not None:
        span = f" ({contest.low * 100:+.1f} to {contest.high * 100:+.1f})"
    p = "" if contest.p is None else f", p = {contest.p:.2g}"
    return f"{contest.difference * 100:+.1f} points{span}{p}, {contest.gained} gained and {contest.lost} lost"


def _points(share: float) -> str:
    return f"{share * 100:g} points"


def _rules_of(contest: Contest, policy: RetrainTable) -> Iterator[Check]:
    own, base = contest.figure("challenger"), contest.figure("base")
    assert own is not None
    if policy.beat_bases and base is not None and base.model != contest.against:
        better = own.value >= base.value
        said = f"{own.value:.1%}, and the base model {base.model} {base.value:.1%}"
        yield Check(rule="bases", passed=better, said=said, task=contest.task)
    if policy.min_score is not None:
        said = f"{own.value:.1%}, where {policy.min_score:.1%} is the least"
        yield Check(rule="score", passed=own.value >= policy.min_score, said=said, task=contest.task)
    if policy.max_per_1000 is not None:
        cost = own.per_1000
        passed = cost is not None and cost <= policy.max_per_1000
        shown = "an unknown sum" if cost is None else f"${cost:,.4f}"
        said = f"1,000 requests cost {shown}, where ${policy.max_per_1000:,.4f} is the most"
        yield Check(rule="price", passed=passed, said=said, task=contest.task)


def _floors(contests: Sequence[Contest], policy: RetrainTable) -> Iterator[Check]:
    """Each label's recall; a label that no row has cannot be judged, and that is no pass."""
    for label, least in policy.floors.items():
        having = [(contest, contest.recall[label]) for contest in contests if label in contest.recall]
        if not having:
            yield Check(rule="floor", passed=False, said=f"no held-out row has the label {label!r}")
        for contest, recall in having:
            passed = recall is not None and recall >= least
            shown = "not known (no row has it)" if recall is None else f"{recall:.1%}"
            said = f"the recall of {label!r} is {shown}, where {least:.1%} is the least"
            yield Check(rule="floor", passed=passed, said=said, task=contest.task)


def _golden(golden: Golden | None, policy: RetrainTable) -> Check:
    if golden is None:
        return Check(rule="golden", passed=False, said="the golden rows were not asked")
    if golden.regressions is None:
        said = f"{golden.right:,} of {golden.rows:,} golden rows are right; no earlier model was asked"
        return Check(rule="golden", passed=True, said=said)
    said = f"{golden.regressions} of {golden.rows:,} golden rows have become wrong"
    if golden.regressions > policy.max_regressions:
        said = f"{said}, where {policy.max_regressions} may"
        return Check(rule="golden", passed=False, said=said)
    return Check(rule="golden", passed=True, said=said)
