"""Two benchmarks against each other: rows matched by texts, paired tests, what was set, what flipped."""

from __future__ import annotations

import csv
import json
from array import array
from pathlib import Path

import pytest
from bench_parts import chat_row
from hypothesis import given
from hypothesis import strategies as st
from versus_parts import record, record_run, right_on, texts, truth, wrong

from ftkit.benchmarking import RunComparison, compare_runs
from ftkit.benchmarking.statistics import holm, mcnemar_exact
from ftkit.benchmarking.versus.marks import Table, pair_rows, read_answers
from ftkit.errors import DataError, UsageError

ALL = set(range(30))


def test_the_same_model_twice(tmp_path: Path) -> None:
    before = record(tmp_path / "monday", {"m": right_on(set(range(15)))})
    after = record(tmp_path / "friday", {"m": right_on(set(range(3, 28)))})
    found = compare_runs(before, after)
    (change,) = found.changes
    assert (change.model_a, change.model_b, change.same) == ("m", "m", True)
    assert (change.n, change.figure_a, change.figure_b) == (30, 0.5, pytest.approx(25 / 30))
    assert (change.gained, change.lost, change.changed) == (13, 3, 16)
    assert change.test.p_value == change.test.p == pytest.approx(mcnemar_exact(13, 3))
    assert change.test.difference == pytest.approx(1 / 3)
    assert found.verdict.startswith("m in friday/out: better than monday/out by 33.3 points (")
    assert (found.rows, found.only_a, found.only_b) == (30, 0, 0)
    assert (found.settings, found.notes, found.worse) == ((), (), False)
    turned = compare_runs(after, before)
    assert turned.worse and turned.changes[0].test.difference == pytest.approx(-1 / 3)
    assert "worse than friday/out by 33.3 points" in turned.verdict


def test_the_flips_are_the_rows_that_changed_sides(tmp_path: Path) -> None:
    before = record(tmp_path / "a", {"m": right_on(set(range(15)))})
    after = record(tmp_path / "b", {"m": right_on(set(range(3, 28)))})
    found = compare_runs(before, after)
    assert found.flips_total == len(found.flips) == 16
    gained = {flip.row_b for flip in found.flips if flip.right_b}
    lost = {flip.row_b for flip in found.flips if flip.right_a}
    assert (gained, lost) == (set(range(15, 28)), {0, 1, 2})
    first = found.flips[0]
    assert first.prompt == f"text {first.row_a}" and first.expected == truth(first.row_a)
    assert {first.answer_a, first.answer_b} == {truth(first.row_a), wrong(first.row_a)}


def test_a_benchmark_against_itself(tmp_path: Path) -> None:
    same = record(tmp_path / "a", {"m": right_on(ALL), "n": right_on(set())})
    found = compare_runs(same, same / "report.json")
    assert [change.test.p for change in found.changes] == [1.0, 1.0]
    assert [change.changed for change in found.changes] == [0, 0]
    assert (found.flips, found.settings, found.notes) == ((), (), ())
    assert "no difference from" in found.verdict and found.a.name != found.b.name


def test_rows_in_another_order_are_the_same_rows(tmp_path: Path) -> None:
    rows = [*texts(20), *texts(5)]  # five texts occur twice
    shuffled = [rows[(7 * place + 3) % 25] for place in range(25)]
    before = record(tmp_path / "a", {"m": lambda row: rows[row]["messages"][2]["content"]}, rows)
    after = record(tmp_path / "b", {"m": lambda row: shuffled[row]["messages"][2]["content"]}, shuffled)
    found = compare_runs(before, after)
    assert (found.rows, found.only_a, found.only_b, found.flips_total) == (25, 0, 0, 0)
    assert found.changes[0].changed == 0
    assert "files of held-out rows differ" in " ".join(found.notes)
    assert [change.what for change in found.settings] == ["data", "data SHA-256"]


def test_figures_are_of_the_rows_that_both_have(tmp_path: Path) -> None:
    before = record(tmp_path / "a", {"m": right_on(ALL)}, texts(20))
    after = record(
        tmp_path / "b", {"m": lambda row: truth(row + 10) if row < 5 else wrong(row + 10)}, texts(20, 10)
    )
    found = compare_runs(before, after)
    assert (found.rows, found.only_a, found.only_b) == (10, 10, 10)
    (change,) = found.changes
    assert (change.figure_a, change.figure_b, change.lost) == (1.0, 0.5, 5)
    assert {(flip.row_a, flip.row_b) for flip in found.flips} == {(row, row - 10) for row in range(15, 20)}
    assert "10 are in both, 10 only in the first, 10 only in the second" in " ".join(found.notes)


