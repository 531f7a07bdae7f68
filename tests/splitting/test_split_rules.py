"""How rows are divided: groups, shares that grow, counts that groups make hard, and prompts of every form."""

from __future__ import annotations

import unicodedata
from array import array
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_helpers import codes_of

from ftkit.errors import UsageError
from ftkit.splitting.amounts import PARTS, requests_of
from ftkit.splitting.keys import Hasher, group_key
from ftkit.splitting.prompts import group_keys

RANKS = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=80).map(lambda v: array("Q", v))
TEXTS = st.text(max_size=12)


def rows_of(ranks: array[int], asked: dict[str, Any], part: str) -> set[int]:
    codes = codes_of(ranks, asked)
    return {row for row, code in enumerate(codes) if code == PARTS.index(part)}


def key(*turns: tuple[str, Any]) -> bytes:
    return group_key({"messages": [{"role": role, "content": content} for role, content in turns]})


@given(RANKS, st.floats(0.01, 0.49), st.floats(0.01, 0.49))
@settings(max_examples=100, deadline=None)
def test_a_larger_share_keeps_the_rows_of_a_smaller_one(ranks: array[int], one: float, two: float) -> None:
    small, large = sorted((one, two))
    assert rows_of(ranks, {"test": small}, "test") <= rows_of(ranks, {"test": large}, "test")


@given(RANKS, st.floats(0.01, 0.5), st.floats(0.01, 0.49))
@settings(max_examples=100, deadline=None)
def test_the_test_part_does_not_depend_on_the_others(
    ranks: array[int], test: float, validation: float
) -> None:
    alone = rows_of(ranks, requests_of(None, None, test), "test")
    assert rows_of(ranks, requests_of(None, validation, test), "test") == alone


@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=3), RANKS)
@settings(max_examples=150, deadline=None)
def test_shares_of_any_size_never_overlap_and_the_rest_is_the_rest(
    weights: list[float], ranks: array[int]
) -> None:
    total = sum(weights)
    shares = {name: weight / total for name, weight in zip(PARTS, weights, strict=False)}
    codes = codes_of(ranks, shares)
    assert -1 not in codes, "shares that add up to 1 leave no row out"
    if "train" in shares and len(shares) > 1:
        others = {name: share for name, share in shares.items() if name != "train"}
        assert codes_of(ranks, {"train": "rest", **others}) == codes


@pytest.mark.parametrize("share", [1e-300, 1e-20, 2.0**-64])
def test_a_share_too_small_for_any_row_takes_none_and_moves_none(share: float) -> None:
    ranks = array("Q", [0, 1, 2**63, 2**64 - 1])
    codes = codes_of(ranks, {"train": "rest", "test": share})
    assert codes[1:] == [0, 0, 0]
    assert 2**64 * share >= 1 or codes[0] == 0


@pytest.mark.parametrize(("share", "rows"), [(0.5, [0, 1]), (0.25, [0]), (1.0, [0, 1, 2, 3])])
def test_a_share_ends_just_before_its_threshold(share: float, rows: list[int]) -> None:
    ranks = array("Q", [2**62 - 1, 2**63 - 1, 2**63, 2**64 - 1])
    assert rows_of(ranks, {"test": share}, "test") == set(rows)


@given(st.integers(1, 60), st.data())
@settings(max_examples=60, deadline=None)
def test_a_larger_count_keeps_the_rows_of_a_smaller_one(number: int, data: st.DataObject) -> None:
    hasher = Hasher(7)
    ranks = array("Q", [hasher.rank(b"%d" % n) for n in range(number)])
    small = data.draw(st.integers(1, number))
    large = data.draw(st.integers(small, number))
    first, second = (rows_of(ranks, {"test": count}, "test") for count in (small, large))
    assert first <= second and (len(first), len(second)) == (small, large)


@given(st.lists(st.integers(2, 5), min_size=1, max_size=30), st.data(), st.integers(0, 9))
@settings(max_examples=150, deadline=None)
def test_a_count_is_missed_by_less_than_the_smallest_group_left(
    sizes: list[int], data: st.DataObject, seed: int
) -> None:
    hasher = Hasher(seed)
    ranks = array("Q", [hasher.rank(b"%d" % g) for g, size in enumerate(sizes) for _ in range(size)])
    count = data.draw(st.integers(1, len(ranks)))
    taken = rows_of(ranks, {"test": count}, "test")
    left = Counter(rank for row, rank in enumerate(ranks) if row not in taken)
    assert len(taken) <= count
    assert len(taken) == count or count - len(taken) < min(left.values())


@given(RANKS, st.integers(1, 20), st.integers(1, 20))
@settings(max_examples=80, deadline=None)
def test_no_group_is_divided_by_counts(ranks: array[int], train: int, test: int) -> None:
    doubled = array("Q", [rank % 7 for rank in ranks])
    try:
        codes = codes_of(doubled, {"train": train, "test": test})
    except UsageError:
        assert train + test > len(doubled) or max(Counter(doubled).values()) > 1
        return
    sides: dict[int, int] = {}
    assert all(sides.setdefault(rank, code) == code for rank, code in zip(doubled, codes, strict=True))
    assert codes.count(0) <= train and codes.count(2) <= test


