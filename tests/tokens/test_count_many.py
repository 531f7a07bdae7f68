"""Counting many texts at once says exactly what plain tiktoken says of each, whatever is among them."""

from __future__ import annotations

import itertools
import random
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.tokens import get_tokenizer
from ftkit.tokens.bpe import BpeTokenizer
from ftkit.tokens.memory import CountMemory
from ftkit.tokens.tokenizer import Tokenizer

Vocabulary = Callable[[str], Path]

WHITE = [chr(code) for code in range(0x3001) if chr(code).isspace()]
PIECES = [
    *WHITE[:10],
    *("  ", "   ", "\n\n", "\r\n", " \n ", "\t\t", " " * 17, "\u2003\u2003", "\u200b", "\ufeff"),
    *("a", "B", "the", " word", "I'll", "DON'T", "'s", "ſ's", "İ", "ﬃ", "ÀÉ", "straße", "e\u0301"),
    *("1", "12345", "٣٤", "Ⅷ", "½", "-", "...", "!!\n", "/", "://", "==>", "{}", '"', "#", "_", "$€"),
    *("好的", "谢谢！", "日本語テキスト", "한국어", "Привет", "مرحبا", "नमस्ते", "ไทย", "עברית", "Ελλάδα"),
    *(
        "😀",
        "👩‍👩‍👧",
        "🇫🇮",
        "👍🏽",
        "<|endoftext|>",
        "<|eot_id|>",
        "<|ftkit|>",
        "\x00",
        "\x1e",
        "\x7f",
        "\ud83d",
    ),
    *("def f(x):\n    return x  # note\n", "for (;;) {\n\t}\n", "</div>\r\n", "SELECT * FROM t;", "x_1=2**3"),
]


@pytest.fixture(scope="module", params=["o200k_base", "cl100k_base", "llama3"])
def bpe(request: pytest.FixtureRequest, vocabulary: Vocabulary) -> BpeTokenizer:
    """A tokenizer; its ``encoding`` is plain tiktoken's, with the published pattern (see test_tokenizer)."""
    vocabulary(request.param)
    found = get_tokenizer(request.param)
    assert isinstance(found, BpeTokenizer)
    return found


def plainly(bpe: BpeTokenizer, texts: list[str]) -> list[int]:
    return [len(bpe.encoding.encode_ordinary(text)) for text in texts]


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(
        st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=40), max_size=8
    )
)
def test_any_texts_together_count_as_each_alone(bpe: BpeTokenizer, texts: list[str]) -> None:
    """Lone surrogates, separators and special tokens written out among them."""
    assert bpe.count_many(texts) == plainly(bpe, texts) == [bpe.count(text) for text in texts]


def test_every_short_string_of_white_space_in_every_place(bpe: BpeTokenizer) -> None:
    """What the regrouped pattern must not change: runs before words, digits, marks, the end."""
    signs = [" ", "\n", "\r", "\t", "\u00a0", "\u2003"]
    runs = ["".join(run) for size in range(5) for run in itertools.product(signs, repeat=size)]
    texts = [
        f"{before}{run}{after}"
        for run in runs
        for before, after in (("", ""), ("a", "b"), ("1", "-"), ("", "7"))
    ]
    assert bpe.count_many(texts) == plainly(bpe, texts)


def test_every_category_of_unicode(bpe: BpeTokenizer) -> None:
    """Characters of each general category, by themselves and mixed, drawn with a fixed seed."""
    by_category: dict[str, list[str]] = {}
    for code in range(sys.maxunicode + 1):
        by_category.setdefault(unicodedata.category(chr(code)), []).append(chr(code))
    draw = random.Random(3)
    every = [draw.sample(found, min(60, len(found))) for _, found in sorted(by_category.items())]
    texts = [sign for signs in every for sign in signs] + ["".join(signs) for signs in every]
    texts += ["".join(draw.choice(draw.choice(every)) for _ in range(25)) for _ in range(300)]
    assert len(by_category) >= 29
    assert bpe.count_many(texts) == plainly(bpe, texts)


