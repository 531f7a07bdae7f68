"""Read a training file: chat examples or preferences, one JSON object a line, each checked as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ftkit.local.asking.messages import message_fault
from ftkit.local.config import MAX_LINE_BYTES, MIN_TRAINING_EXAMPLES
from ftkit.local.engines.base import TrainingError, TrainingExample
from ftkit.local.jsonio import load
from ftkit.tokens.words import count_words

_BOM = b"\xef\xbb\xbf"
_PREFERENCE = (
    'must be an object with "input" (with a list "messages"), "preferred_output" and "non_preferred_output"'
)


class TrainingFile:
    """A stored file as training examples, re-iterable. ``param`` is its name in a job's errors.

    ``method`` decides on the form of its records; ``TrainingExample`` is the form of "supervised" only.
    """

    def __init__(self, path: Path, param: str, method: str = "supervised") -> None:
        self._path = path
        self._param = param
        self._method = method

    def __iter__(self) -> Iterator[TrainingExample]:
        if self._method != "supervised":
            return
        for _, messages in self._conversations():
            yield from _examples(messages)

    def rows(self) -> Records:
        """The records as they stand in the file, re-iterable."""
        return Records(self)

    def records(self) -> Iterator[dict[str, Any]]:
        """Every record, once."""
        for _, record in self._records():
            yield record

    def check(self) -> tuple[int, int]:
        """Read it through: (lines with an example, tokens in them).

        Raises ``TrainingError`` at the first fault (``invalid_training_file``), when there are too few
        examples (``invalid_n_examples``), or none with an assistant message to learn.
        """
        lines = tokens = learned = 0
        for messages, examples in self._preferences() if self._method == "dpo" else self._learnable():
            lines += 1
            tokens += sum(_tokens(message) for message in messages)
            learned += examples
        if lines < MIN_TRAINING_EXAMPLES and self._param == "training_file":
            raise TrainingError(
                f"Training file has {lines} example(s), but must have at least"
                f" {MIN_TRAINING_EXAMPLES} examples",
                code="invalid_n_examples",
                param=self._param,
            )
        if not learned:
            raise self._fault(
                None, "has no assistant message to learn from (all have weight 0, or it is empty)"
            )
        return lines, tokens

    def _learnable(self) -> Iterator[tuple[list[dict[str, Any]], int]]:
        """(messages, replies to learn) of every line."""
        for _, messages in self._conversations():
            yield messages, sum(1 for _ in _examples(messages))

    def _preferences(self) -> Iterator[tuple[list[dict[str, Any]], int]]:
        """(all messages of prompt and replies, 1) of every line with a preference."""
        for number, record in self._records():
            asked = record.get("input")
            if not isinstance(asked, dict):
                raise self._fault(number, _PREFERENCE)
            found = self._list(asked.get("messages"), "input.messages", number)
            self._check_tools(asked, "input.", number)
            for name in ("preferred_output", "non_preferred_output"):
                replies = self._list(record.get(name), name, number)
                if any(reply["role"] != "assistant" for reply in replies[-1:]):
                    raise self._fault(number, f"{name} must end with a message of role assistant")
                found += replies
            yield found, 1

    def _conversations(self) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """(line number from 1, messages) of every line that is not blank."""
        for number, record in self._records():
            yield number, self._messages(record, number)

    def _records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """(line number from 1, record) of every line that is not blank."""
        with self._path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    raise self._fault(number, f"is longer than {MAX_LINE_BYTES} bytes")
                if number == 1:
                    line = line.removeprefix(_BOM)
                if not line.strip():
                    continue
                yield number, self._record(line, number)

    def _record(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            record = load(line)
        except ValueError as error:
            raise self._fault(number, f"is not JSON: {error}") from None
        if not isinstance(record, dict):
            raise self._fault(number, 'must be an object with a list "messages" that is not empty')
        return record

    def _messages(self, record: dict[str, Any], number: int) -> list[dict[str, Any]]:
        if not isinstance(record.get("messages"), list) or not record["messages"]:
            raise self._fault(number, 'must be an object with a list "messages" that is not empty')
        messages = self._list(record["messages"], "messages", number)
        self._check_tools(record, "", number)
        if not any(message["role"] == "assistant" for message in messages):
            raise self._fault(number, "has no message of role assistant")
        return messages

    def _list(self, messages: Any, name: str, number: int) -> list[dict[str, Any]]:
        """A list of messages that is not empty, each of them well formed."""
        if not isinstance(messages, list) or not messages:
            raise self._fault(number, f"{name} must be a list of messages that is not empty")
        for position, message in enumerate(messages):
            fault = message_fault(message)
            if fault is not None:
                raise self._fault(number, f"{name}[{position}]{fault[0]} {fault[1].rstrip('.')}")
            if message.get("weight") not in (None, 0, 1):
                raise self._fault(number, f"{name}[{position}].weight must be 0 or 1")
        return list(messages)

    def _check_tools(self, record: dict[str, Any], place: str, number: int) -> None:
        tools = record.get("tools")
        if tools is None or (isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools)):
            return
        raise self._fault(number, f"{place}tools must be a list of objects")

    def _fault(self, line: int | None, said: str) -> TrainingError:
        place = (
            f"line {line} of the {self._param.replace('_', ' ')}"
            if line
            else f"the {self._param.replace('_', ' ')}"
        )
        return TrainingError(
            f"Invalid file format: {place} {said}", code=f"invalid_{self._param}", param=self._param
        )


class Records:
    """A training file's records, to be iterated as often as needed."""

    def __init__(self, file: TrainingFile) -> None:
        self._file = file

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._file.records()


def _examples(messages: list[dict[str, Any]]) -> Iterator[TrainingExample]:
    """Every assistant message with text and a weight that is not 0, after what comes before it."""
    for position, message in enumerate(messages):
        if message["role"] != "assistant" or message.get("weight") == 0 or position == 0:
            continue
        reply = _text(message)
        if reply:
            yield TrainingExample(messages[:position], reply)


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content)
    return content if isinstance(content, str) else ""


def _tokens(message: dict[str, Any]) -> int:
    return count_words(_text(message))
