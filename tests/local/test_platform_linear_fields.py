"""Replies of several fields: learnt field by field in one training, in combinations that no row had."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from local_engine import ENGINE, replies_of, train, user
from sklearn.metrics import log_loss

from ftkit.local.engines.base import ModelSpec
from ftkit.local.engines.linear import ahead
from ftkit.local.engines.linear.heads import Heads, softmax
from ftkit.local.engines.linear.model import LinearModel

LINEAR = ModelSpec("linear", "linear")
MOODS = {"neg": ("awful", "dire", "poor"), "pos": ("lovely", "fine", "grand")}
TOPICS = {
    "film": ("plot", "actor", "scene"),
    "food": ("soup", "salt", "cook"),
    "shoe": ("heel", "sole", "lace"),
}
Rows = list[tuple[Any, str]]


def text_of(mood: str, topic: str, source: random.Random) -> str:
    words = [source.choice(MOODS[mood]), *source.sample(TOPICS[topic], 2), f"n{source.randrange(50)}"]
    source.shuffle(words)
    return " ".join(words)


def made(count: int, seed: int, form: Any = None) -> Rows:
    """Rows of a mood and a topic."""
    source = random.Random(seed)
    rows: Rows = []
    for _ in range(count):
        mood, topic = source.choice(sorted(MOODS)), source.choice(sorted(TOPICS))
        rows.append((text_of(mood, topic, source), (form or written)(mood, topic)))
    return rows


def written(mood: str, topic: str) -> str:
    return json.dumps({"mood": mood, "about": {"topic": topic, "sure": mood == "pos"}})


FORMS = {
    "json": written,
    "compact": lambda mood, topic: json.dumps({"m": mood, "t": topic}, separators=(",", ":")),
    "fenced": lambda mood, topic: f"```json\n{json.dumps({'t': topic, 'm': mood}, indent=2)}\n```",
    "lines": lambda mood, topic: f"Mood: {mood}\nTopic: {topic}",
    "bars": lambda mood, topic: f"{mood} | {topic}",
    "numbers": lambda mood, topic: json.dumps({"stars": int(mood[1]) / 2, "t": [topic]}),
}


LEFT = "oak elm ash yew fir lime pine palm plum".split()  # noqa: SIM905
RIGHT = "red blue grey tan jade gold cyan mauve".split()  # noqa: SIM905


def grid(count: int, seed: int, held_out: set[tuple[int, int]], inside: bool) -> list[tuple[int, int]]:
    """Pairs of a field of 9 values and one of 8, in or outside of those that are held out."""
    source = random.Random(seed)
    found: list[tuple[int, int]] = []
    while len(found) < count:
        pair = source.randrange(9), source.randrange(8)
        if (pair in held_out) == inside:
            found.append(pair)
    return found


@pytest.mark.parametrize("form", FORMS)
def test_combinations_that_no_row_had_are_given(tmp_path: Path, form: str) -> None:
    write = FORMS[form]
    held_out = set(random.Random(1).sample([(a, b) for a in range(9) for b in range(8)], 15))

    def rows(pairs: list[tuple[int, int]]) -> Rows:
        return [
            (f"n{at} {LEFT[a]} {RIGHT[b]} m{at % 7}", write(f"v{a}", f"w{b}"))
            for at, (a, b) in enumerate(pairs)
        ]

    trained = train(tmp_path, rows(grid(300, 2, held_out, inside=False)), n_epochs=8)
    asked = rows(grid(60, 3, held_out, inside=True))
    given = trained.answers([text for text, _ in asked])
    assert sum(answer == reply for answer, (_, reply) in zip(given, asked, strict=True)) >= 50


def test_fields_are_as_good_together_as_each_in_a_training_of_its_own(tmp_path: Path) -> None:
    rows, asked = made(150, 5), made(200, 6)
    together = [json.loads(reply) for reply in train(tmp_path, rows).answers([text for text, _ in asked])]
    for field in ("mood", "about"):
        alone = train(tmp_path, [(text, json.dumps(json.loads(reply)[field])) for text, reply in rows])
        given = [json.loads(reply) for reply in alone.answers([text for text, _ in asked])]
        truth = [json.loads(reply)[field] for _, reply in asked]
        of_alone = sum(one == other for one, other in zip(given, truth, strict=True))
        of_both = sum(one[field] == other for one, other in zip(together, truth, strict=True))
        assert of_both >= of_alone - 4


def test_whole_replies_and_objects_stand_side_by_side(tmp_path: Path) -> None:
    rows = made(120, 1) + [(f"what is n{n}", "I cannot tell.") for n in range(40)]
    trained = train(tmp_path, rows, n_epochs=8)
    given = trained.answers(["what is n99", "lovely soup salt", "awful heel lace"])
    assert given == ["I cannot tell.", written("pos", "food"), written("neg", "shoe")]


def test_a_field_may_be_missing_from_some_replies(tmp_path: Path) -> None:
    def sparse(mood: str, topic: str) -> str:
        return json.dumps({"topic": topic} if topic == "film" else {"topic": topic, "mood": mood})

    trained = train(tmp_path, made(240, 1, form=sparse), n_epochs=10)
    given = trained.answers(["awful plot scene", "awful soup cook", "grand heel sole"])
    assert given == [sparse("neg", "film"), sparse("neg", "food"), sparse("pos", "shoe")]


def test_metrics_are_of_the_whole_reply(tmp_path: Path) -> None:
    """The loss is the sum of the fields' cross-entropies; right is what is right in all fields."""
    validation = [
        *made(60, 9),
        ("awful plot", json.dumps({"mood": "meh", "about": {"topic": "film", "sure": False}})),
    ]
    trained = train(tmp_path, made(90, 1), validation=validation, n_epochs=2)
    model, last = trained.model(), trained.steps[-1]
    [scores] = model.scores([user(text) for text, _ in validation[:60]])
    heads, expected = Heads(model.book.sizes), 0.0
    for head, (name, values) in enumerate(model.book.fields.items(), start=1):
        truth = [values.index(json.dumps(at(json.loads(reply), name))) for _, reply in validation[:60]]
        chances = softmax(scores[:, heads.slices[head]].astype(float))
        expected += log_loss(truth, chances, labels=range(len(values))) * 60
    rest = train_loss_of_unknown(model, validation[60][0])
    assert last.valid_loss == pytest.approx((expected + rest) / 61, rel=1e-4)
    given = trained.answers([text for text, _ in validation])
    right = sum(answer == reply for answer, (_, reply) in zip(given, validation, strict=True))
    assert last.valid_accuracy == pytest.approx(right / 61)


