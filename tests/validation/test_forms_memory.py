"""Whom a row is shown to: a rule that was silent on a form is not asked again unless it may speak."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ftkit.settings import Settings
from ftkit.validation import Context, Found, RowView, Rule, ValidateOptions, rule
from ftkit.validation.engine import validate
from ftkit.validation.forms import RAW, Forms, form_of
from ftkit.validation.inspector import Inspector
from ftkit.validation.kinds import kind_of_row, messages_of
from ftkit.validation.lines import LineReader
from ftkit.validation.plugins import RuleSet

LOCAL = Settings(platform="local")
CONTEXT = Context("data.jsonl", LOCAL.catalog.provider("local"), (), ValidateOptions())
Asked = list[int]


def plain(text: str = "a", *roles: str) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": text} for role in roles or ("user", "assistant")]}


def weighted(weight: int) -> dict[str, Any]:
    row = plain()
    row["messages"][1]["weight"] = weight
    return row


def noting(
    code: str = "ZZ1", speaks: Callable[[RowView], bool] | None = None, **more: Any
) -> tuple[Rule, Asked]:
    """A rule that notes the line of each row it is asked about."""
    asked: Asked = []

    def look(*given: Any) -> Iterator[Found]:
        """Notes who asks."""
        row = given[-1]
        asked.append(row.line)
        if speaks is not None and speaks(row):
            yield Found("it")

    return rule(code, code.lower(), bad="{}", good="{}", **more)(look), asked


def inspect(rows: Iterable[Any], *rules: Rule, context: Context = CONTEXT) -> Inspector:
    """Check rows as the lines of a file."""
    inspector = Inspector(context, RuleSet(rules))
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    for block in LineReader(iter([data]), inspector.result.facts, 1 << 20):
        inspector.block(block)
    inspector.finish()
    return inspector


MIXED = [
    plain(),
    plain("b"),
    weighted(0),
    weighted(1),
    plain("c"),
    {**plain(), "note": 1},
    {**plain(), "note": 2},
]


def test_a_rule_that_promises_nothing_is_asked_about_every_row() -> None:
    every, asked = noting()
    assert inspect(MIXED, every).result.facts.rows == 7
    assert asked == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("reads", "lines"),
    [
        ((), [1, 3, 6]),
        (("content",), [1, 3, 6]),
        (("messages", "role"), [1, 3, 6]),
        (("weight",), [1, 3, 4, 6]),
        (("note",), [1, 3, 6, 7]),
        (("weight", "note"), [1, 3, 4, 6, 7]),
        ((RAW,), [1, 3, 4, 6, 7]),
        (None, [1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_a_rule_is_asked_once_for_each_form_and_where_its_keys_are(reads: Any, lines: Asked) -> None:
    one, asked = noting(reads=reads)
    inspect(MIXED, one)
    assert asked == lines


def test_rules_of_one_row_do_not_wait_for_one_another() -> None:
    silent, quiet = noting("ZZ1", reads=())
    every, asked = noting("ZZ2")
    spoken, loud = noting("ZZ3", speaks=lambda row: True, reads=())
    inspect([plain()] * 4, silent, every, spoken)
    assert (quiet, asked, loud) == ([1], [1, 2, 3, 4], [1, 2, 3, 4])


def test_a_rule_that_spoke_on_a_form_is_asked_again() -> None:
    def odd(row: RowView) -> bool:
        return bool(row.roles[0] == "assistant")

    rows = [plain(), plain("a", "assistant"), plain(), plain("b", "assistant"), plain("c", "assistant")]
    one, asked = noting(speaks=odd, reads=())
    inspector = inspect(rows, one)
    assert asked == [1, 2, 4, 5]
    assert [f.line for f in inspector.result.log.findings()] == [2, 4, 5]
    assert (inspector.result.facts.rows, inspector.result.facts.accepted) == (5, 2)


def test_a_rule_that_failed_is_asked_again() -> None:
    def fails(row: RowView) -> bool:
        raise ValueError("odd")

    one, asked = noting(speaks=fails, reads=())
    inspector = inspect([plain()] * 3, one)
    assert asked == [1, 2, 3] and inspector.result.failed == {"ZZ1": 3}
    assert inspector.notes() == [
        "rule ZZ1 failed on 3 calls and says nothing there: ValueError: odd (first on line 1)"
    ]


def test_a_rule_on_messages_is_asked_about_each_of_a_row() -> None:
    every, all_lines = noting("ZZ1", scope="message")
    once, asked = noting("ZZ2", scope="message", reads=())
    loud, lines = noting("ZZ3", scope="message", speaks=lambda row: row.line > 1, reads=("weight",))
    inspector = inspect([plain(), weighted(1), plain(), weighted(2)], every, once, loud)
    assert all_lines == [1, 1, 2, 2, 3, 3, 4, 4]
    assert asked == [1, 1, 2, 2] and lines == [1, 1, 2, 2, 4, 4]
    found = inspector.result.log.findings()
    assert [(f.line, f.pointer) for f in found] == [
        (line, f"/messages/{index}") for line in (2, 4) for index in (0, 1)
    ]


def test_a_rule_with_nothing_to_ask_is_never_asked() -> None:
    def labels(context: Context) -> bool:
        return context.options.labels is not None

    one, asked = noting(wanted=labels)
    inspect([plain()] * 2, one)
    assert asked == []
    options = ValidateOptions(labels=("a",))
    inspect([plain()] * 2, one, context=Context("f", CONTEXT.provider, (), options))
    assert asked == [1, 2]


PAIR = {
    "input": plain("a", "user"),
    "preferred_output": plain("b", "assistant")["messages"],
    "non_preferred_output": plain("c", "assistant")["messages"],
}
KINDS = [plain(), PAIR, {**plain("a", "user"), "reference": 1}, {"prompt": "a", "completion": "b"}]


@pytest.mark.parametrize(
    ("kinds", "lines"),
    [
        (("chat",), [1]),
        (("preference",), [2]),
        (("reinforcement",), [3]),
        (("completion",), [4]),
        (("chat", "completion"), [1, 4]),
        ((), []),
    ],
)
@pytest.mark.parametrize("scope", ["row", "message"])
def test_a_rule_is_asked_about_its_kinds_of_rows(kinds: Any, lines: Asked, scope: Any) -> None:
    one, asked = noting(kinds=kinds, scope=scope)
    inspect(KINDS, one)
    assert sorted(set(asked)) == [line for line in lines if scope == "row" or line != 4]


def test_a_rule_on_messages_of_a_preference_points_into_its_input() -> None:
    one, _ = noting(kinds=("preference",), scope="message", speaks=lambda row: True)
    (found,) = inspect([PAIR], one).result.log.findings()
    assert found.pointer == "/input/messages/0"


def view(value: dict[str, Any]) -> RowView:
    kind = kind_of_row(value)
    given, at = messages_of(value, kind)
    pairs = [(i, m) for i, m in enumerate(given or []) if isinstance(m, dict)]
    return RowView(value, 1, None, CONTEXT, pairs, kind=kind, messages_at=at)


@pytest.mark.parametrize(
    "messages",
    [
        None,
        "text",
        [1],
        [{"content": "a"}],
        [{"role": 1, "content": "a"}],
        [{"role": "user", "content": ""}],
        [{"role": "user", "content": " \n"}],
        [{"role": "user", "content": ["a"]}],
        [{"role": "user", "content": 1}],
    ],
)
def test_an_odd_row_has_no_form_and_everybody_is_asked(messages: Any) -> None:
    assert form_of(view({"messages": messages})) is None
    one, asked = noting(reads=())
    inspect([{"messages": messages}] * 3, one)
    assert asked == [1, 2, 3]


def test_the_form_is_the_roles_and_keys_and_which_contents_are_null() -> None:
    def form(*messages: dict[str, Any], **more: Any) -> Any:
        formed = form_of(view({"messages": list(messages), **more}))
        assert formed is not None
        return formed

    user = {"role": "user", "content": "a"}
    assert form(user) == form({**user, "content": "b"})
    assert form(user)[1] == {"messages", "role", "content"}
    assert form({**user, "name": "n"}, note=1)[1] == {"messages", "role", "content", "name", "note"}
    assert form({**user, "weight": 1}) == form({**user, "weight": 0})
    others = [
        form(user, user),
        form({**user, "role": "system"}),
        form({**user, "content": None}),
        form({"role": "user"}),
        form({**user, "name": "n"}),
        form(user, note=1),
    ]
    assert len({each for each, _ in [form(user), *others]}) == 7


def test_what_is_known_is_forgotten_before_it_grows_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftkit.validation.forms._MOST_FORMS", 3)
    one, _ = noting(reads=())
    forms = Forms([one], [])
    everybody = forms.everybody("chat")
    assert everybody.row == (one,) and forms.everybody("completion").row == ()
    for form in "abcd":
        forms.learn(form, everybody, set(), set(), plain=False)
    assert forms.get("a") is None and forms.get("d") == ((), ()) and forms.silent == set()


def test_only_plain_forms_that_nobody_has_a_word_on_pass_unseen() -> None:
    one, _ = noting(reads=(RAW, "weight"))
    forms = Forms([one], [])
    forms.learn(("user",), forms.everybody("chat"), {"ZZ1"}, set(), plain=True)
    forms.learn(("system",), forms.everybody("chat"), set(), set(), plain=False)
    assert forms.silent == set()
    forms.learn(("tool",), forms.everybody("chat"), set(), {"content"}, plain=True)
    assert forms.silent == {("tool",)}


FILE = '''
from ftkit.validation import Found, rule

ROW = '{"messages": []}'


@rule("ZZ1", "every-tenth", bad=ROW, good=ROW, severity="warning")
def tenth(row):
    """Looks at every row."""
    if row.value["messages"][0]["content"].endswith("0"):
        yield Found("a tenth", at=row.at(0, "content"))


@rule("ZZ2", "no-weights", bad=ROW, good=ROW, scope="message", reads=("weight",))
def weights(message, row):
    """Looks at weights."""
    if message.get("weight") == 0:
        yield Found("weighs nothing", at=("weight",))


RULES = [tenth, weights]
'''


@pytest.mark.parametrize("processes", [1, 2])
def test_rules_of_a_file_say_the_same_in_any_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    for name in ("shards.SHARD_BYTES", "parallel.SHARD_BYTES", "parallel.HEAD_BYTES"):
        monkeypatch.setattr(f"ftkit.validation.{name}", 4000)
    rules, data = tmp_path / "own.py", tmp_path / "data.jsonl"
    rules.write_text(FILE)
    rows = [weighted(n % 3) if n % 7 == 0 else plain(f"text {n}") for n in range(1, 201)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert data.stat().st_size > 3 * 4000
    options = ValidateOptions(validators=(rules,), select=("ZZ",), processes=processes)
    report = validate(data, settings=LOCAL, options=options)
    tenths = [n for n in range(1, 201) if n % 10 == 0 and n % 7]
    nothing = [n for n in range(1, 201) if n % 21 == 0]
    assert [f.line for f in report.findings if f.code == "ZZ1"] == tenths
    assert [f.line for f in report.findings if f.code == "ZZ2"] == nothing
    assert {f.pointer for f in report.findings} == {"/messages/0/content", "/messages/1/weight"}
    assert (report.rows, report.rejected, report.warnings) == (200, len(nothing), len(tenths))
    assert report.notes == []
