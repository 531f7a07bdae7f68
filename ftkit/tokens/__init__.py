"""Tokenizers, chat templates and exact counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.tokens.counting import ExampleCounter, counter_for
    from ftkit.tokens.store import VocabularyStatus, fetch, import_file, vocabularies
    from ftkit.tokens.templates import TEMPLATES
    from ftkit.tokens.tokenizer import Tokenizer, get_tokenizer
    from ftkit.tokens.words import WORD_PATTERN, count_words, split_words

_HOME = {
    "ExampleCounter": "ftkit.tokens.counting",
    "counter_for": "ftkit.tokens.counting",
    "VocabularyStatus": "ftkit.tokens.store",
    "fetch": "ftkit.tokens.store",
    "import_file": "ftkit.tokens.store",
    "vocabularies": "ftkit.tokens.store",
    "TEMPLATES": "ftkit.tokens.templates",
    "Tokenizer": "ftkit.tokens.tokenizer",
    "get_tokenizer": "ftkit.tokens.tokenizer",
    "WORD_PATTERN": "ftkit.tokens.words",
    "count_words": "ftkit.tokens.words",
    "split_words": "ftkit.tokens.words",
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

__getattr__, __dir__ = lazy_names(__name__, _HOME)