def test_another_right_answer_is_said(tmp_path: Path) -> None:
    mended = texts(12)
    mended[4] = chat_row("text 4", wrong(4))
    before = record(tmp_path / "a", {"m": right_on(ALL)}, texts(12))
    after = record(tmp_path / "b", {"m": right_on(ALL)}, mended)
    found = compare_runs(before, after)
    assert found.rows == 12 and found.changes[0].lost == 1
    assert "1 rows have another right answer in the second." in found.notes


def test_another_metric_and_other_settings_are_said(tmp_path: Path) -> None:
    before = record(tmp_path / "a", {"m": right_on(ALL)}, parameters={"temperature": 0, "max_tokens": 8})
    after = record(
        tmp_path / "b", {"m": right_on(ALL)}, metric="exact", parameters={"temperature": 1, "max_tokens": 8}
    )
    found = compare_runs(before, after)
    changed = {change.what: (change.a, change.b) for change in found.settings if change.matters}
    assert changed["metric"] == ("label", "exact") and changed["temperature"] == ("0", "1")
    assert "max_tokens" not in changed
    assert any("metrics differ (label, then exact)" in note for note in found.notes)
    assert "temperature differs: 0, then 1." in found.notes


def test_references_first_then_what_both_have(tmp_path: Path) -> None:
    base, other = right_on(set(range(10))), right_on(set(range(12)))
    before = record(tmp_path / "a", {"base": base, "ft:one": right_on(set(range(15))), "old": base})
    after = record(tmp_path / "b", {"base": other, "ft:two": right_on(set(range(28))), "new": base})
    found = compare_runs(before, after)
    assert [(c.model_a, c.model_b) for c in found.changes] == [("ft:one", "ft:two"), ("base", "base")]
    assert (found.removed, found.added) == (("old",), ("new",))
    raw = [c.test.p_value for c in found.changes]
    assert [c.test.p for c in found.changes] == pytest.approx(holm(raw))
    assert raw == pytest.approx([mcnemar_exact(13, 0), mcnemar_exact(2, 0)])
    assert "ft:two in b/out: better than ft:one in a/out by 43.3 points" in found.verdict


def test_models_whose_answers_are_the_same_are_no_comparison(tmp_path: Path) -> None:
    base = right_on(set(range(10)))
    before = record(tmp_path / "a", {"ft:m": right_on(set(range(15))), "base": base})
    after = record(tmp_path / "b", {"ft:m": right_on(set(range(22))), "base": base})
    tuned, same = compare_runs(before, after).changes
    assert (same.changed, same.test.p) == (0, 1.0)
    assert tuned.test.p == tuned.test.p_value == pytest.approx(mcnemar_exact(7, 0))
    assert tuned.test.family == same.test.family == 1


def test_models_of_one_s_choice(tmp_path: Path) -> None:
    before = record(tmp_path / "a", {"m": right_on(set(range(9))), "n": right_on(ALL)})
    after = record(tmp_path / "b", {"m": right_on(ALL), "p": right_on(set())})
    chosen = compare_runs(before, after, models=["m", ("n", "p")])
    assert [(c.model_a, c.model_b, c.gained, c.lost) for c in chosen.changes] == [
        ("m", "m", 21, 0),
        ("n", "p", 0, 30),
    ]
    with pytest.raises(UsageError, match="no model 'p'") as caught:
        compare_runs(before, after, models=["p"])
    assert caught.value.hint == "It has: m, n."


def test_scores_are_compared_by_their_values(tmp_path: Path) -> None:
    rows = [chat_row(f"list {row}", "apple, pear, plum, fig") for row in range(40)]
    before = record(tmp_path / "a", {"m": lambda row: "apple"}, rows, metric="keywords")
    after = record(
        tmp_path / "b", {"m": lambda row: "apple, pear" if row % 4 else "kiwi"}, rows, metric="keywords"
    )
    found = compare_runs(before, after)
    (change,) = found.changes
    assert change.continuous and change.test.test == "paired bootstrap"
    assert change.figure_a == pytest.approx(0.4) and change.figure_b == pytest.approx(0.75 * 2 / 3)
    assert change.test.difference == pytest.approx(change.figure_b - change.figure_a, abs=1e-6)
    assert change.test.low is not None and change.test.high is not None
    assert change.test.low < change.test.difference < change.test.high
    assert found.flips_total == 40
    widths = [abs(flip.value_b - flip.value_a) for flip in found.flips]
    assert widths == sorted(widths, reverse=True) and widths[0] == pytest.approx(0.4)


