"""The journal: what is done is known, what was begun is known, keys tell changed inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftkit.errors import DataError, StorageError
from ftkit.lifecycle.journal import JOURNAL_FILE, Journal, key_of
from ftkit.lifecycle.recipe import SplitTable


def test_done_only_with_the_same_key(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.finish("split", "k1", rows=3)
    assert journal.done("split", "k1") == {"rows": 3}
    assert journal.done("split", "k2") is None
    assert journal.done("other", "k1") is None


def test_an_intent_outlives_the_process_and_is_not_done(tmp_path: Path) -> None:
    Journal(tmp_path).intend("job", "k", operation="op-1")
    again = Journal(tmp_path)
    begun = again.intended("job", "k")
    assert begun is not None
    assert begun.result == {"operation": "op-1"}
    assert again.done("job", "k") is None
    assert again.intended("job", "other") is None


def test_a_second_intent_keeps_the_first_start(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.intend("job", "k")
    first = journal.entries()["job"].started
    journal.intend("job", "k")
    assert journal.entries()["job"].started == first
    journal.finish("job", "k")
    entry = journal.entries()["job"]
    assert entry.started == first
    assert entry.finished is not None
    assert entry.finished >= first


def test_forget(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.finish("upload train", "k", file="f")
    journal.forget("upload train")
    journal.forget("never there")
    assert Journal(tmp_path).done("upload train", "k") is None


def test_a_damaged_journal_is_said_and_kept(tmp_path: Path) -> None:
    (tmp_path / JOURNAL_FILE).write_text('{"version": 1, "steps": {"a"')
    with pytest.raises(DataError, match="--fresh"):
        Journal(tmp_path)
    assert (tmp_path / JOURNAL_FILE).exists()


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        Journal(tmp_path / "file" / "run")


def test_keys_depend_on_every_part() -> None:
    table = SplitTable()
    keys = {
        key_of("a", table),
        key_of("b", table),
        key_of("a", SplitTable(seed=1)),
        key_of("a", table, None),
        key_of({"x": 1}, table),
    }
    assert len(keys) == 5
    assert key_of({"x": 1, "y": 2}) == key_of({"y": 2, "x": 1})
