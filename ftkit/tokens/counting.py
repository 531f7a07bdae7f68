"""Counting the tokens of whole examples as a model's platform counts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ftkit.errors import ConfigurationError, UsageError
from ftkit.tokens.templates import TEMPLATES
from ftkit.tokens.tokenizer import Tokenizer, get_tokenizer


class CountedModel(Protocol):
    """What must be known of a model to count for it; `ftkit.catalog.Model` has it."""

    @property
    def id(self) -> str:
        """The model's id."""
        ...

    @property
    def tokenizer(self) -> str | None:
        """The name that `get_tokenizer` takes."""
        ...

    @property
    def chat_template(self) -> str | None:
        """A name of `TEMPLATES`."""
        ...


@dataclass(frozen=True, slots=True)
class ExampleCounter:
    """A tokenizer together with a chat template."""

    tokenizer: Tokenizer
    template: str

    def count(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> int:
        """Return the tokens of a conversation, with what the template adds, and of its tools."""
        return TEMPLATES[self.template](messages, tools or (), self.tokenizer)

    def count_example(self, example: Mapping[str, Any]) -> int:
        """Return the tokens of a chat example: its ``messages`` and ``tools``."""
        return self.count(example["messages"], example.get("tools"))


def counter_for(model: CountedModel) -> ExampleCounter:
    """Return the counter of a model of the catalog.

    Raises `ConfigurationError` where its tokenizer is not known, `TokenizerMissing` where it is not here.
    """
    setting = f'[models."{model.id}"]'
    if model.tokenizer is None:
        raise ConfigurationError(
            f"the tokenizer of {model.id} is not known, so that its tokens cannot be counted",
            hint=f'Name one in ftkit.toml: {setting} tokenizer = "o200k_base"',
        )
    template = model.chat_template or "generic"
    if template not in TEMPLATES:
        raise UsageError(
            f"there is no chat template {template!r} ({model.id})",
            hint=f"Known are: {', '.join(TEMPLATES)}. Set it in ftkit.toml: {setting} chat_template = ...",
        )
    return ExampleCounter(get_tokenizer(model.tokenizer), template)