def test_many_flips_are_picked_from_both_sides(tmp_path: Path) -> None:
    rows = texts(600)
    before = record(tmp_path / "a", {"m": right_on(set(range(300)))}, rows)
    after = record(tmp_path / "b", {"m": right_on(set(range(300, 600)))}, rows)
    found = compare_runs(before, after)
    assert found.flips_total == 600 and len(found.flips) == 200
    assert sum(flip.right_b for flip in found.flips) == 100
    assert len({flip.row_a for flip in found.flips}) == 200


def test_runs_say_what_their_recipes_changed(tmp_path: Path) -> None:
    one = {"name": "sentiment", "train": {"model": "linear", "hyperparameters": {"n_epochs": 3}}}
    two = {"name": "sentiment", "train": {"model": "linear", "hyperparameters": {"n_epochs": 5}}}
    before = record_run(tmp_path / "r1", {"ft:a": right_on(set())}, **one)
    after = record_run(tmp_path / "r2", {"ft:b": right_on(ALL)}, **two)
    found = compare_runs(before, after / "run.json")
    assert (found.a.recipe, found.a.job, found.b.job) == ("sentiment", "ftjob-r1", "ftjob-r2")
    assert [(s.what, s.a, s.b) for s in found.settings] == [
        ("recipe train.hyperparameters.n_epochs", "3", "5")
    ]
    assert found.changes[0].gained == 30


def test_of_a_run_with_several_tasks_one_is_to_be_named(tmp_path: Path) -> None:
    run = tmp_path / "run"
    made = record(run / "benchmark" / "mood", {"m": right_on(ALL)})
    for path in made.iterdir():
        path.rename(made.parent / path.name)
    (run / "run.json").write_text(json.dumps({"recipe": "r", "benchmark": None, "tasks": {"mood": {}}}))
    with pytest.raises(UsageError, match="models on 1 tasks") as caught:
        compare_runs(run, run)
    assert caught.value.hint == f"Name one: {run / 'benchmark' / 'mood'}."
    assert compare_runs(run / "benchmark" / "mood", made.parent).rows == 30
    (run / "run.json").write_text(json.dumps({"recipe": "r", "benchmark": None}))
    with pytest.raises(UsageError, match="compares no models"):
        compare_runs(run, run)


def test_the_result_is_its_json(tmp_path: Path) -> None:
    before = record(tmp_path / "a", {"m": right_on(set())})
    found = compare_runs(before, record(tmp_path / "b", {"m": right_on(ALL)}))
    assert RunComparison.model_validate_json(found.model_dump_json()) == found


def test_older_tables_have_no_values(tmp_path: Path) -> None:
    before = record(tmp_path / "a", {"m": right_on(set(range(7)))})
    table = before / "answers.csv"
    lines = [",".join(line.split(",")[:9]) for line in table.read_text("utf-8").splitlines()]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert "value" not in lines[0]
    assert [one.value for one in read_answers(table)] == [1.0] * 7 + [0.0] * 23
    assert compare_runs(before, before).changes[0].figure_a == pytest.approx(7 / 30)


def test_answers_of_any_length_are_read(tmp_path: Path) -> None:
    long = "word, " * 60_000  # beyond what the csv module takes by itself
    made = record(tmp_path / "a", {"m": lambda row: long}, texts(2), metric="exact")
    assert compare_runs(made, made).changes[0].changed == 0
    limit, rows = csv.field_size_limit(), read_answers(made / "answers.csv")
    assert next(rows).answer == long
    assert csv.field_size_limit() == limit, "it is the whole process's"


