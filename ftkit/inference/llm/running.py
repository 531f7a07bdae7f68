"""One call: rows to requests, requests to answers, answers to values; and what it took."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.data import open_jsonl_writer, read_jsonl
from ftkit.data.files import canonical_json
from ftkit.errors import DataError, FtkitError, storage_error
from ftkit.gateway.bulk.answer_lines import why
from ftkit.gateway.requests import chat_request
from ftkit.inference.asking import Asked, ask
from ftkit.inference.cache import AnswerCache
from ftkit.inference.llm.forms import Form, FormError
from ftkit.inference.llm.prompts import PromptFunction, messages_of, with_instruction
from ftkit.inference.llm.response import How
from ftkit.inference.llm.rounds import Rounds
from ftkit.inference.llm.schemas import instruction, response_format
from ftkit.inference.llm.sources import Rows

if TYPE_CHECKING:
    from ftkit.gateway import Answer
    from ftkit.inference.backends import Backend
    from ftkit.inference.llm.options import LLMOptions

_REFUSED = (400, 404, 422)
FAILED, REQUESTS = "failed_requests.jsonl", "requests-1.jsonl"
Take = Callable[[dict[str, Any], Any, "Answer"], None]
"""Gets a row, the value of its answer and the answer; what it raises makes the row a failed one."""


@dataclass(frozen=True)
class Order:
    """What is to be asked: a model, how rows become prompts, the form of answers and how it is enforced."""

    model: str
    prompt: PromptFunction
    system: str | None
    form: Form | None
    how: How | None
    parameters: Mapping[str, Any]
    options: LLMOptions
    samples: bool = True
    """Whether equal requests get answers of their own."""
    fresh: bool = False
    """Whether all is asked anew, whatever was answered before."""

    def request(self, number: int, row: dict[str, Any], rows: Rows) -> dict[str, Any]:
        """The request of a row, which is the ``number``-th."""
        where = rows.where(number)
        try:
            messages = messages_of(self.prompt(row), self.system, where)
        except FtkitError as error:
            error.where = error.where or where
            raise
        if self._words is not None:
            messages = with_instruction(messages, self._words)
        return chat_request(str(number), self.model, messages, **self._said)

    @cached_property
    def _words(self) -> str | None:
        """The form as an instruction, where it is one."""
        if self.form is None or self.how != "instruction":
            return None
        return instruction(self.form.schema)

    @cached_property
    def _said(self) -> dict[str, Any]:
        """The parameters of each request, with the form where it is one of them."""
        if self.form is None or self.how != "response_format":
            return dict(self.parameters)
        return {**self.parameters, "response_format": response_format(self.form.name, self.form.schema)}


@dataclass(frozen=True)
class Done:
    """What came of a call."""

    folder: Path
    asked: Sequence[Asked]
    rows: int
    failures: Mapping[str, int]
    cached: int
    seconds: float
    formless: int = 0
    """Rows that failed because nobody there takes ``response_format``."""

    @property
    def failed(self) -> int:
        """Rows without a usable answer."""
        return sum(self.failures.values())

    @property
    def failed_path(self) -> Path | None:
        """The file of these rows; None where there is none."""
        return self.folder / FAILED if self.failures else None


def run(order: Order, rows: Rows, backend: Backend, cache: AnswerCache, place: Path, take: Take) -> Done:
    """Ask about all rows and hand each value to ``take``, in order; failed rows go to a file.

    ``place`` gets a folder for these very requests: a call that was broken off goes on in it.
    """
    from ftkit.ledger.locks import holding

    began = time.monotonic()
    folder, requests = _folder(order, rows, backend, place)
    with holding(folder / "lock", 0, lambda seconds: None):  # an equal call of another process is waited for
        _without_head(requests, folder / REQUESTS)
        rounds = Rounds(folder, _asker(order, backend, cache), order.form, order.options.attempts)
        asked = rounds.run()
        reading = _Reading(order, folder, take)
        reading.all(rows, rounds.answers())
    return Done(
        folder=folder,
        asked=asked,
        rows=reading.rows,
        failures=reading.failures,
        cached=reading.cached,
        seconds=time.monotonic() - began,
        formless=reading.formless,
    )


def run_either_way(
    order: Order, rows: Rows, backend: Backend, cache: AnswerCache, place: Path, take: Take
) -> tuple[Order, Done]:
    """:func:`run`; where each request was refused for its ``response_format``, once more by instruction."""
    done = run(order, rows, backend, cache, place, take)
    if order.how != "response_format" or done.formless < done.rows:
        return order, done
    order = replace(order, how="instruction")
    again = run(order, rows, backend, cache, place, take)
    return order, replace(again, asked=(*done.asked, *again.asked), seconds=done.seconds + again.seconds)


def _asker(order: Order, backend: Backend, cache: AnswerCache) -> Callable[[Path, Path, Path], Asked]:
    refused = frozenset(order.options.invalid_finish_reasons)

    def accept(answer: Answer) -> str | None:
        bad = answer.finish_reason in refused
        return f"it ended for the reason {answer.finish_reason!r}" if bad else None

    def asker(requests: Path, out: Path, workdir: Path) -> Asked:
        return ask(
            (row.data for row in read_jsonl(requests)),
            backend,
            model=order.model,
            out=out,
            workdir=workdir,
            cache=cache,
            accept=accept,
            rounds=order.options.attempts,
            deduplicate=not order.samples,
            fresh=order.fresh,
        )

    return asker


def _folder(order: Order, rows: Rows, backend: Backend, place: Path) -> tuple[Path, Path]:
    """The folder of these very requests, and a file of them that is not in its place yet."""
    temporary = place / f".{uuid.uuid4().hex}.jsonl"
    identity = backend.identity(order.model)
    with open_jsonl_writer(temporary) as writer:
        writer.write({"identity": identity, "samples": order.samples})
        for number, row in enumerate(rows, 1):
            writer.write(order.request(number, row, rows))
        name, count = writer.sha256[:16], writer.rows - 1
    folder = place / name
    try:
        if not count:
            raise DataError("there are no rows", where=rows.name, hint="Check that this is the right source.")
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from error
    finally:
        if not folder.is_dir():
            temporary.unlink(missing_ok=True)
    return folder, temporary


def _without_head(source: Path, target: Path) -> None:
    """The requests alone: the first line only made the folder's name that of who answers them, too."""
    with open_jsonl_writer(target) as writer, source.open("rb") as file:
        next(file)
        for line in file:
            writer.write_line(line.rstrip(b"\n"))
    source.unlink()


class _Reading:
    """Answers become values, or lines of the failed."""

    def __init__(self, order: Order, folder: Path, take: Take) -> None:
        self._order, self._take = order, take
        self._folder = folder
        self.rows = self.cached = self.formless = 0
        self.failures: Counter[str] = Counter()

    def all(self, rows: Rows, answers: Iterator[Answer]) -> None:
        """Go through rows, their requests and their answers at once."""
        path = self._folder / FAILED
        requests = (row.data for row in read_jsonl(self._folder / REQUESTS))
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
