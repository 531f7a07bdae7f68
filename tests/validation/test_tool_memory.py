"""What is remembered of definitions never shows: each row gets what is true of it, however many are alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ftkit_validators.tools import remembered as module
from ftkit_validators.tools.remembered import remembered, tools_of

from ftkit.settings import Settings
from ftkit.validation import Context, Found, RowView, ValidateOptions, validate

U, A = {"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}


def tool(name: str = "add", **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **fields}}


def view(value: dict[str, Any], at: tuple[str, ...] = ("messages",), **params: Any) -> RowView:
    provider = Settings().catalog.provider("local")
    context = Context("x", provider, (), ValidateOptions(), params)
    return RowView(value, 1, None, context, messages_at=at)


def counting() -> tuple[Any, list[RowView]]:
    seen: list[RowView] = []

    @remembered
    def check(row: RowView) -> Any:
        """Speak of each row."""
        seen.append(row)
        yield Found(str(len(seen)))

    return check, seen


def test_a_check_runs_once_for_the_same_definitions() -> None:
    check, seen = counting()
    said = {check(view({"messages": [number], "tools": [tool()]}))[0].message for number in range(5)}
    assert said == {"1"} and len(seen) == 1


def test_a_check_runs_again_where_anything_differs() -> None:
    check, seen = counting()
    rows = [
        view({"tools": [tool()]}),
        view({"tools": [tool("sub")]}),
        view({"functions": [tool()]}),
        view({"tools": [tool()], "functions": []}),
        view({"input": {"tools": [tool()]}}, ("input", "messages")),
        view({"tools": [tool()]}, **{"FT242.tools": 1}),
        view({}),
    ]
    for row in rows * 2:
        check(row)
    assert seen == rows


def test_definitions_that_cannot_be_told_apart_are_checked_each_time() -> None:
    check, seen = counting()
    for value in (10**30, 10**30, {1, 2}, object(), "x" * (1 << 19)):
        check(view({"tools": [value]}))
    assert len(seen) >= 4
    assert tools_of(view({"tools": [tool("f", parameters={"maximum": 10**30})]})).keys() == {"f"}


def test_the_memory_of_definitions_is_bounded() -> None:
    check, seen = counting()
    for _ in range(2):
        for number in range(module._MOST + 1):
            check(view({"tools": [tool(f"f{number}")]}))
    assert len(seen) > module._MOST + 1


@pytest.mark.parametrize("tools", [[tool("no name")], [tool("no name"), tool("no name")]])
def test_findings_stand_on_every_row_and_at_its_own_place(tools: list[Any], tmp_path: Path) -> None:
    chat = {"messages": [U, A], "tools": tools}
    pair = {"input": {"messages": [U], "tools": tools}, "preferred_output": [A], "non_preferred_output": [A]}
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (chat, pair, chat, pair)))
    report = validate(path, settings=Settings(platform="local"), options=ValidateOptions(select=("FT240",)))
    places = [(f.line, f.pointer) for f in report.findings]
    assert places == [
        (line, f"{under}/tools/{index}/function/name")
        for line, under in ((1, ""), (2, "/input"), (3, ""), (4, "/input"))
        for index in range(len(tools))
    ]
