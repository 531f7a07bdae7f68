"""The index of near duplicates: how true its estimates are, what it finds, and that it can be merged."""

from __future__ import annotations

import math
import pickle
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.data import shingles as made
from ftkit.data.shingles import BINS, LONGEST, jaccard, normalise, shingles, sketches
from ftkit.data.similarity import NearDuplicateIndex, connected

LETTERS = "etaoinshrdlu"
TEXTS = st.lists(st.text(st.sampled_from("abc 猫犬é🎉\n\0"), max_size=30), max_size=20)


def prose(rng: random.Random, words: int) -> str:
    return " ".join("".join(rng.choices(LETTERS, k=rng.randint(2, 8))) for _ in range(words))


def edited(rng: random.Random, text: str, number: int) -> str:
    words = text.split()
    for place in rng.sample(range(len(words)), number):
        words[place] = prose(rng, 1)
    return " ".join(words)


def index_of(texts: list[str]) -> NearDuplicateIndex:
    index = NearDuplicateIndex()
    index.add_many(texts)
    return index


def by_hand(text: str) -> set[str]:
    """The shingles as their definition says, without hashes."""
    text = normalise(text)
    wide = [2 if ord(char) >= 0x2E80 else 5 for char in text]
    return {(text + "\0\0\0\0")[place : place + width] for place, width in enumerate(wide)}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Hello  World", "hello world\n"),
        ("STRASSE", "straße"),
        ("ﬁne Ｔｅｘｔ", "fine text"),
        ("e\u0301t\u00e9", "\u00e9te\u0301"),
        ("\u00a0a\u2003b\t", "a b"),
        ("", " \n"),
    ],
)
def test_what_does_not_count(text: str, same: str) -> None:
    assert normalise(text) == normalise(same)
    if normalise(text):
        assert jaccard(shingles(text), shingles(same)) == 1.0


@given(st.text(max_size=40), st.text(max_size=40))
def test_similarity_is_the_share_of_common_shingles(first: str, second: str) -> None:
    a, b = by_hand(first), by_hand(second)
    expected = len(a & b) / len(a | b) if a | b else 0.0
    assert math.isclose(jaccard(shingles(first), shingles(second)), expected)


def test_a_block_of_any_size_hashes_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    text = prose(random.Random(1), 200) + "猫犬🎉" * 20
    whole = shingles(text).tolist()
    monkeypatch.setattr(made, "_BLOCK", 7)
    assert shingles(text).tolist() == whole


@given(TEXTS)
@settings(max_examples=50)
def test_a_sketch_does_not_depend_on_its_neighbours(texts: list[str]) -> None:
    texts = [normalise(text) for text in texts]
    together = sketches(texts)
    assert together.shape == (len(texts), BINS)
    for text, sketch in zip(texts, together, strict=True):
        assert (sketches([text])[0] == sketch).all()
        assert sketch.any() == bool(text)


@pytest.mark.parametrize(("words", "changed"), [(3, 1), (12, 1), (60, 3), (60, 20), (200, 10)])
def test_estimates_are_true_on_average_and_spread_as_they_should(words: int, changed: int) -> None:
    rng = random.Random(words + changed)
    texts, true = [], []
    for _ in range(150):
        text = prose(rng, words)
        other = edited(rng, text, changed)
        texts += [text, other]
        true.append(jaccard(shingles(text), shingles(other)))
    table = index_of(texts).table()
    agreeing = (table[::2] == table[1::2]).mean(axis=1)
    errors = (agreeing - 1 / 256) / (1 - 1 / 256) - np.array(true)
    spread = math.sqrt(float(np.mean([j * (1 - j) for j in true])) / BINS)
    assert abs(errors.mean()) < 0.015
    assert errors.std() < 1.5 * spread + 0.005


def test_unlike_texts_are_unlike_however_short() -> None:
    texts = [f"{a}{b}" for a in LETTERS for b in LETTERS] + list(LETTERS)
    assert len(index_of(texts).matches(0.9).row) == 0


@pytest.mark.parametrize("words", [45, 150, 400])
def test_recall_well_above_the_threshold(words: int) -> None:
    rng = random.Random(words)
    texts = []
    for _ in range(200):
        text = prose(rng, words)
        place = rng.randrange(len(text))
        texts += [text, f"{text[:place]}#{text[place + 1 :]}"]
    assert min(jaccard(shingles(texts[n]), shingles(texts[n + 1])) for n in range(0, 400, 2)) >= 0.94
    found = index_of(texts).matches(0.9)
    assert len(found.row) >= 0.95 * 200
    assert (found.other == found.row - 1).all() and (found.row % 2 == 1).all()


def test_nothing_is_found_well_below_the_threshold() -> None:
    rng = random.Random(2)
    texts = []
    for _ in range(300):
        text = prose(rng, 60)
        texts += [text, edited(rng, text, 12)]
    true = [jaccard(*(shingles(text) for text in texts[n : n + 2])) for n in range(0, 600, 2)]
    assert max(true) < 0.78
    assert len(index_of(texts).matches(0.9).row) == 0


