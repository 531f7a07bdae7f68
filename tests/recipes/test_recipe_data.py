"""The built-in recipes' data files hold what their READMEs and recipe.toml say they hold."""

from __future__ import annotations

import csv
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from itertools import combinations

import pytest

SENTIMENTS = {"positive", "negative", "neutral"}
GENRES = {
    "Action",
    "Adventure",
    "Comedy",
    "Crime",
    "Drama",
    "Fantasy",
    "Horror",
    "Romance",
    "Science Fiction",
}
DATA = [("sentiment", "headlines.csv"), ("genre", "films.csv")]
TEXTS = [("sentiment", "headlines.csv", "text"), ("genre", "films.csv", "description")]
NEAR = 0.8


def read_text(*parts: str) -> str:
    """The text of one file of the installed recipes package."""
    return files("ftkit_recipes").joinpath(*parts).read_bytes().decode("utf-8")


def read_table(recipe: str, name: str) -> list[list[str]]:
    """All records of a data file, its header first."""
    return list(csv.reader(read_text(recipe, name).splitlines(keepends=True), strict=True))


def read_rows(recipe: str, name: str) -> list[dict[str, str]]:
    """The records of a data file by column name."""
    header, *records = read_table(recipe, name)
    return [dict(zip(header, record, strict=True)) for record in records]


def near_duplicates(texts: Sequence[str], threshold: float = NEAR) -> list[tuple[str, str]]:
    """Pairs of texts whose word sets have a Jaccard similarity above the threshold."""
    words = [frozenset(re.findall(r"\w+", text.casefold())) for text in texts]
    return [
        (texts[i], texts[j])
        for i, j in combinations(range(len(texts)), 2)
        if len(words[i] & words[j]) > threshold * len(words[i] | words[j])
    ]


def readme_table(recipe: str) -> dict[str, tuple[int, ...]]:
    """The numbers of a README's count table, by the name that opens the line."""
    lines = re.findall(r"^\| ([A-Za-z ]+?) \|((?: \d+ \|)+)$", read_text(recipe, "README.md"), re.MULTILINE)
    return {name: tuple(int(number) for number in re.findall(r"\d+", cells)) for name, cells in lines}


@pytest.mark.parametrize(("recipe", "name"), DATA)
def test_file_is_plain_utf8_with_lf_line_ends(recipe: str, name: str) -> None:
    text = read_text(recipe, name)
    assert not text.startswith("\ufeff")
    assert "\r" not in text
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


@pytest.mark.parametrize(
    ("recipe", "name", "header"),
    [
        ("sentiment", "headlines.csv", ["label", "text"]),
        ("genre", "films.csv", ["title", "description", "genre"]),
    ],
)
def test_records_fit_the_header(recipe: str, name: str, header: list[str]) -> None:
    first, *records = read_table(recipe, name)
    assert first == header
    assert {len(record) for record in records} == {len(header)}


@pytest.mark.parametrize(("recipe", "name"), DATA)
def test_no_field_is_empty_or_untidy(recipe: str, name: str) -> None:
    untidy = [v for row in read_rows(recipe, name) for v in row.values() if not v or v != " ".join(v.split())]
    assert untidy == []


def test_sentiment_labels_and_their_shares() -> None:
    labels = Counter(row["label"] for row in read_rows("sentiment", "headlines.csv"))
    assert set(labels) == SENTIMENTS
    assert 420 <= labels.total() <= 480
    shares = {label: count / labels.total() for label, count in labels.items()}
    assert shares == pytest.approx({"neutral": 0.40, "positive": 0.32, "negative": 0.28}, abs=0.02)


def test_every_film_has_one_to_three_known_genres() -> None:
    for row in read_rows("genre", "films.csv"):
        genres = row["genre"].split(", ")
        assert 1 <= len(genres) <= 3, row
        assert set(genres) <= GENRES, row
        assert len(set(genres)) == len(genres), row


