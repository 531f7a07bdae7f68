"""Tokenizers by name: how many tokens a text has, exactly."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from ftkit.errors import ConfigurationError, DataError, UsageError
from ftkit.tokens.bpe import BpeTokenizer
from ftkit.tokens.memory import CountMemory
from ftkit.tokens.store import locate
from ftkit.tokens.vocabulary import SPECS
from ftkit.tokens.words import WordTokenizer

__all__ = ["BpeTokenizer", "HuggingFaceTokenizer", "Tokenizer", "WordTokenizer", "get_tokenizer"]


class Tokenizer(Protocol):
    """Counts the tokens of a text. Special tokens written out in a text are counted as plain text."""

    name: str

    @property
    def exact(self) -> bool:
        """Whether its numbers are counts; else they are upper bounds."""
        ...

    @property
    def byte_level(self) -> bool:
        """Whether a text can never have more tokens than bytes of UTF-8."""
        ...

    def count(self, text: str) -> int:
        """Return how many tokens ``text`` has."""
        ...

    def count_many(self, texts: Sequence[str]) -> list[int]:
        """Return what `count` says of each text, in order."""
        ...

    def prefix(self, text: str, tokens: int) -> int:
        """Return how many characters of ``text`` its first ``tokens`` tokens cover, whole ones only."""
        ...


class HuggingFaceTokenizer:
    """A ``tokenizer.json`` run by Hugging Face's `tokenizers` (the extra ``hf``).

    Its normalizer may lengthen a text, so that nothing is said of bytes.
    """

    exact = True
    byte_level = False

    def __init__(self, path: Path) -> None:
        try:
            runner = import_module("tokenizers").Tokenizer
        except ImportError as error:
            raise ConfigurationError(
                "the package tokenizers is not installed", hint="Run: pip install 'ftkit[hf]'"
            ) from error
        file = path / "tokenizer.json" if path.is_dir() else path
        if not file.is_file():
            raise UsageError("there is no such tokenizer file", where=str(file))
        self.name = f"hf:{path}"
        try:
            self._runner: Any = runner.from_file(str(file))
        except Exception as error:  # tokenizers raises nothing narrower
            raise DataError(f"this is not a tokenizer file: {error}", where=str(file)) from error
        self._runner.no_truncation()  # a file may ask for them; a count is of the whole text and of it alone
        self._runner.no_padding()
        self._memory = CountMemory(self._count_unseen)

    def count(self, text: str) -> int:
        """Return how many tokens ``text`` has, without those that a model frames it with."""
        return len(self._encode(text).ids)

    def count_many(self, texts: Sequence[str]) -> list[int]:
        """Return what `count` says of each text, in order; repeated texts come from memory."""
        return self._memory.count_many(texts)

    def prefix(self, text: str, tokens: int) -> int:
        """Return how many characters of ``text`` its first ``tokens`` tokens cover."""
        offsets = self._encode(text).offsets
        return len(text) if tokens >= len(offsets) else max((end for _, end in offsets[:tokens]), default=0)

    def _encode(self, text: str) -> Any:
        return self._runner.encode(_well_formed(text), add_special_tokens=False)

    def _count_unseen(self, texts: Sequence[str]) -> list[int]:
        encoded = self._runner.encode_batch_fast(
            [_well_formed(text) for text in texts], add_special_tokens=False
        )
        return [len(each.ids) for each in encoded]


def _well_formed(text: str) -> str:
    """``text`` with lone surrogates as U+FFFD, as tiktoken reads them; they have no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def get_tokenizer(name: str) -> Tokenizer:
    """Return a tokenizer by its name.

    The names are ``o200k_base``, ``cl100k_base``, ``o200k_harmony``, ``llama3``, ``words`` and ``hf:PATH``.
    Raises `TokenizerMissing` with the command that mends it where the vocabulary is not on this machine,
    `UsageError` for an unknown name. Never uses the network.
    """
    if name == "words":
        return WordTokenizer()
    if name.startswith("hf:"):
        return HuggingFaceTokenizer(Path(name.removeprefix("hf:")).expanduser())
    if name not in SPECS:
        raise UsageError(
            f"there is no tokenizer {name!r}",
            hint=f"Known are: {', '.join(SPECS)}, words, and hf:PATH for a tokenizer.json.",
        )
    return _bpe(name, locate(name))


@functools.lru_cache(maxsize=8)
def _bpe(name: str, path: Path) -> BpeTokenizer:
    return BpeTokenizer(name, path)
