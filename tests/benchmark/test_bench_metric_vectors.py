"""Vectors of texts: each text once, kept and found again; answers of every form, and what goes wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ftkit.benchmarking import find_metric
from ftkit.benchmarking.metrics import Means, prepare
from ftkit.benchmarking.metrics.vectors import Vectors, embed
from ftkit.display import SilentDisplay
from ftkit.errors import PlatformError, UsageError
from ftkit.inference import AnswerCache
from ftkit.inference.backends import Round

Says = Callable[[str], Any]


class Measured:
    """A backend that makes vectors by a function of the text; it counts what it is asked."""

    name = "measured"

    def __init__(self, says: Says) -> None:
        self.says, self.asked = says, list[str]()

    def identity(self, model: str) -> str:
        return "measured"

    def answer(self, requests: Path, out: Path, workdir: Path, *, wait: bool = True) -> Round:
        lines = [self._line(json.loads(line)) for line in requests.read_text("utf-8").splitlines()]
        out.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
        return Round(True, "realtime")

    def _line(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert request["url"] == "/v1/embeddings"
        self.asked.append(request["body"]["input"])
        said = self.says(request["body"]["input"])
        if isinstance(said, Exception):
            return {"custom_id": request["custom_id"], "response": None, "error": {"message": str(said)}}
        body = {"model": "m", "data": [{"index": 0, "embedding": said}], "usage": {"prompt_tokens": 1}}
        return {
            "custom_id": request["custom_id"],
            "response": {"status_code": 200, "body": body},
            "error": None,
        }


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[AnswerCache]:
    with AnswerCache(tmp_path / "answers.db") as cache:
        yield cache


@pytest.fixture
def made(tmp_path: Path, cache: AnswerCache) -> Callable[..., tuple[Vectors, Measured]]:
    """Vectors of texts by a function, and the backend that made them."""

    def make(texts: list[str], says: Says, folder: str = "f") -> tuple[Vectors, Measured]:
        backend = Measured(says)
        means = Means(backend, cache, tmp_path / folder, SilentDisplay())
        return embed(lambda: texts, "m", means), backend

    return make


def lengths(text: str) -> list[float]:
    """Texts of one length and one number of spaces have one vector."""
    return [float(len(text)), float(text.count(" ")), 0.0]


Make = Callable[..., tuple[Vectors, Measured]]


def test_each_different_text_is_asked_for_once_and_found(made: Make) -> None:
    texts = ["abc", "a b c", "abc", "ééx", "a b c"]
    vectors, backend = made(texts, lengths)
    assert sorted(backend.asked) == sorted(set(texts))
    for text in texts:
        want = np.array(lengths(text)) / np.linalg.norm(lengths(text))
        assert vectors.get(text) == pytest.approx(want, rel=1e-6)
    assert vectors.get("never asked") is None


def test_thousands_of_texts_keep_their_own_vectors(made: Make) -> None:
    texts = [f"text {n}" for n in range(3000)]
    vectors, _ = made(texts, lambda text: [float(text.split()[1]) + 1, 1.0])
    for n in (0, 1, 1499, 2999):
        found = vectors.get(f"text {n}")
        assert found is not None and found[0] / found[1] == pytest.approx(n + 1, rel=1e-4)


def test_what_was_paid_for_is_not_asked_again(made: Make) -> None:
    made(["one", "two"], lengths)
    _, backend = made(["two", "three"], lengths, "another folder")
    assert backend.asked == ["three"]


def test_packed_vectors_are_read(made: Make) -> None:
    packed = base64.b64encode(np.array([3, 4], "<f4").tobytes()).decode()
    vectors, _ = made(["x"], lambda text: packed)
    assert vectors.get("x") == pytest.approx([0.6, 0.8])


def test_a_null_vector_stays_one_and_no_texts_have_none(made: Make) -> None:
    assert made(["x"], lambda text: [0, 0])[0].get("x") == pytest.approx([0, 0])
    assert made([], lengths, "none")[0].get("x") is None


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (
            lambda text: ValueError("too long") if text == "b" else [1.0],
            "1 of 2 texts got no vector from m: too long",
        ),
        (lambda text: [1.0] * len(text), "vectors of 1 and of 2 numbers|vectors of 2 and of 1 numbers"),
        (lambda text: None, "without a vector"),
        (lambda text: [], "without a vector"),
        (lambda text: [[1.0], [2.0]], "without a vector"),
        (lambda text: [1.0, float("nan")], "without a vector"),
        (lambda text: "not base64!", "without a vector"),
    ],
)
def test_a_text_without_a_good_vector_is_an_error(made: Make, says: Says, message: str) -> None:
    texts = ["a", "b"] if "1 of 2" in message else ["a", "bb"]
    with pytest.raises(PlatformError, match=message):
        made(texts, says)


def test_after_a_failure_only_what_is_missing_is_asked(made: Make) -> None:
    with pytest.raises(PlatformError, match="Call again"):
        made(["a", "b"], lambda text: ValueError("busy") if text == "b" else [1.0])
    _, backend = made(["a", "b"], lambda text: [1.0])
    assert backend.asked == ["b"]


class Seen:
    """A row, or an answer to it."""

    def __init__(self, text: str | None, expected: tuple[str, ...] = ()) -> None:
        self.text, self.expected = text, expected
        self.custom_id, self.message, self.line, self.messages, self.data = "row-0", {}, 1, (), {}


def test_the_metric_is_the_cosine_with_the_nearest_right_answer(tmp_path: Path, cache: AnswerCache) -> None:
    points = {"east": [1.0, 0.0], "north": [0.0, 2.0], "north-east": [1.0, 1.0], "west": [-3.0, 0.0]}
    metric = find_metric("similarity", model="m", threshold=0.7)
    means = Means(Measured(points.__getitem__), cache, tmp_path / "f", SilentDisplay())
    answered = [(Seen("", ("east", "north")), Seen("north-east")), (Seen("", ("east",)), Seen("west"))]
    with pytest.raises(UsageError, match="no vector of a text"):
        metric.score("west", ["east"], ())
    prepare(metric, lambda: iter([*answered, (Seen("", ("unasked",)), Seen(" "))]), means)
    near = metric.score("north-east", ["west", "east", "north"], ())
    assert (near.value, near.correct) == (pytest.approx(0.5**0.5), True)
    away = metric.score("west", ["east"], ())
    assert (away.value, away.correct) == (0.0, False)
    assert metric.score("east", ["east"], ()).value == pytest.approx(1)
    with pytest.raises(UsageError, match="no vector of a text"):
        metric.score("unasked", ["east"], ())
