"""Next tokens: what is drawn has the chances that it should have, and what is not allowed never comes."""

from __future__ import annotations

import math
from collections import Counter
from random import Random
from typing import Any

import pytest

from ftkit.local.engines.asking import Sampling

torch = pytest.importorskip("torch", reason="needs the extra ftkit[train]")

from ftkit.local.engines.transformers.sampling import Drawing, adjust, choose  # noqa: E402

CHANCES = [0.5, 0.25, 0.15, 0.1]
ROWS = 4000


def drawn(chances: list[float] | None = None, **how: Any) -> dict[int, float]:
    """Shares of the tokens that many rows draw."""
    scores = torch.tensor([[math.log(chance) if chance else -math.inf for chance in chances or CHANCES]])
    drawings = [Drawing(Random(row), **how) for row in range(ROWS)]
    counts = Counter(choose(scores.repeat(ROWS, 1), drawings).tolist())
    return {token: count / ROWS for token, count in sorted(counts.items())}


def near(expected: dict[int, float]) -> Any:
    """Within four standard errors of the shares."""
    return pytest.approx(expected, abs=4 * math.sqrt(0.25 / ROWS))


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, {0: 0.5, 1: 0.25, 2: 0.15, 3: 0.1}),
        ({"temperature": 0.5}, {0: 0.725, 1: 0.181, 2: 0.065, 3: 0.029}),
        ({"temperature": 2.0}, {0: 0.366, 1: 0.259, 2: 0.201, 3: 0.164}),
        ({"top_p": 0.7}, {0: 2 / 3, 1: 1 / 3}),
        ({"top_p": 0.76}, {0: 0.5 / 0.9, 1: 0.25 / 0.9, 2: 0.15 / 0.9}),
        ({"top_k": 2}, {0: 2 / 3, 1: 1 / 3}),
        ({"min_p": 0.4}, {0: 2 / 3, 1: 1 / 3}),
        ({"top_p": 0.7, "top_k": 1}, {0: 1.0}),
        ({"temperature": 0}, {0: 1.0}),
        ({"top_p": 0.0}, {0: 1.0}),
    ],
)
def test_shares(how: dict[str, Any], expected: dict[int, float]) -> None:
    expected = {token: share / sum(expected.values()) for token, share in expected.items()}
    assert drawn(**how) == near(expected)


@pytest.mark.parametrize("how", [{}, {"top_p": 0.99}, {"top_k": 3}])
def test_what_is_impossible_never_comes(how: dict[str, Any]) -> None:
    assert set(drawn([0.0, 0.6, 0.0, 0.4], **how)) == {1, 3}


def test_even_the_largest_random_number_finds_a_token_that_can_be() -> None:
    class Largest(Random):
        def random(self) -> float:
            return math.nextafter(1.0, 0.0)

    scores = torch.full((1, 5000), -math.inf)
    scores[0, :3000] = 0.0
    for how in ({}, {"top_p": 0.9999}):
        [token] = choose(scores, [Drawing(Largest(0), **how)]).tolist()
        assert token < 3000


def test_a_rows_draw_does_not_depend_on_the_others() -> None:
    scores = torch.log(torch.tensor([CHANCES]))
    alone = [choose(scores, [Drawing(Random(seed))]).item() for seed in range(20)]
    together = choose(scores.repeat(20, 1), [Drawing(Random(seed), top_p=1.0) for seed in range(20)])
    assert together.tolist() == alone
    mixed = [Drawing(Random(seed), temperature=seed % 2) for seed in range(20)]
    found = choose(scores.repeat(20, 1), mixed).tolist()
    assert [found[seed] for seed in range(1, 20, 2)] == alone[1::2]
    assert set(found[::2]) == {0}


def test_penalties_by_their_definitions() -> None:
    drawing = Drawing(Random(0), frequency_penalty=0.5, presence_penalty=0.25, bias={3: 1.0, 99: 5.0})
    for token in (1, 1, 2):
        drawing.took(token)
    scores = torch.tensor([[1.0, 2.0, -3.0, 0.0]])
    adjust(scores, [drawing])
    assert scores.tolist() == [[1.0, 2.0 - 0.25 - 2 * 0.5, -3.0 - 0.25 - 0.5, 1.0]]


def test_the_repetition_penalty_counts_the_prompt() -> None:
    drawing = Drawing.of(Sampling(repetition_penalty=2.0), {}, 0, [0, 2])
    drawing.took(3)
    scores = torch.tensor([[1.0, 2.0, -3.0, 4.0]])
    adjust(scores, [drawing])
    assert scores.tolist() == [[0.5, 2.0, -6.0, 2.0]]


def test_rows_without_wishes_are_left_alone() -> None:
    scores = torch.tensor([[1.0, 2.0]])
    drawing = Drawing.of(Sampling(), {}, 0, [0])
    drawing.took(1)
    adjust(scores, [drawing])
    assert scores.tolist() == [[1.0, 2.0]]
    assert not drawing.adjusts


def test_what_an_ask_leaves_open_is_the_models() -> None:
    defaults = {"temperature": 0.6, "top_p": 0.9, "top_k": 20.0}
    found = Drawing.of(Sampling(temperature=0.0, min_p=0.1), defaults, 0, [])
    assert (found.temperature, found.top_p, found.top_k, found.min_p) == (0.0, 0.9, 20, 0.1)
    plain = Drawing.of(Sampling(), {}, 0, [])
    assert (plain.temperature, plain.top_p, plain.top_k) == (1.0, 1.0, 0)


def test_a_seed_and_a_choice_make_the_random_numbers() -> None:
    def first(seed: int | None, index: int) -> float:
        return Drawing.of(Sampling(seed=seed), {}, index, []).random.random()

    assert first(1, 0) == first(1, 0)
    assert len({first(1, 0), first(1, 1), first(2, 0), first(11, 0)}) == 4
    assert first(None, 0) != first(None, 0)
