"""The same prompt with different answers, and prompts that stand in held-out files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from quality_checks import findings, inspect, lines_of, row, said, write

from ftkit.data.shingles import jaccard, shingles
from ftkit.settings import Settings
from ftkit.validation import Context, FileFacts, ValidateOptions

LONG = (
    "Please summarise this letter in one sentence: the parcel with the spare parts left our warehouse on "
    "Monday, was held at the border for two days because a form was missing, and should arrive on Friday."
)


def test_each_further_answer_names_the_first_one(tmp_path: Path) -> None:
    rows = [
        row("Blue?", "yes"),
        row("Blue?", "no"),
        row("Blue?", "yes"),
        row("Blue?", "no"),
        row("Blue?", "maybe"),
    ]
    assert said(write(tmp_path / "d.jsonl", rows), "FT503") == [
        (2, "the same prompt as on line 1, with another answer: 'no' here, 'yes' there"),
        (5, "the same prompt as on line 1, with another answer: 'maybe' here, 'yes' there"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "conflict"),
    [
        (row("Blue?", "yes"), row("Blue?", " yes\n"), False),
        (row("Blue?", "yes"), row("blue?", "no"), False),
        (row("Blue?", "yes", "Be kind."), row("Blue?", "no", "Be rude."), False),
        (row("Blue?", "yes", tools=[]), row("Blue?", "no"), False),
        (row("Blue?", "yes"), row("Blue?", None), False),
        (row("Blue?", "yes"), row("Blue?", "Yes"), True),
        (row("Blue?", "yes", "Be kind."), row("Blue?", "no", "Be kind."), True),
        ({"prompt": "Blue is", "completion": " a"}, {"prompt": "Blue is", "completion": " b"}, True),
    ],
)
def test_what_is_a_conflict(tmp_path: Path, first: Any, second: Any, conflict: bool) -> None:
    path = write(tmp_path / "d.jsonl", [first, second])
    assert lines_of(path, "FT503") == ([2] if conflict else [])


def test_a_whole_conversation_is_the_prompt(tmp_path: Path) -> None:
    def talk(middle: str, last: str) -> dict[str, Any]:
        turns = [("user", "Hi"), ("assistant", middle), ("user", "Blue?"), ("assistant", last)]
        return {"messages": [{"role": role, "content": content} for role, content in turns]}

    path = write(tmp_path / "d.jsonl", [talk("Hello", "yes"), talk("Hey", "no"), talk("Hello", "no")])
    assert said(path, "FT503")[0][0] == 3 and len(lines_of(path, "FT503")) == 1


def test_of_free_texts_it_is_only_told(tmp_path: Path) -> None:
    rows = [
        row("Tell me a story.", "Once upon a time " * 6),
        row("Tell me a story.", "Long ago, in a forest " * 6),
    ]
    (found,) = findings(write(tmp_path / "d.jsonl", rows), "FT503")
    assert found.severity == "info" and found.message.endswith("there")
    assert "'Once upon a time Once upon a time Once …' there" in found.message


def test_answers_are_named_only_where_they_are_shown(tmp_path: Path) -> None:
    rows = [row(f"Question {n // 2}?", str(n)) for n in range(12)]
    result = inspect(write(tmp_path / "d.jsonl", rows), "FT503", max_findings=2)
    assert result.log.counts["FT503"] == 6
    shown = [finding.message.partition(": ")[2] for finding in result.log.findings()]
    assert shown == ["'1' here, '0' there", "'3' here, '2' there"]


def test_many_conflicts_come_in_the_order_of_the_lines(tmp_path: Path) -> None:
    rows = [row(f"Question {n % 50}?", str(n)) for n in range(200)]
    found = said(write(tmp_path / "d.jsonl", rows), "FT503", max_findings=1000)
    assert [line for line, _ in found] == list(range(51, 201))
    for line, message in found:
        assert line is not None and f"on line {(line - 1) % 50 + 1}," in message


def leaks(folder: Path, rows: list[Any], *held: list[Any], **options: Any) -> list[tuple[int | None, str]]:
    paths = [write(folder / f"held{n}.jsonl", part) for n, part in enumerate(held)]
    found = said(write(folder / "d.jsonl", rows), "FT504", held_out=tuple(paths), **options)
    return [(line, message.replace(str(folder) + os.sep, "")) for line, message in found]


def test_a_prompt_that_is_held_out_is_named_with_its_line(tmp_path: Path) -> None:
    train = [row("Blue?", "yes"), row("Green?", "no"), row("Red?", "no")]
    assert leaks(
        tmp_path, train, ["", row("White?", "no"), row("Green?", "perhaps"), row("Green?", "no")]
    ) == [(2, "the prompt stands on line 3 of held0.jsonl too")]


def test_every_held_out_file_is_looked_into(tmp_path: Path) -> None:
    found = leaks(tmp_path, [row("Blue?", "a"), row("Red?", "b")], [row("Red?", "c")], [row("Blue?", "d")])
    assert found == [
        (1, "the prompt stands on line 1 of held1.jsonl too"),
        (2, "the prompt stands on line 1 of held0.jsonl too"),
    ]


def test_a_similar_prompt_is_a_leak_too(tmp_path: Path) -> None:
    changed = LONG.replace("two days", "ten days")
    percent = int(100 * jaccard(shingles(LONG), shingles(changed)))
    held = [row("Blue?", "yes"), row(changed, "It comes."), row("Red?", "no")]
    assert leaks(tmp_path, [row(LONG, "Soon."), row("Anything else?", "No.")], held) == [
        (1, f"the prompt is {percent} % the same as that on line 2 of held0.jsonl")
    ]


def test_another_system_prompt_hides_no_leak(tmp_path: Path) -> None:
    found = leaks(tmp_path, [row(LONG, "Soon.", "Be kind.")], [row(LONG, "Soon.", "Be rude.")])
    assert found == [(1, "the prompt is 100 % the same as that on line 1 of held0.jsonl")]


def test_the_least_similarity_of_a_leak_is_a_parameter(tmp_path: Path) -> None:
    held = [row(LONG.replace("two days", "ten days"), "Soon.")]
    assert leaks(tmp_path, [row(LONG, "Soon.")], held, params={"FT504.similarity": 0.99}) == []


def test_unusable_rows_of_a_held_out_file_are_passed_over(tmp_path: Path) -> None:
    held = ["{", "[]", '{"messages": 3}', '{"messages": ["x"]}', row("Blue?", "yes")]
    assert leaks(tmp_path, [row("Blue?", "no")], held) == [
        (1, "the prompt stands on line 5 of held0.jsonl too")
    ]


def test_a_table_can_be_held_out(tmp_path: Path) -> None:
    (tmp_path / "held.csv").write_text("prompt,response\nBlue?,yes\nRed?,no\n")
    path = write(tmp_path / "d.jsonl", [row("Green?", "no"), row("Red?", "no")])
    assert lines_of(path, "FT504", held_out=(tmp_path / "held.csv",)) == [2]


def test_a_held_out_file_that_changes_is_read_again(tmp_path: Path) -> None:
    assert len(leaks(tmp_path, [row("Blue?", "no")], [row("Blue?", "yes")])) == 1
    assert leaks(tmp_path, [row("Blue?", "no")], [row("Something else?", "yes")]) == []


def test_nothing_is_asked_without_held_out_files(tmp_path: Path) -> None:
    assert not inspect(write(tmp_path / "d.jsonl", [row("Blue?", "no")]), "FT504").states


def test_more_rows_than_are_looked_up_at_a_time(tmp_path: Path) -> None:
    train = [row(f"What is {n} and {n}?", "?") for n in range(9000)]
    held = [row(f"What is {n} and {n}?", "!") for n in range(0, 9000, 1000)]
    found = leaks(tmp_path, train, held, max_findings=100)
    exact = [(line, message) for line, message in found if "stands" in message]
    assert [line for line, _ in exact] == list(range(1, 9001, 1000))


def test_a_held_out_file_that_is_missing_is_said_once() -> None:
    from ftkit_validators.quality.leakage import HeldOutLeak
    from ftkit_validators.quality.prompts import DifferingSystemPrompt

    from ftkit.errors import UsageError

    options = ValidateOptions(held_out=(Path("gone.jsonl"),))
    context = Context("d.jsonl", Settings().catalog.provider("local"), [], options)
    with pytest.raises(UsageError, match=r"gone\.jsonl cannot be read"):
        list(HeldOutLeak.check(context).end(FileFacts()))  # type: ignore[attr-defined]
    assert list(DifferingSystemPrompt.check(context).end(FileFacts())) == []  # type: ignore[attr-defined]
