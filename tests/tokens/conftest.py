"""Real vocabularies: their tests fail where these are missing, and say how to get them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ftkit.tokens.store import status

Vocabulary = Callable[[str], Path]


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    """The path of a tokenizer's checked vocabulary on this machine."""

    def find(name: str) -> Path:
        found = status(name)
        if found.path is not None:
            return found.path
        if found.licence:  # fetching it means to accept a licence, which no test may do by itself
            pytest.skip(f"{name} is not here; run: ftkit tokenizers fetch {name}")
        pytest.fail(f"these tests need a real vocabulary; run: ftkit tokenizers fetch {name}")

    return find
