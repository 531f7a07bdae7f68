"""The vocabularies that ftkit counts by: their files, hashes, patterns, special tokens and licences."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_OPENAI = "https://openaipublic.blob.core.windows.net/encodings/"

# The patterns cut a text before the merges; they belong to the vocabularies and are part of their
# publication (tiktoken's openai_public.py; Meta's llama3/tokenizer.py).
_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_O200K_PATTERN = "|".join(
    (
        rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}\p{{Lm}}\p{{Lo}}\p{{M}}]*[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}]+{_CONTRACTIONS}?",
        rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}\p{{Lm}}\p{{Lo}}\p{{M}}]+[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}]*{_CONTRACTIONS}?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)
_CL100K_PATTERN = "|".join(
    (
        _CONTRACTIONS,
        r"[^\r\n\p{L}\p{N}]?\p{L}+",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)
LLAMA_LICENCE = "Llama 3 Community License"


@dataclass(frozen=True, slots=True)
class VocabularyFile:
    """One published file of ranks in tiktoken's format. ``size`` is in bytes.

    ``packages`` are wheels of the package index that carry the same bytes, ``aliases`` names that
    others keep the file under, ``licence`` is set where fetching it means to accept one.
    """

    name: str
    sha256: str
    size: int
    url: str | None
    packages: tuple[str, ...]
    aliases: tuple[str, ...]
    licence: str | None = None

    @property
    def file_name(self) -> str:
        """The name in ftkit's own cache."""
        return f"{self.name}.tiktoken"

    @property
    def tiktoken_name(self) -> str | None:
        """The name in tiktoken's cache: the SHA-1 of the address it came from."""
        return hashlib.sha1(self.url.encode(), usedforsecurity=False).hexdigest() if self.url else None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that the file may be found under."""
        return tuple(name for name in (self.file_name, *self.aliases, self.tiktoken_name) if name)


@dataclass(frozen=True, slots=True)
class VocabularySpec:
    """A tokenizer: the file of its ranks, the pattern that cuts texts, its special tokens."""

    name: str
    file: VocabularyFile
    pattern: str
    special: dict[str, int]


_O200K = VocabularyFile(
    name="o200k_base",
    sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    size=3_613_922,
    url=f"{_OPENAI}o200k_base.tiktoken",
    packages=("llama-index-core", "litellm"),
    aliases=(),
)
_CL100K = VocabularyFile(
    name="cl100k_base",
    sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    size=1_681_126,
    url=f"{_OPENAI}cl100k_base.tiktoken",
    packages=("llama-index-core", "litellm"),
    aliases=(),
)
_LLAMA3 = VocabularyFile(
    name="llama3",
    sha256="82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55",
    size=2_183_982,
    url=None,
    packages=("llama-models",),
    aliases=("llama3.model", "tokenizer.model"),
    licence=LLAMA_LICENCE,
)


def _o200k_special() -> dict[str, int]:
    return {"<|endoftext|>": 199_999, "<|endofprompt|>": 200_018}


def _harmony_special() -> dict[str, int]:
    """OpenAI's harmony format: o200k's ranks with the tokens that mark roles and channels."""
    special = {f"<|reserved_{rank}|>": rank for rank in range(200_000, 201_088)}
    named = {
        "<|startoftext|>": 199_998,
        "<|endoftext|>": 199_999,
        "<|return|>": 200_002,
        "<|constrain|>": 200_003,
        "<|channel|>": 200_005,
        "<|start|>": 200_006,
        "<|end|>": 200_007,
        "<|message|>": 200_008,
        "<|call|>": 200_012,
        "<|endofprompt|>": 200_018,
    }
    taken = set(named.values()) - {200_018}  # tiktoken gives this rank both of its names
    return {token: rank for token, rank in special.items() if rank not in taken} | named


def _cl100k_special() -> dict[str, int]:
    return {
        "<|endoftext|>": 100_257,
        "<|fim_prefix|>": 100_258,
        "<|fim_middle|>": 100_259,
        "<|fim_suffix|>": 100_260,
        "<|endofprompt|>": 100_276,
    }


def _llama3_special() -> dict[str, int]:
    """The tokens of Llama 3.1's prompt format that texts are framed with."""
    return {
        "<|begin_of_text|>": 128_000,
        "<|end_of_text|>": 128_001,
        "<|start_header_id|>": 128_006,
        "<|end_header_id|>": 128_007,
        "<|eom_id|>": 128_008,
        "<|eot_id|>": 128_009,
        "<|python_tag|>": 128_010,
    }


SPECS = {
    spec.name: spec
    for spec in (
        VocabularySpec("o200k_base", _O200K, _O200K_PATTERN, _o200k_special()),
        VocabularySpec("o200k_harmony", _O200K, _O200K_PATTERN, _harmony_special()),
        VocabularySpec("cl100k_base", _CL100K, _CL100K_PATTERN, _cl100k_special()),
        VocabularySpec("llama3", _LLAMA3, _CL100K_PATTERN, _llama3_special()),
    )
}
"""The tokenizers that need a vocabulary, by name."""

FILES = {spec.file.name: spec.file for spec in SPECS.values()}
"""The vocabulary files, by name."""
