"""Training by TRL on a tiny Llama: it learns, tells what it does, and goes on where it was broken off."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

from tiny_model import chat, make_model, news, pair
from tuned import Kept, accuracy, label_chances, make_plan, open_model, same_tensors, tensors, train

from ftkit.local.engines.base import TrainingError
from ftkit.local.engines.transformers.plan import Plan
from ftkit.local.engines.transformers.tuning import at_once

pytestmark = pytest.mark.timeout(600)
LABELS = ("positive", "negative", "neutral")
HELD_OUT = news(30, seed=99)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of about a million parameters."""
    return make_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A smaller one, for what does not depend on how much is learnt; it has no template of its own."""
    return make_model(tmp_path_factory.mktemp("small"), width=32, template=None)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Plan:
    """Adapters for the labels of 240 sentences."""
    rows, valid = ([chat(*row) for row in news(count, seed)] for count, seed in ((240, 1), (40, 2)))
    return make_plan(tmp_path_factory.mktemp("plan"), base, rows, valid)


@pytest.fixture(scope="module")
def tuned(plan: Plan) -> Kept:
    """That plan, carried out."""
    return train(plan)


def few(count: int = 24, seed: int = 3) -> list[dict[str, Any]]:
    return [chat(*row) for row in news(count, seed)]


def numbers(kept: Kept, first: int = 1) -> list[Any]:
    return [metrics for metrics in kept.steps if metrics.step >= first]


def test_every_step_is_told_and_the_loss_falls(tuned: Kept) -> None:
    assert [metrics.step for metrics in tuned.steps] == list(range(1, 61))
    assert {metrics.total_steps for metrics in tuned.steps} == {60}
    assert [metrics.epoch for metrics in tuned.steps] == [1] * 30 + [2] * 30
    losses = [metrics.train_loss for metrics in tuned.steps]
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    assert tuned.steps[-1].train_accuracy > tuned.steps[0].train_accuracy


def test_validation_is_measured_about_ten_times_and_at_the_end_of_every_epoch(tuned: Kept) -> None:
    measured = {metrics.step: metrics for metrics in tuned.steps if metrics.valid_loss is not None}
    assert {30, 60} <= measured.keys() and 10 <= len(measured) <= 12
    first, last = min(measured), max(measured)
    assert (measured[last].valid_loss or 9) < (measured[first].valid_loss or 0)
    assert 0 <= (measured[last].valid_accuracy or -1) <= 1


def test_the_tuned_model_beats_the_untrained_one_on_rows_never_seen(
    tuned: Kept, base: Path, plan: Plan
) -> None:
    before = accuracy(open_model(base), base, HELD_OUT, LABELS)
    after = accuracy(open_model(base, tuned.folders[-1]), tuned.folders[-1], HELD_OUT, LABELS)
    assert after > 0.7 and after > before + 0.2


def test_a_checkpoint_of_every_epoch_is_loadable_and_holds_no_pickle(tuned: Kept, base: Path) -> None:
    assert [folder.name for folder in tuned.folders] == ["step-30", "step-60"]
    for folder in tuned.folders:
        assert open_model(base, folder).active_adapter == "default"
        assert {path.suffix for path in folder.iterdir()} <= {".safetensors", ".json", ".jinja", ".md"}
        assert all(path.is_file() for path in folder.iterdir())
    assert not same_tensors(*tuned.folders)


def test_what_is_trained_is_said(tuned: Kept) -> None:
    [(note, warning)] = tuned.notes
    assert "adapters of tiny" in note and "float32" in note and "learning rate 0.005" in note and not warning


def test_trained_tokens_are_those_of_all_epochs(tuned: Kept) -> None:
    assert tuned.tokens % 2 == 0 and 240 * 30 * 2 < tuned.tokens < 240 * 60 * 2


def test_a_resumed_training_equals_one_that_was_never_broken_off(
    tmp_path: Path, plan: Plan, tuned: Kept
) -> None:
    (output := tmp_path / "again").mkdir()
    again = train(plan.model_copy(update={"output": output, "resume": tuned.folders[0]}))
    assert numbers(again) == numbers(tuned, 31)
    assert same_tensors(again.folders[-1], tuned.folders[-1])
    assert again.tokens == tuned.tokens


@pytest.mark.parametrize(
    ("settings", "change"),
    [
        pytest.param({"kind": "full"}, {}, id="full"),
        pytest.param({"dropout": 0.2}, {}, id="dropout", marks=pytest.mark.slow),
        pytest.param({"micro_batch": 2, "packing": True}, {"batch_size": 6}, id="packed-in-parts"),
        pytest.param(
            {"gradient_checkpointing": True}, {}, id="gradient-checkpointing", marks=pytest.mark.slow
        ),
        pytest.param({}, {"method": "dpo"}, id="preferences"),
        pytest.param({"kind": "full"}, {"method": "dpo"}, id="preferences-full", marks=pytest.mark.slow),
    ],
)
def test_other_kinds_of_training_are_resumed_as_exactly(
    tmp_path: Path, small: Path, settings: dict[str, Any], change: dict[str, Any]
) -> None:
    pairs = [pair(sentence, label, "wrong") for sentence, label in news(16, 4)]
    rows = pairs if change.get("method") == "dpo" else few(16)
    plan = make_plan(tmp_path, small, rows, rows[:2], settings, **change)
    whole = train(plan)
    (output := tmp_path / "again").mkdir()
    again = train(plan.model_copy(update={"output": output, "resume": whole.folders[0]}))
    assert numbers(again) == numbers(whole, again.steps[0].step) and len(again.steps) < len(whole.steps)
    assert same_tensors(again.folders[-1], whole.folders[-1])
    assert all(math.isfinite(metrics.train_loss) for metrics in whole.steps)


def test_packing_and_parts_of_a_batch_change_nothing_about_what_is_learnt(
    tmp_path: Path, small: Path
) -> None:
    first, *others = (
        train(make_plan(tmp_path, small, few(12), settings=settings, epochs=1, batch_size=6))
        for settings in ({"packing": False}, {"packing": True}, {"micro_batch": 2})
    )
    for other in others:
        for left, right in zip(first.steps, other.steps, strict=True):
            assert left.train_loss == pytest.approx(right.train_loss, rel=1e-3)


@pytest.mark.slow
def test_seeds_decide(tmp_path: Path, small: Path) -> None:
    one, same, other = (
        train(make_plan(tmp_path, small, few(8), epochs=1, batch_size=4, seed=seed)) for seed in (1, 1, 2)
    )
    assert same_tensors(one.folders[0], same.folders[0]) and one.steps == same.steps
    assert not same_tensors(one.folders[0], other.folders[0])


@pytest.mark.slow
def test_replies_of_weight_0_teach_nothing(tmp_path: Path, small: Path) -> None:
    rows = few(16)
    weighed = [
        {
            "messages": [
                *row["messages"][:2],
                {"role": "assistant", "content": "xyz", "weight": 0},
                *row["messages"][1:],
            ]
        }
        for row in rows
    ]
    kept = train(make_plan(tmp_path, small, weighed, epochs=1))
    assert kept.steps[-1].train_loss < kept.steps[0].train_loss
    assert kept.tokens > train(make_plan(tmp_path, small, rows, epochs=1)).tokens


def test_a_whole_model_is_saved_whole(tmp_path: Path, small: Path) -> None:
    kept = train(make_plan(tmp_path, small, few(), settings={"kind": "full"}, epochs=1))
    saved = tensors(kept.folders[0])
    assert "model.embed_tokens.weight" in saved and (kept.folders[0] / "config.json").exists()
    assert label_chances(open_model(small, kept.folders[0]), kept.folders[0], "Aspo grew .", LABELS)


@pytest.mark.slow
def test_a_tuned_model_is_trained_further(tmp_path: Path, base: Path, tuned: Kept) -> None:
    rows = [chat(sentence, "unsure") for sentence, _ in news(24, 8)]
    further = train(make_plan(tmp_path, base, rows, epochs=3, tuned=tuned.folders[-1]))
    chances = label_chances(open_model(base, further.folders[-1]), base, "Aspo grew .", ("unsure", "xyz"))
    before = label_chances(open_model(base, tuned.folders[-1]), base, "Aspo grew .", ("unsure", "xyz"))
    assert chances[0] > before[0]
    config = json.loads((further.folders[-1] / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(base), "one adapter over the same base"


def test_preferences_make_the_better_reply_likelier(tmp_path: Path, base: Path, tuned: Kept) -> None:
    """Against the labels: what was learnt as right becomes the worse reply."""
    pairs = [pair(sentence, "unsure", label) for sentence, label in news(24, 5)]
    plan = make_plan(
        tmp_path, base, pairs, pairs[:2], {"learning_rate": 3e-3}, method="dpo", tuned=tuned.folders[-1]
    )
    kept = train(plan)
    assert kept.steps[0].train_loss == pytest.approx(math.log(2), abs=0.05), "it begins as its own reference"
    assert kept.steps[-1].train_loss < kept.steps[0].train_loss
    assert kept.steps[-1].valid_accuracy == 1.0
    sentence, label = news(30, 5)[-1]
    before, after = (
        label_chances(open_model(base, folder), base, sentence, ("unsure", label))
        for folder in (tuned.folders[-1], kept.folders[-1])
    )
    assert after[0] - after[1] > before[0] - before[1] + 1


def test_long_examples_are_told_of(tmp_path: Path, small: Path) -> None:
    rows = [*few(8), chat("word " * 400, "neutral"), chat("word " * 400, "neutral")]
    kept = train(make_plan(tmp_path, small, rows, settings={"max_tokens": 64}, epochs=1))
    warnings = [message for message, warning in kept.notes if warning]
    assert len(warnings) == 2 and "2 example(s) are longer than 64" in warnings[0]
    assert "2 example(s) have nothing to learn" in warnings[1]


@pytest.mark.slow
def test_the_models_context_is_the_limit_where_none_is_set(tmp_path: Path, small: Path) -> None:
    talk = few(1)[0]["messages"]
    long = {"messages": talk + [message for _ in range(40) for message in talk[1:]]}
    kept = train(make_plan(tmp_path, small, [*few(8), long], epochs=1))
    assert any("longer than 256 tokens" in message for message, _ in kept.notes)


def test_a_diverging_training_ends_with_advice(tmp_path: Path, small: Path) -> None:
    settings = {"kind": "full", "learning_rate": 1e30}
    with pytest.raises(TrainingError, match="learning_rate_multiplier") as caught:
        train(make_plan(tmp_path, small, few(40), settings=settings, epochs=3, batch_size=4))
    assert caught.value.code == "training_diverged"


def test_four_bit_needs_its_package(tmp_path: Path, small: Path) -> None:
    if pytest.importorskip("importlib.util").find_spec("bitsandbytes"):
        pytest.skip("bitsandbytes is here")
    with pytest.raises(TrainingError, match="bitsandbytes"):
        train(make_plan(tmp_path, small, few(8), settings={"four_bit": True}))


@pytest.mark.parametrize(
    ("batch", "processes", "longest", "micro", "expected"),
    [
        (8, 1, 50, None, 8),
        (32, 1, 50, None, 16),
        (32, 1, 4096, None, 4),
        (32, 4, 50, None, 8),
        (12, 1, 50, 5, 4),
        (7, 1, 50, 4, 1),
        (8, 1, 10**6, None, 1),
    ],
)
def test_as_many_examples_at_once_as_have_room(
    tmp_path: Path, batch: int, processes: int, longest: int, micro: int | None, expected: int
) -> None:
    plan = make_plan(tmp_path, tmp_path, [], settings={"micro_batch": micro}, batch_size=batch)
    assert at_once(plan, processes, longest) == expected
