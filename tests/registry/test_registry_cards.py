"""Model cards: what stands in them, that the Hub's own reader takes them, and that no text breaks out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml as pyyaml
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st

from ftkit.registry import Label, Lineage, Registry, Score, Version
from ftkit.registry.cards import Card, card_of, to_markdown
from ftkit.registry.cards.yaml import yaml
from ftkit.settings import Settings

TUNED = "ft:linear:sentiment:ab12cd34"


def card(lineage: Lineage, model: str = TUNED) -> Card:
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    return card_of(Version(name="sentiment", version=2, model=model, created_at=moment, lineage=lineage))


def test_the_hubs_reader_takes_it_with_its_results(lineage: Lineage) -> None:
    read = ModelCard(to_markdown(card(lineage)))
    assert read.data.tags == ["ftkit", "sft", "text-classification", "sentiment"]
    assert (read.data.model_name, read.data.metrics) == ("sentiment", ["accuracy"])
    accuracy, f1 = read.data.eval_results
    assert (accuracy.metric_type, accuracy.metric_value, accuracy.task_type) == (
        "accuracy",
        0.9,
        "text-classification",
    )
    assert (accuracy.dataset_name, accuracy.dataset_revision) == ("Sentiment of headlines", "34" * 32)
    assert (f1.metric_type, f1.metric_value) == ("f1", 0.89)


def test_it_says_data_training_evaluation_and_history(registry: Registry, lineage: Lineage) -> None:
    registry.promote("sentiment", TUNED, lineage, reason="better | on `long` ones")
    found = card_of(registry.find("sentiment"), registry.history("sentiment"))
    text = to_markdown(found)
    for said in (
        "# sentiment, version 1",
        "`sentiment@champion`",
        "`headlines.csv`",
        "ab" * 32,
        "| train | 300 |",
        "- Trained tokens: `12,345`",
        "- Hyperparameter n\\_epochs: `3`",
        f"| **`{TUNED}`** | 90.0 % | 81.0 – 96.0 % | 0 | 0.0000 |",
        "| `linear` | 60.0 % | 50.0 – 70.0 % | 3 | unknown |",
        "would reach 60.0 %",
        "| up | 60 | 90.0 % | 95.0 % | 92.0 % |",
        "| champion | promoted | 1 | better \\| on \\`long\\` ones |",
        "ftkit 0.1.0, python 3.11.7",
        'ftkit.resolve("sentiment@champion")',
    ):
        assert said in text, said
    assert "secret-place" not in text, "a path of somebody's machine"


def test_what_is_not_known_is_not_said(registry: Registry) -> None:
    registry.promote("sentiment", "some-model")
    text = to_markdown(card_of(registry.find("sentiment"), registry.history("sentiment")))
    assert "None" not in text and "## Training" not in text and "## Evaluation" not in text
    assert "- No benchmark of this model is known." in text
    assert ModelCard(text).data.tags == ["ftkit"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stand_in_for": "gpt-4.1", "engine": "linear"}, "in the place of gpt-4.1"),
        ({"platform": "openai", "base_model": "gpt-4o-2024-08-06"}, "ends on 20"),
        ({"generated_by": "gpt-5"}, "written by gpt-5, not by people"),
        ({"benchmarks": {}}, "No benchmark"),
    ],
)
def test_it_warns(lineage: Lineage, change: dict[str, Any], said: str) -> None:
    version = card(lineage.model_copy(update=change)).version
    found = card_of(version, settings=Settings())
    assert any(said in warning for warning in found.warnings), found.warnings
    assert not card_of(card(lineage).version, settings=Settings()).warnings


def test_a_benchmark_without_the_model_is_no_result_of_it(lineage: Lineage) -> None:
    found = card(lineage, "another")
    assert found.warnings == ("The benchmark of sentiment did not ask this model.",)
    assert ModelCard(to_markdown(found)).data.eval_results is None


@pytest.mark.parametrize(
    ("source", "base", "datasets", "base_models"),
    [
        ("owner/set", "owner/base-7b", ["owner/set"], "owner/base-7b"),
        ("data/rows.csv", "gpt-4.1-mini", None, None),
        ("/home/x", "linear", None, None),
        ("./rows", "a/b/c", None, None),
    ],
)
def test_only_names_of_the_hub_are_linked(
    lineage: Lineage, source: str, base: str, datasets: list[str] | None, base_models: str | None
) -> None:
    data = ModelCard(
        to_markdown(card(lineage.model_copy(update={"source": source, "base_model": base})))
    ).data
    assert (data.datasets, data.base_model) == (datasets, base_models)


def test_several_tasks_have_a_section_and_a_result_each(lineage: Lineage) -> None:
    [found] = lineage.benchmarks.values()
    other = found.model_copy(update={"metric": "exact", "measure": "score", "labels": (), "rows": 7})
    noted = other.model_copy(update={"notes": ("few rows",)})
    made = card(lineage.model_copy(update={"benchmarks": {"mood": found, "topic": noted}}))
    text = to_markdown(made)
    assert (
        text.index("### mood")
        < text.index("100 held-out rows")
        < text.index("### topic")
        < text.index("7 held-out")
    )
    assert "| model | score | 95 % interval |" in text and "- topic: few rows" in text
    mood, f1, topic = ModelCard(text).data.eval_results
    assert [(one.task_name, one.metric_type) for one in (mood, f1, topic)] == [
        ("mood", "accuracy"),
        ("mood", "f1"),
        ("topic", "exact"),
    ]
    assert ModelCard(text).data.metrics == ["accuracy", "exact"]


def test_of_very_many_labels_the_first_are_shown_and_the_others_counted(lineage: Lineage) -> None:
    [found] = lineage.benchmarks.values()
    labels = tuple(Label(label=f"l{number}", support=1, f1=0.5) for number in range(45))
    text = to_markdown(
        card(lineage.model_copy(update={"benchmarks": {"t": found.model_copy(update={"labels": labels})}}))
    )
    assert "| l29 |" in text and "| l30 |" not in text and "And 15 more labels." in text


def test_a_mean_of_which_a_part_is_unknown_is_no_result(lineage: Lineage) -> None:
    [found] = lineage.benchmarks.values()
    labels = (Label(label="up", support=60, f1=0.9), Label(label="down", support=0))
    made = card(lineage.model_copy(update={"benchmarks": {"t": found.model_copy(update={"labels": labels})}}))
    assert [one.metric_type for one in ModelCard(to_markdown(made)).data.eval_results] == ["accuracy"]
    assert "| down | 0 | – | – | – |" in to_markdown(made)


def test_a_score_without_an_interval_claims_none(lineage: Lineage) -> None:
    [found] = lineage.benchmarks.values()
    bare = found.model_copy(
        update={"scores": (Score(model=TUNED, role="tuned", value=1.0, stand_in_for="gpt-x"),)}
    )
    text = to_markdown(card(lineage.model_copy(update={"benchmarks": {"t": bare}})))
    assert f"| **`{TUNED}`** (stands in for gpt-x) | 100.0 % | – | 0 | unknown |" in text


def test_the_history_of_a_card_is_that_of_its_version(registry: Registry, lineage: Lineage) -> None:
    for model in ("ft:1", "ft:2", "ft:3"):
        registry.promote("sentiment", model, lineage, reason=f"for {model}")
    told = [
        move.reason
        for move in card_of(registry.version("sentiment", 1), registry.history("sentiment")).history
    ]
    assert told == ["for ft:1", "for ft:2"], "how it came, and what took its place"


NASTY = "<script>alert(1)</script> | `a``b` [x](http://x) *b* # --- \n---\nlicense: mit"


def test_texts_from_outside_are_no_markup(lineage: Lineage) -> None:
    score = Score(model=NASTY, role="base", value=0.1)
    [found] = lineage.benchmarks.values()
    found = found.model_copy(update={"scores": (*found.scores, score), "verdict": NASTY})
    made = lineage.model_copy(
        update={"title": NASTY, "recipe": NASTY, "base_model": NASTY, "benchmarks": {"task": found}}
    )
    text = to_markdown(card(made))
    read = ModelCard(text)
    assert read.data.license is None
    assert read.data.eval_results[0].dataset_name == NASTY
    body = read.text
    assert "alert(1)</script>" not in body.replace("\\<", "").replace("`", "") or "\\<script\\>" in body
    tables = [line for line in body.splitlines() if line.startswith("| ")]
    assert {line.replace("\\|", "").count("|") for line in tables} == {4, 6}


def test_the_json_is_the_whole_card(tmp_path: Path, registry: Registry, lineage: Lineage) -> None:
    done = registry.promote("sentiment", TUNED, lineage)
    assert done.card is not None
    folder = Path(done.card).parent
    read = Card.model_validate_json((folder / "card.json").read_bytes())
    assert read.version == registry.find("sentiment")
    assert Path(done.card).read_text("utf-8").startswith("---\n")
    assert json.loads((folder / "card.json").read_text())["version"]["lineage"]["job"] == "ftjob-1"


TEXTS = st.text(st.characters(exclude_categories=("Cs",)))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(TEXTS, PLAIN, min_size=1, max_size=4))
def test_any_plain_data_is_read_back_as_it_was(value: dict[str, Any]) -> None:
    assert pyyaml.safe_load(yaml(value)) == value
