"""Saved linear models: they load to identical answers, and no damaged or foreign file is ever believed."""

from __future__ import annotations

import io
import json
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from local_engine import ENGINE, Trained, replies_of, train, user

from ftkit.local.engines.base import ModelSpec
from ftkit.local.engines.linear.features import COLUMNS
from ftkit.local.engines.linear.model import LinearModel, chunked, read_arrays

LINEAR = ModelSpec("linear", "linear")

ROWS = [(f"{'lemon' if n % 2 else 'cherry'} number {n}", "sauer 🍋" if n % 2 else "süß\n") for n in range(20)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A finished training, not to be changed."""
    return train(tmp_path_factory.mktemp("trained"), ROWS, n_epochs=3)


@pytest.fixture
def folder(trained: Trained, tmp_path: Path) -> Path:
    """A copy of its model, to be damaged."""
    copy = tmp_path / "model"
    copy.mkdir()
    for path in trained.saved[-1].iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


def test_a_saved_model_loads_to_identical_answers(trained: Trained, tmp_path: Path) -> None:
    model = trained.model()
    model.save(tmp_path)
    again = LinearModel.load(tmp_path)
    for name in ("weights", "bias"):
        assert np.array_equal(getattr(model, name), getattr(again, name))
    assert replies_of(again) == replies_of(model) == ["süß\n", "sauer 🍋"]
    asked = [user(text) for text, _ in ROWS] + [user("")]
    assert again.respond(asked) == model.respond(asked)
    assert again.respond(asked)[:20] == [reply for _, reply in ROWS]


def test_the_files_hold_plain_arrays_and_plain_json(folder: Path) -> None:
    with zipfile.ZipFile(folder / "model.npz") as archive:
        for name in archive.namelist():
            np.lib.format.read_magic(io.BytesIO(archive.read(name)))
            assert b"pickle" not in archive.read(name)[:200]
    described = json.loads((folder / "model.json").read_bytes())
    assert described == {
        "engine": "linear",
        "format": 2,
        "replies": ["süß\n", "sauer 🍋"],
        "fields": [],
    }


def cut(share: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(len(data) * share)]


@pytest.mark.parametrize(
    "damage",
    [
        cut(0),
        cut(0.01),
        cut(0.5),
        cut(0.999),
        lambda data: b"not an archive " * 50,
        lambda data: data[:1000] + b"\xff" + data[1001:],
        lambda data: b"\x00" * len(data),
        lambda data: pickle.dumps({"weights": 1}),
    ],
    ids=["empty", "1%", "50%", "99.9%", "text", "one-byte", "zeros", "pickle"],
)
@pytest.mark.parametrize("name", ["model.npz", "resume.npz"])
def test_a_damaged_file_is_a_value_error_with_its_name(
    folder: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    (folder / name).write_bytes(damage((folder / name).read_bytes()))
    with pytest.raises(ValueError, match=f"{name} is damaged"):
        if name == "model.npz":
            ENGINE.load(folder, LINEAR)
        else:
            train(folder, ROWS, n_epochs=4, resume=folder)


def test_a_flipped_bit_anywhere_is_noticed_or_without_effect(folder: Path, trained: Trained) -> None:
    path = folder / "model.npz"
    data = path.read_bytes()
    source = random.Random(11)
    expected = trained.model()
    noticed = 0
    for _ in range(60):
        place = source.choice(
            (source.randrange(len(data)), source.randrange(400), len(data) - 1 - source.randrange(400))
        )
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << source.randrange(8)]) + data[place + 1 :])
        try:
            model = LinearModel.load(folder)
        except ValueError:
            noticed += 1
            continue
        assert np.array_equal(model.weights, expected.weights) and np.array_equal(model.bias, expected.bias)
        assert np.array_equal(model.scale.columns, expected.scale.columns)
        assert np.array_equal(model.scale.idf, expected.scale.idf)
    assert noticed > 20


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"engine": "linear"}',
        b'{"engine": "linear", "format": 3, "replies": ["a", "b"]}',
        b'{"engine": "other", "format": 1, "replies": ["a", "b"]}',
        b'{"engine": "linear", "format": 1}',
        b'{"engine": "linear", "format": 1, "replies": "ab"}',
        b'{"engine": "linear", "format": 1, "replies": ["a"]}',
        b'{"engine": "linear", "format": 1, "replies": ["a", 2]}',
        b'{"engine": "linear", "format": 1, "replies": ["a", "b", "c"]}',
    ],
)
def test_a_description_that_does_not_fit_is_refused(folder: Path, text: bytes) -> None:
    (folder / "model.json").write_bytes(text)
    with pytest.raises(ValueError):
        ENGINE.load(folder, LINEAR)


@pytest.mark.parametrize("name", ["model.json", "model.npz"])
def test_a_file_that_is_not_there_is_said_as_that(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        ENGINE.load(folder, LINEAR)


def swapped(folder: Path, **change: np.ndarray | None) -> None:
    with np.load(folder / "model.npz") as found:
        arrays = {name: found[name] for name in found}
    arrays |= {name: value for name, value in change.items() if value is not None}
    kept = {name: value for name, value in arrays.items() if change.get(name, value) is not None}
    np.savez(folder / "model.npz", **kept)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weights", np.zeros((3, 2), dtype=np.float32)),
        ("weights", np.zeros(2, dtype=np.float32)),
        ("bias", np.zeros(3, dtype=np.float32)),
        ("idf", np.zeros(1, dtype=np.float32)),
        ("columns", np.zeros(1, dtype=np.int32)),
        ("columns", np.array(5, dtype=np.int32)),
        ("weights", None),
        ("bias", None),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(
    folder: Path, name: str, value: np.ndarray | None
) -> None:
    swapped(folder, **{name: value})
    with pytest.raises(ValueError):
        ENGINE.load(folder, LINEAR)


@pytest.mark.parametrize("column", [-1, COLUMNS, 2**31 - 1])
def test_a_column_out_of_range_is_refused(folder: Path, column: int) -> None:
    with np.load(folder / "model.npz") as found:
        columns = found["columns"].copy()
    columns[0] = column
    swapped(folder, columns=columns)
    with pytest.raises(ValueError, match="do not belong together"):
        ENGINE.load(folder, LINEAR)


class Bomb:
    """Unpickling it would leave a trace."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self._trace,)


def test_nothing_in_a_model_file_is_ever_unpickled(folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    arrays = np.empty(1, dtype=object)
    arrays[0] = Bomb(trace)
    np.savez(folder / "model.npz", columns=arrays, idf=arrays, weights=arrays, bias=arrays)
    with pytest.raises(ValueError, match=r"model\.npz is damaged"):
        ENGINE.load(folder, LINEAR)
    assert not trace.exists()
    with np.load(folder / "model.npz", allow_pickle=True) as found:
        found["bias"]
    assert trace.exists(), "the bomb was a real one"


def test_only_the_named_arrays_are_read(folder: Path) -> None:
    [bias] = read_arrays(folder / "model.npz", "bias")
    assert bias.shape == (2,)
    with pytest.raises(ValueError, match="no_such"):
        read_arrays(folder / "model.npz", "no_such")


@pytest.mark.parametrize("most", [1, 3, 100])
def test_chunks_are_bounded_in_number_and_size_and_lose_nothing(most: int) -> None:
    conversations = [user("x" * size) for size in (10, 300_000, 300_000, 5, 600_000, 0, 0, 0, 0)]
    pieces = list(chunked(conversations, most))
    assert [one for piece in pieces for one in piece] == conversations
    for piece in pieces:
        size = sum(len(one[0]["content"]) for one in piece)
        assert len(piece) <= most and (size <= 500_000 or len(piece) == 1)
