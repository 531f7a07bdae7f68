"""Tokenizers by name: how many tokens a text has, exactly."""

from __future__ import annotations

import binascii
import functools
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ftkit.errors import ConfigurationError, DataError, UsageError
from ftkit.tokens.store import locate
from ftkit.tokens.vocabulary import SPECS
from ftkit.tokens.words import WordTokenizer

if TYPE_CHECKING:
    from tiktoken import Encoding

_RUN = 400_000
"""Longest run of white space given to tiktoken at once; it panics on about a million characters.

A multiple of 128, the longest token of spaces, so that a cut falls between two tokens.
"""

_LONG_RUN = re.compile(rf"\s{{{_RUN}}}(?=\s)")


class Tokenizer(Protocol):
    """Counts the tokens of a text. Special tokens written out in a text are counted as plain text."""

    name: str

    def count(self, text: str) -> int:
        """Return how many tokens ``text`` has."""
        ...


class BpeTokenizer:
    """A byte-pair encoding run by tiktoken, from a checked vocabulary file."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.encoding = _encoding(name, path)

    def count(self, text: str) -> int:
        """Return how many tokens ``text`` has.

        Lone surrogates count as U+FFFD, as in tiktoken. White space longer than tiktoken bears is counted
        in pieces of 400,000 characters.
        """
        if len(text) > _RUN and _LONG_RUN.search(text):
            return sum(len(self.encoding.encode_ordinary(piece)) for piece in _pieces(text))
        return len(self.encoding.encode_ordinary(text))


class HuggingFaceTokenizer:
    """A ``tokenizer.json`` run by Hugging Face's `tokenizers` (the extra ``hf``)."""

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

    def count(self, text: str) -> int:
        """Return how many tokens ``text`` has, without those that a model frames it with."""
        return len(self._runner.encode(text, add_special_tokens=False).ids)


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


def _encoding(name: str, path: Path) -> Encoding:
    """Build tiktoken's encoding from ranks that it has not touched: it would cache or delete files."""
    import tiktoken

    spec = SPECS[name]
    ranks: dict[bytes, int] = {}
    for line in path.read_bytes().splitlines():
        token, _, rank = line.partition(b" ")
        ranks[binascii.a2b_base64(token)] = int(rank)
    return tiktoken.Encoding(name, pat_str=spec.pattern, mergeable_ranks=ranks, special_tokens=spec.special)


def _pieces(text: str) -> list[str]:
    """Cut ``text`` within over-long runs of white space, and nowhere else."""
    cuts = [found.end() for found in _LONG_RUN.finditer(text)]
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
