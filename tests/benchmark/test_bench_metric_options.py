"""Options of metrics: from the command line's texts, a recipe's table, or Python; and how faults are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ftkit.benchmarking import find_metric, metric_names
from ftkit.benchmarking.metrics import MetricBase, Score, number, option, options_of, values_of
from ftkit.errors import UsageError


@dataclass(frozen=True)
class Longest(MetricBase):
    """A metric of a user's own, with options of several types."""

    name = "longest"

    most: int = option(10, "Characters.")
    share: float = option(0.5, "A share.")
    strict: bool = option(False, "Yes or no.")
    words: tuple[str, ...] = option((), "A list.")

    def score(self, answer: str, expected: Any, labels: Any) -> Score:
        return Score(len(answer) <= self.most, 1.0)


class Plain(MetricBase):
    """A metric that is no dataclass."""

    name = "plain"

    def __init__(self, size: int = 3, *, deep: bool = False) -> None:
        if size < 0:
            raise ValueError("too small")
        self.size, self.deep = size, deep

    def score(self, answer: str, expected: Any, labels: Any) -> Score:
        return Score(len(answer) == self.size, 1.0)


def test_texts_are_read_as_the_option_wants_them() -> None:
    told = find_metric(Longest, most="7", share="0.25", strict="true", words="a, b,c")
    assert told == Longest(7, 0.25, True, ("a", "b", "c"))
    assert find_metric(Longest, words=["x, y"]) == Longest(words=("x, y",))
    assert find_metric(Longest(most=4), strict="1") == Longest(most=4, strict=True)
    assert find_metric(Longest) == Longest()


def test_a_table_holds_the_name_and_the_options() -> None:
    table = {"name": "number", "relative": 0.01}
    assert find_metric(table) == find_metric("number", relative=0.01)
    assert find_metric(table, relative=0.5) == find_metric("number", relative=0.5)
    assert table == {"name": "number", "relative": 0.01}, "the caller's table stays as it is"
    with pytest.raises(UsageError, match="has no name"):
        find_metric({"relative": 0.01})


def test_a_class_that_is_no_dataclass_has_its_parameters() -> None:
    plain: Any = find_metric(Plain, size=5, deep=True)
    assert (plain.size, plain.deep) == (5, True)
    with pytest.raises(UsageError, match="cannot have these options: too small"):
        find_metric(Plain, size=-1)


@pytest.mark.parametrize(
    ("metric", "options", "says", "hint"),
    [
        ("number", {"relativ": 1}, "no option 'relativ'", "Did you mean relative?"),
        ("number", {"x": 1}, "no option 'x'", "It has: absolute, relative"),
        ("number", {"relative": "much"}, "'relative' of the metric 'number' cannot be 'much'", None),
        ("label", {"x": 1}, "no option 'x'", "label has no options."),
        (Longest, {"most": "1.5"}, "cannot be '1.5'", None),
        (Longest, {"strict": "perhaps"}, "cannot be 'perhaps'", None),
        (Longest, {"words": 3}, "cannot be 3", None),
    ],
)
def test_a_wrong_option_is_told_with_what_there_is(
    metric: Any, options: dict[str, Any], says: str, hint: str | None
) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        find_metric(metric, **options)
    assert hint is None or hint in str(caught.value.hint)


def test_options_with_their_defaults_and_those_that_differ() -> None:
    assert [(o.name, o.default) for o in options_of(Longest)] == [
        ("most", 10),
        ("share", 0.5),
        ("strict", False),
        ("words", ()),
    ]
    assert options_of(find_metric("label")) == ()
    assert values_of(number) == {}
    assert values_of(find_metric("number", absolute=2)) == {"absolute": 2.0}


@pytest.mark.parametrize("name", sorted(set(metric_names()) - {"judge"}))
def test_every_option_of_every_metric_says_what_it_does(name: str) -> None:
    needed = {"model": "m"} if name == "similarity" else {}
    for one in options_of(find_metric(name, **needed)):
        assert one.help.endswith(".") and len(one.help) > 10, one.name


@pytest.mark.parametrize("thing", [3, None, object()])
def test_what_is_no_metric_is_refused(thing: Any) -> None:
    with pytest.raises(UsageError, match="is no metric: it lacks"):
        find_metric(thing)


def test_a_class_that_makes_no_metric_is_refused() -> None:
    with pytest.raises(UsageError, match="dict is no metric"):
        find_metric(dict)