def test_each_text_names_the_most_similar_earlier_one() -> None:
    rng = random.Random(3)
    base = prose(rng, 200)
    near, far = edited(rng, base, 1), edited(rng, base, 8)
    found = index_of([prose(rng, 200), far, base, near]).matches(0.7)
    assert found.row.tolist() == [2, 3] and found.other.tolist() == [1, 2]
    assert found.similarity[1] > found.similarity[0] > 0.7


def test_equal_texts_are_alike_in_full() -> None:
    found = index_of(["x", "one", "", "One ", "", "one"]).matches(1.0)
    assert found.row.tolist() == [3, 5] and found.other.tolist() == [1, 1]
    assert found.similarity.tolist() == [1.0, 1.0]


def test_clusters_follow_chains() -> None:
    rng = random.Random(4)
    chain = [prose(rng, 100)]
    for _ in range(6):
        chain.append(edited(rng, chain[-1], 3))
    texts = [prose(rng, 100), *chain, "", ""]
    assert jaccard(shingles(chain[0]), shingles(chain[-1])) < 0.8
    assert index_of(texts).clusters(0.85).tolist() == [0, *[1] * 7, 8, 9]


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))))
    )
)
def test_connected_agrees_with_a_plain_search(graph: tuple[int, list[tuple[int, int]]]) -> None:
    number, pairs = graph
    lowest = list(range(number))
    for _ in range(number):
        for a, b in pairs:
            lowest[a] = lowest[b] = min(lowest[a], lowest[b])
    columns = [(np.array([a]), np.array([b])) for a, b in pairs]
    assert connected(number, columns).tolist() == lowest


@given(TEXTS, st.lists(st.integers(0, 20), max_size=3))
@settings(max_examples=50)
def test_merged_parts_are_the_whole(texts: list[str], cuts: list[int]) -> None:
    whole, merged = index_of(texts), NearDuplicateIndex()
    for start, stop in pairwise([0, *sorted(min(cut, len(texts)) for cut in cuts), len(texts)]):
        merged.merge(pickle.loads(pickle.dumps(index_of(texts[start:stop]))))
    assert len(merged) == len(whole) == len(texts)
    assert (merged.table() == whole.table()).all()
    assert merged.clusters(0.8).tolist() == whole.clusters(0.8).tolist()


def test_an_index_still_grows_after_it_was_asked() -> None:
    index = index_of(["one and one is two"])
    assert index.clusters(0.9).tolist() == [0]
    index.add("ONE and one is two")
    assert len(index) == 2 and index.clusters(0.9).tolist() == [0, 0]


def test_many_texts_that_are_alike_in_a_band_only_cost_little() -> None:
    """A long text that all share and a part of each one's own: one band for all, and no pair is alike."""
    rng = random.Random(5)
    shared = prose(rng, 60)
    index = index_of([f"{shared} {prose(rng, 40)}" for _ in range(2000)])
    assert len(index.matches(0.9).row) == 0
    assert len(set(index.clusters(0.3).tolist())) == 1


def test_texts_are_looked_up_in_another_index() -> None:
    rng = random.Random(6)
    held = [prose(rng, 80) for _ in range(50)]
    mine = [prose(rng, 80), edited(rng, held[7], 1), "", held[3], held[3].upper()]
    found = index_of(mine).like(index_of([*held, ""]), 0.9)
    assert (found.row.tolist(), found.other.tolist()) == ([1, 3, 4], [7, 3, 3])
    assert found.similarity[1] == found.similarity[2] == 1.0 > found.similarity[0] > 0.9


def test_nothing_is_like_nothing() -> None:
    empty = NearDuplicateIndex()
    assert len(empty) == len(empty.clusters(0.9)) == len(empty.matches(0.9).row) == 0
    assert len(empty.like(index_of(["a"]), 0.9).row) == len(index_of(["a"]).like(empty, 0.9).row) == 0


def test_what_follows_the_longest_text_is_not_compared() -> None:
    text = "abcdefgh " * (LONGEST // 9 + 1)
    assert len(normalise(text + "and more")) <= LONGEST
    assert index_of([text, text + "and more"]).clusters(1.0).tolist() == [0, 0]


@pytest.mark.parametrize("similarity", [0.2, 0.5, 0.7, 0.95])
def test_any_similarity_can_be_asked_for(similarity: float) -> None:
    rng = random.Random(7)
    texts = []
    for _ in range(60):
        text = prose(rng, 40)
        texts += [text, edited(rng, text, rng.randint(0, 30))]
    sets = [shingles(text) for text in texts]
    index = index_of(texts)
    found = dict(
        zip(index.matches(similarity).row.tolist(), index.matches(similarity).other.tolist(), strict=True)
    )
    for second in range(1, 120, 2):
        true = jaccard(sets[second - 1], sets[second])
        if true > similarity + 0.1:
            assert found[second] == second - 1
        elif true < similarity - 0.1:
            assert second not in found
