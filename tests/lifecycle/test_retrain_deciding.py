"""The policy of retraining: which figures promote a model, and which keep the one in use."""

from __future__ import annotations

from typing import Any

import pytest

from ftkit.benchmarking.statistics import parity_of_shares
from ftkit.lifecycle.retraining import Check, Contest, Decision, Golden, RetrainTable, decide
from ftkit.lifecycle.retraining.result import Figure


def figure(model: str, role: str, value: float, **more: Any) -> Figure:
    return Figure.model_validate(
        {
            "model": model,
            "role": role,
            "value": value,
            "low": value - 0.05,
            "high": value + 0.05,
            "rows": 100,
            **more,
        }
    )


def contest(
    new: float = 0.9,
    old: float | None = 0.8,
    base: float | None = 0.5,
    *,
    p: float = 0.001,
    task: str = "t",
    **more: Any,
) -> Contest:
    """A task whose three models have these figures; the interval reaches 0.05 to either side."""
    figures = [figure("new", "challenger", new)]
    figures += [figure("old", "champion", old)] if old is not None else []
    figures += [figure("base", "base", base)] if base is not None else []
    rival = old if old is not None else base
    if rival is None:
        return Contest(task=task, rows=100, figures=tuple(figures), **more)
    gap = new - rival
    counts = {"gained": 12, "lost": 2}
    found = {"difference": gap, "low": gap - 0.05, "high": gap + 0.05, "p": p, **counts}
    against = "old" if old is not None else "base"
    return Contest(task=task, rows=100, figures=tuple(figures), against=against, **{**found, **more})


def judged(*contests: Contest, champion: str | None = "old", ending: bool = False, **policy: Any) -> Decision:
    return decide(RetrainTable(**policy), contests, champion=champion, challenger="new", ending=ending)


def failed(decision: Decision) -> list[str]:
    return [check.rule for check in decision.checks if not check.passed]


def test_a_gain_that_is_no_chance_promotes() -> None:
    decision = judged(contest())
    assert decision.promote
    assert decision.reasons[0] == "+10.0 points (+5.0 to +15.0), p = 0.001, 12 gained and 2 lost to old"


@pytest.mark.parametrize(
    ("new", "p", "policy", "promoted"),
    [
        (0.9, 0.2, {}, False),
        (0.9, 0.2, {"significance": 0}, True),
        (0.9, 0.2, {"significance": 0.3}, True),
        (0.9, 0.04, {"significance": 0.01}, False),
        (0.8, 0.001, {"significance": 0}, False),
        (0.7, 0.001, {"significance": 0}, False),
        (0.9, 0.001, {"min_gain": 0.2}, False),
        (0.9, 0.001, {"min_gain": 0.05}, True),
    ],
)
def test_what_counts_as_a_gain(new: float, p: float, policy: dict[str, Any], promoted: bool) -> None:
    decision = judged(contest(new, p=p), **policy)
    assert decision.promote is promoted
    assert failed(decision) == ([] if promoted else ["gain"])


def test_the_first_model_must_beat_the_best_base() -> None:
    assert judged(contest(old=None), champion=None).promote
    assert failed(judged(contest(0.5, old=None, p=1.0), champion=None)) == ["gain"]


def test_where_there_is_nothing_to_beat_the_first_model_is_taken() -> None:
    assert judged(contest(old=None, base=None), champion=None).promote


def test_a_base_model_that_is_better_keeps_all_as_it_is() -> None:
    decision = judged(contest(base=0.95))
    assert failed(decision) == ["bases"]
    assert decision.reasons == ("90.0%, and the base model base 95.0%",)
    assert judged(contest(base=0.95), beat_bases=False).promote


def test_the_same_model_again_is_kept() -> None:
    decision = decide(RetrainTable(), [contest()], champion="new", challenger="new")
    assert not decision.promote
    assert "the same data, the same recipe" in decision.reasons[0]


@pytest.mark.parametrize(
    ("recall", "passed"),
    [({"up": 0.9, "down": 0.7}, True), ({"up": 0.5, "down": 0.7}, False), ({"up": None}, False), ({}, False)],
)
def test_the_floor_of_a_label(recall: dict[str, float | None], passed: bool) -> None:
    decision = judged(contest(recall=recall), floors={"up": 0.6})
    assert decision.promote is passed
    assert failed(decision) == ([] if passed else ["floor"])


def test_the_least_score() -> None:
    assert failed(judged(contest(), min_score=0.95)) == ["score"]
    assert judged(contest(), min_score=0.9).promote


