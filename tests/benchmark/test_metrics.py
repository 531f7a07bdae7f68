"""The metrics: which answers are right, which are wrong, and which are no answer of the wanted form."""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.benchmarking import find_metric, metric_names
from ftkit.benchmarking.metrics import Score, exact, label, normalise, one_of, read_label
from ftkit.benchmarking.metrics.labels import as_words
from ftkit.errors import UsageError

SENTIMENTS = ("negative", "neutral", "positive")


@pytest.mark.parametrize(
    "text",
    ["positive", "Positive", " POSITIVE. ", '"positive"', "**Positive**", "‘positive’", "ｐｏｓｉｔｉｖｅ!"],
)
def test_a_label_is_read_whatever_its_case_quotes_and_marks(text: str) -> None:
    assert label.score(text, ["positive"], SENTIMENTS) == Score(True, 1.0, "positive", False)


@pytest.mark.parametrize(
    ("text", "predicted"),
    [
        ("The sentiment is Positive.", "positive"),
        ("Sentiment: neutral\n", "neutral"),
        ("positive positive", "positive"),
        ("neutral or positive", None),
        ("positively good", None),
        ("unpositive", None),
        ("I cannot say", None),
        ("...", None),
    ],
)
def test_a_longer_reply_counts_with_the_one_label_in_it(text: str, predicted: str | None) -> None:
    score = label.score(text, ["positive"], SENTIMENTS)
    assert score.predicted == predicted
    assert score.invalid == (predicted is None)
    assert score.correct == (predicted == "positive")


def test_the_longest_label_wins_where_one_holds_another() -> None:
    labels = ("positive", "very positive")
    assert read_label("It is very positive", labels) == "very positive"
    assert read_label("It is positive", labels) == "positive"


def test_labels_of_marks_and_of_other_scripts() -> None:
    assert read_label("c++", ("c", "c++")) == "c++"
    assert read_label("答案是 正面", ("正面", "负面")) == "正面"
    assert read_label("anything", ()) is None


def test_a_predicted_label_keeps_its_own_spelling() -> None:
    assert read_label("sci-fi", ("Sci-Fi", "Drama")) == "Sci-Fi"


@given(st.text())
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_long_texts_are_normalised_and_not_kept() -> None:
    from ftkit.benchmarking.metrics.labels import _kept

    before = _kept.cache_info().currsize
    assert normalise("  Long\n" + "TEXT " * 100) == "long " + "text " * 99 + "text"
    assert _kept.cache_info().currsize == before


@given(st.sampled_from(SENTIMENTS), st.sampled_from(["", " ", "'", "**", "\n"]), st.booleans())
def test_every_dressed_up_label_is_still_that_label(name: str, edge: str, upper: bool) -> None:
    assert read_label(f"{edge}{name.upper() if upper else name}{edge}.", SENTIMENTS) == name


PIECES = st.lists(
    st.sampled_from(["good", "very good", "c++", "c", "_", " ", "x", "é", "9", ".", "\n"]), max_size=8
)


@given(PIECES.map("".join))
def test_the_short_way_finds_what_one_expression_for_all_labels_finds(text: str) -> None:
    labels = ("good", "very good", "c", "c++")
    pattern = re.compile(r"(?<!\w)(?:very\ good|good|c\+\+|c)(?!\w)")
    form = normalise(text)
    found = {form} if form in labels else set(pattern.findall(form))
    assert read_label(text, labels) == (found.pop() if len(found) == 1 else None)
    assert as_words("good", form) == bool(re.search(r"(?<!\w)good(?!\w)", form))


def test_one_of_several_right_answers() -> None:
    genres = ("Action", "Comedy", "Crime", "Drama")
    right = one_of.right_answers("Action, Crime,Drama, , Crime")
    assert right == ("Action", "Crime", "Drama")
    assert one_of.score("crime", right, genres) == Score(True, 1.0, "Crime", False)
    assert one_of.score("Comedy", right, genres) == Score(False, 0.0, "Comedy", False)
    assert one_of.score("Action, Crime", right, genres).invalid
    assert one_of.score("Western", right, genres).invalid


def test_exact_forgives_nothing_but_outer_space() -> None:
    assert exact.score(" 42\n", ["42"], ()).correct
    assert exact.score("b", ["a", "b"], ()).correct
    assert not exact.score("Paris", ["paris"], ()).correct
    assert exact.score("Paris", ["paris"], ()) == Score(False, 0.0, None, False)
    assert exact.right_answers("a, b") == ("a, b",)


def test_the_built_in_metrics_are_registered() -> None:
    assert {"label", "one_of", "exact"} <= set(metric_names())
    assert find_metric("one_of") is one_of
    assert find_metric(exact) is exact


def test_an_unknown_metric_names_its_neighbours() -> None:
    with pytest.raises(UsageError, match="no metric is called 'lable'") as caught:
        find_metric("lable")
    assert caught.value.hint == "Did you mean label?"
    with pytest.raises(UsageError) as caught:
        find_metric("zzz")
    assert "one_of" in str(caught.value.hint)


def test_an_object_that_is_no_metric_is_refused() -> None:
    with pytest.raises(UsageError, match="lacks labelled, right_answers, score"):
        find_metric(type("Half", (), {"name": "half"})())  # type: ignore[arg-type]


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A real installed distribution with two metrics, one of which cannot be imported."""
    info = tmp_path / "myproject-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: myproject\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[ftkit.metrics]\nlength = mymetric:length\nbroken = nowhere:metric\n"
    )
    code = """
        from ftkit.benchmarking import Score
        class Length:
            name, labelled = "length", False
            def right_answers(self, reply): return (reply,)
            def score(self, answer, expected, labels):
                return Score(len(answer) == len(expected[0]), 1.0)
        length = Length()
    """
    (tmp_path / "mymetric.py").write_text(textwrap.dedent(code))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("mymetric", None)


def test_a_project_brings_its_own_metric(plugin: Path) -> None:
    assert "length" in metric_names()
    assert find_metric("length").score("abc", ["xyz"], ()).correct


def test_a_broken_plug_in_is_named(plugin: Path) -> None:
    assert find_metric("label") is label  # the others still work
    with pytest.raises(UsageError, match="'broken' cannot be imported: ModuleNotFoundError") as caught:
        find_metric("broken")
    assert "nowhere:metric" in str(caught.value.hint)
