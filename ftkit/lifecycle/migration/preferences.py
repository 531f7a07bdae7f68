"""Reads rows of preference training: the better reply alone, and those that fit a limit of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.data import open_jsonl_writer, read_jsonl
from ftkit.errors import DataError, UsageError, Where
from ftkit.splitting.result import Fitting, OverLimit

if TYPE_CHECKING:
    from ftkit.catalog import Model

_SHOWN = 5
"""Rows that are named by their lines."""


def is_preference(row: Any) -> bool:
    """Whether a row prefers one reply to another (OpenAI's guide "Direct preference optimization")."""
    return isinstance(row, Mapping) and isinstance(row.get("input"), Mapping) and "preferred_output" in row


def preferred(row: Mapping[str, Any]) -> dict[str, Any]:
    """A preference as a chat example: what was asked, and the better reply."""
    asked = row["input"]
    messages = [*(asked.get("messages") or []), *(row["preferred_output"] or [])]
    if not asked.get("tools"):  # without any the other field says nothing, and platforms refuse it
        return {"messages": messages}
    rest = {name: asked[name] for name in ("tools", "parallel_tool_calls") if asked.get(name) is not None}
    return {"messages": messages, **rest}


def write_preferred(source: Path, target: Path) -> Path:
    """Copy a file with each preference as a chat example. Raises DataError for a row that is none."""
    with open_jsonl_writer(target) as writer:
        for row in read_jsonl(source):
            if not is_preference(row.data):
                raise DataError(
                    "a preference is wanted: input, preferred_output", where=Where(source, row.line)
                )
            writer.write(preferred(row.data))
    return target


def fit_preferences(source: Path, target: Path, model: Model, limit: int, rule: OverLimit) -> Fitting:
    """Copy the preferences that have at most ``limit`` tokens, the longer of both replies counted.

    Raises DataError where one is too long and ``rule`` is ``error``, UsageError for a rule that shortens: a
    preference is one question, and no turn of it can be left out.
    """
    if rule not in ("error", "drop"):
        raise UsageError(
            f"preferences cannot be shortened ({rule}): each is one question with two replies",
            hint="--over-limit drop leaves long ones out; --method supervised makes chat examples of them.",
        )
    from ftkit.tokens import RowTokens, counter_for

    counter, long, lost = counter_for(model), list[int](), 0
    with open_jsonl_writer(target) as writer:
        for row in read_jsonl(source):
            (counted,) = counter.count_many([row.data])
            if not isinstance(counted, RowTokens):
                raise DataError(counted.reason, where=Where(source, row.line))
            if counted.longest <= limit:
                writer.write(row.data)
                continue
            long.append(row.line)
            lost += counted.total
            if rule == "error":
                raise _too_long(source, row.line, counted.longest, limit)
    return Fitting(
        limit=limit,
        over_limit=rule,
        overlap=0,
        over=len(long),
        dropped=len(long),
        dropped_tokens=lost,
        **dict.fromkeys(("truncated", "divided", "windows"), 0),
        **dict.fromkeys(("lost_messages", "lost_answers", "lost_tokens"), 0),
        first_lines=long[:_SHOWN],
    )


def _too_long(source: Path, line: int, tokens: int, limit: int) -> DataError:
    return DataError(
        f"this preference has {tokens:,} tokens, more than {limit:,}",
        where=Where(source, line),
        hint="Leave the long ones out: --over-limit drop.",
    )
