"""Answer a piece of a batch: its requests to the engines, their answers to lines of the result files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ftkit.local.asking.answering import Answering
from ftkit.local.asking.endpoints import ENDPOINTS
from ftkit.local.asking.wanted import Wanted
from ftkit.local.envelope import ApiError, model_not_found
from ftkit.local.ids import new_id
from ftkit.local.jsonio import dump_line
from ftkit.local.models import LoadedModels
from ftkit.local.names import Names, ServedModel
from ftkit.local.work.batch_input import Line

_EXPIRED = {
    "code": "batch_expired",
    "message": "This request could not be executed before the completion window expired.",
}
_WHOLE = {"stream": None, "stream_options": None}
"""In a batch every answer comes whole."""


@dataclass(slots=True)
class Answers:
    """A piece's answers: output and error lines, in input order, and their totals."""

    output: list[bytes] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def add(self, custom_id: str, body: dict[str, Any]) -> None:
        """A request that was answered."""
        used = body["usage"]
        self.prompt_tokens += used["prompt_tokens"]
        self.completion_tokens += used.get("completion_tokens", 0)
        self.output.append(_line(custom_id, 200, body))

    def add_error(self, custom_id: str, error: ApiError) -> None:
        """A request that was refused, or failed."""
        self.errors.append(_line(custom_id, error.status, error.body()))


class BatchAnswers:
    """Answers the requests of one batch."""

    def __init__(self, endpoint: str, names: Names, models: LoadedModels) -> None:
        self._read = ENDPOINTS[endpoint]
        self._find = cache(names.find)
        self._answering = Answering(models)

    def of(self, lines: Sequence[Line]) -> Answers:
        """Answer a piece: all requests to the same model at once. A fault of one request is its own."""
        wanted = [self._wanted(line) for line in lines]
        asked = [item for item in wanted if not isinstance(item, ApiError)]
        found = iter(self._answering.answer(asked))
        answers = Answers()
        for line, item in zip(lines, wanted, strict=True):
            outcome = item if isinstance(item, ApiError) else _body(*item, next(found))
            if isinstance(outcome, ApiError):
                answers.add_error(line.custom_id, outcome)
            else:
                answers.add(line.custom_id, outcome)
        return answers

    def _wanted(self, line: Line) -> tuple[Wanted, ServedModel] | ApiError:
        try:
            body = {**line.body, **_WHOLE} if "stream" in line.body else line.body
            wanted = self._read(body)
        except ApiError as error:
            return error
        model = self._find(wanted.model)
        return (wanted, model) if model is not None else model_not_found(wanted.model)


def expired(lines: Sequence[Line]) -> Answers:
    """For requests that were not answered in time."""
    return Answers(errors=[_late(line.custom_id) for line in lines])


def _body(wanted: Wanted, model: ServedModel, found: Any) -> dict[str, Any] | ApiError:
    return found if isinstance(found, ApiError) else wanted.body(model, found)


def _line(custom_id: str, status: int, body: dict[str, Any]) -> bytes:
    response = {"status_code": status, "request_id": new_id("req_"), "body": body}
    return dump_line(
        {"id": new_id("batch_req_"), "custom_id": custom_id, "response": response, "error": None}
    )


def _late(custom_id: str) -> bytes:
    return dump_line(
        {"id": new_id("batch_req_"), "custom_id": custom_id, "response": None, "error": _EXPIRED}
    )
