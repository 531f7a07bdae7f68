"""The place of a finding: line, column, pointer and caret agree, and point at what is meant."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from ftkit.settings import Settings
from ftkit.validation import Finding, ValidateOptions, ValidationReport, validate
from ftkit.validation.locate import excerpt_of, pointer_of, span_of
from ftkit.validation.output.terminal import print_findings
from ftkit.validation.output.words import groups_of

LOCAL = Settings(platform="local")


def check(data: str | bytes, tmp_path: Path, **options: Any) -> ValidationReport:
    (tmp_path / "data.jsonl").write_bytes(data.encode() if isinstance(data, str) else data)
    chosen = ValidateOptions(ignore=("FT112",), **options)
    return validate(tmp_path / "data.jsonl", settings=LOCAL, options=chosen)


def meant(finding: Finding) -> str:
    """The characters that the caret stands under."""
    assert finding.excerpt is not None
    return finding.excerpt.text[finding.excerpt.start :][: finding.excerpt.length]


PLACES = [
    (
        '{"messages": [{"rôle": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}',
        "FT221",
        '"rôle"',
    ),
    ('{"mesages": [], "messages": []}', "FT222", '"mesages"'),
    ('{"a\\"b": 1, "messages": []}', "FT222", '"a\\"b"'),
    ('{"messages": [{"role": "USER", "content": "😀"}]}', "FT207", '"USER"'),
    ('{"messages": [{"role": "user", "content": null}]}', "FT209", "null"),
    ('{"messages": [{"role": "user", "content": 12.50}]}', "FT210", "12.50"),
    ('{"messages": [{"role": "user", "content": [ ]}]}', "FT211", "[ ]"),
    ('{"messages": [{"role": "user"}]}', "FT208", '{"role": "user"}'),
    ('{"messages": "hello"}', "FT202", '"hello"'),
    ('{"messages": [5]}', "FT204", "5"),
    ('{"x": 1}', "FT201", '{"x": 1}'),
    ('{"messages": [], "tools": {}}', "FT225", "{}"),
    ('  {"messages": []}', "FT203", "[]"),
    ('\t{"messages": []}', "FT203", "[]"),
]


@pytest.mark.parametrize(
    ("line", "code", "text"), PLACES, ids=[f"{code}-{i}" for i, (_, code, _) in enumerate(PLACES)]
)
def test_the_caret_covers_what_is_meant_and_nothing_else(
    line: str, code: str, text: str, tmp_path: Path
) -> None:
    report = check("\n" + line + "\n", tmp_path)
    finding = next(f for f in report.findings if f.code == code)
    assert meant(finding) == text
    assert finding.line == 2 and finding.column is not None
    assert line[finding.column - 1 :].startswith(text)


def test_of_a_key_that_stands_twice_the_last_value_is_meant(tmp_path: Path) -> None:
    line = '{"messages": [{"role": "user", "content": "ok", "content": ""}]}'
    finding = next(f for f in check(line, tmp_path).findings if f.code == "FT211")
    assert meant(finding) == '""' and finding.pointer == "/messages/0/content"


def test_of_repeated_messages_the_last_ones_are_meant(tmp_path: Path) -> None:
    line = '{"messages": [{"role": "bot", "content": "a"}], "messages": [{"role": "gpt", "content": "a"}]}'
    finding = next(f for f in check(line, tmp_path).findings if f.code == "FT206")
    assert meant(finding) == '"gpt"'


def test_columns_count_characters_behind_any_script(tmp_path: Path) -> None:
    for text in ("日本語", "e\u0301\u0302", "😀👩‍👩‍👧", "שלום", "\\u00e9\\n"):
        line = f'{{"messages": [{{"role": "user", "content": "{text}"}}, {{"role": "bot", "content": "b"}}]}}'
        finding = next(f for f in check(line, tmp_path).findings if f.code == "FT206")
        assert finding.column == line.index('"bot"') + 1
        assert meant(finding) == '"bot"'


def test_a_byte_order_mark_moves_no_column(tmp_path: Path) -> None:
    line = '{"messages": []}'
    plain, marked = (check(mark + line, tmp_path) for mark in ("", "\ufeff"))
    columns = [next(f for f in r.findings if f.code == "FT203").column for r in (plain, marked)]
    assert columns == [14, 14]


def test_a_line_that_is_not_utf8_is_shown_around_the_byte(tmp_path: Path) -> None:
    line = b'{"a": "' + "é".encode() * 30 + b"caf\xe9 au lait" + b'"}'
    finding = next(f for f in check(line, tmp_path).findings if f.code == "FT101")
    assert finding.column == len('{"a": "') + 30 + 4
    assert finding.excerpt is not None and "caf� au lait" in finding.excerpt.text
    assert meant(finding) == "�" and "offset 70" in finding.message


def test_a_line_that_was_not_looked_into_is_shown_by_its_beginning(tmp_path: Path) -> None:
    finding = check(b'{"messages": "' + b"x" * 5000 + b'"}', tmp_path, max_line_bytes=1000).findings[0]
    assert (finding.code, finding.line, finding.column) == ("FT113", 1, 1)
    assert finding.excerpt is not None and finding.excerpt.text.startswith('{"messages": "xxx')
    assert finding.excerpt.text.endswith("…") and len(finding.excerpt.text) <= 102


def test_findings_come_by_line_and_those_of_the_whole_file_first(tmp_path: Path) -> None:
    data = '{"messages": []}\n' * 3 + "broken\n" + "\n" + "\n".join(['{"messages": []}'] * 3)
    lines = [f.line or 0 for f in check(data, tmp_path).findings]
    assert lines == sorted(lines) == [1, 2, 3, 4, 5, 6, 7, 8]


NAMES = st.text('ab"\\/~ {}:,', max_size=3)
JSON = st.recursive(
    st.integers(0, 9) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


def keys_in(value: Any, keys: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [(*keys, key) for key, _ in inner if isinstance(key, str)]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [place for key, child in inner for place in keys_in(child, (*keys, key))]


@given(JSON, st.sampled_from([None, 1]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_every_key_is_found_in_the_text(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    for keys in keys_in(value):
        span = span_of(text, keys, the_key=True)
        assert span is not None and json.loads(text[slice(*span)]) == keys[-1]
        assert text[span[1] :].startswith(":")


def test_a_key_that_is_not_there_is_its_nearest_parent() -> None:
    text = '{"messages": [{"role": "user"}]}'
    assert span_of(text, ("messages", 0, "name"), the_key=True) == (14, 30)
    assert span_of(text, ("messages", 0), the_key=True) == (14, 30)
    assert span_of(text, (), the_key=True) == (0, 32)


@given(JSON)
@settings(max_examples=100, deadline=None)
def test_a_pointer_leads_back_to_the_value(value: Any) -> None:
    for keys in keys_in(value):
        pointer = pointer_of(keys)
        assert pointer is not None
        at = value
        for part in pointer[1:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            at = at[int(name)] if isinstance(at, list) else at[name]
        wanted = value
        for key in keys:
            wanted = wanted[key]
        assert at == wanted


@given(st.text(max_size=300), st.data())
@settings(max_examples=200, deadline=None)
def test_the_printed_mark_stands_under_its_characters(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    finding = Finding(
        code="FT1",
        rule="r",
        severity="error",
        message="m",
        file="f",
        line=1,
        excerpt=excerpt_of(text, start, end),
    )
    base = dict.fromkeys(("rows", "accepted", "rejected", "messages", "errors", "warnings"), 0)
    report = ValidationReport(
        ok=False, source="f", kind="jsonl", platform="local", counts={"FT1": 1}, findings=[finding], **base
    )
    console = Console(file=io.StringIO(), width=250, highlight=False)
    print_findings(console, groups_of(report), {})
    assert isinstance(console.file, io.StringIO)
    _, shown, mark = console.file.getvalue().split("\n")[1:4]
    assert finding.excerpt is not None
    before = finding.excerpt.text[: finding.excerpt.start]
    assert shown.rstrip() == f"  | {finding.excerpt.text}".rstrip()
    assert mark.index("^") == 4 + cell_len(before)
    assert set(mark[mark.index("^") :]) == {"^"}
