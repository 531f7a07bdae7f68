"""A trained linear model: which features it looks at, how much each weighs, and the replies it can give."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.local.engines.asking import Ability, Ask, Messages
from ftkit.local.engines.linear.book import ReplyBook
from ftkit.local.engines.linear.features import COLUMNS
from ftkit.local.engines.linear.heads import Heads
from ftkit.local.engines.linear.replies import Frame
from ftkit.local.engines.linear.responder import LinearResponder, Said
from ftkit.local.engines.linear.speaker import Speaker
from ftkit.local.engines.linear.vectors import FeatureScale, Vectors
from ftkit.local.jsonio import dump, load

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 2
"""1 had whole replies only: it reads as a model whose replies have no slots."""


class LinearModel(LinearResponder):
    """Softmax classifiers over the frames of replies and the values of their fields, side by side.

    Shapes: weights (features x classes), bias (classes).
    """

    abilities: frozenset[Ability] = LinearResponder.abilities | frozenset[Ability](("logprobs",))

    def __init__(
        self, scale: FeatureScale, book: ReplyBook, weights: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> None:
        self.scale = scale
        self.book = book
        self.weights = weights
        self.bias = bias
        self._heads = Heads(book.sizes)
        self._speaker = Speaker(book, self._heads)
        self._vectors = Vectors(scale)

    @classmethod
    def untrained(cls, scale: FeatureScale, book: ReplyBook) -> LinearModel:
        """All zero."""
        import numpy as np

        classes = sum(book.sizes)
        weights = np.zeros((len(scale.columns), classes), dtype=np.float32)
        return cls(scale, book, weights, np.zeros(classes, dtype=np.float32))

    def respond(self, conversations: Sequence[Messages]) -> list[str]:
        """The likeliest reply to each conversation."""
        return [reply for scores in self.scores(conversations) for reply in self._speaker.replies(scores)]

    def say(self, asks: Sequence[Ask], conversations: Sequence[Messages]) -> Iterator[Said]:
        """The likeliest reply to each, in the form that it asks for."""
        waiting = iter(asks)
        for scores in self.scores(conversations):
            for row in scores:
                yield self._speaker.say(next(waiting), row)

    def scores(self, conversations: Sequence[Messages]) -> Iterator[NDArray[np.float32]]:
        """The scores of all classes, (conversations x classes), in pieces of bounded size."""
        for chunk in chunked(conversations, max(1, 2_000_000 // max(1, len(self.bias)))):
            yield self._vectors.read(chunk) @ self.weights + self.bias

    def save(self, folder: Path) -> None:
        """Write ``model.npz`` and ``model.json`` into ``folder``."""
        import numpy as np

        arrays = {
            "columns": self.scale.columns,
            "idf": self.scale.idf,
            "weights": self.weights,
            "bias": self.bias,
        }
        np.savez(folder / "model.npz", allow_pickle=False, **arrays)
        described = {
            "engine": "linear",
            "format": FORMAT,
            "replies": [_described(frame) for frame in self.book.frames],
            "fields": [{"name": name, "values": values} for name, values in self.book.fields.items()],
        }
        (folder / "model.json").write_bytes(dump(described))

    @classmethod
    def load(cls, folder: Path) -> LinearModel:
        """Read what ``save`` wrote. Raises ``ValueError`` when it is not that, or damaged."""
        book = _read_book(load((folder / "model.json").read_bytes()))
        if book is None:
            raise ValueError(f"{os.fspath(folder)} holds no linear model of format 1 to {FORMAT}")
        columns, idf, weights, bias = read_arrays(folder / "model.npz", "columns", "idf", "weights", "bias")
        if not (
            columns.dtype.kind == "i"
            and ((columns >= 0) & (columns < COLUMNS)).all()
            and idf.shape == columns.shape == (columns.size,)
            and weights.shape == (columns.size, sum(book.sizes))
            and bias.shape == (sum(book.sizes),)
        ):
            raise ValueError(f"the parts of the model in {os.fspath(folder)} do not belong together")
        return cls(FeatureScale(columns, idf), book, weights, bias)


def _described(frame: Frame) -> Any:
    """A frame as it stands in ``model.json``: a reply without slots is its text."""
    return {"texts": frame.texts, "fields": frame.fields} if frame.fields else frame.texts[0]


def _read_book(described: Any) -> ReplyBook | None:
    """The replies in a ``model.json``; None when they are not what ``save`` writes."""
    if not isinstance(described, dict) or described.get("engine") != "linear":
        return None
    replies, fields = described.get("replies"), described.get("fields", [])
    if described.get("format") not in (1, FORMAT) or not isinstance(replies, list) or not replies:
        return None
    frames = [_read_frame(reply) for reply in replies]
    known = [frame for frame in frames if frame is not None]
    values = (
        {one["name"]: one["values"] for one in fields if _is_field(one)} if isinstance(fields, list) else {}
    )
    book = ReplyBook(known, values)
    there = all(field in values for frame in known for field in frame.fields)
    whole = book.sizes == [len(replies), *(len(of_one) for of_one in values.values())]
    return book if there and whole and len(values) == len(fields) else None


def _is_field(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and isinstance(found.get("name"), str)
        and len(_texts(found.get("values"))) > 0
    )


def _read_frame(found: Any) -> Frame | None:
    if isinstance(found, str):
        return Frame((found,))
    if not isinstance(found, dict):
        return None
    texts, fields = _texts(found.get("texts")), _texts(found.get("fields"))
    return Frame(texts, fields) if len(texts) == len(fields) + 1 > 1 else None


def _texts(found: Any) -> tuple[str, ...]:
    """A list of texts; empty when it is anything else."""
    whole = isinstance(found, list) and all(isinstance(one, str) for one in found)
    return tuple(found) if whole else ()


def read_arrays(path: Path, *names: str) -> list[NDArray[Any]]:
    """These arrays of an ``.npz`` file, never unpickled. Raises ``ValueError`` when it is damaged."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            return [arrays[name] for name in names]
    except OSError:
        raise
    except Exception as error:  # damage shows as almost any exception of zipfile, zlib, struct or numpy
        raise ValueError(f"{os.fspath(path)} is damaged: {error}") from error


def chunked(items: Sequence[Messages], most: int) -> Iterator[Sequence[Messages]]:
    """Pieces of at most ``most`` items and about half a million characters, so that memory stays bounded."""
    start, size = 0, 0
    for position, messages in enumerate(items):
        length = sum(len(str(message.get("content") or "")) for message in messages)
        if position > start and (position - start >= most or size + length > 500_000):
            yield items[start:position]
            start, size = position, 0
        size += length
    if start < len(items):
        yield items[start:]
