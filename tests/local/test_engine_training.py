"""What a linear training keeps to: seeds, labels, roles, scripts, sizes and hyperparameters of any kind."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_engine import ENGINE, replies_of, train, user
from sklearn.metrics import accuracy_score, log_loss

from ftkit.local.engines.base import TrainingError
from ftkit.local.engines.linear.book import MAX_REPLIES
from ftkit.local.engines.linear.features import MAX_CHARACTERS, count_features, segments_of
from ftkit.local.engines.linear.heads import softmax
from ftkit.local.engines.linear.model import LinearModel
from ftkit.local.engines.linear.train import LEARNING_RATE, rate
from ftkit.local.engines.linear.vectors import Vectors

FEW = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
ROWS = st.lists(st.tuples(TEXT, st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)), min_size=1)


@FEW
@given(rows=ROWS, seed=st.integers(0, 2**40), texts=st.lists(TEXT, max_size=5))
def test_any_data_and_seed_give_one_model_that_answers_with_replies_it_saw(
    tmp_path: Path, rows: list[tuple[str, str]], seed: int, texts: list[str]
) -> None:
    first, second = (train(tmp_path, rows, seed=seed, n_epochs=2) for _ in range(2))
    assert first.steps == second.steps
    assert all(math.isfinite(metrics.train_loss) and metrics.train_loss >= 0 for metrics in first.steps)
    assert np.array_equal(first.model().weights, second.model().weights)
    given_answers = first.answers(texts)
    assert given_answers == second.answers(texts) and len(given_answers) == len(texts)
    assert set(given_answers) <= {reply for _, reply in rows}


def test_features_are_the_same_in_every_process_and_release() -> None:
    """A model's columns mean nothing any more when the hashes change: this text's were written down once."""
    found = count_features([[("last", "Käse, 日本 🎉 42.5")]])
    columns = sorted(found.indices.tolist())
    assert columns[:6] == [22147, 28008, 52311, 84130, 114568, 123527] and len(columns) == 52
    digest = hashlib.sha256(",".join(map(str, columns)).encode()).hexdigest()
    assert digest == "731dc5e83eccc0b45c04cbff21305501b5ac396e44e11f226a7708a2310df2b8"


@pytest.mark.parametrize("count", [1, 2, 3, 40, MAX_REPLIES])
def test_any_number_of_labels_up_to_the_cap_is_learnt(tmp_path: Path, count: int) -> None:
    rows = [(f"subject{number} asks", f"label {number}") for number in range(count)] * (1 + 9 // count)
    few = count < MAX_REPLIES
    trained = train(tmp_path, rows, n_epochs=8 if few else 1, batch_size=4 if few else 64)
    model = trained.model()
    assert len(replies_of(model)) == count and model.weights.shape[1] == count
    given_answers = trained.answers([text for text, _ in rows])
    assert set(given_answers) <= set(replies_of(model))
    assert not few or given_answers == [label for _, label in rows]


def test_one_label_more_than_the_cap_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as refused:
        train(tmp_path, [("x", f"reply {number}") for number in range(MAX_REPLIES + 1)])
    assert refused.value.code == "too_many_replies" and refused.value.param == "training_file"
    assert f"more than {MAX_REPLIES} different" in refused.value.message
    assert "another engine for free text" in refused.value.message


def test_validation_replies_do_not_count_towards_the_cap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ftkit.local.engines.linear.book.MAX_REPLIES", 2)
    trained = train(tmp_path, [("a", "x"), ("b", "y")] * 5, validation=[("c", f"{n}") for n in range(5)])
    assert replies_of(trained.model()) == ["x", "y"]


SCRIPTS = {
    "japanese": ("この映画は最高です", "最悪の映画でした"),
    "chinese": ("非常好的电影", "糟糕的电影"),
    "arabic": ("فيلم رائع جدا", "فيلم سيء للغاية"),
    "russian": ("отличный фильм", "ужасное кино"),
    "hindi": ("बहुत अच्छी फिल्म", "बहुत बुरी फिल्म"),
    "thai": ("หนังดีมาก", "หนังแย่มาก"),
    "emoji": ("🎉🎉👍", "😡👎💀"),
    "accents": ("très réussi", "raté, décevant"),
    "marks": ("!!!", "???"),
    "digits": ("12345", "67890"),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_learnt(tmp_path: Path, script: str) -> None:
    good, bad = SCRIPTS[script]
    rows = [
        (f"{text} {number}", label)
        for number in range(8)
        for text, label in ((good, "良い👍"), (bad, "悪い"))
    ]
    trained = train(tmp_path, rows, n_epochs=6)
    assert trained.answers([f"99 {good}", f"{bad} 99"]) == ["良い👍", "悪い"]


def test_the_case_of_letters_does_not_matter_to_a_text_but_does_to_a_reply(tmp_path: Path) -> None:
    rows = [("RED", "Stop"), ("green", "stop")] * 8
    trained = train(tmp_path, rows, n_epochs=6)
    assert trained.answers(["red", "GREEN"]) == ["Stop", "stop"]


@pytest.mark.parametrize("reply", [" padded ", "two\nlines", "{}", "a" * 5000, "\u2028", "\x00"])
def test_a_reply_comes_back_to_the_letter(tmp_path: Path, reply: str) -> None:
    trained = train(tmp_path, [("yes please", reply), ("never", "other")] * 6, n_epochs=6)
    assert trained.answers(["yes please", "never"]) == [reply, "other"]


def test_empty_texts_are_a_text_like_others(tmp_path: Path) -> None:
    rows: list[Any] = [("", "nothing"), ("   \n", "nothing"), ("some words here", "something")] * 5
    trained = train(tmp_path, rows, n_epochs=6)
    assert trained.answers(["some words here", "", [], user("\t")]) == [
        "something",
        "nothing",
        "nothing",
        "nothing",
    ]
    assert trained.model().respond([]) == []


def test_of_a_very_long_text_both_ends_count(tmp_path: Path) -> None:
    padding = "blah " * MAX_CHARACTERS
    rows = [(f"urgent {padding}", "first"), (f"{padding} routine", "last")] * 5
    trained = train(tmp_path, rows, n_epochs=4)
    assert trained.answers([f"urgent {padding}", f"{padding} routine"]) == ["first", "last"]
    assert trained.answers([f"urgent {padding}"] * 8) == ["first"] * 8, "in more chunks than one"


def turns(*texts: str, system: str = "Be brief.") -> list[dict[str, str]]:
    roles = ("user", "assistant")
    said = [{"role": roles[place % 2], "content": text} for place, text in enumerate(texts)]
    return [{"role": "system", "content": system}, *said]


def test_what_was_said_before_the_last_message_counts(tmp_path: Path) -> None:
    rows = [(turns("apples", "ok", "how much?"), "one"), (turns("pears", "ok", "how much?"), "two")] * 6
    trained = train(tmp_path, rows, n_epochs=8)
    assert trained.answers([rows[0][0], rows[1][0]]) == ["one", "two"]


def test_who_said_it_counts(tmp_path: Path) -> None:
    rows = [(turns("stop", "go", "and now?"), "one"), (turns("go", "stop", "and now?"), "two")] * 6
    trained = train(tmp_path, rows, n_epochs=8)
    assert trained.answers([rows[0][0], rows[1][0]]) == ["one", "two"]


def test_system_prompts_tell_tasks_apart(tmp_path: Path) -> None:
    rows = [
        (turns(f"{fruit} {number}", system=system), reply)
        for number in range(6)
        for system, replies in (
            ("Name its colour.", ("yellow", "red")),
            ("Name its taste.", ("sour", "sweet")),
        )
        for fruit, reply in zip(("lemon", "cherry"), replies, strict=True)
    ]
    trained = train(tmp_path, rows, n_epochs=12)
    asked = [
        turns(fruit, system=s)
        for s in ("Name its colour.", "Name its taste.")
        for fruit in ("lemon", "cherry")
    ]
    assert trained.answers(asked) == ["yellow", "red", "sour", "sweet"]


def test_a_system_prompt_that_never_changes_is_worth_nothing(tmp_path: Path) -> None:
    """Asked under another prompt, or none, the model answers by what it learnt about the message."""
    rows = [(turns(text, system="Classify the fruit."), text) for text in ("lemon", "cherry")] * 6
    trained = train(tmp_path, rows, n_epochs=4)
    assert trained.answers([user("lemon"), turns("cherry", system="Classify the fruit.")]) == [
        "lemon",
        "cherry",
    ]
    assert trained.answers([turns("lemon", system="Quite another prompt.")]) == ["lemon"]


PAIRS = [(f"{'lemon' if n % 2 else 'cherry'} {n}", "sour" if n % 2 else "sweet") for n in range(24)]


@pytest.mark.parametrize("rate", [1e-6, 1e-3, 30, 1000])
@pytest.mark.parametrize("batch", [1, 24, 256])
def test_the_extremes_that_a_job_may_ask_for_stay_finite(tmp_path: Path, rate: float, batch: int) -> None:
    """The bounds are those of the jobs route; a loss that is no number could not be stored."""
    trained = train(
        tmp_path, PAIRS, validation=PAIRS[:5], n_epochs=2, batch_size=batch, learning_rate_multiplier=rate
    )
    assert len(trained.steps) == 2 * math.ceil(24 / min(batch, 24))
    for metrics in trained.steps:
        numbers = [metrics.train_loss, metrics.train_accuracy]
        numbers += [n for n in (metrics.valid_loss, metrics.valid_accuracy) if n is not None]
        assert all(math.isfinite(number) and number >= 0 for number in numbers)
    assert np.isfinite(trained.model().weights).all()
    assert set(trained.answers(["lemon", "cherry", "plum"])) <= {"sour", "sweet"}


@given(examples=st.integers(1, 10**7))
def test_auto_is_sensible_for_every_size(examples: int) -> None:
    plan = ENGINE.plan({}, examples)
    assert 3 <= plan.n_epochs <= 10 and 1 <= plan.batch_size <= min(256, examples)
    assert plan.learning_rate_multiplier == 1.0
    bigger = ENGINE.plan({}, examples + 1000)
    assert bigger.n_epochs <= plan.n_epochs and bigger.batch_size >= plan.batch_size


@given(
    epochs=st.integers(1, 50),
    batch=st.integers(1, 256),
    rate=st.floats(1e-6, 1000),
    examples=st.integers(1, 999),
)
def test_what_is_asked_for_explicitly_is_taken(epochs: int, batch: int, rate: float, examples: int) -> None:
    asked = {"n_epochs": epochs, "batch_size": batch, "learning_rate_multiplier": rate}
    plan = ENGINE.plan(asked, examples)
    assert plan.view() == {**asked, "batch_size": min(batch, examples)}
    assert ENGINE.plan(plan.view(), examples) == plan, "what was resolved resolves to itself"


def chances(model: LinearModel, rows: list[tuple[str, str]]) -> np.ndarray:
    vectors = Vectors(model.scale).of(count_features([segments_of(user(text)) for text, _ in rows]))
    found: np.ndarray = softmax(np.asarray(vectors @ model.weights + model.bias, dtype=float))
    return found


@pytest.mark.parametrize("replies", [("a", "b"), ("a", "b", "c", "d", "e")])
def test_validation_metrics_are_those_of_scikit_learn(tmp_path: Path, replies: tuple[str, ...]) -> None:
    """On the saved model's own probabilities, over more rows than are measured at a time."""
    source = np.random.default_rng(5)

    def rows(count: int) -> list[tuple[str, str]]:
        labels = source.integers(len(replies), size=count)
        return [(f"w{label} w{source.integers(9)} w{source.integers(9)}", replies[label]) for label in labels]

    validation = rows(1100)
    trained = train(tmp_path, rows(60), validation=validation, n_epochs=2, batch_size=10)
    model, last = trained.model(), trained.steps[-1]
    truth = [replies_of(model).index(label) for _, label in validation]
    found = chances(model, validation)
    assert last.valid_loss == pytest.approx(log_loss(truth, found, labels=range(len(replies))), rel=1e-5)
    assert last.valid_accuracy == pytest.approx(accuracy_score(truth, found.argmax(axis=1)))
    assert trained.answers([text for text, _ in validation[:50]]) == [
        replies_of(model)[best] for best in found[:50].argmax(axis=1)
    ]


