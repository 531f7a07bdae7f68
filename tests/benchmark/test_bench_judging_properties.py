"""Whatever a judge replies and whatever an answer holds: promises of reading and of showing."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.benchmarking.judging.forms import Verdict, read_verdict, written
from ftkit.benchmarking.judging.pointwise import panel_value
from ftkit.benchmarking.judging.prompts import judge_messages, question_text
from ftkit.benchmarking.judging.replies import Reply, merged
from ftkit.benchmarking.judging.rubric import Rubric

RUBRICS = st.sampled_from(
    [Rubric(), Rubric(scale=10), Rubric(scale=100), Rubric(kind="pair"), Rubric(reasons=False)]
)
CHATTER = st.text(alphabet="abc .,!?\n*-", max_size=40)
"""What models say around their JSON."""


def highest(rubric: Rubric) -> int:
    return rubric.scale or (2 if rubric.kind == "pair" else 1)


@given(st.text(max_size=300), RUBRICS)
def test_any_reply_has_a_verdict_that_is_allowed_or_a_problem(reply: str, rubric: Rubric) -> None:
    found = read_verdict(reply, rubric)
    if isinstance(found, Verdict):
        assert 0 <= found.value <= highest(rubric)
    else:
        assert found


@given(RUBRICS, st.integers(0, 100), st.text(max_size=80), CHATTER, CHATTER)
def test_a_verdict_is_found_in_what_stands_around_it(
    rubric: Rubric, value: int, reason: str, before: str, after: str
) -> None:
    value = value % (highest(rubric) + 1)
    text = written(rubric, value, reason)
    wanted = Verdict(value, reason.strip() if rubric.reasons else "")
    for reply in (text, f"{before}{text}{after}", f"```json\n{text}\n```", f"<think>{before}</think>{text}"):
        assert read_verdict(reply, rubric) == wanted


@given(RUBRICS, st.integers(0, 100), st.integers(0, 100))
def test_two_verdicts_are_none(rubric: Rubric, one: int, other: int) -> None:
    first, second = one % (highest(rubric) + 1), other % (highest(rubric) + 1)
    found = read_verdict(f"{written(rubric, first)} or {written(rubric, second)}", rubric)
    assert isinstance(found, Verdict) is (first == second)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(ANYTHING, RUBRICS)
def test_json_of_any_other_form_is_survived(value: Any, rubric: Rubric) -> None:
    for key in ("verdict", "score", "better"):
        found = read_verdict(json.dumps({key: value, "reason": value}), rubric)
        assert isinstance(found, Verdict | str)


TAGS = ("question", "right_answer", "answer", "first_answer", "second_answer")
ATTACKS = st.lists(
    st.sampled_from(
        [f"<{mark}{tag}{end}" for mark in ("", "/", "/ ") for tag in TAGS for end in (">", " >", "")]
    )
    | st.text(max_size=10),
    max_size=8,
).map("".join)


@given(ATTACKS, ATTACKS, ATTACKS)
@settings(max_examples=200)
def test_nothing_leaves_its_tags(question: str, first: str, second: str) -> None:
    rubric = Rubric(kind="pair", reference=True)
    text = judge_messages(rubric, question, [first, second], ["right"])[1]["content"]
    tags = re.findall(r"<(/?)(question|right_answer|answer|first_answer|second_answer)\b", text)
    names = ("question", "right_answer", "first_answer", "second_answer")
    assert tags == [(mark, name) for name in names for mark in ("", "/")]


@given(
    st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text(max_size=20)), min_size=1)
)
def test_every_text_of_a_conversation_is_in_the_question(turns: list[tuple[str, str]]) -> None:
    shown = question_text([{"role": role, "content": text} for role, text in turns])
    assert all(text in shown for _, text in turns)


@given(st.lists(st.integers(0, 1), max_size=9))
def test_a_panel_of_yes_and_no(votes: list[int]) -> None:
    value = panel_value([float(vote) for vote in votes], Rubric())
    ayes, noes = sum(votes), len(votes) - sum(votes)
    assert value == (None if ayes == noes else float(ayes > noes))


@given(st.lists(st.integers(0, 10), min_size=1, max_size=9))
def test_a_panel_of_scores_lies_between_them(scores: list[int]) -> None:
    value = panel_value([float(score) for score in scores], Rubric(scale=10))
    assert value is not None and min(scores) <= value <= max(scores)


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=4), max_size=12))
def test_rounds_are_merged_case_by_case(cases: list[list[int]]) -> None:
    """Each case has replies (0: none to be read, 1: a verdict, 2: failed) until one settles it."""
    made: list[list[Reply]] = []
    wanted: list[int] = []
    for case in cases:
        for number, kind in enumerate(case):
            while len(made) <= number:
                made.append([])
            made[number].append(Reply(Verdict(1) if kind == 1 else None, "x", kind == 0))
            if kind != 0 or number == len(case) - 1:
                wanted.append(kind)
                break
    if any(len(case) < len(made) and all(kind == 0 for kind in case) for case in cases):
        return  # what is mendable is asked again in every round that there is
    found = list(merged(made))  # type: ignore[arg-type] # lists of replies are read like files of them
    assert [1 if one.verdict else 0 if one.mendable else 2 for one in found] == wanted
