"""Many rows: memory stays small, because texts are streamed and only small numbers are kept."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

from bench_parts import LABELS, Bench, answer, chat_row, line_of
from hypothesis import given
from hypothesis import strategies as st

from ftkit.benchmarking.assess import score_answers
from ftkit.benchmarking.compare import disagreeing_rows
from ftkit.benchmarking.statistics import discordant
from ftkit.display import SilentDisplay

ROWS = 400
TEXT = "A long report about the company's third quarter. " * 100


def test_memory_does_not_grow_with_the_texts(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [chat_row(f"{i} {TEXT}", LABELS[i % 3]) for i in range(ROWS)], "label", LABELS)
    (tmp_path / "small").mkdir()
    small = Bench(tmp_path / "small", [chat_row("a", LABELS[0])], "label", LABELS)
    small.report({"m": lambda row: None})  # imports what is needed: modules are not what is measured
    tracemalloc.start()
    asked = bench.ask(["a", "b"])
    for one in asked:
        with one.answers.open("w") as file:
            for i in range(ROWS):
                name = bench.task.ids.id_of(i)
                file.write(json.dumps(line_of(name, answer(name, f"neutral. {TEXT}"))) + "\n")
    tallies = score_answers(bench.task, asked, SilentDisplay())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(tallies["a"].right) == len(range(1, ROWS, 3))
    on_disk = sum(path.stat().st_size for path in bench.task.folder.iterdir())
    assert on_disk > 10e6
    assert peak < 6e6, f"{peak / 1e6:.1f} MB for {on_disk / 1e6:.0f} MB of texts"


right_or_wrong = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=200)


@given(right_or_wrong, st.integers(1, 40))
def test_picked_rows_are_disagreements_and_as_many_as_are_wanted(
    pairs: list[tuple[int, int]], limit: int
) -> None:
    first, second = bytearray(a for a, _ in pairs), bytearray(b for _, b in pairs)
    picked, total = disagreeing_rows(first, second, limit)
    lost_and_won = discordant(first, second)
    assert total == sum(lost_and_won)
    assert len(picked) == len(set(picked)) == min(limit, total)
    assert picked == sorted(picked)
    assert all(first[row] != second[row] for row in picked)
    shown = sum(first[row] for row in picked)
    fewest = min(lost_and_won[0], limit // 2)
    assert shown >= fewest and len(picked) - shown >= min(lost_and_won[1], limit // 2)
