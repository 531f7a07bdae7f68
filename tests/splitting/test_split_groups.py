"""What a group is, and what stays where it was when rows come and go."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_helpers import chat, columns_of, divide, sides

from ftkit.data import ExampleTemplate
from ftkit.errors import UsageError
from ftkit.splitting.fields import value_reader
from ftkit.splitting.groups import Groups, groups_of
from ftkit.splitting.keys import opening_key, plain_text

Pairs = list[tuple[int, int]]
ROWS = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 12)), min_size=1, max_size=40)
HALVES = {"train": 0.5, "test": 0.5}


def grouped(rows: Pairs) -> Groups:
    """Rows by two kinds of keys, of which the second may be missing (0)."""
    return groups_of(columns_of(*zip(*rows, strict=True)))


def components(rows: Pairs) -> list[set[int]]:
    """The same by the plainest algorithm: merge what shares a key, until nothing changes."""
    found: list[set[int]] = []
    for number, row in enumerate(rows):
        mine = {number}
        for other in [c for c in found if any(_linked(row, rows[n]) for n in c)]:
            mine |= other
            found.remove(other)
        found.append(mine)
    return found


def _linked(one: tuple[int, int], two: tuple[int, int]) -> bool:
    return one[0] == two[0] or one[1] == two[1] != 0


@given(ROWS)
@settings(max_examples=200, deadline=None)
def test_rows_that_share_any_key_are_one_group_and_others_are_not(rows: Pairs) -> None:
    groups = grouped(rows)
    wanted = {frozenset(c) for c in components(rows)}
    member = groups.member.tolist()
    assert {frozenset(np.flatnonzero(groups.member == g).tolist()) for g in set(member)} == wanted
    assert sorted(groups.sizes.tolist()) == sorted(map(len, wanted))
    assert groups.ranks.tolist() == sorted(set(groups.ranks.tolist()))


@given(ROWS)
@settings(max_examples=100, deadline=None)
def test_a_group_has_the_rank_of_one_of_its_own_first_keys(rows: Pairs) -> None:
    groups = grouped(rows)
    for component in components(rows):
        (number,) = {int(groups.member[n]) for n in component}
        assert int(groups.ranks[number]) in {rows[n][0] for n in component}


@given(ROWS, ROWS)
@settings(max_examples=200, deadline=None)
def test_further_rows_move_only_the_groups_that_they_join_with_a_new_first_key(
    rows: Pairs, more: Pairs
) -> None:
    before, after = grouped(rows), grouped([*rows, *more])
    everything = [*rows, *more]
    for component in components(everything):
        old = [n for n in component if n < len(rows)]
        if old and {rows[n][0] for n in old} == {everything[n][0] for n in component}:
            was = {int(before.ranks[before.member[n]]) for n in old}
            (now,) = {int(after.ranks[after.member[n]]) for n in component}
            assert now in was, "no key is new, so one of the groups that came together leads them all"
            assert len(was) > 1 or was == {now}


def test_the_rank_of_a_large_group_is_as_uniform_as_that_of_a_small_one() -> None:
    """The least of many ranks would put nearly every large group on the test side."""
    rng = random.Random(1)
    rows = [(rng.getrandbits(64) | 1, 1 + n // 20) for n in range(20 * 600)]
    groups = grouped(rows)
    assert len(groups) == 600
    assert float((groups.ranks < 2**63).mean()) == pytest.approx(0.5, abs=0.09)


def test_several_kinds_leave_nothing_to_leak() -> None:
    rng = random.Random(0)
    rows = [
        chat(f"question {rng.randrange(300)}", user=rng.randrange(200), doc={"id": rng.randrange(900)}, n=n)
        for n in range(500)
    ]
    result, parts = divide(rows, **HALVES, group=("user", "prompt", "/doc/id"))
    assert result.groups < 200 and sides(parts, "n").keys() == set(range(500))
    for field in ("user", "doc"):
        flat = {name: [{"v": str(row[field])} for row in part] for name, part in parts.items()}
        sides(flat, "v")
    sides({n: [{"v": r["messages"][0]["content"]} for r in part] for n, part in parts.items()}, "v")


def test_one_more_kind_moves_only_what_it_joins() -> None:
    rows = [chat(f"question {n}", session=f"s{n}" if n > 20 else "shared", n=n) for n in range(300)]
    alone = sides(divide(rows, **HALVES)[1], "n")
    joined = sides(divide(rows, **HALVES, group=("prompt", "session"))[1], "n")
    assert {n: side for n, side in alone.items() if n > 20} == {n: s for n, s in joined.items() if n > 20}
    assert len({joined[n] for n in range(21)}) == 1


def test_rows_of_one_conversation_stay_together() -> None:
    def turns(topic: int, answers: int) -> dict[str, Any]:
        messages = [
            {"role": "system", "content": f"Be kind {answers}."},
            {"role": "user", "content": f"About {topic}?"},
        ]
        for n in range(answers):
            messages += [{"role": "assistant", "content": f"{n}"}, {"role": "user", "content": f"More {n}"}]
        return {"messages": [*messages[:-1]], "topic": topic, "n": (topic, answers)}

    rows = [turns(topic, answers) for topic in range(60) for answers in (1, 2, 3)]
    result, parts = divide(rows, **HALVES, group="conversation")
    assert (result.groups, result.largest_group) == (60, 3) and len(sides(parts, "topic")) == 60
    assert divide(rows, **HALVES)[0].groups == 180
    assert opening_key(rows[0]) == opening_key(rows[1]) != opening_key(rows[3])


def test_near_duplicates_and_equal_prompts_stay_together() -> None:
    rng = random.Random(5)
    words = [f"word{n}" for n in range(400)]
    rows = []
    for family in range(40):
        text = rng.choices(words, k=300)
        for copy in range(3):
            changed = [*text[:copy], f"other{copy}", *text[copy + 1 :]]
            rows.append(chat(" ".join(changed), family=family))
        rows.append(
            chat(
                rows[-1]["messages"][0]["content"].upper(), " ".join(rng.choices(words, k=60)), family=family
            )
        )
    result, parts = divide(rows, **HALVES, group="near-duplicates")
    assert result.groups == 40 and len(sides(parts, "family")) == 40
    assert divide(rows, **HALVES)[0].groups == 120


def test_rows_without_the_column_go_by_their_prompts() -> None:
    rows = [chat("same", user="a"), chat("same", user=None), chat("same"), chat("other", user=" ")]
    result, _ = divide(rows, **HALVES, group="user")
    assert result.groups == 3
    assert result.notes[0].startswith("3 rows have no 'user'")
    assert divide(rows, **HALVES, group=("prompt", "user"))[0].groups == 2


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"group": "usr"}, "no row has a 'usr' to group by"),
        ({"group": ("prompt", "/meta/user")}, "no row has a '/meta/user' to group by"),
        ({"stratify": "lang"}, "no row has a 'lang' to stratify by"),
        ({"group": " "}, "a column without a name"),
    ],
)
def test_a_column_that_no_row_has_is_said(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        divide([chat("a", user=1), chat("b", user=2)], **HALVES, **asked)


def test_columns_of_a_table_group_and_stratify_what_a_template_makes(tmp_path: Path) -> None:
    table = tmp_path / "data.csv"
    lines = [f"text {n},{'yes' if n % 3 else 'no'},u{n % 17}\n" for n in range(300)]
    table.write_text("text,label,user\n" + "".join(lines))
    template = ExampleTemplate(user="{text}", assistant="{label}")
    asked: dict[str, Any] = {"template": template, "stratify": "label", "exact": True}
    result, _ = divide(table, **HALVES, **asked)  # type: ignore[arg-type]
    assert result.strata is not None
    assert {s.label: s.parts for s in result.strata.listed} == {
        "yes": {"train": 100, "test": 100},
        "no": {"train": 50, "test": 50},
    }
    by_user = divide(table, **HALVES, template=template, group="user")[0]  # type: ignore[arg-type]
    assert by_user.groups == 17


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("reply", "yes"),
        ("n", "7"),
        ("flag", "true"),
        ("/a~1b/~0", "tilde"),
        ("/list/1", "second"),
        ("/list/01", "second"),
        ("/list/-1", None),
        ("/list/9", None),
        ("/messages/0/content", "hi"),
        ("nothing", None),
        ("blank", None),
        ("nan", None),
        ("/", "empty"),
        ("object", '{"a":1,"b":[]}'),
    ],
)
def test_where_values_are_read(name: str, found: str | None) -> None:
    row = chat(
        "hi", n=7, flag=True, blank=" ", nan=float("nan"), object={"b": [], "a": 1}, list=["first", "second"]
    )
    row |= {"a/b": {"~": "tilde"}, "": "empty"}
    assert value_reader(name)(row, row) == found


@given(
    st.text(
        "aA ßİﬁŉ\u0345e\u0301\u00e9😀\t\n\x1c\x1f\x85\u00a0\u1680\u2003\u2028\u202f\u205f\u3000\u200b\ud800"
    )
)
@settings(max_examples=300, deadline=None)
def test_the_plain_form_in_bytes_is_that_of_strings(text: str) -> None:
    folded = " ".join(unicodedata.normalize("NFC", text).casefold().split())
    assert plain_text(text) == folded.encode("utf-8", "surrogatepass")


def test_every_white_space_of_unicode_is_one() -> None:
    blanks = [chr(n) for n in range(0x110000) if chr(n).isspace()]
    assert [b for b in blanks if plain_text(f"a{b}{b}b{b}") != b"a b"] == []
    assert plain_text("a\u200bb") != b"a b"
