"""What is said of tools, their calls and the answers: the codes, and where they point."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftkit.settings import Settings
from ftkit.validation import ValidateOptions, ValidationReport, validate

LOCAL = Settings(platform="local")
U: dict[str, Any] = {"role": "user", "content": "2+2?"}
A: dict[str, Any] = {"role": "assistant", "content": "4"}
T: dict[str, Any] = {"role": "tool", "tool_call_id": "c1", "content": "4"}
F: dict[str, Any] = {"role": "function", "name": "add", "content": "4"}
NUMBERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}


def add(arguments: Any = '{"a": 2}', **fields: Any) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": "add", "arguments": arguments}, **fields}


def calling(*calls: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


def legacy(**fields: Any) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "add", "arguments": "{}", **fields},
    }


def tool(parameters: Any = NUMBERS, name: Any = "add", **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters, **fields}}


def check(row: Any, tmp_path: Path, **options: Any) -> ValidationReport:
    (tmp_path / "data.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    chosen = ValidateOptions(**{"ignore": ("FT112", "FT5", "FT27"), **options})
    return validate(tmp_path / "data.jsonl", settings=LOCAL, options=chosen)


def found(row: Any, tmp_path: Path, **options: Any) -> list[str]:
    return [f"{f.code} {f.pointer or '-'}" for f in check(row, tmp_path, **options).findings]


TOOLS: list[tuple[Any, list[str]]] = [
    ([], []),
    ([tool()], []),
    ([tool(), tool(name="sub")], []),
    ([tool({})], []),
    ([tool(None)], []),
    ([{"type": "function", "function": {"name": "now"}}], []),
    ([tool(name="a" * 64)], []),
    ([tool(description=None)], []),
    ({"add": tool()}, ["FT225 /tools"]),
    ("add", ["FT225 /tools"]),
    ([tool(), "add"], ["FT225 /tools/1"]),
    ([{"name": "add", "parameters": NUMBERS}], ["FT225 /tools/0"]),
    ([{"type": "function", "function": "add"}], ["FT225 /tools/0"]),
    ([{"function": {"name": "add"}}], ["FT225 /tools/0"]),
    ([{**tool(), "type": "code"}], ["FT225 /tools/0/type"]),
    ([tool(name=3)], ["FT240 /tools/0/function/name"]),
    ([{"type": "function", "function": {}}], ["FT240 /tools/0/function"]),
    ([tool(name="add numbers")], ["FT240 /tools/0/function/name"]),
    ([tool(name="a" * 65)], ["FT240 /tools/0/function/name"]),
    ([tool(name="")], ["FT240 /tools/0/function/name"]),
    ([tool(), tool(name="sub"), tool()], ["FT241 /tools/2/function/name"]),
    ([tool(name=f"f{n}") for n in range(130)], ["FT242 /tools/128"]),
    ([tool(description="a" * 1025)], ["FT243 /tools/0/function/description"]),
    ([tool(description=["Adds."])], ["FT243 /tools/0/function/description"]),
    ([tool([1])], ["FT244 /tools/0/function/parameters"]),
    (
        [tool({"type": "array"})],
        ["FT244 /tools/0/function/parameters/type", "FT246 /tools/0/function/parameters"],
    ),
    ([tool({"properties": {}})], ["FT244 /tools/0/function/parameters"]),
    (
        [tool({"type": "object", "properties": ["a"]})],
        ["FT244 /tools/0/function/parameters/properties"],
    ),
    (
        [tool({"type": "object", "properties": {"a": {"type": "int"}}})],
        ["FT245 /tools/0/function/parameters/properties/a/type"],
    ),
    (
        [tool({"type": "object", "properties": {"a": {"type": "string", "required": True}}})],
        ["FT245 /tools/0/function/parameters/properties/a/required"],
    ),
    ([tool({"type": "object", "$ref": "#/$defs/no"})], ["FT245 /tools/0/function/parameters"]),
    (
        [tool({"type": "object", "properties": {"a": {"anyOf": [{"type": "null"}, {"type": ["array"]}]}}})],
        ["FT246 /tools/0/function/parameters/properties/a/anyOf/1"],
    ),
    ([tool({**NUMBERS, "required": ["a", "b"], "additionalProperties": False}, strict=True)], []),
    (
        [tool({**NUMBERS, "required": ["a"], "additionalProperties": False}, strict=True)],
        ["FT247 /tools/0/function/parameters/properties/b"],
    ),
    (
        [tool({**NUMBERS, "required": ["a", "b"]}, strict=True)],
        ["FT247 /tools/0/function/parameters"],
    ),
]


@pytest.mark.parametrize(("tools", "codes"), TOOLS, ids=lambda value: str(value)[:50])
def test_what_is_said_of_definitions(tools: Any, codes: list[str], tmp_path: Path) -> None:
    assert found({"messages": [U, A], "tools": tools}, tmp_path) == codes


MESSAGES: list[tuple[list[Any], list[str]]] = [
    ([U, calling(add()), T, A], []),
    ([U, calling(add())], []),
    ([U, calling(add(), add(id="c2")), {**T, "tool_call_id": "c2"}, T, A], []),
    ([U, calling(add()), T, calling(add(id="c2")), {**T, "tool_call_id": "c2"}, A], []),
    ([U, calling(add("{}")), T, A], []),
    # shape
    ([U, {**A, "tool_calls": []}], ["FT224 /messages/1/tool_calls"]),
    ([U, {**A, "tool_calls": "add"}], ["FT224 /messages/1/tool_calls"]),
    ([U, calling(add(), 5)], ["FT224 /messages/1/tool_calls/1"]),
    ([U, calling({"id": "c1", "function": "add"})], ["FT224 /messages/1/tool_calls/0"]),
    ([U, calling(add({"a": 2}))], ["FT224 /messages/1/tool_calls/0/function/arguments"]),
    ([U, calling(add(id=None))], ["FT248 /messages/1/tool_calls/0/id"]),
    ([U, calling({"type": "function", "function": add()["function"]})], ["FT248 /messages/1/tool_calls/0"]),
    ([U, calling(add(type="code"))], ["FT248 /messages/1/tool_calls/0/type"]),
    ([{**U, "tool_calls": [add()]}, A], ["FT249 /messages/0/tool_calls"]),
    ([U, calling(add(), add())], ["FT250 /messages/1/tool_calls/1/id"]),
    # answers
    ([U, calling(add()), A], ["FT253 /messages/1/tool_calls/0"]),
    ([U, calling(add()), U, T, A], ["FT253 /messages/1/tool_calls/0", "FT254 /messages/3/tool_call_id"]),
    ([U, calling(add(), add(id="c2")), T, A], ["FT253 /messages/1/tool_calls/1"]),
    ([U, T, A], ["FT254 /messages/1/tool_call_id"]),
    ([U, calling(add()), T, T, A], ["FT254 /messages/3/tool_call_id"]),
    (
        [U, calling(add()), {**T, "tool_call_id": "x"}, A],
        ["FT253 /messages/1/tool_calls/0", "FT254 /messages/2/tool_call_id"],
    ),
    ([U, {"role": "tool", "content": "4"}, A], ["FT256 /messages/1"]),
    ([U, {**T, "tool_call_id": 1}, A], ["FT256 /messages/1/tool_call_id"]),
    ([{**U, "tool_call_id": "c1"}, A], ["FT256 /messages/0/tool_call_id"]),
    # arguments
    (
        [U, calling({**add(), "function": {"name": "ad", "arguments": "{}"}}), T, A],
        ["FT260 /messages/1/tool_calls/0/function/name"],
    ),
    ([U, calling(add("a=2"))], ["FT261 /messages/1/tool_calls/0/function/arguments"]),
    ([U, calling(add(""))], ["FT261 /messages/1/tool_calls/0/function/arguments"]),
    ([U, calling(add("[2]"))], ["FT261 /messages/1/tool_calls/0/function/arguments"]),
    ([U, calling(add('{"a": NaN}'))], ["FT261 /messages/1/tool_calls/0/function/arguments"]),
    ([U, calling(add("[" * 5000))], ["FT261 /messages/1/tool_calls/0/function/arguments"]),
    ([U, calling(add('{"a": "2"}'))], ["FT262 /messages/1/tool_calls/0/function/arguments"]),
    ([U, calling(add('{"c": 2}'))], ["FT263 /messages/1/tool_calls/0/function/arguments"]),
]


@pytest.mark.parametrize(("messages", "codes"), MESSAGES, ids=lambda value: str(value)[30:90])
def test_what_is_said_of_calls(messages: list[Any], codes: list[str], tmp_path: Path) -> None:
    assert found({"messages": messages, "tools": [tool()]}, tmp_path) == codes


def test_an_id_of_an_earlier_turn_is_only_a_warning(tmp_path: Path) -> None:
    row = {"messages": [U, calling(add()), T, calling(add()), T, A], "tools": [tool()]}
    report = check(row, tmp_path)
    assert [(f.code, f.severity) for f in report.findings] == [("FT250", "warning")]


def test_calls_without_any_definition_are_left_alone(tmp_path: Path) -> None:
    assert found({"messages": [U, calling(add('{"x": 1}')), T, A]}, tmp_path) == []


def test_a_function_without_parameters_takes_any_arguments_there_are(tmp_path: Path) -> None:
    row = {"messages": [U, calling(add("{}")), T, A], "tools": [tool(None)]}
    assert found(row, tmp_path) == []


@pytest.mark.parametrize(
    ("schema", "arguments", "said"),
    [
        ({**NUMBERS, "required": ["a", "b"]}, {"a": 1}, '"b" is a required property'),
        (NUMBERS, {"a": "x"}, "at /a of the arguments"),
        ({"type": "object", "properties": {"s": {"enum": ["C", "F"]}}}, {"s": "K"}, "at /s of the arguments"),
        (
            {"type": "object", "properties": {"l": {"type": "array", "items": {"type": "string"}}}},
            {"l": ["a", 1]},
            "at /l/1 of the arguments",
        ),
        (
            {
                "type": "object",
                "properties": {"p": {"$ref": "#/$defs/P"}},
                "$defs": {"P": {"type": "number"}},
            },
            {"p": "x"},
            "at /p of the arguments",
        ),
        ({**NUMBERS, "additionalProperties": False}, {"c": 1}, "'c'"),
    ],
)
def test_the_failing_path_is_named(
    schema: dict[str, Any], arguments: dict[str, Any], said: str, tmp_path: Path
) -> None:
    row = {"messages": [U, calling(add(json.dumps(arguments))), T, A], "tools": [tool(schema)]}
    (finding,) = check(row, tmp_path).findings
    assert finding.code == "FT262" and said in finding.message and "'add'" in (finding.hint or "")


@pytest.mark.parametrize(
    ("row", "codes"),
    [
        ({"parallel_tool_calls": True}, ["FT252 /parallel_tool_calls"]),
        ({"parallel_tool_calls": False, "tools": []}, ["FT252 /parallel_tool_calls"]),
        ({"parallel_tool_calls": "false", "tools": [tool()]}, ["FT252 /parallel_tool_calls"]),
        ({"parallel_tool_calls": None}, []),
        ({"parallel_tool_calls": True, "tools": [tool()]}, []),
    ],
    ids=str,
)
def test_the_setting_on_parallel_calls(row: dict[str, Any], codes: list[str], tmp_path: Path) -> None:
    assert found({"messages": [U, A], **row}, tmp_path) == codes


def test_openais_own_example_of_a_preference_has_the_setting_beside_no_tools(tmp_path: Path) -> None:
    asked = {"messages": [U], "tools": [], "parallel_tool_calls": True}
    answers = {"preferred_output": [A], "non_preferred_output": [{**A, "content": "5"}]}
    assert found({"input": asked, **answers}, tmp_path, ignore=("FT112", "FT6")) == []
    del asked["tools"]
    assert found({"input": asked, **answers}, tmp_path, ignore=("FT112", "FT6")) == [
        "FT252 /input/parallel_tool_calls"
    ]


@pytest.mark.parametrize(("allowed", "codes"), [(False, ["FT251 /messages/1/tool_calls/1"]), (True, [])])
def test_several_calls_at_once_where_one_is_promised(allowed: bool, codes: list[str], tmp_path: Path) -> None:
    row = {"messages": [U, calling(add(), add(id="c2"))], "tools": [tool()], "parallel_tool_calls": allowed}
    assert found(row, tmp_path) == codes


def test_definitions_and_calls_of_a_preference_record_are_those_of_its_input(tmp_path: Path) -> None:
    given = {"messages": [U, calling(add('{"a": "x"}')), T], "tools": [tool(name="no name"), tool()]}
    answers = {"preferred_output": [A], "non_preferred_output": [{**A, "content": "5"}]}
    assert found({"input": {**given, "functions": []}, **answers}, tmp_path, ignore=("FT112", "FT6")) == [
        "FT240 /input/tools/0/function/name",
        "FT262 /input/messages/1/tool_calls/0/function/arguments",
        "FT270 /input/functions",
        "FT271 /input/functions",
        "FT275 /input/functions",
    ]


LEGACY: list[tuple[list[Any], dict[str, Any], list[str]]] = [
    ([U, A], {"functions": [NUMBERS | {"name": "add"}]}, ["FT270 /functions"]),
    ([U, A], {"functions": "add"}, ["FT270 /functions", "FT271 /functions"]),
    ([U, A], {"functions": ["add"]}, ["FT270 /functions", "FT271 /functions/0"]),
    ([U, A], {"functions": [tool()]}, ["FT240 /functions/0", "FT270 /functions", "FT271 /functions/0"]),
    ([U, legacy(), F, A], {}, ["FT272 /messages/1/function_call"]),
    (
        [U, {**A, "function_call": "auto"}],
        {},
        ["FT272 /messages/1/function_call", "FT273 /messages/1/function_call"],
    ),
    (
        [U, legacy(arguments={})],
        {},
        ["FT272 /messages/1/function_call", "FT273 /messages/1/function_call/arguments"],
    ),
    (
        [U, legacy(arguments="{")],
        {},
        ["FT261 /messages/1/function_call/arguments", "FT272 /messages/1/function_call"],
    ),
    ([U, F, A], {}, ["FT274 /messages/1/name"]),
    (
        [U, legacy(), {**F, "name": "sub"}, A],
        {},
        ["FT272 /messages/1/function_call", "FT274 /messages/2/name"],
    ),
    (
        [U, legacy(), {"role": "function", "content": "4"}, A],
        {},
        ["FT272 /messages/1/function_call", "FT274 /messages/2"],
    ),
    (
        [U, legacy(), F, A],
        {"tools": [tool()]},
        ["FT272 /messages/1/function_call", "FT275 /messages/1/function_call"],
    ),
    (
        [U, legacy(name="sub"), {**F, "name": "sub"}, A],
        {"functions": [{"name": "add"}]},
        ["FT260 /messages/1/function_call/name", "FT270 /functions", "FT272 /messages/1/function_call"],
    ),
    (
        [U, legacy(arguments='{"a": "2"}'), F, A],
        {"functions": [{"name": "add", "parameters": NUMBERS}]},
        ["FT262 /messages/1/function_call/arguments", "FT270 /functions", "FT272 /messages/1/function_call"],
    ),
]


@pytest.mark.parametrize(("messages", "fields", "codes"), LEGACY, ids=lambda value: str(value)[-60:])
def test_what_is_said_of_the_older_way(
    messages: list[Any], fields: dict[str, Any], codes: list[str], tmp_path: Path
) -> None:
    assert found({"messages": messages, **fields}, tmp_path, ignore=("FT112",)) == codes


@pytest.mark.parametrize(
    ("row", "hint"),
    [
        ({"tools": [{"name": "add"}]}, 'Put what describes it under "function".'),
        ({"tools": [tool(name="add numbers!")]}, "Write 'add_numbers_'."),
        (
            {"tools": [tool({"type": "object", "properties": {"a": {"type": "Float"}}})]},
            'Write "type": "number".',
        ),
        ({"tools": [tool({"type": "object", "properties": {"a": {"type": "any"}}})]}, "Leave the type out."),
        ({"tools": [tool({"type": "object", "required": True})]}, 'beside "properties"'),
        ({"messages": [U, calling(add("{'a': 2}"))]}, "Use double quotes"),
        ({"messages": [U, calling(add('"{}"'))]}, "It was made JSON twice"),
        ({"messages": [U, calling(add(" "))]}, 'Write "{}"'),
        ({"messages": [U, calling(add({"a": 2}))]}, "Write the object as a JSON text"),
        ({"messages": [U, calling(add('{"aa": 2}'))], "tools": [tool()]}, "Did you mean 'a'?"),
        ({"messages": [U, {**T, "role": "function", "name": "f"}, A]}, "Write the role 'tool'."),
        ({"messages": [U, calling(add()), {**T, "tool_call_id": "x"}, A]}, "Open calls are: c1."),
    ],
    ids=lambda value: str(value)[-50:],
)
def test_hints_say_how_to_mend_calls(row: dict[str, Any], hint: str, tmp_path: Path) -> None:
    hints = [f.hint or "" for f in check({"messages": [U, A], **row}, tmp_path).findings]
    assert any(hint in given for given in hints), hints


@pytest.mark.parametrize(("platform", "codes"), [("nebius", ["FT255"]), ("local", []), ("openai", [])])
def test_where_the_last_message_must_be_words(platform: str, codes: list[str], tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text(json.dumps({"messages": [U, calling(add())]}) + "\n")
    report = validate(
        tmp_path / "data.jsonl",
        platform=platform,
        settings=Settings(),
        options=ValidateOptions(ignore=("FT112",)),
    )
    assert [f.code for f in report.findings] == codes
