"""Functions of a user's own as metrics: found, called with what they ask for, and their faults told."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ftkit.benchmarking import find_metric
from ftkit.benchmarking.metrics import Score, is_continuous, is_empty, needs_truth, right_of, score_row
from ftkit.errors import DataError, UsageError


@dataclass
class Answer:
    """An answer as a metric sees it."""

    text: str | None = "Rome"
    message: dict[str, Any] = field(default_factory=lambda: {"role": "assistant", "content": "Rome"})
    custom_id: str = "row-0"


@dataclass
class Row:
    """A row as a metric sees it."""

    expected: tuple[str, ...] = ("rome",)
    line: int = 7
    messages: tuple[Any, ...] = ()
    data: dict[str, Any] = field(default_factory=lambda: {"kind": "city"})


CODE = """
    from ftkit.benchmarking import Score

    def same(answer, expected) -> bool:
        return answer.lower() in expected

    def reversed_names(labels, message, row, answer, expected, *, bonus: float = 0.0) -> float:
        assert labels == ("a",) and message["content"] == answer == "Rome" and expected == ("rome",)
        return 0.25 + bonus if row["kind"] == "city" else 0.0

    def own_words(reply, truth):
        return Score(reply.lower() == truth[0], 0.75, parts={"x": 1.0})

    def only_reply(text):
        return len(text) / 10

    def free(answer) -> bool:
        return True
    free.needs_truth = False

    def strict(answer, expected):
        return 0.7
    strict.threshold = 0.8

    def broken(answer, expected):
        return 1 / 0

    def too_much(answer, expected):
        return 3

    def nothing(answer, expected):
        return None

    def no_parameters():
        return True

    class Group:
        @staticmethod
        def inner(answer, expected):
            return 1.0
"""


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Path]:
    """A module in the working directory, which a command has not on its path."""
    path = tmp_path / "mymetrics.py"
    path.write_text(textwrap.dedent(CODE))
    yield path
    sys.modules.pop("mymetrics", None)


def scored(name: str, **options: Any) -> Score:
    """The score of the usual answer."""
    return score_row(find_metric(f"mymetrics:{name}", **options), Answer(), Row(), ("a",))


def test_a_function_gets_what_its_parameters_name(module: Path) -> None:
    assert scored("same") == Score(True, 1.0)
    assert scored("reversed_names") == Score(False, 0.25)
    assert scored("reversed_names", bonus="0.5") == Score(True, 0.75)
    assert scored("own_words") == Score(True, 0.75, parts={"x": 1.0})
    assert scored("only_reply") == Score(False, 0.4)
    assert scored("Group.inner") == Score(True, 1.0)
    assert scored("strict") == Score(False, 0.7)


def test_how_models_are_compared_follows_from_what_it_returns(module: Path) -> None:
    assert not is_continuous(find_metric("mymetrics:same"))
    assert is_continuous(find_metric("mymetrics:reversed_names"))
    assert is_continuous(find_metric("mymetrics:own_words"))
    assert needs_truth(find_metric("mymetrics:same"))
    assert not needs_truth(find_metric("mymetrics:free"))


def test_a_file_beside_a_recipe(module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert find_metric("mymetrics.py:same", folders=[tmp_path]).name == "mymetrics.py:same"
    assert find_metric(f"{module}:same").score("Rome", ("rome",), ()).correct
    before = list(sys.path)
    with pytest.raises(UsageError, match=r"there is no file mymetrics\.py"):
        find_metric("mymetrics.py:same")
    with pytest.raises(UsageError, match="No module named 'mymetrics'"):
        find_metric("mymetrics:same")
    assert sys.path == before


def test_a_function_as_an_object() -> None:
    def near(answer: str, expected: tuple[str, ...], tolerance: int = 0) -> bool:
        return abs(len(answer) - len(expected[0])) <= tolerance

    assert find_metric(near).name == "near"
    assert not find_metric(near).score("abc", ("ab",), ()).correct
    assert find_metric(near, tolerance="1").score("abc", ("ab",), ()).correct
    assert find_metric(lambda answer, expected: answer in expected).score("a", ("a",), ()).correct


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("broken", DataError, "'mymetrics:broken' failed on the row of line 7: ZeroDivisionError"),
        ("too_much", UsageError, "gives 3 on the row of line 7"),
        ("nothing", UsageError, "gives None on the row of line 7"),
    ],
)
def test_a_function_that_fails_is_told_with_the_row(
    module: Path, name: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        scored(name)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("mymetrics:gone", {}, "there is no 'gone' in mymetrics"),
        ("mymetrics:no_parameters", {}, "takes no answer"),
        ("mymetrics:same", {"x": 1}, "has no option 'x'"),
        ("mymetrics:reversed_names", {"row": 1}, "has no option 'row'"),
        ("mymetrics:reversed_names", {"bonus": "much"}, "cannot be 'much'"),
        ("mymetrics:Score.value", {}, "is no metric"),
        (":", {}, "cannot be imported"),
        ("mymetrics:", {}, "there is no ''"),
    ],
)
def test_what_cannot_be_a_metric_is_told_before_anything_is_asked(
    module: Path, name: str, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        find_metric(name, **options)


def test_a_broken_module_is_named_with_its_error(tmp_path: Path) -> None:
    (tmp_path / "half.py").write_text("import nowhere_at_all\n")
    with pytest.raises(UsageError, match=r"'half\.py:f' cannot be imported: ModuleNotFoundError"):
        find_metric("half.py:f")


def test_a_metric_object_in_a_module(module: Path) -> None:
    with module.open("a") as file:
        file.write("from ftkit.benchmarking.metrics import number as mine\n")
    assert find_metric("mymetrics:mine", absolute=1).score("4", ("3",), ()).correct


def test_a_function_of_the_message_sees_answers_without_text(module: Path) -> None:
    silent = Answer(None, {"tool_calls": [{"function": {"name": "f"}}]})
    assert is_empty(find_metric("mymetrics:same"), silent)
    assert not is_empty(find_metric("mymetrics:reversed_names"), silent)


def test_a_row_may_bring_anything_and_it_comes_as_text(module: Path) -> None:
    metric = find_metric("mymetrics:same")
    given = ["a", ["a", "b"], 3.5, {"b": 1, "a": [2]}, [1], []]
    right = [("a",), ("a", "b"), ("3.5",), ('{"a":[2],"b":1}',), ("[1]",), ("[]",)]
    assert [right_of(metric, {"messages": [], "expected": one}) for one in given] == right
