"""What is asked: the requests of an order's rows, written to a file."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ftkit.data import open_jsonl_writer
from ftkit.errors import DataError, FtkitError
from ftkit.gateway.requests import chat_request
from ftkit.inference.llm.forms import Form
from ftkit.inference.llm.prompts import PromptFunction, messages_of, with_instruction
from ftkit.inference.llm.response import How
from ftkit.inference.llm.schemas import instruction, response_format
from ftkit.inference.llm.sources import Rows

if TYPE_CHECKING:
    from ftkit.inference.llm.options import LLMOptions


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
        messages = messages_of(self.prompt(row), self.system, rows.where(number))
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


class Written(NamedTuple):
    """A file of requests, under a name of its own; ``key`` is of their content and of who answers them."""

    path: Path
    key: str


def write_requests(order: Order, rows: Rows, identity: str, place: Path) -> Written:
    """Write the requests of all rows into the folder ``place``.

    Raises what prompts raise, with the place of the row, and DataError where there are no rows.
    """
    path = place / f".{uuid.uuid4().hex}.jsonl"
    with open_jsonl_writer(path) as writer:
        for number, row in enumerate(rows, 1):
            try:
                writer.write(order.request(number, row, rows))
            except FtkitError as error:
                error.where = error.where or rows.where(number)
                raise
        if not writer.rows:
            raise DataError("there are no rows", where=rows.name, hint="Check that this is the right source.")
        said = f"{identity}\n{order.samples}\n{writer.sha256}"
    return Written(path, hashlib.sha256(said.encode()).hexdigest()[:16])
