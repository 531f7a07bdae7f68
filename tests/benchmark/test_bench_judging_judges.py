"""Who judges: names turned into judges, what their platform keeps, and several rounds of replies on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench_parts import write_rows
from judging_parts import judge_called, right_when

from ftkit.benchmarking.judging import Judge, Rubric
from ftkit.benchmarking.judging.asking import Hearing, digest_of
from ftkit.benchmarking.judging.forms import Verdict
from ftkit.benchmarking.judging.judges import judges_of
from ftkit.benchmarking.judging.prompts import judge_messages
from ftkit.benchmarking.judging.replies import ReplyFile, merged
from ftkit.errors import DataError, UsageError
from ftkit.inference import AnswerCache
from ftkit.settings import Settings, load_settings


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A project with a hook that keeps replies to a form, and one that does not."""
    (tmp_path / "house.py").write_text(
        "class Strict:\n"
        "    takes_response_format = True\n"
        "    def call(self, messages, response_format=None):\n"
        "        assert response_format['json_schema']['strict']\n"
        '        return \'{"verdict": "correct"}\', 7, 3\n'
        "def loose(prompt):\n"
        "    return 'correct'\n"
    )
    (tmp_path / "ftkit.toml").write_text(
        '[models."strict"]\nhook = "house:Strict"\nprice = { input = 1.0, output = 2.0 }\n'
    )
    monkeypatch.chdir(tmp_path)
    return load_settings()


def test_names_are_judges_each_once(project: Settings) -> None:
    own = Judge("own", judges_of("strict", settings=project)[0].backend)
    judges = judges_of(["strict", "hook:house:loose", own, "strict"], settings=project)
    assert [judge.model for judge in judges] == ["strict", "hook:house:loose", "own"]
    assert [judge.enforced for judge in judges] == [True, False, False]
    assert judges[2] is own and judges[0].entry is not None and judges[0].entry.price.input == 1.0
    assert judges[0].parameters == {"temperature": 0}


def test_parameters_are_added_and_none_takes_one_away(project: Settings) -> None:
    (judge,) = judges_of("strict", settings=project, parameters={"temperature": None, "max_tokens": 9})
    assert judge.parameters == {"temperature": None, "max_tokens": 9}


def test_a_platform_s_model_needs_a_platform(project: Settings) -> None:
    with pytest.raises(UsageError, match="no platform is connected"):
        judges_of("gpt-4.1", settings=project)
    with pytest.raises(UsageError, match="no judge"):
        judges_of((), settings=project)
    with pytest.raises(UsageError, match="house:none"):
        judges_of("hook:house:none", settings=project)


def test_a_hook_that_keeps_forms_gets_them(project: Settings, tmp_path: Path) -> None:
    from ftkit.benchmarking import judge

    rows = [{"question": "q", "answer": "a"}]
    report = judge(rows, ["strict", "hook:house:loose"], workdir=tmp_path / "w", settings=project)
    assert [one.enforced for one in report.judges] == [True, False]
    assert [one.correct for one in report.judged] == [1, 1, 1]
    assert report.judges[0].cost == pytest.approx((7 * 1.0 + 3 * 2.0) / 1e6)
    assert not any(note.startswith("strict: hook does not keep") for note in report.notes)


def test_another_judge_rubric_parameter_or_case_is_another_hearing(project: Settings) -> None:
    (judge,) = judges_of("strict", settings=project)
    (warm,) = judges_of("strict", settings=project, parameters={"temperature": 1})
    names = {
        digest_of(judge, Rubric(), "a"),
        digest_of(judge, Rubric(), "b"),
        digest_of(judge, Rubric(criteria="x"), "a"),
        digest_of(warm, Rubric(), "a"),
        digest_of(Judge("other", judge.backend, True), Rubric(), "a"),
    }
    assert len(names) == 5 and digest_of(judge, Rubric(), "a") in names


def reply(text: str | None, reason: str = "stop", **more: Any) -> dict[str, Any]:
    if text is None:
        return {"custom_id": "x", "response": None, "error": {"code": "boom", "message": "no luck"}, **more}
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": reason}
    body = {"choices": [choice]}
    return {"custom_id": "x", "response": {"status_code": 200, "body": body}, "error": None, **more}


def test_replies_of_one_round(tmp_path: Path) -> None:
    lines = [
        reply("correct", cached=True, answered_at=50),
        reply("Hm."),
        reply(None),
        reply('{"verdict": "corr', "length"),
        reply("incorrect", cached=True, answered_at=40),
        reply("correct", cached=False, answered_at=10),
    ]
    file = ReplyFile(write_rows(tmp_path / "replies.jsonl", lines), Rubric())
    assert (list(file.bad), file.lost, file.oldest) == ([1, 3], 1, 40)
    found = list(file)
    assert [one.verdict.value if one.verdict else None for one in found] == [1, None, None, None, 0, 1]
    assert "no luck" in found[2].problem and "cut off" in found[3].problem
    assert found[1].mendable and not found[2].mendable


def test_the_last_reply_counts(tmp_path: Path) -> None:
    rounds = [
        [reply("correct"), reply("Hm."), reply("Hm."), reply(None), reply("Hm.")],
        [reply("incorrect"), reply("Hm."), reply(None)],
        [reply("correct")],
    ]
    files = [
        ReplyFile(write_rows(tmp_path / f"{n}.jsonl", lines), Rubric()) for n, lines in enumerate(rounds)
    ]
    values = [one.verdict for one in merged(files)]
    assert values == [Verdict(1), Verdict(0), Verdict(1), None, None]
    assert list(merged([])) == []


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_text('{"custom_id": "x"\n')
    with pytest.raises(DataError, match=r"replies\.jsonl:1"):
        ReplyFile(path, Rubric())


def test_a_third_round_hears_all_that_was_said(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def late(messages: list[dict[str, Any]]) -> str:
        seen.append([message["role"] for message in messages])
        return right_when(lambda text: True)(messages) if len(messages) == 6 else f"Hm, {len(messages)}."

    cases = [judge_messages(Rubric(), f"q{n}", ["a"]) for n in range(2)]
    with AnswerCache(tmp_path / "answers.db") as cache:
        judge = judge_called("late", late, tmp_path)
        hearing = Hearing(judge, Rubric(), lambda: iter(cases), tmp_path / "hearing", cache, 5)
        hearing.submit()
        hearing.collect()
        assert [one.verdict for one in hearing.replies()] == [Verdict(1, "because of its text")] * 2
        used = hearing.used()
    assert (used.rounds, used.requests, used.undecided) == (3, 6, 0)
    assert sorted(map(len, seen)) == [2, 2, 4, 4, 6, 6]
    assert seen[-1] == ["system", "user", "assistant", "user", "assistant", "user"]
    replies = (tmp_path / "hearing" / "replies-2.jsonl").read_text().splitlines()
    assert [json.loads(line)["custom_id"] for line in replies] == ["case-0", "case-1"]
    hearing.tidy()
    assert not (tmp_path / "hearing").exists()
