"""Groups of rows and scores of 0 to 1, from the command line to the verdict, over HTTP."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench_parts import LABELS, chat_row, write_rows
from odd_platform import OddPlatform, running

Command = Callable[..., "subprocess.CompletedProcess[str]"]
AUTHORS, EACH = 12, 6


def number(text: str) -> int:
    """The number of a text of the form ``text 17``."""
    return int(text.split()[1])


def truth(text: str) -> str:
    """The right answer."""
    return LABELS[number(text) % 3]


def moody(text: str) -> str:
    """Right about all that an author wrote, or about nothing of it."""
    return truth(text) if number(text) // EACH % 3 else "negative or positive"


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> Iterator[OddPlatform]:
    words: dict[str, Callable[[str], str]] = {
        "good": truth,
        "moody": moody,
        "half": lambda text: f"{truth(text)}, something",
        "dull": lambda _: "nothing",
    }
    with running(OddPlatform(models=words)) as platform:
        monkeypatch.setenv("FTKIT_BASE_URL", platform.url)
        monkeypatch.setenv("FTKIT_API_KEY", "sk-0123456789")
        monkeypatch.setenv("FTKIT_POLL_SECONDS", "0.05")
        yield platform


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [chat_row(f"text {i}", truth(f"text {i}"), author=f"a{i // EACH}") for i in range(AUTHORS * EACH)]
    return write_rows(tmp_path / "test.jsonl", rows)


def reported(here: Command, *arguments: str) -> dict[str, Any]:
    """What ``ftkit benchmark --json`` says."""
    done = here("benchmark", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_rows_of_one_author_count_together(odd: OddPlatform, data: Path, here: Command) -> None:
    command = [str(data), "-m", "good", "-m", "moody", "--labels", ",".join(LABELS)]
    alone = reported(here, *command)
    grouped = reported(here, *command, "--group", "author")
    assert len(odd.batches) == 2  # the groups change nothing in what is asked
    (plain,), (clustered,) = alone["comparisons"], grouped["comparisons"]
    assert (plain["test"], plain["groups"]) == ("mcnemar", None)
    assert (clustered["test"], clustered["groups"], clustered["n"]) == ("cluster bootstrap", 12, 72)
    assert (plain["difference"], clustered["difference"]) == pytest.approx((1 / 3, 1 / 3))
    # 24 rows that only one has right are strong evidence; four authors are not
    assert plain["p_adjusted"] < 0.001 and plain["low"] > 0.2
    assert clustered["p_adjusted"] >= 0.05 and clustered["low"] <= 0 < clustered["high"]
    assert "no difference from moody is shown" in grouped["verdict"]
    assert grouped["verdict"].endswith("there are 12 groups.")
    wide, narrow = ([m["high"] - m["low"] for m in one["models"]] for one in (grouped, alone))
    assert all(a > b for a, b in zip(wide, narrow, strict=True))


def test_a_row_without_its_group_is_named(data: Path, here: Command, odd: OddPlatform) -> None:
    done = here("benchmark", str(data), "-m", "good", "--group", "autor")
    assert done.returncode != 0
    assert "test.jsonl" in done.stderr and "no field 'autor'" in done.stderr
    assert not odd.batches


def test_scores_are_compared_by_their_mean(odd: OddPlatform, data: Path, here: Command) -> None:
    command = [str(data), "--metric", "keywords", "-m", "good", "-m", "half", "-m", "dull"]
    report = reported(here, *command)
    means = {model["model"]: (model["continuous"], model["score"]) for model in report["models"]}
    assert means == {
        "good": (True, 1.0),
        "half": (True, pytest.approx(2 / 3)),
        "dull": (True, 0.0),
    }
    assert report["reference"] == "good"
    for one in report["comparisons"]:
        assert (one["test"], one["continuous"], one["family"]) == ("paired bootstrap", True, 3)
        assert one["p_adjusted"] < 0.001
    good = next(model for model in report["models"] if model["model"] == "good")
    assert 0.9 < good["score_low"] < good["score_high"] == 1.0  # all alike, yet not certain
    shown = here("benchmark", *command)
    assert "good scores 100.0 % on average over 72 rows" in " ".join(shown.stdout.split())
    assert len(odd.batches) == 3
