"""From answers to values: each is read by its form and taken, or written down as a failed row's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.data import open_jsonl_writer, read_jsonl
from ftkit.data.files import canonical_json
from ftkit.errors import DataError, UsageError
from ftkit.gateway.bulk.answer_lines import why
from ftkit.inference.llm.forms import FormError
from ftkit.inference.llm.ordering import Order
from ftkit.inference.llm.sources import Rows

if TYPE_CHECKING:
    from ftkit.gateway import Answer

FAILED = "failed_requests.jsonl"
_REFUSED = (400, 404, 422)
Take = Callable[[dict[str, Any], Any, "Answer"], None]
"""Gets a row, the value of its answer and the answer; what it raises makes the row a failed one."""


class Reading:
    """Counts on the way: rows, cached answers, failures by reason."""

    def __init__(self, order: Order, folder: Path, take: Take) -> None:
        self._order, self._take = order, take
        self._folder = folder
        self.rows = self.cached = self.formless = 0
        self.failures: Counter[str] = Counter()
        self._first_error: Exception | None = None

    def all(self, rows: Rows, requests_of: Path, answers: Iterator[Answer]) -> None:
        """Go through rows, their requests and their answers at once."""
        path = self._folder / FAILED
        requests = (row.data for row in read_jsonl(requests_of))
        with open_jsonl_writer(path) as writer:
            for row, request, answer in zip_longest(rows, requests, answers):
                if row is None or request is None or answer is None:
                    raise DataError("the data changed while it was asked about", where=rows.name)
                self.rows += 1
                self.cached += bool(answer.raw.get("cached"))
                if (failure := self._failure(row, answer)) is not None:
                    code, message = failure
                    self.failures[code] += 1
                    writer.write(_failed(self.rows, row, request, answer, code, message))
        if not self.failures:
            path.unlink(missing_ok=True)
        if self._first_error is not None and self.failures["parse_failed"] == self.rows:
            first = f"{type(self._first_error).__name__}: {self._first_error}"
            raise UsageError(
                f"parse failed for every row; for the first one with {first}",
                hint="The answers are kept: mend parse and call again, nothing is asked twice.",
            ) from self._first_error

    def _failure(self, row: dict[str, Any], answer: Answer) -> tuple[str, str] | None:
        """Why a row has no usable answer; None where the value was taken."""
        if not answer.ok:
            code, message = why(answer.raw)
            self.formless += answer.status_code in _REFUSED and "response_format" in message
            return (
                (f"finish_reason_{answer.finish_reason}", message)
                if code == "not_accepted"
                else (code, message)
            )
        if answer.finish_reason in self._order.options.invalid_finish_reasons:
            return f"finish_reason_{answer.finish_reason}", "it ended for this reason in an earlier call"
        try:
            form = self._order.form
            value = form.read(answer.text or "") if form is not None else answer.text or ""
        except FormError as error:
            return "invalid_form", str(error)
        try:
            self._take(row, value, answer)
        except Exception as error:  # noqa: BLE001 - a person's own function; what it said is in the file
            self._first_error = self._first_error or error
            return "parse_failed", f"{type(error).__name__}: {error}"
        return None


def _failed(
    number: int, row: dict[str, Any], request: Mapping[str, Any], answer: Answer, code: str, message: str
) -> dict[str, Any]:
    return {
        "row": number,
        "input": _writable(row),
        "messages": request["body"]["messages"],
        "error": {"code": code, "message": message},
        "answer": answer.text,
        "finish_reason": answer.finish_reason,
    }


def _writable(row: dict[str, Any]) -> Any:
    """A row as JSON can say it; what it cannot becomes text."""
    try:
        canonical_json(row)
    except DataError:
        return {str(name): str(value) for name, value in row.items()}
    return row
