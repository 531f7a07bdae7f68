"""From data to rows, and from rows to messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from ftkit.data import SourceOptions
from ftkit.errors import DataError, UsageError, Where
from ftkit.inference.llm.prompts import messages_of, own_prompt, template, with_instruction
from ftkit.inference.llm.sources import Rows

HERE = Where("rows", 1)
TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]


class Film(BaseModel):
    title: str
    year: int = 1999


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (None, [{}]),
        ("How old?", [{"prompt": "How old?"}]),
        (["a", "b"], [{"prompt": "a"}, {"prompt": "b"}]),
        (TALK, [{"prompt": TALK}]),
        ([TALK, "b"], [{"prompt": TALK}, {"prompt": "b"}]),
        ({"text": "a"}, [{"text": "a"}]),
        ([{"text": "a"}, {"text": "b"}], [{"text": "a"}, {"text": "b"}]),
        (Film(title="Up"), [{"title": "Up", "year": 1999}]),
        ((Film(title=t) for t in "ab"), [{"title": "a", "year": 1999}, {"title": "b", "year": 1999}]),
        (iter(["a"]), [{"prompt": "a"}]),
        (({"n": n} for n in range(2)), [{"n": 0}, {"n": 1}]),
    ],
)
def test_rows_of_anything_can_be_gone_through_twice(data: Any, rows: list[dict[str, Any]]) -> None:
    made = Rows(data)
    assert list(made) == rows
    assert list(made) == rows


def test_tables_and_files_are_rows(tmp_path: Path) -> None:
    import datasets
    import pandas

    wanted = [{"text": "a", "n": 1}, {"text": "b", "n": 2}]
    path = tmp_path / "rows.csv"
    path.write_text("text,n\na,1\nb,2\n")
    assert list(Rows(pandas.DataFrame(wanted))) == wanted
    assert list(Rows(datasets.Dataset.from_list(wanted))) == wanted
    stream = datasets.Dataset.from_list(wanted).to_iterable_dataset()
    assert list(Rows(stream)) == wanted
    texts = [{name: str(value) for name, value in row.items()} for row in wanted]
    assert list(Rows(path)) == texts
    assert list(Rows(path, SourceOptions(limit=1))) == texts[:1]
    assert Rows(path).where(2) == Where(str(path), 2)


def test_an_opened_iterator_can_be_gone_through_twice() -> None:
    from ftkit.data import open_rows

    rows = Rows(open_rows({"n": n} for n in range(3)))
    assert list(rows) == list(rows) == [{"n": 0}, {"n": 1}, {"n": 2}]


@pytest.mark.parametrize("data", [3, b"text", object()])
def test_what_is_no_data_is_a_wrong_call(data: Any) -> None:
    with pytest.raises(UsageError, match="no data to ask a model about"):
        Rows(data)


def test_a_row_that_is_none_has_its_place() -> None:
    with pytest.raises(DataError, match="rows:2: a row is a mapping or a text"):
        list(Rows(["a", 3]))


def test_a_row_brings_its_own_prompt() -> None:
    assert own_prompt({"prompt": "a", "messages": TALK}) == "a"
    assert own_prompt({"messages": TALK}) == TALK
    with pytest.raises(UsageError, match="its columns are: text"):
        own_prompt({"text": "a"})


def test_a_template_takes_cells_and_nothing_else() -> None:
    fill = template("Is {text} {{good}}? {n}")
    assert fill({"text": "it {n}", "n": 3, "more": 1}) == "Is it {n} {good}? 3"
    assert template("Name a colour.")({}) == "Name a colour."
    with pytest.raises(UsageError, match="there is no column 'text'"):
        fill({"texts": "a"})
    with pytest.raises(DataError, match="the cell 'text' is empty"):
        fill({"text": " ", "n": 3})
    for wrong in ("a {", "} b", "a {} b"):
        with pytest.raises(UsageError, match="the prompt has a"):
            template(wrong)


def test_prompts_become_messages_with_the_system_prompt_before_them() -> None:
    assert messages_of("Hello", None, HERE) == [{"role": "user", "content": "Hello"}]
    assert messages_of("Hello", "Be brief.", HERE) == TALK
    assert messages_of(TALK, "Be long.", HERE) == TALK, "messages with a system message keep theirs"
    assert messages_of(TALK[1:], "Be brief.", HERE) == TALK


@pytest.mark.parametrize("prompt", ["", "  \n", None, 3, [], ["a"], [{"text": "a"}]])
def test_what_is_no_prompt_has_its_place(prompt: Any) -> None:
    with pytest.raises(DataError, match="rows:1"):
        messages_of(prompt, None, HERE)


def test_an_instruction_is_said_by_the_system_message() -> None:
    assert with_instruction(TALK, "In JSON.")[0]["content"] == "Be brief.\n\nIn JSON."
    assert with_instruction(TALK[1:], "In JSON.") == [{"role": "system", "content": "In JSON."}, TALK[1]]
    parts: list[dict[str, Any]] = [{"role": "system", "content": [{"type": "text", "text": "Be brief."}]}]
    more = [*parts[0]["content"], {"type": "text", "text": "In JSON."}]
    assert with_instruction(parts, "In JSON.") == [{"role": "system", "content": more}]
    assert TALK[0]["content"] == "Be brief."
