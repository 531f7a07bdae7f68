"""Tokenizers count exactly what plain tiktoken counts, and bear what it does not."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st
from tiktoken_ext import openai_public

from ftkit.errors import ConfigurationError, TokenizerMissing, UsageError
from ftkit.tokens import get_tokenizer
from ftkit.tokens.tokenizer import BpeTokenizer
from ftkit.tokens.vocabulary import FILES, SPECS

Vocabulary = Callable[[str], Path]

OPENAI = ("o200k_base", "cl100k_base", "o200k_harmony")
TEXTS = [
    "",
    "Hello, world! It's 12345 o'clock; we'LL see.",
    "Yhtiön liikevoitto nousi 3,2 %\r\n\r\n\tsisennys   \n",
    "def f(x):\n    return {'a': [1, 2]}  # note\n",
    "好的，谢谢！ مرحبا नमस्ते 한국어 😀👩‍👩‍👧 e\u0301",
    "<|endoftext|><|im_start|>user<|eot_id|>",
    "   \t \n \n\n  x\u00a0\u2003y  ",
    "ABCdefGHI McDonald's iPhone's",
]


def plain(name: str, folder: Path, vocabulary: Vocabulary) -> tiktoken.Encoding:
    """tiktoken's own encoding, from a cache folder of its own that holds our checked file."""
    url_name = SPECS[name].file.tiktoken_name
    assert url_name is not None
    shutil.copy(vocabulary(name), folder / url_name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
        return tiktoken.Encoding(**getattr(openai_public, name)())


@pytest.fixture(scope="module", params=OPENAI)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, vocabulary: Vocabulary
) -> tuple[BpeTokenizer, tiktoken.Encoding]:
    """Our tokenizer and plain tiktoken's of the same name."""
    folder = tmp_path_factory.mktemp("tiktoken")
    return BpeTokenizer(request.param, vocabulary(request.param)), plain(request.param, folder, vocabulary)


def test_texts_encode_as_in_tiktoken(pair: tuple[BpeTokenizer, tiktoken.Encoding]) -> None:
    ours, theirs = pair
    for text in TEXTS:
        assert ours.encoding.encode_ordinary(text) == theirs.encode_ordinary(text)
        assert ours.count(text) == len(theirs.encode_ordinary(text))


def test_special_tokens_are_the_published_ones(pair: tuple[BpeTokenizer, tiktoken.Encoding]) -> None:
    ours, theirs = pair
    assert ours.encoding.special_tokens_set == theirs.special_tokens_set
    assert all(
        ours.encoding.encode_single_token(token) == theirs.encode_single_token(token)
        for token in theirs.special_tokens_set
    )
    assert ours.encoding.n_vocab == theirs.n_vocab


@settings(max_examples=150, deadline=None)
@given(text=st.text(st.characters() | st.sampled_from(list(" \n\r\t'sS1a")), max_size=80))
def test_any_text_counts_as_in_tiktoken(pair: tuple[BpeTokenizer, tiktoken.Encoding], text: str) -> None:
    """Lone surrogates included."""
    ours, theirs = pair
    assert ours.count(text) == len(theirs.encode_ordinary(text))


def test_llama_3_special_tokens_and_ranks(vocabulary: Vocabulary) -> None:
    """Facts of Meta's tokenizer.py: 128,000 ranks, then the special tokens in its order."""
    llama = BpeTokenizer("llama3", vocabulary("llama3")).encoding
    assert llama.encode_single_token("<|begin_of_text|>") == 128_000
    assert llama.encode_single_token("<|eot_id|>") == 128_009
    assert max(llama.encode_ordinary("".join(TEXTS))) < 128_000
    assert llama.encode_ordinary("This is a test sentence.") == [2028, 374, 264, 1296, 11914, 13]
    assert all(llama.decode(llama.encode_ordinary(text)) == text for text in TEXTS)


def test_a_million_spaces(vocabulary: Vocabulary) -> None:
    """tiktoken panics on them, by a BaseException; the longest that it bears is counted alike."""
    ours = BpeTokenizer("cl100k_base", vocabulary("cl100k_base"))
    borne = "a" + " " * 999_990 + "b"
    assert ours.count(borne) == len(ours.encoding.encode_ordinary(borne))
    assert ours.count("\n" * 1_000_100) > 1000
    assert ours.count("\ud800") == ours.count("\ufffd")


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base", "llama3"])
@pytest.mark.parametrize("run", [383, 384, 385, 768, 769, 1000, 1151, 1152, 1153])
def test_a_cut_in_a_run_of_spaces_changes_no_count(
    name: str, run: int, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut every 3 x 128 spaces here, where every 7812 x 128 would take a test of a million characters."""
    vocabulary(name)
    monkeypatch.setattr("ftkit.tokens.bpe._RUN", 384)
    monkeypatch.setattr("ftkit.tokens.bpe._LONG_RUN", re.compile(r"\s{384}(?=\s)"))
    ours = get_tokenizer(name)
    assert isinstance(ours, BpeTokenizer)
    texts = [before + " " * run + after for before in ("", "a", "1") for after in ("", "b", "1", "-")]
    texts.append("x".join(texts))
    plain = [len(ours.encoding.encode_ordinary(text)) for text in texts]
    assert [ours.count(text) for text in texts] == plain
    assert ours.count_many(texts) == plain
    assert [ours.prefix(text, 10_000) for text in texts] == [len(text) for text in texts]


def test_no_tokenizer_is_guessed() -> None:
    with pytest.raises(UsageError, match="no tokenizer 'gpt-4o'") as caught:
        get_tokenizer("gpt-4o")
    assert "o200k_base" in str(caught.value.hint)


def test_words_need_no_vocabulary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTKIT_CACHE_DIR", str(tmp_path))
    assert get_tokenizer("words").count("Profit rose 3%.") == 5


@pytest.mark.parametrize("name", sorted(SPECS))
def test_a_missing_vocabulary_says_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable in ("FTKIT_CACHE_DIR", "FTKIT_TOKENIZER_DIR", "TIKTOKEN_CACHE_DIR"):
        monkeypatch.setenv(variable, str(tmp_path))
    with pytest.raises(TokenizerMissing) as caught:
        get_tokenizer(name)
    assert caught.value.hint == f"Run: ftkit tokenizers fetch {SPECS[name].file.name}"


def test_tokenizers_are_kept(vocabulary: Vocabulary) -> None:
    vocabulary("cl100k_base")
    assert get_tokenizer("cl100k_base") is get_tokenizer("cl100k_base")


def test_a_hugging_face_file(tmp_path: Path) -> None:
    try:
        import tokenizers
    except ImportError:
        with pytest.raises(ConfigurationError, match="not installed") as caught:
            get_tokenizer(f"hf:{tmp_path}")
        assert "ftkit[hf]" in str(caught.value.hint)
        return
    _count_by_a_made_file(tmp_path, tokenizers)


def _count_by_a_made_file(folder: Path, tokenizers: Any) -> None:
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(folder / "tokenizer.json"))
    assert get_tokenizer(f"hf:{folder}").count("a b a") == 3


def test_the_files_are_the_ones_of_the_design() -> None:
    assert {name: file.sha256[:16] for name, file in FILES.items()} == {
        "cl100k_base": "223921b76ee99bde",
        "o200k_base": "446a9538cb6c348e",
        "llama3": "82e9d31979e92ab9",
    }


def test_importing_the_package_is_light() -> None:
    heavy = ("tiktoken", "numpy", "pydantic")
    code = f"import sys, ftkit.tokens.words; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
