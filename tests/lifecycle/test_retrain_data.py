"""A round's data: old test rows stay test rows however often rows come and go, and nothing stale is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftkit.data import read_jsonl
from ftkit.display import SilentDisplay
from ftkit.errors import DataError, ValidationFailed
from ftkit.lifecycle import Recipe, load_recipe
from ftkit.lifecycle.retraining.changes import digest_of
from ftkit.lifecycle.retraining.data import RoundData, fingerprint_of, is_hosted
from ftkit.lifecycle.retraining.rounds import Round
from ftkit.settings import Settings
from ftkit.splitting import read_manifest


def data_of(recipe: Path | Recipe, folder: Path, last: Round | None = None) -> RoundData:
    made = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    settings = Settings(state_dir=folder.parent / "state")
    return RoundData(made, folder, settings, SilentDisplay(), last)


def decided(folder: Path, manifest: Path, number: int = 1) -> Round:
    return Round(
        number=number, state="done", facts={"directory": str(folder), "split": str(manifest)}, at=None
    )


def parts(manifest: Path) -> dict[str, set[str]]:
    """The texts of each part."""
    return {
        name: {row.data["messages"][1]["content"] for row in read_jsonl(part.path)}
        for name, part in read_manifest(manifest).parts.items()
    }


def sized(recipe: Path, split: str) -> Path:
    file = recipe / "recipe.toml"
    head, rest = file.read_text().split("[split]")
    file.write_text(f"{head}[split]\n{split}\n[train]{rest.split('[train]')[1]}")
    return recipe


@pytest.mark.parametrize(
    "split", ["test = 20\nvalidation = 10", "test = 0.3\nvalidation = 0.1"], ids=["counts", "shares"]
)
def test_tested_rows_stay_tested_over_many_rounds_in_which_rows_come_and_go(
    recipe: Path, rows: Path, tmp_path: Path, split: str
) -> None:
    """Night 2 the export lacks half of its rows, night 3 they are back, with new ones."""
    sized(recipe, split)
    head, *lines = rows.read_text().splitlines()
    nights = [
        lines,
        lines[::2],
        [*lines, *(f"up,wholly new words {n}" for n in range(30))],
        [*lines[::-1], *(f"down,other new words {n}" for n in range(30))],
        [*lines, *(f"up,wholly new words {n}" for n in range(30))],
    ]
    last, side = None, dict[str, str]()
    for number, night in enumerate(nights, start=1):
        rows.write_text("\n".join([head, *night]) + "\n")
        folder = tmp_path / f"{number:04d}"
        manifest = data_of(recipe, folder, last).divided()
        for name, texts in parts(manifest).items():
            for text in texts:
                assert side.setdefault(text, name) == name, f"night {number}: {text} was in {side[text]}"
        last = decided(folder, manifest, number)
    assert len(side) > len(lines)


def test_another_seed_in_the_recipe_moves_no_row(recipe: Path, tmp_path: Path) -> None:
    first = data_of(recipe, tmp_path / "1").divided()
    file = recipe / "recipe.toml"
    file.write_text(file.read_text().replace("seed = 3", "seed = 4"))
    second = data_of(recipe, tmp_path / "2", decided(tmp_path / "1", first)).divided()
    assert parts(first) == parts(second) and read_manifest(second).seed == 3
    assert parts(data_of(recipe, tmp_path / "3").divided()) != parts(first)


def test_a_changed_answer_to_a_tested_prompt_stays_tested(recipe: Path, rows: Path, tmp_path: Path) -> None:
    first = data_of(recipe, tmp_path / "1").divided()
    tested = parts(first)["test"]
    rows.write_text(rows.read_text().replace("\nup,", "\ndown,"))
    second = data_of(recipe, tmp_path / "2", decided(tmp_path / "1", first)).divided()
    assert tested <= parts(second)["test"]


HELD_OUT = "label,text\n" + "".join(f"up,held out {n}\ndown,held away {n}\n" for n in range(10))


@pytest.fixture
def held_out(recipe: Path) -> Path:
    """The recipe with held-out rows of their own."""
    (recipe / "held-out.csv").write_text(HELD_OUT)
    sized(recipe, "seed = 3")
    file = recipe / "recipe.toml"
    file.write_text(file.read_text() + '[benchmark]\ndata = "held-out.csv"\n')
    return recipe


def test_with_held_out_rows_of_their_own_all_others_are_trained_on(
    held_out: Path, rows: Path, tmp_path: Path
) -> None:
    data = data_of(held_out, tmp_path / "1")
    manifest = data.divided()
    assert read_manifest(manifest).parts["train"].rows == 60
    assert sum(1 for _ in read_jsonl(data.tests())) == 20
    assert data_of(held_out, tmp_path / "1").divided() == manifest


def test_the_split_of_an_attempt_that_failed_is_not_that_of_other_rows(
    held_out: Path, rows: Path, tmp_path: Path
) -> None:
    """The round is done again under its number and in its directory, with what the data is by then."""
    data_of(held_out, tmp_path / "1").divided()
    rows.write_text(rows.read_text() + "up,a row that came after the attempt\n")
    again = data_of(held_out, tmp_path / "1").divided()
    assert "a row that came after the attempt" in parts(again)["train"]


def test_the_estimate_is_of_what_will_be_sent(recipe: Path, tmp_path: Path) -> None:
    plan = data_of(recipe, tmp_path / "1").launch_plan()
    assert plan.estimate.examples == 30 and plan.estimate.model == "linear"
    assert plan.estimate.dollars is not None and plan.estimate.dollars.high == 0


def test_golden_rows_are_examples_of_their_file(recipe: Path, tmp_path: Path) -> None:
    assert data_of(recipe, tmp_path / "1").golden() is None
    (recipe / "golden.csv").write_text("label,text\nup,one\ndown,two\n")
    file = recipe / "recipe.toml"
    file.write_text(file.read_text() + '[retrain]\ngolden = "golden.csv"\n')
    golden = data_of(recipe, tmp_path / "2").golden()
    assert golden is not None
    assert [row.data["messages"][1]["content"] for row in read_jsonl(golden)] == ["one", "two"]


def test_bad_rows_end_the_round_before_anything_is_sent(recipe: Path, rows: Path, tmp_path: Path) -> None:
    rows.write_text(rows.read_text() + "sideways,a label that the recipe does not have\n")
    with pytest.raises(ValidationFailed):
        data_of(recipe, tmp_path / "1").divided()
    rows.write_text("label,text\nup,\n")
    with pytest.raises(DataError, match="no row of the data makes an example"):
        data_of(recipe, tmp_path / "2").examples()


@pytest.mark.parametrize(
    "change",
    ["rule", "golden rows", "held-out rows", "instruction", "hyperparameter", "Python file"],
)
def test_whatever_decides_a_round_is_in_the_fingerprint_of_the_recipe(held_out: Path, change: str) -> None:
    file = held_out / "recipe.toml"
    file.write_text(file.read_text() + '[retrain]\ngolden = "golden.csv"\n')
    (held_out / "golden.csv").write_text("label,text\nup,one\n")
    before = fingerprint_of(load_recipe(held_out))
    assert fingerprint_of(load_recipe(held_out)) == before
    text = file.read_text()
    match change:
        case "rule":
            file.write_text(f"{text}min_gain = 0.01\n")
        case "golden rows":
            (held_out / "golden.csv").write_text("label,text\nup,one\ndown,two\n")
        case "held-out rows":
            (held_out / "held-out.csv").write_text(f"{HELD_OUT}up,one more\n")
        case "instruction":
            file.write_text(text.replace("Answer with one word", "Say in one word"))
        case "hyperparameter":
            file.write_text(text.replace("[train]", "[train]\nhyperparameters = { n_epochs = 5 }"))
        case _:
            (held_out / "metric.py").write_text("def mine(): ...\n")
    after = fingerprint_of(load_recipe(held_out))
    assert after["data"] == before["data"] and after["recipe"] != before["recipe"]


def test_what_does_not_decide_is_not_in_it(recipe: Path, rows: Path, tmp_path: Path) -> None:
    before = fingerprint_of(load_recipe(recipe))
    (recipe / "README.md").write_text("words")
    moved = tmp_path / "elsewhere"
    recipe.rename(moved)
    assert fingerprint_of(load_recipe(moved)) == before
    rows.write_text(rows.read_text() + "up,one more\n")
    after = fingerprint_of(load_recipe(moved))
    assert after["recipe"] == before["recipe"] and after["data"] != before["data"]


def test_a_hosted_dataset_is_known_by_its_name_alone(recipe: Path) -> None:
    hosted = load_recipe(recipe)
    hosted = hosted.model_copy(update={"source": hosted.source.model_copy(update={"data": "someone/rows"})})
    assert is_hosted(hosted) and not is_hosted(load_recipe(recipe))
    assert fingerprint_of(hosted)["data"] == "someone/rows"


def test_the_digest_of_rows_knows_no_order_but_every_row(recipe: Path, tmp_path: Path) -> None:
    examples = data_of(recipe, tmp_path / "1").examples()
    lines = examples.read_text().splitlines()
    whole = digest_of(examples)

    def digest(some: list[str]) -> str:
        other = tmp_path / "other.jsonl"
        other.write_text("".join(f"{line}\n" for line in some))
        return digest_of(other)

    assert digest(lines[::-1]) == whole and len(whole) == 32
    assert len({whole, digest(lines[1:]), digest([*lines, lines[0]]), digest(lines[:1]), digest([])}) == 5


def test_a_tested_row_that_is_deleted_leaves_a_smaller_test_part(
    recipe: Path, rows: Path, tmp_path: Path
) -> None:
    """Nothing takes its place: all other rows are trained on already. A person may have asked for it."""
    first = data_of(recipe, tmp_path / "1").divided()
    gone = min(parts(first)["test"])
    rows.write_text("\n".join(line for line in rows.read_text().splitlines() if gone not in line) + "\n")
    second = data_of(recipe, tmp_path / "2", decided(tmp_path / "1", first)).divided()
    assert parts(second)["test"] == parts(first)["test"] - {gone}
    assert "test: 19 rows instead of 20, for kept rows stay" in read_manifest(second).notes
