"""A comparison: what is scored, against whom, by which metric; both sides on one prepared platform."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from canned_platform import Asked, Canned
from conftest import example, write
from hosted import TUNED, chat, reply, serve_openai
from houses import retrained, tuned

from ftkit.errors import DataError, UsageError
from ftkit.gateway import Platform
from ftkit.lifecycle import migration
from ftkit.lifecycle.migration.folder import MigrationFolder

To = Callable[..., Platform]
NEW = "ft:gpt-4.1-mini-2025-04-14:acme:next:cd34"
WORDS = {"rose": "up", "fell": "down", "climbed": "up", "shrank": "down"}


def golden(count: int = 12, **change: Any) -> list[dict[str, Any]]:
    """Rows with a right answer, each verb as often as the others."""
    verbs = list(WORDS)
    return [
        {**example(f"sales {verbs[n % 4]} in region {n}", WORDS[verbs[n % 4]]), **change}
        for n in range(count)
    ]


class Answers:
    """A platform with the old model and the new one; each answers as a function of the text says."""

    def __init__(self, canned: Canned) -> None:
        self.old: Callable[[str], str] = right
        self.new: Callable[[str], str] = right
        self.asked: list[dict[str, Any]] = []
        canned.answer("POST", "/chat/completions", self)

    def __call__(self, asked: Asked) -> Any:
        body = asked.json
        if body.get("logprobs"):
            return chat(asked)
        self.asked.append(body)
        says = self.old if body["model"] == TUNED else self.new
        said = says(body["messages"][-1]["content"])
        return (
            {**reply(said), "model": body["model"]}
            if said != "error"
            else (400, {"error": {"message": "no"}})
        )


def right(text: str) -> str:
    return next(label for verb, label in WORDS.items() if verb in text)


def wrong(text: str) -> str:
    return {"up": "down", "down": "up"}[right(text)]


@pytest.fixture
def answers(canned: Canned) -> Answers:
    """Both models."""
    serve_openai(canned)
    canned.answer("GET", f"/models/{NEW}", {"id": NEW, "object": "model"})
    return Answers(canned)


@pytest.fixture
def platform(answers: Answers, to_canned: To, folder: Path) -> Platform:
    """The platform, with the old model exported."""
    made = to_canned("openai")
    migration.export(made, folder)
    return made


def record(platform: Platform, folder: Path, rows: list[dict[str, Any]], **given: Any) -> None:
    migration.record(platform, folder, golden=write(folder / "g.jsonl", rows), via="realtime", **given)


def compare(platform: Platform, folder: Path, **given: Any) -> migration.Compared:
    return migration.compare(platform, folder, **{"new": NEW, "via": "realtime", **given})


def test_rows_that_one_alone_has_right_are_counted(
    answers: Answers, platform: Platform, folder: Path
) -> None:
    answers.old = lambda text: wrong(text) if "region 1" in text else right(text)  # regions 1, 10, 11
    answers.new = lambda text: wrong(text) if "climbed" in text else right(text)  # regions 2, 6, 10
    record(platform, folder, golden())
    found = compare(platform, folder, margin=0.4)
    assert (found.rows, found.only_old, found.only_new) == (12, 2, 2)
    assert (found.old_score, found.new_score, found.difference) == (0.75, 0.75, 0.0)
    assert found.agreement == pytest.approx(8 / 12)
    assert found.low == -found.high
    assert found.verdict == "equivalent"
    assert found.statement.startswith(f"On 12 rows {NEW} is within")


def test_an_answer_that_did_not_come_is_not_right(answers: Answers, platform: Platform, folder: Path) -> None:
    answers.new = lambda text: "error" if "region 3" in text else right(text)
    record(platform, folder, golden())
    found = compare(platform, folder)
    assert (found.old_score, found.new_score) == (1.0, pytest.approx(11 / 12))
    assert (found.only_old, found.only_new) == (1, 0)
    assert found.agreement == pytest.approx(11 / 12)  # two that say nothing do not say the same


def test_what_the_old_model_failed_at_stays_in_the_count(
    answers: Answers, platform: Platform, folder: Path
) -> None:
    answers.old = lambda text: "error" if "region 3" in text else right(text)
    record(platform, folder, golden())
    found = compare(platform, folder)
    assert (found.rows, found.old_score, found.new_score) == (12, pytest.approx(11 / 12), 1.0)


def test_graded_answers_are_compared_by_their_scores(
    answers: Answers, platform: Platform, folder: Path
) -> None:
    rows = [example(f"sales rose in region {n}", f"sales rose in region {n}") for n in range(12)]
    answers.old = lambda text: text
    answers.new = lambda text: text.removeprefix("sales ") if text.endswith(("1", "2")) else text
    record(platform, folder, rows)
    found = compare(platform, folder, metric="chrf", margin=0.3)
    assert found.old_score == 1.0
    assert 0.8 < found.new_score < 1.0
    assert found.difference == pytest.approx(found.new_score - 1.0, abs=1e-6)
    assert -0.3 < found.low < found.difference < found.high < 0.05
    assert found.verdict == "equivalent"


def test_rows_without_a_right_answer_are_left_out_where_that_is_asked_for(
    answers: Answers, platform: Platform, folder: Path
) -> None:
    some = [*golden(9), *(example(f"sales rose in region {n}", None) for n in (90, 91, 92))]
    record(platform, folder, some)
    found = compare(platform, folder, against="right answers", margin=0.5)
    assert (found.rows, found.against) == (9, "right answers")
    assert "3 prompts were left out" in found.notes[0]
    found = compare(platform, folder, margin=0.5)
    assert (found.rows, found.against) == (12, "old answers")  # not all say what is right


def test_where_no_row_says_what_is_right_that_is_an_error(
    answers: Answers, platform: Platform, folder: Path
) -> None:
    record(platform, folder, [example("sales rose", None)])
    with pytest.raises(UsageError, match="no row says what is right"):
        compare(platform, folder, against="right answers")
    assert not list(folder.rglob("rows.jsonl"))


def test_old_answers_that_are_empty_say_nothing(answers: Answers, platform: Platform, folder: Path) -> None:
    answers.old = lambda text: "" if "region 2" in text else right(text)
    record(platform, folder, golden(8))
    found = compare(platform, folder, against="old answers")
    assert found.rows == 7
    assert "1 prompt was left out" in found.notes[0]
    assert "answers as" in found.statement


def test_the_new_model_is_asked_as_the_old_one_was(
    answers: Answers, platform: Platform, folder: Path
) -> None:
    rows = golden(
        4, tools=[{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    )
    record(platform, folder, rows, max_tokens=7, parameters={"top_p": 0.5}, logprobs=False)
    compare(platform, folder, margin=0.9)
    by_text = sorted(answers.asked, key=lambda body: str(body["messages"]))  # several are asked at once
    old, new = ([body for body in by_text if body["model"] == name] for name in (TUNED, NEW))
    assert len(old) == len(new) == 4
    for before, after in zip(old, new, strict=True):
        assert {**before, "model": NEW} == after
    assert all(body["temperature"] == 0 and body["max_tokens"] == 7 for body in new)


def test_another_limit_of_tokens_may_be_given(answers: Answers, platform: Platform, folder: Path) -> None:
    record(platform, folder, golden(4), max_tokens=7, logprobs=False)
    compare(platform, folder, max_tokens=30, margin=0.9)
    assert {body["max_tokens"] for body in answers.asked if body["model"] == NEW} == {30}


def test_a_model_of_the_same_name_is_told_from_the_old_one(
    answers: Answers, platform: Platform, folder: Path, to_canned: To
) -> None:
    """The same name on another platform: the record plays the old one."""
    record(platform, folder, golden(8))
    answers.old = wrong  # who answers to it there is another one
    found = compare(to_canned("nebius"), folder, new=TUNED)
    assert (found.old, found.new, found.old_score, found.new_score) == (TUNED, TUNED, 1.0, 0.0)
    assert f"{TUNED} (old)" in found.statement
    assert found.verdict == "worse"


def test_several_new_models_are_to_be_named(answers: Answers, platform: Platform, folder: Path) -> None:
    record(platform, folder, golden(4))
    model = tuned(TUNED)
    for number, name in enumerate((NEW, "ft:another")):
        made = retrained(folder, model, name, platform="openai")
        made.folder.rename(made.folder.with_name(f"n{number}"))
    with pytest.raises(UsageError, match="several models were retrained") as caught:
        migration.compare(platform, folder)
    assert f"{NEW}, ft:another" in str(caught.value)
    assert compare(platform, folder, margin=0.9).new == NEW


@pytest.mark.parametrize("margin", [0, 1, -0.1, 2.5])
def test_a_margin_is_a_share(platform: Platform, folder: Path, margin: float) -> None:
    with pytest.raises(UsageError, match=r"0\.02 for two points"):
        compare(platform, folder, margin=margin)


@pytest.mark.parametrize("name", ["golden/prompts.jsonl", "golden/answers.jsonl"])
@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_record_is_not_compared(
    answers: Answers, platform: Platform, folder: Path, name: str, damage: str
) -> None:
    record(platform, folder, golden(4))
    path = MigrationFolder(folder).models()[0].path / name
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes().replace(b"up", b"no"))
    with pytest.raises(DataError, match="damaged") as caught:
        compare(platform, folder)
    assert str(path) in str(caught.value)


def test_more_confidence_is_a_wider_interval(answers: Answers, platform: Platform, folder: Path) -> None:
    record(platform, folder, golden())
    usual, sure = compare(platform, folder), compare(platform, folder, confidence=0.99)
    assert sure.within > usual.within
    assert "with 99 % confidence" in sure.statement
    assert (usual.confidence, sure.confidence) == (0.95, 0.99)


def test_a_second_comparison_asks_nothing_again(answers: Answers, platform: Platform, folder: Path) -> None:
    record(platform, folder, golden())
    first = compare(platform, folder)
    before = len(answers.asked)
    again = compare(platform, folder, margin=0.3)
    assert len(answers.asked) == before
    assert again.difference == first.difference
    assert len(MigrationFolder(folder).models()[0].compared) == 1  # of one pair there is one record


def test_every_row_and_both_answers_can_be_read(answers: Answers, platform: Platform, folder: Path) -> None:
    answers.new = wrong
    record(platform, folder, golden(4))
    found = compare(platform, folder)
    with (found.folder / "answers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["model"], row["answer"]) for row in rows if row["row"] == "0"} == {
        (TUNED, "up"),
        (NEW, "down"),
    }
    assert len(rows) == 8
    assert f"{NEW} in place of {TUNED}" in found.report.read_text()
    assert json.loads((found.folder / "parity.json").read_text())["verdict"] == found.verdict == "worse"