def test_fractions_take_their_rows_before_counts() -> None:
    ranks = array("Q", [n * 2**60 for n in range(16)])
    codes = codes_of(ranks, {"train": 4, "test": 0.5})
    assert codes == [2] * 8 + [0] * 4 + [-1] * 4


@given(TEXTS, TEXTS)
@settings(max_examples=150, deadline=None)
def test_one_group_is_one_question_and_two_are_two(one: str, two: str) -> None:
    def plain(text: str) -> str:
        return " ".join(unicodedata.normalize("NFC", text).casefold().split())

    same = key(("user", one), ("assistant", "a")) == key(("user", two), ("assistant", "b"))
    assert same == (plain(one) == plain(two))


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), TEXTS), min_size=1, max_size=4), TEXTS)
@settings(max_examples=150, deadline=None)
def test_no_text_can_pass_for_several_turns(turns: list[tuple[str, str]], text: str) -> None:
    """The marks between turns are white space to the plain form, so no content can hold them."""
    forged = "\x1e".join(f"{role}\x1f{said}" for role, said in turns)
    whole = key(*turns, ("user", text), ("assistant", "a"))
    alone = key(("user", f"{forged}\x1euser\x1f{text}"), ("assistant", "a"))
    assert whole != alone


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("Straße", "STRASSE", True),
        ("café", "cafe\u0301", True),
        ("a\u00a0b", "a b", True),
        ("a\u200bb", "ab", False),
        ("１２", "12", False),
        ("", " \n", True),
        ("a.", "a", False),
        ([{"type": "text", "text": "a"}], [{"text": "a", "type": "text"}], True),
        ([{"type": "text", "text": "a"}], [{"type": "text", "text": "A"}], False),
        (None, "None", False),
        ("\ud83d", "\ud83d ", True),
    ],
)
def test_what_counts_as_the_same_question(one: Any, two: Any, same: bool) -> None:
    assert (key(("user", one), ("assistant", "a")) == key(("user", two), ("assistant", "b"))) == same


def test_earlier_answers_are_a_part_of_the_question_and_the_last_is_not() -> None:
    first = (("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
    assert key(*first) == key(*first[:3], ("assistant", "other"))
    assert key(*first) != key(first[0], ("assistant", "other"), *first[2:])
    assert key(*first) == key(*first, ("assistant", "and more"))


def test_instructions_alone_are_the_question_where_nothing_else_is_asked() -> None:
    one = key(("system", "Be kind."), ("assistant", "a"))
    assert one != key(("system", "Be brief."), ("assistant", "a"))
    assert one == key(("system", "be  KIND."), ("assistant", "b"))


def test_seeds_and_purposes_give_independent_hashes() -> None:
    lines = [b"%d" % n for n in range(200)]
    one, two = Hasher(1), Hasher(2)
    assert [one.rank(line) for line in lines] == [Hasher(1).rank(line) for line in lines]
    values = [h.rank(line) for h in (one, two) for line in lines] + one.places(lines) + two.places(lines)
    values += one.strata(map(str, range(200))) + two.strata(map(str, range(200)))
    assert len(set(values)) == len(values)
    assert sum(v < 2**63 for v in values) == pytest.approx(600, abs=110)


def test_the_scheme_of_version_1_does_not_move() -> None:
    """Rows must stay where they are from one ftkit to the next; a change needs another scheme's name."""
    assert Hasher(0).rank(b"key") == SCHEME_1["rank"]
    assert Hasher(42).places([b"line"]) == [SCHEME_1["place"]]
    assert key(("system", "s"), ("user", " Ä  b"), ("assistant", "c")) == "user\x1fä b".encode()


SCHEME_1 = {"rank": 328613336830021749, "place": 16459227275216034086}


CONTENTS = st.text("aA   ßİﬁΣ\u0345e\u0301\u00e9\t\n\x00\x01\x02\x1e\x1f\u00a0\u2028\u3000\ud800", max_size=9)
ODD = st.sampled_from([None, 7, [{"type": "text", "text": "A  b"}], ["system"]])
TURNS = st.tuples(
    st.sampled_from(["user", "user", "assistant", "system", "developer", "tool", "User"]) | ODD,
    CONTENTS | ODD,
)


@given(st.lists(st.lists(TURNS, min_size=1, max_size=4), max_size=8))
@settings(max_examples=400, deadline=None)
def test_many_prompts_at_once_have_the_keys_that_each_has_alone(rows: list[list[tuple[Any, Any]]]) -> None:
    examples = [{"messages": [{"role": role, "content": said} for role, said in turns]} for turns in rows]
    examples.append({"messages": [{"role": "user"}, {"content": "a"}]})
    assert group_keys(examples) == [group_key(example) for example in examples]
