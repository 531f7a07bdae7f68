"""Tokenizers, chat templates and exact counts."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftkit.tokens.counting import ExampleCounter, counter_for
    from ftkit.tokens.store import VocabularyStatus, fetch, import_file, vocabularies
    from ftkit.tokens.templates import TEMPLATES
    from ftkit.tokens.tokenizer import Tokenizer, get_tokenizer
    from ftkit.tokens.words import WORD_PATTERN, count_words, split_words

_HOME = {
    "ExampleCounter": "counting",
    "counter_for": "counting",
    "VocabularyStatus": "store",
    "fetch": "store",
    "import_file": "store",
    "vocabularies": "store",
    "TEMPLATES": "templates",
    "Tokenizer": "tokenizer",
    "get_tokenizer": "tokenizer",
    "WORD_PATTERN": "words",
    "count_words": "words",
    "split_words": "words",
}

__all__ = [
    "TEMPLATES",
    "WORD_PATTERN",
    "ExampleCounter",
    "Tokenizer",
    "VocabularyStatus",
    "count_words",
    "counter_for",
    "fetch",
    "get_tokenizer",
    "import_file",
    "split_words",
    "vocabularies",
]


def __getattr__(name: str) -> Any:
    """Import a name from its module when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
