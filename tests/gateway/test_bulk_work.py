"""The work directory of a run, the pieces it is cut into, and how its parts meet a broken disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.catalog import Provider
from ftkit.display import SilentDisplay
from ftkit.errors import DataError, StorageError, UsageError
from ftkit.gateway import chat_request
from ftkit.gateway.bulk.beginning import take_up
from ftkit.gateway.bulk.plan import (
    Prepared,
    ShardLimits,
    estimated_tokens,
    read_numbers,
    tokens_of,
    write_numbers,
)
from ftkit.gateway.bulk.prepare import prepare
from ftkit.gateway.bulk.rounds import Cutter, first_pieces
from ftkit.gateway.bulk.state import Piece, RunState, WorkFolder
from ftkit.gateway.dialect import Translator

PLAIN = Translator(Provider(name="p", title="P"), SilentDisplay())


def some(count: int) -> list[dict[str, Any]]:
    return [chat_request(f"r{n}", "m", [{"role": "user", "content": "x" * n}]) for n in range(count)]


def prepared_in(folder: Path, count: int, limits: ShardLimits) -> tuple[WorkFolder, Prepared]:
    work = WorkFolder(folder)
    with work.alone():
        return work, prepare(some(count), work.requests, PLAIN, limits, SilentDisplay())


def state_of(*pieces: Piece, **given_fields: Any) -> RunState:
    fields = {"platform": "p", "out": "o", "window": "24h", "via": "batch", "attempts": 3, **given_fields}
    return RunState(pieces=list(pieces), **fields)


def piece(number: int, round_number: int = 1, **fields: Any) -> Piece:
    return Piece(number=number, round=round_number, via="batch", rows=1, **fields)


def ids_in(path: Path) -> list[str]:
    return [json.loads(line)["custom_id"] for line in path.read_text().splitlines()]


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path)
    assert work.load() is None
    state = state_of(piece(0, batch_id="b1"), piece(1, 2, answers=("a", "b"), ended=True))
    work.save(state)
    assert work.load() == state == work.require()
    assert (state.round, state.batch_ids, state.begun) == (2, ("b1",), True)
    assert [one.number for one in state.of_round(2)] == [1]
    assert (state_of().round, state_of(piece(0)).begun) == (0, False)


@pytest.mark.parametrize("content", ["{", "{}", '{"version": 2}', "[]"])
def test_a_damaged_state_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    with pytest.raises(DataError, match="no state of a run") as caught:
        WorkFolder(tmp_path).load()
    assert str(caught.value.where) == str(tmp_path / "state.json")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError), WorkFolder(tmp_path / "file").alone():
        pass
    (tmp_path / "state.json").mkdir()
    with pytest.raises(StorageError):
        WorkFolder(tmp_path).load()
    with pytest.raises(StorageError):
        WorkFolder(tmp_path / "file").cancel(True)
    with pytest.raises(StorageError):
        write_numbers(tmp_path / "none" / "numbers", np.zeros(1, np.int64))
    with pytest.raises(StorageError):
        read_numbers(tmp_path / "nothing", 1)


def test_a_run_without_its_requests_says_how_to_go_on(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path)
    work.save(state_of(platform="here"))

    class Here:
        identity = "here"

    with pytest.raises(UsageError, match="no longer here") as caught:
        take_up(Here(), work)  # type: ignore[arg-type]
    assert "ftkit batches run" in str(caught.value.hint)


def test_a_wish_to_cancel_stays_until_it_is_taken_back(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path)
    assert not work.cancelled
    work.cancel(True)
    work.cancel(True)
    assert WorkFolder(tmp_path).cancelled
    work.cancel(False)
    work.cancel(False)
    assert not work.cancelled


def test_clearing_keeps_the_directory_usable_and_removing_does_not(tmp_path: Path) -> None:
    work, _ = prepared_in(tmp_path / "w", 3, ShardLimits())
    with work.alone():
        work.save(state_of(piece(0)))
        (work.rounds / "x").touch()
        work.clear()
        assert (work.load(), Prepared.at(work.requests)) == (None, None)
        assert list(work.rounds.iterdir()) == [] == list(work.answers.iterdir())
    work.remove()
    assert not work.path.exists()


def test_the_first_pieces_are_the_shards(tmp_path: Path) -> None:
    work, made = prepared_in(tmp_path, 5, ShardLimits(requests=2))
    pieces = first_pieces(made, "batch")
    assert [(one.number, one.round, one.first, one.rows) for one in pieces] == [
        (0, 1, 0, 2),
        (1, 1, 2, 2),
        (2, 1, 4, 1),
    ]
    assert [ids_in(work.path / str(one.file)) for one in pieces] == [["r0", "r1"], ["r2", "r3"], ["r4"]]
    assert [work.positions(one).tolist() for one in pieces] == [[0, 1], [2, 3], [4]]
    (whole,) = first_pieces(made, "realtime")
    assert (whole.rows, whole.file, work.positions(whole).tolist()) == (5, None, [0, 1, 2, 3, 4])


@settings(max_examples=15)
@given(
    chosen=st.sets(st.integers(0, 29), min_size=1),
    limits=st.builds(
        ShardLimits,
        requests=st.none() | st.integers(1, 6),
        bytes=st.none() | st.integers(200, 700),
        tokens=st.none() | st.integers(60, 200),
    ),
)
def test_what_is_asked_again_is_cut_at_the_limits(
    tmp_path_factory: pytest.TempPathFactory, chosen: set[int], limits: ShardLimits
) -> None:
    work, made = prepared_in(tmp_path_factory.mktemp("cut"), 30, ShardLimits(requests=7))
    positions = np.array(sorted(chosen), np.int64)
    pieces = list(Cutter(work, made, limits).cut(positions, 2, "batch", 9))
    assert [one.number for one in pieces] == list(range(9, 9 + len(pieces)))
    assert [n for one in pieces for n in work.positions(one).tolist()] == sorted(chosen)
    for one in pieces:
        content = (work.path / str(one.file)).read_bytes()
        lines = content.splitlines()
        assert ids_in(work.path / str(one.file)) == [f"r{n}" for n in work.positions(one).tolist()]
        assert (one.rows, one.bytes, one.round) == (len(lines), len(content), 2)
        assert one.tokens == sum(map(estimated_tokens, lines))
        assert one.rows == 1 or limits.allow(one.rows, one.bytes, one.tokens)
    made.close()


def test_in_real_time_all_are_one_piece(tmp_path: Path) -> None:
    work, made = prepared_in(tmp_path, 9, ShardLimits())
    (one,) = Cutter(work, made, ShardLimits(requests=2)).cut(np.array([1, 4, 8]), 3, "realtime", 5)
    assert (one.rows, one.file, work.positions(one).tolist()) == (3, None, [1, 4, 8])


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=30), max_size=20))
def test_tokens_of_many_lines_are_those_of_each(lines: list[bytes]) -> None:
    assert tokens_of([len(line) + 1 for line in lines]) == sum(map(estimated_tokens, lines))


def test_numbers_are_read_as_they_were_written(tmp_path: Path) -> None:
    numbers = np.array([0, -1, 2**62, 7], np.int64)
    write_numbers(tmp_path / "n", numbers[1:])
    assert list(read_numbers(tmp_path / "n", 3)) == [-1, 2**62, 7]
    with pytest.raises(DataError, match="4 numbers are wanted, and there are 3"):
        read_numbers(tmp_path / "n", 4)
