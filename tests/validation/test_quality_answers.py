"""Labels out of balance, answers that say nothing, system prompts and lengths out of the usual."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from quality_checks import findings, lines_of, row, said, write

SMALL = {"FT505.rows": 20, "FT505.rare": 3, "FT512.rows": 20}


def answered(folder: Path, *answers: str) -> Path:
    return write(folder / "d.jsonl", [row(f"Question number {n}?", a) for n, a in enumerate(answers)])


def test_the_label_that_nearly_all_rows_have(tmp_path: Path) -> None:
    path = answered(tmp_path, *["no"] * 37, *["yes"] * 3)
    assert said(path, "FT505", params=SMALL) == [(None, "37 of 40 rows have the answer 'no': 92.5%")]


def test_labels_that_hardly_any_row_has_rarest_first(tmp_path: Path) -> None:
    path = answered(tmp_path, *["no"] * 20, *["yes"] * 17, "maybe", "maybe", "never")
    assert sorted(message for _, message in said(path, "FT505", params=SMALL)) == [
        "only 1 of 40 rows has the answer 'never'",
        "only 2 of 40 rows have the answer 'maybe'",
    ]


@pytest.mark.parametrize(
    "answers",
    [
        ["no"] * 18 + ["yes"],  # too few rows
        ["no"] * 40,  # one label alone: another rule's matter
        ["no"] * 20 + ["yes"] * 20,
        [f"answer {n}" for n in range(40)],  # no labels
        ["no"] * 39 + ["x" * 81],  # a long answer among them
        ["no"] * 150 + [f"label {n}" for n in range(50)],  # more labels than are labels
    ],
)
def test_where_nothing_is_said_of_labels(tmp_path: Path, answers: list[str]) -> None:
    assert said(answered(tmp_path, *answers), "FT505", params=SMALL) == []


def test_spaces_around_a_label_do_not_count(tmp_path: Path) -> None:
    path = answered(tmp_path, *["no", " no\n"] * 19, "yes", "yes")
    assert said(path, "FT505", params={**SMALL, "FT505.rare": 1}) == [
        (None, "38 of 40 rows have the answer 'no': 95.0%")
    ]


@pytest.mark.parametrize("cuts", [(), (1,), (7, 20)])
def test_too_many_labels_are_none_however_the_file_is_cut(tmp_path: Path, cuts: tuple[int, ...]) -> None:
    path = answered(tmp_path, *[f"label {n % 51}" for n in range(400)], "label 0")
    assert said(path, "FT505", params={**SMALL, "FT505.rare": 100}, cuts=cuts) == []


def test_one_answer_for_nearly_all_rows(tmp_path: Path) -> None:
    path = answered(tmp_path, "Sure.", *["I cannot help with that."] * 39)
    assert said(path, "FT506") == [
        (None, "39 of 40 rows have the same answer as line 2: 'I cannot help with that.'")
    ]


@pytest.mark.parametrize(
    ("answers", "params"),
    [
        (["no"] * 19, {}),
        (["no"] * 36 + ["yes"] * 4, {}),
        (["no"] * 39 + ["yes"], {"FT506.share": 1.0}),
        ([f"answer {n}" for n in range(40)], {}),
    ],
)
def test_where_answers_are_not_constant(tmp_path: Path, answers: list[str], params: dict[str, Any]) -> None:
    assert said(answered(tmp_path, *answers), "FT506", params=params) == []


def test_the_share_of_a_constant_answer_is_a_parameter(tmp_path: Path) -> None:
    path = answered(tmp_path, *["no"] * 30, *["yes"] * 10)
    assert len(said(path, "FT506", params={"FT506.share": 0.75})) == 1


QUESTION = "How do I boil an egg properly?"


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (row(QUESTION, QUESTION), "the answer is the prompt again"),
        (row(f" {QUESTION}\n", QUESTION), "the answer is the prompt again"),
        (row(QUESTION, f"{QUESTION} In hot water."), "the answer begins with the whole prompt"),
        (row(QUESTION, "In hot water."), None),
        (row(QUESTION, f"You ask: {QUESTION}"), None),
        (row("Hi there!", "Hi there!"), None),
        (row(QUESTION, None), None),
        ({"prompt": QUESTION, "completion": QUESTION}, "the answer is the prompt again"),
    ],
)
def test_answers_that_are_copied(tmp_path: Path, example: dict[str, Any], message: str | None) -> None:
    found = said(write(tmp_path / "d.jsonl", [example]), "FT507")
    assert found == ([(1, message)] if message else [])


def test_a_copied_answer_is_shown_where_it_stands(tmp_path: Path) -> None:
    (found,) = findings(write(tmp_path / "d.jsonl", [row(QUESTION, QUESTION, "Be kind.")]), "FT507")
    assert found.pointer == "/messages/2/content"
    assert found.excerpt is not None and QUESTION in found.excerpt.text


def systems(folder: Path, *prompts: str | None) -> Path:
    rows = [row(f"Question number {n}?", "yes", prompt) for n, prompt in enumerate(prompts)]
    return write(folder / "d.jsonl", rows)


def test_rows_with_another_system_prompt_than_most(tmp_path: Path) -> None:
    path = systems(tmp_path, *["Be brief."] * 20, "Be brief", *["Be brief."] * 17, None, "Be brief.")
    assert said(path, "FT508") == [
        (21, "another system prompt, where 95.0% of the rows have the same one"),
        (39, "no system prompt, where 95.0% of the rows have the same one"),
    ]


def test_a_system_prompt_where_most_have_none(tmp_path: Path) -> None:
    ((line, message),) = said(systems(tmp_path, *[None] * 30, "Be brief."), "FT508")
    assert line == 31 and message.endswith("96.8% of the rows have none") and "a system prompt" in message


@pytest.mark.parametrize(
    "prompts",
    [
        ["Be brief."] * 18 + ["Be kind."],  # too few rows
        ["Be brief."] * 40,
        ["Be brief."] * 30 + ["Be kind."] * 10,  # two tasks, not a slip
        [None] * 40,
    ],
)
def test_where_system_prompts_are_as_they_should_be(tmp_path: Path, prompts: list[str | None]) -> None:
    assert said(systems(tmp_path, *prompts), "FT508") == []


def test_developer_messages_instruct_as_system_messages_do(tmp_path: Path) -> None:
    def with_role(role: str) -> dict[str, Any]:
        return row("One?", "yes") | {
            "messages": [{"role": role, "content": "Be brief."}, *row("One?", "yes")["messages"]]
        }

    rows = [with_role("developer" if n % 2 else "system") for n in range(30)]
    assert said(write(tmp_path / "d.jsonl", rows), "FT508") == []


def test_system_prompts_that_the_benchmark_does_not_have(tmp_path: Path) -> None:
    held = write(
        tmp_path / "test.jsonl", [row("What else?", "no", "Be brief!"), row("Why?", "no", "Be kind.")]
    )
    path = systems(tmp_path, "Be kind.", "Be brief.", "Be brief.")
    ((line, message),) = said(path, "FT508", held_out=(held,))
    assert line == 2 and message == f"the system prompts of 2 of 3 rows stand nowhere in {held}"


def test_the_same_system_prompts_in_the_benchmark(tmp_path: Path) -> None:
    held = write(tmp_path / "test.jsonl", [row("What else?", "no", "Be brief.")])
    assert said(systems(tmp_path, "Be brief.", "Be brief."), "FT508", held_out=(held,)) == []


def lengths(folder: Path, *sizes: int) -> Path:
    return write(folder / "d.jsonl", [row("x" * (size - 4), "yes") for size in sizes])


def test_rows_far_longer_or_shorter_than_the_others(tmp_path: Path) -> None:
    path = lengths(tmp_path, *[90, 110] * 15, 9000, *[100] * 31, 6)
    assert said(path, "FT512", params=SMALL) == [
        (31, "far longer than the others: 9,000 characters, where the median is 100"),
        (63, "far shorter than the others: 6 characters, where the median is 100"),
    ]


@pytest.mark.parametrize(
    "sizes",
    [
        [100] * 10 + [10_000],  # too few rows
        [100] * 40 + [150],  # all alike, and one half as long again
        [2**n for n in range(5, 13)] * 5,  # lengths that vary as those of real data do
    ],
)
def test_lengths_that_are_usual(tmp_path: Path, sizes: list[int]) -> None:
    assert said(lengths(tmp_path, *sizes), "FT512", params=SMALL) == []


def test_many_odd_rows_do_not_hide_one_another(tmp_path: Path) -> None:
    path = lengths(tmp_path, *[100] * 60, *[20_000] * 20)
    assert lines_of(path, "FT512", params=SMALL) == list(range(61, 81))


def test_the_distance_of_an_odd_length_is_a_parameter(tmp_path: Path) -> None:
    path = lengths(tmp_path, *[100] * 40, 250)
    assert lines_of(path, "FT512", params=SMALL) == []
    assert lines_of(path, "FT512", params={**SMALL, "FT512.distance": 3}) == [41]


def test_a_shared_system_prompt_is_no_length(tmp_path: Path) -> None:
    rows = [row("Why is it so?", "Who knows.", "Be kind." * (500 if n == 3 else 1)) for n in range(40)]
    assert lines_of(write(tmp_path / "d.jsonl", rows), "FT512", params=SMALL) == []
