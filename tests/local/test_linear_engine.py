"""The linear engine by itself: features, training, resuming, saving, choosing hyperparameters."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from local_engine import replies_of
from local_platform import SYSTEM, fruit_rows

from ftkit.local.engines.base import ModelSpec, StepMetrics, TrainingError, TrainingExample, TrainingRequest
from ftkit.local.engines.linear import LinearEngine
from ftkit.local.engines.linear.features import BLOCK, COLUMNS, MAX_CHARACTERS, count_features, segments_of
from ftkit.local.engines.linear.model import LinearModel
from ftkit.local.engines.linear.vectors import FeatureScale, Vectors
from ftkit.local.engines.registry import Engines, engine_names

LINEAR = ModelSpec("linear", "linear")

ENGINE = LinearEngine()


def conversation(text: str, system: str = SYSTEM) -> list[dict[str, Any]]:
    return [{"role": "system", "content": system}, {"role": "user", "content": text}]


class Recorder:
    """Callbacks that keep what they are told; ``stop_after`` epochs it interrupts, as a crash would."""

    def __init__(self, folder: Path, stop_after: int | None = None) -> None:
        self.folder = folder
        self.steps: list[StepMetrics] = []
        self.saved: list[Path] = []
        self._stop_after = stop_after

    def step(self, metrics: StepMetrics) -> None:
        self.steps.append(metrics)

    def checkpoint(self, metrics: StepMetrics, save: Callable[[Path], None]) -> None:
        target = self.folder / f"step-{metrics.step}"
        target.mkdir(parents=True)
        save(target)
        self.saved.append(target)
        if len(self.saved) == self._stop_after:
            raise InterruptedError

    def note(self, message: str, *, warning: bool = False) -> None:
        raise AssertionError(message)

    def pulse(self) -> None:
        pass


def train(
    folder: Path,
    rows: list[tuple[str, str]],
    *,
    seed: int = 1,
    resume: Path | None = None,
    stop_after: int | None = None,
    validation: list[tuple[str, str]] | None = None,
    **hyperparameters: Any,
) -> Recorder:
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f"scratch-{len(list(folder.iterdir()))}"
    scratch.mkdir()
    recorder = Recorder(folder / "out", stop_after)
    request = TrainingRequest(
        examples=[TrainingExample(conversation(text), label) for text, label in rows],
        validation=[TrainingExample(conversation(t), label) for t, label in validation]
        if validation
        else None,
        hyperparameters=ENGINE.plan(hyperparameters, len(rows)),
        seed=seed,
        scratch=scratch,
        resume=resume,
    )
    ENGINE.train(request, recorder)
    return recorder


def answers(folder: Path, texts: list[str]) -> list[str]:
    return ENGINE.load(folder, LINEAR).respond([conversation(text) for text in texts])


def test_words_pairs_and_character_grams_are_counted() -> None:
    matrix = count_features([[("last", "Cats sat. cats")]])
    words = matrix[:, :BLOCK]
    assert words.sum() == 4 + 3, "four tokens, three pairs"
    assert words.max() == 2, "the word that comes twice"
    characters = matrix[:, BLOCK:]
    expected = 0
    for word in ("cats", "sat.", "cats"):
        padded = f" {word} "
        expected += sum(max(0, len(padded) - size + 1) for size in (2, 3, 4, 5))
    assert characters.sum() == expected


@pytest.mark.parametrize("other", ["the  CAT\tsat", "The cat\nsat ", " the cat sat"])
def test_case_and_white_space_do_not_count(other: str) -> None:
    first, second = count_features([[("last", "the cat sat")], [("last", other)]])
    assert (first != second).nnz == 0


@pytest.mark.parametrize(
    "text", ["", "   ", "!", "日本語のテキスト", "naïve café", "𝒳 🎉 ok", "\ud800 lone", "a\x00b"]
)
def test_any_text_has_features_that_do_not_depend_on_its_neighbours(text: str) -> None:
    alone = count_features([[("last", text)]])
    among = count_features([[("last", "before it")], [("last", text)], [("last", "after it")]])
    assert alone.shape == (1, COLUMNS)
    assert (alone != among[1:2]).nnz == 0
    assert bool(alone.nnz) == bool(text.strip())


def test_the_same_text_in_another_role_is_another_feature() -> None:
    both = count_features(
        [[("last", "word")], [("system", "word")], [("user", "word")], [("assistant", "word")]]
    )
    columns = [set(row.indices) for row in both]
    assert not set.intersection(*columns) and len(set.union(*columns)) == sum(len(found) for found in columns)


def test_conversations_are_taken_apart_by_role() -> None:
    messages = [
        {"role": "developer", "content": "rules"},
        {"role": "user", "content": [{"type": "text", "text": "first"}, {"type": "text", "text": "more"}]},
        {"role": "assistant", "content": None, "tool_calls": [{}]},
        {"role": "tool", "content": "42"},
        {"role": "user", "content": "last"},
    ]
    assert segments_of(messages) == [
        ("system", "rules"),
        ("user", "first\nmore"),
        ("assistant", ""),
        ("other", "42"),
        ("last", "last"),
    ]
    assert segments_of([{"role": "system", "content": "only"}]) == [("system", "only")]


def test_a_very_long_message_is_bounded() -> None:
    long = count_features([[("last", "start " + "x" * (3 * MAX_CHARACTERS) + " end")]])
    short = count_features([[("last", "start end")]])
    assert long[:, BLOCK:].sum() < 5 * MAX_CHARACTERS
    assert set(short[:, :BLOCK].indices) & set(long[:, :BLOCK].indices)


def test_what_every_row_has_weighs_nothing() -> None:
    counts = count_features([segments_of(conversation(text)) for text in ("a lemon", "a pear", "a plum")])
    scale = FeatureScale.fit(np.bincount(counts.indices, minlength=COLUMNS), 3, 10_000)
    vectors = Vectors(scale).of(counts)
    system_only = count_features([[("system", SYSTEM)]])
    assert Vectors(scale).of(system_only).nnz == 0
    lengths = np.sqrt(vectors.multiply(vectors).sum(axis=1))
    assert np.allclose(lengths, 1, atol=1e-5)


def test_the_most_frequent_columns_are_kept_when_there_are_too_many() -> None:
    frequency = np.array([0, 5, 1, 10, 3, 2])
    scale = FeatureScale.fit(frequency, 10, 2)
    assert scale.columns.tolist() == [1, 4]
    assert scale.idf == pytest.approx([np.log(11 / 6), np.log(11 / 4)], abs=1e-6)


def test_training_learns_and_measures(tmp_path: Path) -> None:
    recorder = train(tmp_path, fruit_rows(200), validation=fruit_rows(40), n_epochs=4, batch_size=10)
    assert [metrics.step for metrics in recorder.steps] == list(range(1, 81))
    assert {metrics.total_steps for metrics in recorder.steps} == {80}
    assert [metrics.epoch for metrics in recorder.steps[::20]] == [1, 2, 3, 4]
    assert len(recorder.saved) == 4
    first, last = recorder.steps[:10], recorder.steps[-10:]
    assert sum(m.train_loss for m in last) < 0.5 * sum(m.train_loss for m in first)
    measured = [metrics for metrics in recorder.steps if metrics.valid_loss is not None]
    assert len(measured) >= 4 and measured[-1].step == 80
    assert measured[-1].valid_accuracy is not None and measured[-1].valid_accuracy > 0.95
    assert answers(recorder.saved[-1], ["a ripe lemon", "the fresh pear"]) == ["yes", "no"]


def test_the_first_step_is_the_entropy_of_the_labels(tmp_path: Path) -> None:
    """Before any step a model knows only how often each reply comes: the loss there is known by hand."""
    rows = [(f"text {number}", "rare" if number % 4 == 0 else "often") for number in range(40)]
    recorder = train(tmp_path, rows, n_epochs=1, batch_size=40)
    assert recorder.steps[0].train_loss == pytest.approx(
        -(0.25 * np.log(0.25) + 0.75 * np.log(0.75)), abs=1e-5
    )
    assert recorder.steps[0].train_accuracy == 0.75


def test_the_gradient_is_that_of_the_loss(tmp_path: Path) -> None:
    """One Adagrad step from zero moves every weight by the rate against the sign of a numeric gradient."""
    from ftkit.local.engines.linear import heads
    from ftkit.local.engines.linear import train as module

    rows = [(f"word{number % 5} thing{number}", "a" if number % 5 < 2 else "b") for number in range(20)]
    recorder = train(tmp_path, rows, n_epochs=1, batch_size=20)
    model = LinearModel.load(recorder.saved[0])
    counts = count_features([segments_of(conversation(text)) for text, _ in rows])
    vectors = Vectors(model.scale).of(counts).toarray().astype(float)
    truth = np.array([replies_of(model).index(label) for _, label in rows])
    bias = np.log(np.bincount(truth) / 20)

    def loss(weights: np.ndarray) -> float:
        chances = heads.softmax(vectors @ weights + bias)
        return float(-np.log(chances[np.arange(20), truth]).mean())

    zero = np.zeros_like(model.weights, dtype=float)
    for feature in range(0, len(zero), max(1, len(zero) // 25)):
        for reply in range(2):
            nudged = zero.copy()
            nudged[feature, reply] = 1e-4
            slope = (loss(nudged) - loss(-nudged)) / 2e-4
            if abs(slope) > 1e-5:
                expected = -module.rate(2, 1) * np.sign(slope)
                assert model.weights[feature, reply] == pytest.approx(expected, rel=1e-3)


def test_the_same_seed_gives_the_same_model(tmp_path: Path) -> None:
    rows = fruit_rows(80)
    models = [
        LinearModel.load(train(tmp_path / name, rows, seed=seed, n_epochs=2).saved[-1])
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    ]
    assert np.array_equal(models[0].weights, models[1].weights)
    assert not np.array_equal(models[0].weights, models[2].weights)


def test_a_resumed_training_ends_at_the_same_weights(tmp_path: Path) -> None:
    rows = fruit_rows(80)
    whole = train(tmp_path / "whole", rows, n_epochs=5)
    with pytest.raises(InterruptedError):
        train(tmp_path / "cut", rows, n_epochs=5, stop_after=2)
    checkpoint = tmp_path / "cut" / "out" / whole.saved[1].name
    rest = train(tmp_path / "rest", rows, n_epochs=5, resume=checkpoint)
    assert rest.steps == whole.steps[len(whole.steps) - len(rest.steps) :]
    assert len(rest.saved) == 3
    first, second = LinearModel.load(whole.saved[-1]), LinearModel.load(rest.saved[-1])
    assert np.array_equal(first.weights, second.weights) and np.array_equal(first.bias, second.bias)


def test_a_model_is_saved_without_pickle(tmp_path: Path) -> None:
    folder = train(tmp_path, fruit_rows(20), n_epochs=1).saved[-1]
    assert {path.name for path in folder.iterdir()} == {"model.json", "model.npz", "resume.npz"}
    with np.load(folder / "model.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays)
    (folder / "model.json").write_text('{"engine": "other"}')
    with pytest.raises(ValueError, match="no linear model"):
        ENGINE.load(folder, LINEAR)


def test_one_reply_only_is_learnt_too(tmp_path: Path) -> None:
    folder = train(tmp_path, [(f"q{number}", "always") for number in range(12)]).saved[-1]
    assert answers(folder, ["q1", "something else", ""]) == ["always"] * 3


def test_rows_without_any_difference_give_the_most_frequent_reply(tmp_path: Path) -> None:
    rows = [("same", "often")] * 8 + [("same", "rare")] * 4
    folder = train(tmp_path, rows, n_epochs=2).saved[-1]
    assert answers(folder, ["same", "other"]) == ["often", "often"]


def test_too_many_replies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as refused:
        train(tmp_path, [(f"q{number}", f"reply {number}") for number in range(1025)])
    assert refused.value.code == "too_many_replies" and "1024" in refused.value.message


def test_an_unknown_validation_reply_is_wrong(tmp_path: Path) -> None:
    recorder = train(tmp_path, fruit_rows(20), validation=[("a lemon", "perhaps")] * 3, n_epochs=1)
    assert recorder.steps[-1].valid_accuracy == 0
    assert recorder.steps[-1].valid_loss == pytest.approx(np.log(3), abs=1e-6)


def test_answers_do_not_depend_on_company(tmp_path: Path) -> None:
    model = ENGINE.load(train(tmp_path, fruit_rows(100)).saved[-1], LINEAR)
    texts = [text for text, _ in fruit_rows(700)]
    together = model.respond([conversation(text) for text in texts])
    alone = [model.respond([conversation(text)])[0] for text in texts[::50]]
    assert together[::50] == alone and set(together) == {"yes", "no"}


@pytest.mark.parametrize(
    ("requested", "examples", "expected"),
    [
        ({}, 400, (10, 8, 1.0)),
        ({"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"}, 10, (10, 4, 1.0)),
        ({}, 1_000, (4, 20, 1.0)),
        ({}, 100_000, (3, 256, 1.0)),
        ({"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 0.5}, 400, (3, 1, 0.5)),
        ({"batch_size": 256}, 12, (10, 12, 1.0)),
    ],
)
def test_auto_is_chosen_by_size(
    requested: dict[str, Any], examples: int, expected: tuple[int, int, float]
) -> None:
    plan = ENGINE.plan(requested, examples)
    assert (plan.n_epochs, plan.batch_size, plan.learning_rate_multiplier) == expected


def synthetic(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Texts whose label shows in the share of two word families, with noise: learnable, not trivially."""
    source = random.Random(seed)
    families = {
        "up": ["gain", "rise", "more", "win", "grow"],
        "down": ["loss", "fall", "less", "drop", "sink"],
    }
    filler = [f"w{number}" for number in range(300)]
    for _ in range(count):
        label = source.choice(("up", "down"))
        words = [source.choice(families[label]) for _ in range(2)]
        words += [source.choice(families[source.choice(("up", "down"))])]
        words += source.choices(filler, k=8)
        source.shuffle(words)
        yield " ".join(words), label


def test_it_generalises_to_new_rows(tmp_path: Path) -> None:
    train_rows, test_rows = list(synthetic(300, 1)), list(synthetic(500, 2))
    folder = train(tmp_path, train_rows).saved[-1]
    given = answers(folder, [text for text, _ in test_rows])
    right = sum(answer == label for answer, (_, label) in zip(given, test_rows, strict=True))
    assert right / 500 > 0.85


def test_the_engine_is_found_by_its_entry_point() -> None:
    assert "linear" in engine_names()
    engine = Engines().get("linear")
    assert isinstance(engine, LinearEngine) and engine.name == "linear"
    assert Engines().get("no-such-engine") is None


def test_a_broken_engine_is_a_named_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    info = tmp_path / "acme_engine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-engine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ftkit.engines]\nacme = acme_engine_missing:Engine\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert Engines().get("acme") is None
    said = capsys.readouterr().err
    assert "acme" in said and "acme_engine_missing" in said and said.startswith("warning:")