def at(value: Any, pointer: str) -> Any:
    for key in pointer.split("/")[1:]:
        value = value[key]
    return value


def train_loss_of_unknown(model: LinearModel, text: str) -> float:
    """A mood never seen at one chance in three; the other two fields as the model has them."""
    [scores] = model.scores([user(text)])
    heads, loss = Heads(model.book.sizes), math.log(3)
    for head, wanted in ((2, '"film"'), (3, "false")):
        values = list(model.book.fields.values())[head - 1]
        loss -= math.log(softmax(scores[:, heads.slices[head]].astype(float))[0, values.index(wanted)])
    return loss


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_resumed_training_of_fields_ends_the_same(tmp_path: Path, epoch: int) -> None:
    rows = made(70, 4)
    whole = train(tmp_path, rows, n_epochs=3, seed=5, validation=rows[:9])
    rest = train(tmp_path, rows, n_epochs=3, seed=5, validation=rows[:9], resume=whole.saved[epoch - 1])
    assert rest.steps == whole.steps[len(whole.steps) * epoch // 3 :]
    assert np.array_equal(rest.model().weights, whole.model().weights)


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_the_number_of_threads_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    rows = [*made(900, 4), ("word " * 40_000, "long")]
    one, same = (train(tmp_path, rows, n_epochs=1, validation=rows[:50], seed=8) for _ in range(2))
    monkeypatch.setattr(ahead, "THREADS", threads)
    other = train(tmp_path, rows, n_epochs=1, validation=rows[:50], seed=8)
    assert one.steps == same.steps == other.steps
    assert (one.saved[-1] / "model.npz").read_bytes() == (other.saved[-1] / "model.npz").read_bytes()


SYSTEM = {"role": "system", "content": "Classify the text. " * 20}


def with_system(rows: Rows, system: dict[str, str]) -> Rows:
    return [([system, *user(text)], reply) for text, reply in rows]


def test_a_prompt_that_all_rows_share_changes_nothing(tmp_path: Path) -> None:
    rows = made(60, 4)
    bare, prompted = train(tmp_path, rows), train(tmp_path, with_system(rows, SYSTEM))
    assert bare.steps == prompted.steps
    assert np.array_equal(bare.model().weights, prompted.model().weights)
    assert bare.answers(["grand sole"]) == prompted.answers([[SYSTEM, *user("grand sole")]])


@pytest.mark.parametrize("at_row", [1, 7, 300])
def test_a_prompt_that_a_late_row_lacks_counts_for_the_rows_before(tmp_path: Path, at_row: int) -> None:
    """The same rows in another order: the first then has not the prompt, so that it is never left out."""
    plain = [([{"role": "system", "content": "Quite another."}, *user("odd one")], written("neg", "film"))]
    rows = with_system(made(320, 4), SYSTEM)
    late, first = ([*rows[:at_row], *plain, *rows[at_row:]], [*plain, *rows])
    models = [train(tmp_path, order, n_epochs=1, batch_size=256).model() for order in (late, first)]
    assert np.array_equal(models[0].scale.columns, models[1].scale.columns)
    assert np.array_equal(models[0].scale.idf, models[1].scale.idf)


def test_models_of_format_1_are_read(tmp_path: Path) -> None:
    trained = train(tmp_path, [("red", "stop"), ("green", '{"go": 1}x')] * 8, n_epochs=6)
    folder = trained.saved[-1]
    expected = trained.answers(["red", "green"])
    described = json.loads((folder / "model.json").read_bytes())
    assert described["fields"] == [{"name": "/go", "values": ["1"]}]
    with np.load(folder / "model.npz") as found:
        arrays = {name: found[name] for name in found}
    arrays["weights"], arrays["bias"] = arrays["weights"][:, :2], arrays["bias"][:2]
    np.savez(folder / "model.npz", **arrays)
    old = {"engine": "linear", "format": 1, "replies": ["stop", '{"go": 1}x']}
    (folder / "model.json").write_text(json.dumps(old))
    model = LinearModel.load(folder)
    assert replies_of(model) == old["replies"]
    assert model.respond([user("red"), user("green")]) == expected == old["replies"]
    model.save(tmp_path)
    assert json.loads((tmp_path / "model.json").read_bytes())["format"] == 2
    assert LinearModel.load(tmp_path).respond([user("green")]) == ['{"go": 1}x']


FRAME = {"texts": ['{"a": ', "}"], "fields": ["/a"]}
FIELD = {"name": "/a", "values": ["1", "2"]}


@pytest.mark.parametrize(
    ("replies", "fields"),
    [
        ([FRAME], []),
        ([FRAME], [{"name": "/b", "values": ["1", "2"]}]),
        ([FRAME], [FIELD, FIELD]),
        ([FRAME], [{"name": "/a", "values": ["1", "1"]}]),
        ([FRAME], [{"name": "/a", "values": []}]),
        ([FRAME], [{"name": "/a", "values": ["1", 2]}]),
        ([FRAME], [{"name": 1, "values": ["1", "2"]}]),
        ([FRAME], {"name": "/a", "values": ["1", "2"]}),
        ([FRAME], "fields"),
        ([FRAME, FRAME], [FIELD]),
        ([{"texts": ["x"], "fields": []}], [FIELD]),
        ([{"texts": ["x", "y", "z"], "fields": ["/a"]}], [FIELD]),
        ([{"texts": ["x", 1], "fields": ["/a"]}], [FIELD]),
        ([{"texts": "xy", "fields": ["/a"]}], [FIELD]),
        ([{}], [FIELD]),
        ([], [FIELD]),
        (None, [FIELD]),
    ],
)
def test_a_description_of_fields_that_does_not_fit_is_refused(
    tmp_path: Path, replies: Any, fields: Any
) -> None:
    described = {"engine": "linear", "format": 2, "replies": replies, "fields": fields}
    arrays = {
        "columns": np.array([3], dtype=np.int32),
        "idf": np.ones(1, dtype=np.float32),
        "weights": np.zeros((1, 3), dtype=np.float32),
        "bias": np.zeros(3, dtype=np.float32),
    }
    np.savez(tmp_path / "model.npz", **arrays)
    (tmp_path / "model.json").write_text(json.dumps(described | {"replies": [FRAME], "fields": [FIELD]}))
    assert ENGINE.load(tmp_path, LINEAR)
    (tmp_path / "model.json").write_text(json.dumps(described))
    with pytest.raises(ValueError):
        ENGINE.load(tmp_path, LINEAR)


def test_the_platform_hears_of_it_while_examples_are_read(tmp_path: Path) -> None:
    rows = [(f"n{number % 7}", "even" if number % 2 else "odd") for number in range(2500)]
    trained = train(tmp_path, rows, validation=rows[:10], n_epochs=1, batch_size=256)
    assert trained.pulses == 3 + 1