def test_genres_are_spread_evenly_enough_to_learn() -> None:
    rows = read_rows("genre", "films.csv")
    assert 150 <= len(rows) <= 200
    main = Counter(row["genre"].split(", ")[0] for row in rows)
    assert set(main) == GENRES
    assert min(main.values()) >= 15
    most = Counter(genre for row in rows for genre in row["genre"].split(", ")).most_common(1)[0][1]
    assert most / len(rows) < 0.35
    assert sum(", " in row["genre"] for row in rows) >= len(rows) / 3


@pytest.mark.parametrize(
    ("recipe", "name", "column", "low", "high"), [(*TEXTS[0], 5, 25), (*TEXTS[1], 15, 45)]
)
def test_texts_are_as_long_as_the_readme_says(
    recipe: str, name: str, column: str, low: int, high: int
) -> None:
    texts = [row[column] for row in read_rows(recipe, name)]
    assert [text for text in texts if not low <= len(text.split()) <= high] == []
    assert re.search(rf"\b{low} to {high}\b", read_text(recipe, "README.md"))


@pytest.mark.parametrize(("recipe", "name", "column"), [*TEXTS, ("genre", "films.csv", "title")])
def test_no_exact_duplicates(recipe: str, name: str, column: str) -> None:
    seen = Counter(row[column].casefold() for row in read_rows(recipe, name))
    assert [text for text, count in seen.items() if count > 1] == []


@pytest.mark.parametrize(("recipe", "name", "column"), TEXTS)
def test_no_near_duplicates(recipe: str, name: str, column: str) -> None:
    assert near_duplicates([row[column] for row in read_rows(recipe, name)]) == []


@pytest.mark.parametrize(
    ("other", "near"),
    [
        ("Net sales of the paper maker Orrin Vale ROSE to EUR 10 million", True),
        ("Net sales of the paper maker Orrin Vale fell to EUR 10 million", True),
        ("The bank Orrin Vale will hold its meeting in Turin", False),
    ],
)
def test_near_duplicate_search_finds_a_planted_pair(other: str, near: bool) -> None:
    planted = "Net sales of the paper maker Orrin Vale rose to EUR 10 million"
    headlines = [row["text"] for row in read_rows("sentiment", "headlines.csv")[:20]]
    assert near_duplicates([planted, *headlines, other]) == ([(planted, other)] if near else [])


def test_sentiment_readme_counts_equal_the_file() -> None:
    labels = Counter(row["label"] for row in read_rows("sentiment", "headlines.csv"))
    assert readme_table("sentiment") == {label: (count,) for label, count in labels.items()}
    assert f"| **all** | **{labels.total()}** |" in read_text("sentiment", "README.md")


def test_genre_readme_counts_equal_the_file() -> None:
    answers = [row["genre"].split(", ") for row in read_rows("genre", "films.csv")]
    named = Counter(genre for genres in answers for genre in genres)
    main = Counter(genres[0] for genres in answers)
    assert readme_table("genre") == {genre: (named[genre], main[genre]) for genre in named}
    sizes = Counter(len(genres) for genres in answers)
    readme = " ".join(read_text("genre", "README.md").split())
    assert (
        f"{len(answers)} films: {sizes[1]} with one genre, {sizes[2]} with two and {sizes[3]} with three"
        in readme
    )
    share = round(100 * named["Drama"] / len(answers))
    assert named.most_common(1)[0][0] == "Drama"
    assert f"right for {named['Drama']} of the {len(answers)} films ({share} %)" in readme


@pytest.mark.parametrize(("recipe", "name"), DATA)
def test_recipe_reads_this_file_and_its_columns(recipe: str, name: str) -> None:
    settings = tomllib.loads(read_text(recipe, "recipe.toml"))
    assert settings["source"]["data"] == name
    header = read_table(recipe, name)[0]
    example = settings["example"]
    wanted = re.findall(r"\{(\w+)\}", example["user"] + example["assistant"])
    assert wanted
    assert set(wanted) <= set(header)


@pytest.mark.parametrize(("recipe", "answers"), [("sentiment", SENTIMENTS), ("genre", GENRES)])
def test_recipe_prompt_names_every_answer(recipe: str, answers: set[str]) -> None:
    prompt = tomllib.loads(read_text(recipe, "recipe.toml"))["example"]["system"]
    assert {answer for answer in answers if answer not in prompt} == set()
