"""More is asked than fits: replies wait, make room for each other, and are the same in the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ftkit.local.engines.asking import Ask, Sampling
from ftkit.local.engines.base import ModelSpec

torch = pytest.importorskip("torch", reason="needs the extra ftkit[train]")


def asks() -> list[Ask]:
    """Prompts and replies of all lengths."""
    return [
        Ask(
            prompt="net sales " * (1 + 5 * (number % 4)),
            most_tokens=5 + 9 * (number % 5),
            sampling=Sampling(0.0),
        )
        for number in range(14)
    ]


def open_with(folder: Path, **serving: Any) -> Any:
    """The model, with limits of its own."""
    from ftkit.local.engines.transformers.loading import open_base

    options = {"serving": {"device": "cpu", **serving}}
    return open_base(ModelSpec("tiny", "transformers", str(folder), options))


def say(responder: Any) -> list[str]:
    """All replies."""
    return [answer.replies[0].text for answer in responder.answer(asks())]


@pytest.mark.parametrize(
    ("rows", "prompt_tokens", "cells"), [(2, 10_000, 10_000), (64, 1, 10_000), (64, 99, 150)]
)
def test_little_room_changes_no_reply(
    tiny: Any, tiny_folder: Path, rows: int, prompt_tokens: int, cells: int
) -> None:
    crowded = open_with(tiny_folder, rows=rows, prompt_tokens=prompt_tokens, memory=0.1)
    batcher = crowded._loaded.batcher
    batcher._cells = cells
    most = 0
    step = batcher._step

    def watched() -> None:
        nonlocal most
        step()
        if batcher._columns is not None and len(batcher._rows) > 1:
            most = max(most, batcher._columns.width * len(batcher._rows))

    batcher._step = watched
    assert say(crowded) == say(tiny)
    assert most <= cells


def test_a_device_that_is_full_is_given_less(tiny: Any, tiny_folder: Path) -> None:
    crowded = open_with(tiny_folder, memory=0.11)
    weights, limit = crowded._loaded.weights, 6
    scores = weights.scores

    def full(tokens: Any, columns: Any, adapters: Any) -> Any:
        if len(adapters) > limit:
            raise torch.OutOfMemoryError("no room")
        return scores(tokens, columns, adapters)

    weights.scores = full
    crowded._loaded.batcher._cells = 4000
    assert say(crowded) == say(tiny)
    limit = 0  # nothing fits any more
    with pytest.raises(torch.OutOfMemoryError):
        say(crowded)
    limit = 6
    assert say(crowded) == say(tiny)


def test_a_fault_of_one_turn_is_not_the_next_ones(tiny: Any, tiny_folder: Path) -> None:
    model = open_with(tiny_folder, memory=0.12)
    weights = model._loaded.weights
    scores = weights.scores
    weights.scores = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        say(model)
    with pytest.raises(ZeroDivisionError):
        list(model.stream(asks()[0]))
    weights.scores = scores
    assert say(model) == say(tiny)


def test_a_task_that_fails_fails_for_who_asked(tiny: Any) -> None:
    with pytest.raises(KeyError):
        tiny._loaded.batcher.run(lambda: {}["nothing"])
    assert tiny._loaded.batcher.run(lambda: 4) == 4
