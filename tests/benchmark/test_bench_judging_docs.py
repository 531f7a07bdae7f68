"""What docs/judges.md shows is run, in its order, on the local platform."""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ftkit

PAGE = Path(__file__).parents[2] / "docs" / "judges.md"
_BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def write_letters(path: str, seed: int) -> None:
    chance = random.Random(seed)
    with Path(path).open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("row", "model", "question", "answer", "correct"))
        for row in range(40):
            for model, share in (("kind", 0.8), ("gruff", 0.3)):
                polite = chance.random() < share
                texts = (
                    ("Of course, at nine.", "With pleasure: at ten.")
                    if polite
                    else ("Go away.", "Look it up.")
                )
                table.writerow((row, model, f"When do you open, {row}?", chance.choice(texts), int(polite)))


@pytest.fixture
def platform() -> Iterator[None]:
    """Letters in the working directory, and a platform that ends with the test."""
    write_letters("letters.csv", 1)
    write_letters("past.csv", 2)
    with ftkit.connect("local") as platform:
        yield
        platform.stop_local()


def test_the_page_runs(platform: None) -> None:
    names: dict[str, Any] = {}
    for kind, file, code in _BLOCK.findall(PAGE.read_text()):
        if file:
            Path(file).write_text(code)
        elif kind == "python":
            exec(compile(code, "judges.md", "exec"), names)
    assert names["report"].kind == "correct" and names["scored"].pass_mark == 4
    assert names["pairs"].preferences[0].first == "kind"
    assert len(names["panel"].judges) == 2
    assert names["own"].against_truth[0].kappa > 0.9 > (names["report"].against_truth[0].kappa or 0.0)
    for name in ("verdicts-correct.csv", "judges-correct.json", "judges-correct.md", "verdicts-pair.csv"):
        assert (Path("judged") / name).is_file()


def test_the_page_names_what_there_is() -> None:
    from ftkit.benchmarking.judging.results import Agreement, Judged, JudgeUsed, Preference

    fields = {
        *Judged.model_fields,
        *JudgeUsed.model_fields,
        *Preference.model_fields,
        *Agreement.model_fields,
    }
    for name in ("unusable", "undecided", "enforced", "torn", "shown_first"):
        assert f"`{name}`" in PAGE.read_text() and name in fields