def test_a_validation_reply_never_seen_counts_as_one_more_class(tmp_path: Path) -> None:
    """Of four rows one is of an unknown reply: never right, and at the chance of one in (classes + 1)."""
    known = PAIRS[:3]
    trained = train(tmp_path, PAIRS, validation=[*known, ("lemon", "bitter")], n_epochs=6)
    model = trained.model()
    truth = [replies_of(model).index(label) for _, label in known]
    own = -np.log(chances(model, known)[np.arange(3), truth])
    assert trained.steps[-1].valid_loss == pytest.approx((own.sum() + math.log(3)) / 4, rel=1e-5)
    assert trained.steps[-1].valid_accuracy == 0.75


def test_training_metrics_are_of_the_minibatch_before_its_step(tmp_path: Path) -> None:
    """With one minibatch an epoch, an epoch's loss is that of the model saved by the epoch before."""
    trained = train(tmp_path, PAIRS, n_epochs=4, batch_size=24)
    for before, metrics in zip(trained.saved, trained.steps[1:], strict=False):
        model = LinearModel.load(before)
        truth = [replies_of(model).index(label) for _, label in PAIRS]
        assert metrics.train_loss == pytest.approx(
            log_loss(truth, chances(model, PAIRS), labels=[0, 1]), rel=1e-4
        )


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_training_resumed_after_any_epoch_ends_the_same(tmp_path: Path, epoch: int) -> None:
    whole = train(tmp_path, PAIRS, validation=PAIRS[:7], n_epochs=4, batch_size=5, seed=9)
    rest = train(
        tmp_path, PAIRS, validation=PAIRS[:7], n_epochs=4, batch_size=5, seed=9, resume=whole.saved[epoch - 1]
    )
    assert rest.steps == whole.steps[5 * epoch :] and len(rest.saved) == 4 - epoch
    assert np.array_equal(rest.model().weights, whole.model().weights)
    assert np.array_equal(rest.model().bias, whole.model().bias)


def test_steps_are_longer_for_many_classes_and_where_they_are_few() -> None:
    """The figures are those of the tasks that they were chosen on."""
    assert rate(2, 10_000) == rate(3, 600) == LEARNING_RATE
    assert rate(3, 150) == rate(3, 1) == 2 * LEARNING_RATE
    assert rate(12, 150) == 4 * LEARNING_RATE
    assert rate(1024, 1) == 20 * LEARNING_RATE
    assert rate(1, 1) > 0