@pytest.mark.parametrize(("cost", "passed"), [(0.5, True), (2.0, False), (None, False)])
def test_the_price_of_requests(cost: float | None, passed: bool) -> None:
    one = contest()
    priced = one.figures[0].model_copy(update={"per_1000": cost})
    made = one.model_copy(update={"figures": (priced, *one.figures[1:])})
    assert judged(made, max_per_1000=1.0).promote is passed


@pytest.mark.parametrize(
    ("golden", "most", "passed"),
    [
        (Golden(rows=5, right=5, right_before=5, regressions=0), 0, True),
        (Golden(rows=5, right=4, right_before=5, regressions=1), 0, False),
        (Golden(rows=5, right=4, right_before=5, regressions=1), 1, True),
        (Golden(rows=5, right=4, right_before=None, regressions=None), 0, True),
        (None, 0, False),
    ],
)
def test_golden_rows(golden: Golden | None, most: int, passed: bool) -> None:
    policy = RetrainTable(golden="golden.csv", max_regressions=most)
    decision = decide(policy, [contest()], champion="old", challenger="new", golden=golden)
    assert decision.promote is passed
    assert failed(decision) == ([] if passed else ["golden"])


def level(gained: int, lost: int, rows: int = 400, **more: Any) -> Contest:
    """Two models that are right on nearly the same rows."""
    made = contest(0.8 + (gained - lost) / rows, p=1.0, gained=gained, lost=lost, **more)
    return made.model_copy(update={"rows": rows, "parity": parity_of_shares(gained, lost, rows)})


@pytest.mark.parametrize(
    ("gained", "lost", "rows", "max_loss", "passed"),
    [
        (4, 4, 400, 0.02, True),
        (4, 4, 400, 0.01, False),
        (4, 4, 100, 0.02, False),
        (0, 0, 400, 0.02, True),
        (0, 0, 20, 0.02, False),
        (0, 12, 400, 0.02, False),
        (0, 12, 400, 0.05, True),
        (12, 0, 400, 0.0, True),
        (0, 0, 400, 0.0, False),
    ],
)
def test_where_the_model_in_use_ends_it_is_enough_not_to_be_worse(
    gained: int, lost: int, rows: int, max_loss: float, passed: bool
) -> None:
    """By the lower end of the parity interval: 95 % confidence one way, where few rows show nothing."""
    one = level(gained, lost, rows)
    assert failed(judged(one)) == ["gain"], "while it lasts, a gain is wanted"
    decision = judged(one, ending=True, max_loss=max_loss)
    assert decision.promote is passed is parity_of_shares(gained, lost, rows).not_worse(max_loss)
    assert failed(decision) == ([] if passed else ["not worse"])


def test_parity_is_said_in_points_rounded_up() -> None:
    shown = parity_of_shares(4, 4, 400)
    [reason, *_] = judged(level(4, 4), ending=True, max_loss=0.02).reasons
    assert reason.startswith("+0.0 points (") and "4 gained and 4 lost to old" in reason
    assert reason.endswith("with 95 % confidence worse by at most 1.4 points")
    assert 0.013 < shown.loss <= 0.014


def test_too_few_rows_say_how_many_it_takes() -> None:
    [reason] = judged(level(1, 1, 100), ending=True, max_loss=0.02).reasons
    assert "where less than 2 points may be lost; about 430 held-out rows would show it" in reason
    [worse] = judged(level(0, 40), ending=True, max_loss=0.02).reasons
    assert "would show it" not in worse, "no number of rows shows that what is worse is not"


def test_a_champion_that_cannot_be_asked_any_more_cannot_be_lost_to() -> None:
    assert judged(contest(old=None, base=None), champion=None, ending=True).promote


def test_of_several_tasks_one_must_gain_and_none_may_lose() -> None:
    better, same = contest(task="a"), level(4, 4, task="b")
    decision = judged(better, same, max_loss=0.02)
    assert decision.promote
    assert [check.said.split(":")[0] for check in decision.checks[:2]] == ["a", "b"]
    assert failed(judged(better, same, max_loss=0.01)) == ["not worse"]
    assert failed(judged(same, same, max_loss=0.02)) == ["gain", "gain"]


def test_the_reasons_are_what_decided() -> None:
    checks = (Check(rule="a", passed=True, said="good"), Check(rule="b", passed=False, said="bad"))
    assert Decision(promote=False, checks=checks).reasons == ("bad",)
    assert Decision(promote=True, checks=checks[:1]).reasons == ("good",)