def test_batches_larger_than_what_is_joined(bpe: BpeTokenizer) -> None:
    """Texts around the size at which a batch is full, and one with a separator that spoils its batch only."""
    draw = random.Random(4)
    words = ["alpha ", "Beta\n", "42 ", "γάμμα ", "  ", "don't "]
    texts = ["".join(draw.choices(words, k=size)) for size in (1, 60_000, 0, 5, 30_000, 90_000, 3)]
    texts[3:3] = ["x\0y", "", "\ud800", "z\0"]
    assert bpe.count_many(texts) == plainly(bpe, texts)
    assert bpe.count_many([]) == []
    assert bpe.count_many(["", "\0", ""]) == [0, 1, 0]


def test_white_space_that_tiktoken_does_not_bear_is_counted_beside_other_texts(
    vocabulary: Vocabulary,
) -> None:
    """Its panic is a BaseException and would end the process; the texts around are counted as ever."""
    bpe = BpeTokenizer("cl100k_base", vocabulary("cl100k_base"))
    counts = bpe.count_many(["before it", "a" + " " * 1_000_200 + "b", "after it"])
    assert [counts[0], counts[2]] == [bpe.count("before it"), bpe.count("after it")]
    assert counts[1] == pytest.approx(1_000_200 / 128, abs=4)


def test_an_answer_from_memory_is_the_answer(bpe: BpeTokenizer) -> None:
    texts = ["You are a helpful assistant.", "positive", "neutral", "positive"] * 500
    first = bpe.count_many(texts)
    assert bpe.count_many(texts) == first == plainly(bpe, texts[:4]) * 500


@settings(max_examples=100, deadline=None)
@given(text=st.lists(st.sampled_from(PIECES), max_size=12).map("".join), tokens=st.integers(0, 30))
def test_a_prefix_is_the_characters_of_the_first_tokens(bpe: BpeTokenizer, text: str, tokens: int) -> None:
    kept = bpe.prefix(text, tokens)
    written = b"".join(bpe.encoding.decode_tokens_bytes(bpe.encoding.encode_ordinary(text)[:tokens]))
    assert 0 <= kept <= len(text)
    if "\ud83d" not in text:
        assert written.startswith(text[:kept].encode())
        assert len(written) < len(text[: kept + 1].encode()) or kept == len(text)
    if tokens >= bpe.count(text) and "\ud83d" not in text:
        assert kept == len(text)


class Recorder:
    """Counts characters, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: list[str]) -> Iterator[int]:
        self.asked += texts
        return iter([len(text) for text in texts])


def test_what_comes_again_is_not_counted_again() -> None:
    count = Recorder()
    memory = CountMemory(count)  # type: ignore[arg-type]
    assert memory.count_many(["a", "bb", "a"]) == [1, 2, 1]
    assert memory.count_many(["bb", "ccc"]) == [2, 3]
    assert count.asked == ["a", "bb", "ccc"]


def test_memory_is_bounded_and_keeps_what_comes_often() -> None:
    count = Recorder()
    memory = CountMemory(count, budget=20_000)  # type: ignore[arg-type]
    for number in range(300):
        texts = ["the same prompt", *(f"{number} {index} " + "x" * 100 for index in range(10))]
        assert memory.count_many(texts) == [len(text) for text in texts]
        assert memory.size <= 40_000
    assert count.asked.count("the same prompt") == 1
    assert len(count.asked) == 1 + 3000


def test_long_texts_and_batches_beyond_the_budget_are_not_kept() -> None:
    count = Recorder()
    memory = CountMemory(count, budget=5_000, longest=50)  # type: ignore[arg-type]
    long, many = ["y" * 51], [f"{index:040}" for index in range(100)]
    for texts in (long, many):
        assert memory.count_many(texts) == memory.count_many(texts) == [len(text) for text in texts]
    assert count.asked == long * 2 + many * 2
    assert memory.size == 0


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(st.lists(st.text("ab", max_size=4), max_size=30), max_size=12))
def test_memory_never_changes_an_answer(batches: list[list[str]]) -> None:
    memory = CountMemory(lambda texts: [len(text) for text in texts], budget=600)
    for texts in batches:
        assert memory.count_many(texts) == [len(text) for text in texts]


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.text(max_size=20)))
def test_words_count_many_as_each(texts: list[str]) -> None:
    words: Tokenizer = get_tokenizer("words")
    assert words.count_many(texts) == [words.count(text) for text in texts]


def test_a_prefix_of_words() -> None:
    words = get_tokenizer("words")
    assert [words.prefix("Profit rose 3%.", size) for size in range(6)] == [0, 6, 11, 13, 14, 15]
