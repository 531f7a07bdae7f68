"""The order of roles, and the rules on it that hold only where a platform or a person asks for them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ftkit_validators.chat.order import roles_not_alternating
from hypothesis import given
from hypothesis import strategies as st

from ftkit.settings import Settings
from ftkit.validation import Context, RowView, ValidateOptions, validate

_ROLES = {"S": "system", "D": "developer", "U": "user", "A": "assistant", "T": "tool", "F": "function"}


def row(roles: str, **fields: Any) -> dict[str, Any]:
    """A conversation by the first letters of its roles."""
    return {"messages": [{"role": _ROLES[letter], "content": "x"} for letter in roles], **fields}


def found(value: Any, tmp_path: Path, *codes: str, platform: str = "local", **options: Any) -> list[str]:
    (tmp_path / "data.jsonl").write_text(json.dumps(value) + "\n", "utf-8")
    chosen = ValidateOptions(ignore=("FT112",), severity=dict.fromkeys(codes, "error"), **options)
    report = validate(tmp_path / "data.jsonl", platform=platform, settings=Settings(), options=chosen)
    return [f"{f.code} {f.pointer}" for f in report.findings if not codes or f.code in codes]


@pytest.mark.parametrize(
    ("roles", "places"),
    [
        ("UA", []),
        ("SUA", []),
        ("DUAUA", []),
        ("UATAUA", []),
        ("UATTAUA", []),
        ("UAFAUA", []),
        ("AU", [0]),
        ("SAUA", [1]),
        ("UUA", [1]),
        ("UAA", [2]),
        ("UATAA", [4]),
        ("UAUUAA", [3]),
        ("UATUA", []),
        ("USUA", [2]),
        ("S", []),
    ],
)
def test_turns_alternate_where_that_is_asked_for(roles: str, places: list[int], tmp_path: Path) -> None:
    assert found(row(roles), tmp_path, "FT227") == [f"FT227 /messages/{place}" for place in places]


def test_turns_need_not_alternate_unless_asked_for(tmp_path: Path) -> None:
    assert found(row("UUAA"), tmp_path) == []


@pytest.mark.parametrize(
    ("platform", "roles", "codes"),
    [
        ("kluster", "DUA", ["FT229 /messages/0/role"]),
        ("kluster", "SUA", []),
        ("openai", "DUA", []),
    ],
)
def test_roles_that_a_platform_does_not_take(
    platform: str, roles: str, codes: list[str], tmp_path: Path
) -> None:
    assert found(row(roles), tmp_path, platform=platform) == codes


def test_the_roles_that_are_taken_can_be_set(tmp_path: Path) -> None:
    asked = {"params": {"FT229.roles": ["user", "assistant"]}}
    assert found(row("SUA"), tmp_path, "FT229", **asked) == ["FT229 /messages/0/role"]


@pytest.mark.parametrize(
    ("roles", "codes"),
    [
        ("SSUA", ["FT216 /messages/1"]),
        ("DDUA", ["FT216 /messages/1"]),
        ("SDUA", ["FT226 /messages/1"]),
        ("DSUA", ["FT226 /messages/1"]),
        ("USUDA", ["FT215 /messages/1", "FT226 /messages/3"]),
    ],
)
def test_system_and_developer(roles: str, codes: list[str], tmp_path: Path) -> None:
    assert found(row(roles), tmp_path) == codes


def test_a_preference_record_is_read_at_its_input(tmp_path: Path) -> None:
    answer = [{"role": "assistant", "content": "4"}]
    pair = {"preferred_output": answer, "non_preferred_output": [{"role": "assistant", "content": "5"}]}
    codes = ("FT207", "FT211", "FT215", "FT216", "FT226", "FT227")
    value = {"input": row("USDS"), **pair}
    value["input"]["messages"][0].update(content="", role="User")
    assert found(value, tmp_path, *codes) == [
        "FT207 /input/messages/0/role",
        "FT211 /input/messages/0/content",
        "FT215 /input/messages/1",
        "FT216 /input/messages/3",
        "FT226 /input/messages/2",
    ]
    assert found({"input": row("U"), **pair}, tmp_path, "FT213", "FT214", "FT201") == []


@given(st.text(alphabet="UA", max_size=8), st.sampled_from(["", "S", "D"]))
def test_alternation_is_what_it_is_called(turns: str, before: str) -> None:
    value = row(before + turns)
    context = Context("x", Settings().catalog.provider("local"), (), ValidateOptions())
    view = RowView(value, 1, None, context, list(enumerate(value["messages"])))
    said = list(roles_not_alternating.check(view))
    assert bool(said) == (re.fullmatch("(UA)*U?", turns) is None)