@pytest.mark.parametrize(
    ("damage", "error", "words"),
    [
        (lambda d: (d / "report.json").write_text("{"), DataError, "not JSON"),
        (lambda d: (d / "report.json").write_text("[1]"), DataError, "no record of a run or a benchmark"),
        (lambda d: (d / "report.json").write_text('{"metric": 1}'), DataError, "no record of a benchmark: "),
        (lambda d: (d / "report.json").unlink(), UsageError, "no run and no benchmark here"),
        (lambda d: (d / "answers.csv").unlink(), UsageError, "the answers are not there"),
        (lambda d: (d / "answers.csv").write_text("a,b\n"), DataError, "it lacks row, model, prompt"),
        (lambda d: (d / "answers.csv").write_bytes(b"\xff\xfe\x00"), DataError, "damaged|lacks"),
    ],
)
def test_what_is_not_there_or_damaged_is_said(
    tmp_path: Path, damage: object, error: type, words: str
) -> None:
    good, bad = record(tmp_path / "a", {"m": right_on(ALL)}), record(tmp_path / "b", {"m": right_on(ALL)})
    damage(bad)  # type: ignore[operator]
    with pytest.raises(error, match=words) as caught:
        compare_runs(good, bad)
    assert str(tmp_path / "b") in str(caught.value.where)


@pytest.mark.parametrize("cut", ["last", "first", "middle", "cell"])
def test_a_table_with_holes_is_damaged(tmp_path: Path, cut: str) -> None:
    good = record(tmp_path / "a", {"m": right_on(ALL), "n": right_on(ALL)})
    lines = (good / "answers.csv").read_text("utf-8").splitlines()
    if cut == "cell":
        lines[5] = "five,m,text"
    else:
        del lines[{"last": len(lines) - 1, "first": 2, "middle": 31}[cut]]
    (good / "answers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError):
        compare_runs(good, good, models=["m", "n"])


def test_nothing_in_common(tmp_path: Path) -> None:
    before = record(tmp_path / "a", {"m": right_on(ALL)}, texts(5))
    with pytest.raises(UsageError, match="no row in common"):
        compare_runs(before, record(tmp_path / "b", {"m": right_on(ALL)}, texts(5, 5)))


rows_of = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=40)


def table_of(rows: list[tuple[int, int]]) -> Table:
    return Table(prompts=array("Q", (p for p, _ in rows)), expected=array("Q", (e for _, e in rows)))


@given(rows_of, rows_of)
def test_each_row_has_at_most_one_partner_and_all_that_could_have_one_do(
    a: list[tuple[int, int]], b: list[tuple[int, int]]
) -> None:
    pairs = pair_rows(table_of(a), table_of(b))
    assert len(set(pairs.a)) == len(pairs.a) == len(set(pairs.b)) == len(pairs.b)
    assert all(a[one][0] == b[other][0] for one, other in zip(pairs.a, pairs.b, strict=True))
    prompts = {prompt for prompt, _ in (*a, *b)}
    count = {p: (sum(q == p for q, _ in a), sum(q == p for q, _ in b)) for p in prompts}
    assert len(pairs.a) == sum(min(both) for both in count.values())
    alike = sum(min(a.count(row), b.count(row)) for row in set(a) & set(b))
    assert len(pairs.a) - pairs.other_truth == alike


def test_the_record_needs_no_more_than_its_directory(tmp_path: Path) -> None:
    made = record(tmp_path / "a", {"m": right_on(ALL)})
    moved = tmp_path / "elsewhere"
    made.rename(moved)
    found = compare_runs(moved, moved)
    assert found.rows == 30 and json.loads(found.model_dump_json())["a"]["path"] == str(moved)


def test_rows_of_a_group_count_together(tmp_path: Path) -> None:
    rows = [chat_row(f"text {row}", truth(row), author=f"author {row // 10}") for row in range(60)]
    halves = right_on(set(range(30)))  # three whole authors
    before = record(tmp_path / "a", {"m": halves}, rows, group="author")
    after = record(tmp_path / "b", {"m": right_on(set(range(60)))}, rows, group="author")
    (change,) = compare_runs(before, after).changes
    assert (change.test.test, change.test.groups, change.gained) == ("cluster bootstrap", 6, 30)
    assert change.test.p > 10 * mcnemar_exact(30, 0)
    one_sided = compare_runs(before, record(tmp_path / "c", {"m": right_on(set(range(60)))}, rows))
    assert one_sided.changes[0].test.groups == 6, "one of the two is enough to know the groups"
    for place in ("a", "b"):
        (tmp_path / place / "test.jsonl").unlink()
    lost = compare_runs(before, after)
    assert lost.changes[0].test.test == "mcnemar"
    assert any("they count singly here" in note for note in lost.notes)
