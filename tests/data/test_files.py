"""Hashes that depend on content alone, and writes that are whole or do not happen."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.data import atomic_write, canonical_json, example_hash, sha256_file
from ftkit.errors import DataError, StorageError

TEXT = st.text(st.characters(blacklist_categories=("Cs",)))


@given(st.dictionaries(TEXT, TEXT | st.integers(-(2**53), 2**53), min_size=2))
def test_canonical_json_forgets_the_order_of_keys(obj: dict[str, Any]) -> None:
    turned = dict(reversed(list(obj.items())))
    assert canonical_json(obj) == canonical_json(turned)
    assert json.loads(canonical_json(obj)) == obj


def test_the_hash_of_an_example_is_that_of_its_canonical_json() -> None:
    example = {"messages": [{"role": "user", "content": "é"}]}
    raw = '{"messages":[{"content":"é","role":"user"}]}'.encode()
    assert canonical_json(example) == raw
    assert example_hash(example) == hashlib.sha256(raw).hexdigest()
    assert example_hash({"messages": []}) != example_hash(example)


@pytest.mark.parametrize("bad", [{"a": "\udfff"}, {"a": object()}, {(1, 2): 3}])
def test_what_json_cannot_say(bad: Any) -> None:
    with pytest.raises(DataError):
        canonical_json(bad)


def test_atomic_write_replaces_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "made" / "a.txt"
    atomic_write(path, "é")
    atomic_write(path, b"two")
    assert path.read_bytes() == b"two"
    assert sha256_file(path) == hashlib.sha256(b"two").hexdigest()
    assert [child.name for child in path.parent.iterdir()] == ["a.txt"]
    assert path.stat().st_mode & 0o400, "readable by its owner"


def test_atomic_write_onto_a_folder_leaves_no_rest(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(StorageError) as caught:
        atomic_write(tmp_path / "a", "x")
    assert caught.value.hint
    assert [child.name for child in tmp_path.iterdir()] == ["a"]


def test_the_hash_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        sha256_file(tmp_path / "none")
