"""Tokenizers, chat templates and exact counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.tokens.bound import BoundTokenizer
    from ftkit.tokens.conversations import Conversation, conversations_of
    from ftkit.tokens.counting import ExampleCounter, NotCountable, RowTokens, counter_for, overhead_of
    from ftkit.tokens.layout import Cut
    from ftkit.tokens.pictures import Uncountable
    from ftkit.tokens.store import VocabularyStatus, fetch, import_file, vocabularies
    from ftkit.tokens.templates import TEMPLATES
    from ftkit.tokens.tokenizer import Tokenizer, get_tokenizer
    from ftkit.tokens.words import WORD_PATTERN, count_words, split_words

_HOME = {
    "BoundTokenizer": "ftkit.tokens.bound",
    "Conversation": "ftkit.tokens.conversations",
    "conversations_of": "ftkit.tokens.conversations",
    "ExampleCounter": "ftkit.tokens.counting",
    "NotCountable": "ftkit.tokens.counting",
    "RowTokens": "ftkit.tokens.counting",
    "counter_for": "ftkit.tokens.counting",
    "overhead_of": "ftkit.tokens.counting",
    "Cut": "ftkit.tokens.layout",
    "Uncountable": "ftkit.tokens.pictures",
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
    "BoundTokenizer",
    "Conversation",
    "Cut",
    "ExampleCounter",
    "NotCountable",
    "RowTokens",
    "Tokenizer",
    "Uncountable",
    "VocabularyStatus",
    "conversations_of",
    "count_words",
    "counter_for",
    "fetch",
    "get_tokenizer",
    "import_file",
    "overhead_of",
    "split_words",
    "vocabularies",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
