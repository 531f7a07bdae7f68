"""``--validator FILE.py``: rules in a file work like any other; what is wrong in it is said with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import UsageError, Where
from ftkit.settings import Settings, ValidationSettings
from ftkit.validation import ValidateOptions, load_rules, validate

RULE = '''
from dataclasses import dataclass

from ftkit.validation import Found, rule

E = '{"messages": []}'

@dataclass
class Words:
    most: int

@rule("MY1", "short-reply", bad=E, good=E, severity="warning", params={"least": 3})
def short_reply(row):
    """A reply of a word or two says little."""
    least = row.context.param(short_reply, "least")
    for place, (_, message) in enumerate(row.messages):
        if message["role"] == "assistant" and len(message["content"].split()) < least:
            yield Found(f"fewer than {Words(least).most} words", at=row.at(place, "content"))

RULES = [short_reply]
'''
ROW = '{"messages": [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "one two"}]}\n'


def written(tmp_path: Path, code: str = RULE, name: str = "mine.py") -> Path:
    path = tmp_path / name
    path.write_text(code)
    return path


def run(tmp_path: Path, settings: Settings | None = None, **options: Any) -> dict[str, int]:
    (tmp_path / "data.jsonl").write_text(ROW * 12)
    chosen = ValidateOptions(select=("MY",), **options)
    report = validate(
        tmp_path / "data.jsonl", settings=settings or Settings(platform="local"), options=chosen
    )
    if report.findings:
        assert report.findings[0].pointer == "/messages/1/content"
    return report.counts


def test_a_file_of_rules_is_asked_with_its_parameters(tmp_path: Path) -> None:
    mine = written(tmp_path)
    assert run(tmp_path, validators=(mine,)) == {"MY1": 12}
    assert run(tmp_path, validators=(mine,), params={"short-reply.least": "2"}) == {}
    assert run(tmp_path, validators=(mine, mine)) == {"MY1": 12}, "named twice, loaded once"


def test_a_file_of_rules_can_stand_in_the_settings(tmp_path: Path) -> None:
    own = ValidationSettings(validators=(written(tmp_path),), severity={"MY1": "error"})
    assert run(tmp_path, Settings(platform="local", validation=own)) == {"MY1": 12}
    with pytest.raises(UsageError, match="no rule is called 'MY'"):
        run(tmp_path)


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    assert load_rules([written(tmp_path)]).get("MY1").name == "short-reply"
    written(tmp_path, RULE.replace("short-reply", "renamed"))
    assert load_rules([tmp_path / "mine.py"]).get("MY1").name == "renamed"
    assert all(r.code != "MY1" for r in load_rules().rules)


@pytest.mark.parametrize(
    ("code", "line", "words"),
    [
        ("RULES = (\n", 1, "SyntaxError: '(' was never closed"),
        ("import sys\n\nsys.exit(3)\n", 3, "SystemExit: 3"),
        ("\nimport nothing_of_this_name\n", 2, "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("def f():\n    raise ValueError('deep')\n\nf()\n", 2, "ValueError: deep"),
        ("x = 1\n", None, "names no rules"),
        ("def mine(row): ...\nRULES = [mine]\n", None, "RULES: item 0 (mine) is no rule"),
        ("RULES = 5\n", None, "RULES: it is not a sequence of rules but int"),
        (RULE.replace("MY1", "FT106"), None, "the code FT106 is taken by the rule 'not-json'"),
        (RULE.replace('    """A reply of a word or two says little."""\n', ""), 12, "MY1 says no why"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(
    tmp_path: Path, code: str, line: int | None, words: str
) -> None:
    path = written(tmp_path, code)
    with pytest.raises(UsageError) as caught:
        load_rules([path])
    assert words in caught.value.message
    assert caught.value.where == Where(path, line)


def test_a_file_that_is_not_there_or_no_python(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file of rules"):
        load_rules([tmp_path / "none.py"])
    with pytest.raises(UsageError, match="there is no such file of rules"):
        load_rules([tmp_path])
    with pytest.raises(UsageError, match="rules are in a Python file"):
        load_rules([written(tmp_path, RULE, "mine.txt")])


def test_two_files_under_one_name_are_two_modules(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    other = written(tmp_path / "b", RULE.replace("MY1", "MY2").replace("short-reply", "other"))
    loaded = load_rules([written(tmp_path), other])
    assert (loaded.get("MY1").name, loaded.get("MY2").name) == ("short-reply", "other")
    with pytest.raises(UsageError, match="MY1 is taken by the rule 'short-reply'"):
        load_rules([tmp_path / "mine.py", written(tmp_path, RULE.replace("short-reply", "b"), "again.py")])


def test_a_family_is_named_by_the_beginning_of_its_codes(tmp_path: Path) -> None:
    loaded = load_rules([written(tmp_path)])
    assert [r.code for r in loaded.family(["my", "not-json"])] == ["FT106", "MY1"]
    assert [r.code for r in loaded.without(["FT"]).rules] == ["MY1"]
