"""Llama 3 counted by its vocabulary file equals Hugging Face's `tokenizers` on a tokenizer made from it.

The hub's ``tokenizer.json`` is not to be had everywhere, so it is built here: the ranks as a vocabulary of
byte letters, every way to make a token of two others as a merge (in order of the token's rank), the pattern.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftkit.tokens import get_tokenizer
from ftkit.tokens.bpe import read_ranks
from ftkit.tokens.vocabulary import SPECS

Vocabulary = Callable[[str], Path]
TEXTS = [
    "",
    "This is a test sentence.",
    "  two  spaces   and\n\n\nlines \r\n\tend  ",
    "We'LL see: it's 1234567.89 o'clock!\n",
    "def f(x):\n    return {'a': [1, 2]}  # note\n",
    "Сегодня хорошая погода. 今天天气很好。 오늘은 날씨가 좋아요. مرحبا नमस्ते 😀👩‍👩‍👧 e\u0301",
    "<|eot_id|> written out, and a NUL \0 and \u200b\ufeff",
    " " * 300 + "x" + "\n" * 300 + "aaaaaaaaaaaaaaaaaaaa",
]


def letters() -> list[str]:
    """The letter that stands for each byte in byte-level vocabularies: itself where it can be seen."""
    seen = {*range(33, 127), *range(161, 173), *range(174, 256)}
    unseen = [byte for byte in range(256) if byte not in seen]
    return [chr(byte) if byte in seen else chr(256 + unseen.index(byte)) for byte in range(256)]


@pytest.fixture(scope="module")
def file(vocabulary: Vocabulary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizers = pytest.importorskip("tokenizers")
    ranks = read_ranks(vocabulary("llama3"))
    letter = letters()
    written = {token: "".join(letter[byte] for byte in token) for token in ranks}
    merges = [
        (written[token[:at]], written[token[at:]])
        for token in ranks
        for at in range(1, len(token))
        if token[:at] in ranks and token[at:] in ranks
    ]
    vocab = {written[token]: rank for token, rank in ranks.items()}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocab, merges=merges, ignore_merges=True))
    pattern = tokenizers.Regex(SPECS["llama3"].pattern)
    made.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [
            tokenizers.pre_tokenizers.Split(pattern, "isolated"),
            tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    path = tmp_path_factory.mktemp("hub") / "tokenizer.json"
    made.save(str(path))
    return path


def many_texts() -> list[str]:
    draw = random.Random(5)
    signs = [
        chr(code) for code in range(0x30000) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")
    ]
    mixed = ["".join(draw.choices(signs, k=15)) for _ in range(400)]
    spaced = ["".join(draw.choices(" \n\t\r\u00a0aB1'.", k=25)) for _ in range(400)]
    return [*TEXTS, *mixed, *spaced]


def test_the_same_counts_and_the_same_tokens(file: Path) -> None:
    ours, theirs = get_tokenizer("llama3"), get_tokenizer(f"hf:{file}")
    texts = many_texts()
    assert ours.count_many(texts) == theirs.count_many(texts)
    runner: Any = theirs
    encoding: Any = ours
    for text in texts[:100]:
        assert runner._runner.encode(text).ids == encoding.encoding.encode_ordinary(text)


def test_a_file_that_truncates_and_pads_counts_the_whole_text(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "?": 1}, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.enable_truncation(2)
    made.enable_padding(length=64)
    made.save(str(tmp_path / "tokenizer.json"))
    ours = get_tokenizer(f"hf:{tmp_path}")
    assert ours.count_many(["a", "a a a", "", "\ud800"]) == [1, 3, 0, 1]
    assert ours.count("a b a b") == 4


def test_prefixes_agree(file: Path) -> None:
    """Where a token is no part of a character; both count the characters that are whole."""
    ours, theirs = get_tokenizer("llama3"), get_tokenizer(f"hf:{file}")
    for text in TEXTS[1:5]:
        for tokens in range(ours.count(text) + 2):
            assert theirs.prefix(text, tokens) == ours.prefix(text, tokens)
