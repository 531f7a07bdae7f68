"""Asks until every answer has the form: who answers otherwise is shown the answer and told what is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.data import open_jsonl_writer, read_jsonl
from ftkit.data.files import put_in_place
from ftkit.errors import DataError, storage_error
from ftkit.gateway.reading import read_answer
from ftkit.inference.llm.forms import Form, FormError
from ftkit.inference.llm.texts import without_thoughts

if TYPE_CHECKING:
    from ftkit.gateway import Answer
    from ftkit.inference.asking import Asked

Ask = Callable[[Path, Path, Path], "Asked"]
"""Answers a file of requests, given the place of the answers and a work directory."""


def again(fault: str) -> str:
    """What a model is told of an answer that has not the form."""
    return (
        f"This answer does not have the form that was asked for: {fault}\n"
        "Answer the question once more, with JSON of that form and nothing else."
    )


class Rounds:
    """The rounds of one call in ``folder``, whose first requests are in ``requests``.

    A further round asks about the answers that the last one had wrong, with the answer and its fault in the
    conversation: another request, with an answer of its own in the cache, so that a later call finds all of
    the way and pays for none of it.
    """

    def __init__(self, folder: Path, ask: Ask, form: Form | None, most: int) -> None:
        self._folder, self._ask, self._form, self._most = folder, ask, form, most
        self.asked: list[Asked] = []

    def requests(self, number: int = 1) -> Path:
        """The requests of a round."""
        return self._folder / f"requests-{number}.jsonl"

    def run(self, first: Path) -> list[Asked]:
        """Ask all rounds, of which ``first`` is moved to be the first one's requests; what came of each."""
        try:
            put_in_place(first, self.requests())
        except OSError as error:
            raise storage_error(error, self._folder) from error
        mark: str | None = "all"
        for number in range(1, self._most + 1):
            # by its content: after a crash, a round may have other requests than the one that was broken off
            work = self._folder / f"asking-{number}-{mark}"
            self.asked.append(self._ask(self.requests(number), self._answers(number), work))
            mark = self._doubt(number) if self._form is not None and number < self._most else None
            if mark is None:
                break
        for left in self._folder.glob("asking-*"):
            shutil.rmtree(left, ignore_errors=True)
        return self.asked

    def answers(self) -> Iterator[Answer]:
        """The last answer to each request, in their order."""
        rounds = [read_jsonl(self._answers(number)) for number in range(1, len(self.asked) + 1)]
        for row in rounds[0]:
            answer = read_answer(row.data)
            for later in rounds[1:]:
                if not answer.ok or self.fault(answer) is None:
                    break
                answer = self._next(later, answer)
            yield answer

    def fault(self, answer: Answer) -> str | None:
        """Why an answer has not the form; None where it has, or where there is no form."""
        if self._form is None:
            return None
        try:
            self._form.read(answer.text or "")
        except FormError as error:
            return str(error)
        return None

    def _answers(self, number: int) -> Path:
        return self._folder / f"answers-{number}.jsonl"

    def _doubt(self, number: int) -> str | None:
        """Write the next round's requests, the questions whose answers have not the form; None without any.

        Returns a name of their content.
        """
        path = self.requests(number + 1)
        pairs = zip(read_jsonl(self.requests(number)), read_jsonl(self._answers(number)), strict=True)
        with open_jsonl_writer(path) as writer:
            for request, row in pairs:
                answer = read_answer(row.data)
                if answer.ok and (fault := self.fault(answer)) is not None:
                    writer.write(_doubted(request.data, answer, fault))
        if writer.rows:
            return writer.sha256[:12]
        path.unlink()
        return None

    def _next(self, later: Iterator[Any], answer: Answer) -> Answer:
        row = next(islice(later, 1), None)
        found = read_answer(row.data) if row is not None else None
        if found is None or found.custom_id != answer.custom_id:
            raise DataError("the rounds of answers do not fit together", where=str(self._folder))
        return found


def _doubted(request: dict[str, Any], answer: Answer, fault: str) -> dict[str, Any]:
    said = [
        {"role": "assistant", "content": without_thoughts(answer.text or "")},
        {"role": "user", "content": again(fault)},
    ]
    body = request["body"]
    return {**request, "body": {**body, "messages": [*body["messages"], *said]}}
