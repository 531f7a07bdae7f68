"""Rounds in the ledger: what is remembered, what is gone on with, and one caller at a time."""

from __future__ import annotations

import os
import platform
import shutil
import threading
from pathlib import Path

import pytest

from ftkit.errors import Busy
from ftkit.ledger import open_ledger
from ftkit.lifecycle.retraining.rounds import (
    Rounds,
    hashes_of,
    last_decided,
    left,
    next_number,
    unfinished,
)
from ftkit.settings import Settings
from ftkit.splitting import split as divide


@pytest.fixture
def rounds(tmp_path: Path) -> Rounds:
    return Rounds(open_ledger(Settings(state_dir=tmp_path / "state")), "https://example.org/v1", "updown")


def begin(rounds: Rounds, number: int, split: Path) -> None:
    with rounds.claim(number) as claim:
        claim.intend(directory=str(split.parent), split=str(split), fingerprint={"data": f"d{number}"})


def end(rounds: Rounds, number: int, outcome: str = "kept") -> None:
    with rounds.claim(number) as claim:
        claim.finish(f"updown#{number}", outcome=outcome)


@pytest.fixture
def split(tmp_path: Path) -> Path:
    file = tmp_path / "manifest.json"
    file.write_text("{}")
    return file


def test_there_is_nothing_at_first(rounds: Rounds) -> None:
    assert rounds.all() == []
    assert next_number([]) == 1
    assert last_decided([]) is None and unfinished([]) is None


def test_a_round_that_was_begun_is_gone_on_with(rounds: Rounds, split: Path) -> None:
    begin(rounds, 1, split)
    [one] = rounds.all()
    assert (one.number, one.state, one.fingerprint, one.split) == (1, "begun", {"data": "d1"}, split)
    assert unfinished(rounds.all()) == one and last_decided(rounds.all()) is None


def test_where_its_data_is_on_another_machine_it_is_done_anew_under_its_number(
    rounds: Rounds, split: Path
) -> None:
    begin(rounds, 1, split)
    assert left(rounds.all()) is None
    split.unlink()
    assert unfinished(rounds.all()) is None
    begun = left(rounds.all())
    assert begun is not None and (begun.number, begun.host) == (1, platform.node())
    assert next_number(rounds.all()) == 1
    begin(rounds, 1, split)
    end(rounds, 1)
    split.unlink(missing_ok=True)
    assert left(rounds.all()) is None and next_number(rounds.all()) == 2


def test_another_split_under_the_same_path_is_not_that_of_the_round(rounds: Rounds, tmp_path: Path) -> None:
    """Another machine went on with the round, in a directory of the same name as this one's."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(f'{{"messages": [{{"role": "user", "content": "{n}"}}]}}\n' for n in range(20)))
    made = divide(rows, test=4, out=tmp_path / "splits").manifest
    with rounds.claim(1) as claim:
        claim.intend(directory=str(tmp_path), split=str(made), parts=hashes_of(made))
    assert rounds.all()[0].split == made
    shutil.rmtree(tmp_path / "splits")
    divide(rows, test=4, seed=5, out=tmp_path / "splits")
    assert rounds.all()[0].split is None


def test_a_decided_round_is_the_last_one_until_the_next_is_decided(rounds: Rounds, split: Path) -> None:
    begin(rounds, 1, split)
    end(rounds, 1, "promoted")
    begin(rounds, 2, split)
    last = last_decided(rounds.all())
    assert last is not None and (last.number, last.facts["outcome"]) == (1, "promoted")
    assert last.fingerprint == {"data": "d1"} and last.at is not None
    end(rounds, 2)
    assert [one.state for one in rounds.all()] == ["done", "done"] and next_number(rounds.all()) == 3


def test_a_round_that_failed_is_done_again_under_its_number(rounds: Rounds, split: Path) -> None:
    begin(rounds, 1, split)
    with rounds.claim(1) as claim:
        claim.abandon("the job failed")
    assert unfinished(rounds.all()) is None and next_number(rounds.all()) == 1
    begin(rounds, 1, split)
    assert [one.state for one in rounds.all()] == ["begun"]


def test_other_names_and_platforms_have_rounds_of_their_own(rounds: Rounds, split: Path) -> None:
    begin(rounds, 1, split)
    assert Rounds(rounds.ledger, rounds.place, "other").all() == []
    assert Rounds(rounds.ledger, "elsewhere", "updown").all() == []


def test_one_at_a_time(rounds: Rounds) -> None:
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with rounds.alone(wait=False):
            inside.set()
            leave.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert inside.wait(20)
        with pytest.raises(Busy), rounds.alone(wait=False):
            pytest.fail("two at once")
        assert rounds.holder() == f"another thread of process {os.getpid()} on {platform.node()}"
        with Rounds(rounds.ledger, rounds.place, "other").alone(wait=False):
            pass
    finally:
        leave.set()
        thread.join()
    with rounds.alone(wait=True):
        pass
    assert rounds.all() == []  # the lock is no round
