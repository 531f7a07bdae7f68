"""Reads the held-out rows: what to ask, which answers are right, and the id that joins the two."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ftkit.benchmarking.metrics import Metric, needs_truth, normalise
from ftkit.benchmarking.metrics.base import failed, right_of
from ftkit.benchmarking.metrics.instructions import labels_in
from ftkit.data import canonical_json, prompt_of, read_jsonl
from ftkit.errors import DataError, FtkitError, UsageError, Where

MAX_LABELS = 200
"""More different right answers than this are texts, not labels."""


ASKED_WITH = ("tools", "tool_choice", "parallel_tool_calls", "response_format")
"""Fields of a row that are sent with its messages."""
_NO_DATA: Mapping[str, Any] = {}


class HeldOutRow(NamedTuple):
    """One row: its place from 0, its line in the file, the messages to send, the right answers.

    ``data`` is the row as it stands in the file.
    """

    number: int
    line: int
    messages: list[dict[str, Any]]
    expected: tuple[str, ...]
    data: Mapping[str, Any] = _NO_DATA

    @property
    def parameters(self) -> dict[str, Any]:
        """What the row brings for its request beside the messages: tools, a wanted form."""
        return {name: self.data[name] for name in ASKED_WITH if self.data.get(name) is not None}


def read_held_out(path: Path, metric: Metric) -> Iterator[HeldOutRow]:
    """Yield the rows of a chat JSONL file.

    The final assistant message is the expected answer, unless the row has a field ``expected``: a
    text, a list of texts each of which is right, or what else the metric takes (an object, a number, a
    list of keywords or of tool calls). Raises DataError with file and line.
    """
    if not path.is_file():
        raise UsageError("the held-out file is not there", where=str(path))
    index = -1
    for index, row in enumerate(read_jsonl(path)):
        where = Where(path, row.line)
        messages = _messages(row.data, where)
        expected = _expected(row.data, metric, where)
        yield HeldOutRow(index, row.line, messages, expected, row.data)
    if index < 0:
        raise DataError("there are no rows in it", where=str(path))


def _messages(data: Any, where: Where) -> list[dict[str, Any]]:
    listed = isinstance(data, dict) and isinstance(data.get("messages"), list)
    if not listed or not all(isinstance(message, dict) for message in data["messages"]):
        raise DataError(
            "a chat example is wanted",
            where=where,
            hint='Each line holds {"messages": [{"role": ..., "content": ...}, ...]}; see `ftkit validate`.',
        )
    messages = prompt_of(data)
    if not messages:
        raise DataError("there is no message to send: only an assistant's", where=where)
    return messages


def _expected(data: dict[str, Any], metric: Metric, where: Where) -> tuple[str, ...]:
    try:
        right = right_of(metric, data)
    except ValueError as error:
        raise DataError(
            str(error),
            where=where,
            hint=f"That is what the metric {metric.name!r} wants; see docs/metrics.md.",
        ) from error
    except FtkitError:
        raise
    except Exception as error:  # a metric may be anyone's code
        raise failed(metric.name, f" on the row of line {where.line}", error) from error
    if not right and needs_truth(metric):
        raise DataError(
            "there is no expected answer",
            where=where,
            hint="End the messages with the assistant's right answer, or add the field 'expected'.",
        )
    return right


def prompt_text(messages: Sequence[dict[str, Any]]) -> str:
    """The conversation as a person reads it; the system message, the same in every row, is left out."""
    shown = [m for m in messages if m.get("role") != "system"] or list(messages)
    texts = [(str(m.get("role")), _plain(m.get("content"))) for m in shown]
    if len(texts) == 1:
        return texts[0][1]
    return "\n".join(f"{role}: {text}" for role, text in texts)


def _plain(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", f"[{part.get('type')}]")) for part in content)
    return content if isinstance(content, str) else ""


class RowIds:
    """The ``custom_id`` of every row, in four bytes each.

    An id is ``row-<index>-<first 8 digits of the prompt's SHA-256>``: the index makes it unique where
    a text occurs twice, the hash shows an answer to another file's request for what it is.
    """

    def __init__(self) -> None:
        self._hashes = array("I")

    def __len__(self) -> int:
        return len(self._hashes)

    def add(self, messages: Sequence[dict[str, Any]]) -> str:
        """The id of the next row, which asks ``messages``."""
        self._hashes.append(int.from_bytes(hashlib.sha256(canonical_json(messages)).digest()[:4]))
        return self.id_of(len(self._hashes) - 1)

    def id_of(self, index: int) -> str:
        """The id of the row at ``index``."""
        return f"row-{index:06d}-{self._hashes[index]:08x}"

    def index_of(self, custom_id: str) -> int | None:
        """The row that ``custom_id`` names; None for a stranger's."""
        parts = custom_id.split("-")
        if len(parts) != 3 or not (parts[1].isascii() and parts[1].isdigit()):
            return None
        index = int(parts[1])
        return index if index < len(self._hashes) and self.id_of(index) == custom_id else None


@dataclass
class LabelCensus:
    """Counts the right answers of a labelled task, to know its labels and its majority class."""

    given: tuple[str, ...] = ()
    rows: int = 0
    _told: tuple[tuple[str, ...], ...] = ()
    _counts: Counter[str] = field(default_factory=Counter)
    _shown: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._shown = {normalise(label): label for label in self.given}
        if len(self._shown) < len(self.given):
            raise UsageError(f"two labels are the same but for case or punctuation: {', '.join(self.given)}")

    def add(self, expected: Sequence[str], where: Where, messages: Sequence[Mapping[str, Any]] = ()) -> None:
        """Count one row. Raises DataError where no right answer is an allowed label.

        The ``messages`` of the first row may name the labels.
        """
        if not self.rows and not self.given:
            self._told = labels_in(messages)
        forms = {normalise(text): text for text in expected}
        self.rows += 1
        if self.given and not forms.keys() & self._shown.keys():
            raise DataError(
                f"the expected answer {' / '.join(expected)!r} is not among the labels",
                where=where,
                hint=f"The labels are: {', '.join(self.given)}.",
            )
        for form, text in forms.items():
            if self.given and form not in self._shown:
                continue
            self._shown.setdefault(form, text)
            self._counts[form] += 1
        if len(self._shown) > MAX_LABELS and not self.given:
            raise UsageError(
                f"the rows have more than {MAX_LABELS} different right answers, which makes them no labels",
                where=str(where),
                hint="Use the metric 'exact', or name the labels.",
            )

    @property
    def labels(self) -> tuple[str, ...]:
        """The allowed labels: as given, as the instruction names them, or all that occur, in order."""
        return self.given or self._instructed or tuple(sorted(self._shown.values()))

    @property
    def source(self) -> Literal["given", "instruction", "rows"]:
        """Where the allowed labels are from."""
        return "given" if self.given else "instruction" if self._instructed else "rows"

    @property
    def _instructed(self) -> tuple[str, ...]:
        """The likeliest list of the instruction that has every right answer in it; empty where none has."""
        for labels in self._told:
            if self._shown.keys() <= {normalise(label) for label in labels}:
                return labels
        return ()

    @property
    def majority(self) -> tuple[str, float] | None:
        """The label that is right most often, and the share of rows (0 to 1) that it is right for."""
        if not self._counts:
            return None
        form, count = max(self._counts.items(), key=lambda item: (item[1], item[0]))
        return self._shown[form], count / self.rows
