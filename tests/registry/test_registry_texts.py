"""No text from outside becomes markup in a card: a real renderer reads cards that are full of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ftkit.registry import Benchmark, Label, Lineage, Move, Part, Score, Version
from ftkit.registry.cards import Card, card_of, to_markdown

MODEL = "ft:linear:sentiment:ab12cd34"
SECTIONS = {
    "sentiment, version 2",
    "How to ask it",
    "Before you use it",
    "Data",
    "Training",
    "Evaluation",
    "History",
    "Versions",
}
NASTY = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[here](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "`code` ``more`` ```",
    "a | b | c",
    "# a heading",
    "- an item",
    "1. an item",
    "12) an item",
    "1",
    "+ an item",
    "> a quotation",
    "---",
    "===",
    "~~gone~~ **bold** _leaning_",
    "| a | b |\n|---|---|\n| c | d |",
    "\n\n## A heading\n\n- item\n",
    "&lt;b&gt; &copy; &#x41;",
    "[ref]: http://evil.example",
    "<http://evil.example>",
    "\\",
    "ends with \\",
    "```\nfence\n```",
    "$$x^2$$ and $y$",
    "---\nlicense: mit\n---",
    "{{ template }} {% raw %}",
    "\x00\x1b[31mred\u202egnp",
    "",
)
ALLOWED = {
    "heading", "paragraph", "bullet_list", "list_item", "fence", "inline", "text", "code_inline", "strong",
    "table", "thead", "tbody", "tr", "th", "td", "softbreak",
}  # fmt: skip


def tokens(markdown: str) -> Iterator[Token]:
    """All tokens of the body, those within lines too."""
    body = markdown.split("\n---\n", 1)[1]
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(body):
        yield token
        yield from token.children or ()


def kinds(markdown: str) -> set[str]:
    return {token.type.removesuffix("_open").removesuffix("_close") for token in tokens(markdown)}


def headings(markdown: str) -> list[str]:
    found = list(tokens(markdown))
    return [after.content for token, after in pairwise(found) if token.type == "heading_open"]


def filled(text: str) -> Card:
    """A card with ``text`` at every place that takes any text."""
    score = Score(model=text, role="base", value=0.5, stand_in_for=text)
    own = Score(model=MODEL, role="tuned", value=0.9, low=0.8, high=1.0, correct=9)
    labels = (Label(label=text, support=1, precision=0.5, recall=0.5, f1=0.5),)
    benchmark = Benchmark(
        metric=text,
        rows=10,
        data=text,
        data_sha256=text,
        scores=(own, score),
        labels=labels,
        verdict=text,
        notes=(text,),
    )
    lineage = Lineage(
        platform=text,
        base_url=text,
        base_model=text,
        method=text,
        job=text,
        hyperparameters={"n": text, "nested": {"a": [text]}},
        engine=text,
        stand_in_for=text,
        recipe=text,
        title=text,
        description=text,
        parameters_sha256=text,
        source=text,
        source_sha256=text,
        parts={"train": Part(rows=1, sha256=text)},
        generated_by=text,
        benchmarks={"task": benchmark},
        versions={"python": text},
    )
    now = datetime(2026, 11, 20, tzinfo=UTC)
    version = Version(name="sentiment", version=2, model=MODEL, created_at=now, lineage=lineage)
    said: Any = {"name": "sentiment", "alias": "champion", "what": "promoted", "version": 2, "model": MODEL}
    return card_of(version, [Move(**said, reason=text, at=now, pid=1, host=text, ftkit=text)])


def check(text: str) -> None:
    markdown = to_markdown(filled(text))
    assert kinds(markdown) <= ALLOWED, kinds(markdown) - ALLOWED
    assert set(headings(markdown)) <= SECTIONS
    rows = [line for line in markdown.splitlines() if line.startswith("| ")]
    assert len(rows) >= 10, "every table is still one"
    head = yaml.safe_load(markdown.split("\n---\n")[0])
    assert "license" not in head and head["model-index"][0]["results"][0]["metrics"][0]["value"] == 0.9


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_no_text_is_markup(text: str) -> None:
    check(text)


@examples(max_examples=60)
@given(st.text("ab1 .-+=>#*_`|[]()<>&!\\~$\n\t{}:/", max_size=24))
def test_no_mixture_is_markup(text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    "text",
    ["a | b", "x_y*z", "50 % < 60 %", "R&D", "#1", "$5 to $6", "- so", "1. first", "`quoted`", "a\\b", "-5"],
)
def test_what_is_escaped_reads_as_it_was(text: str) -> None:
    shown = {token.content for token in tokens(to_markdown(filled(text))) if token.type == "text"}
    lines = list(tokens(to_markdown(filled(text))))
    said = {
        "".join(child.content for child in line.children or ()) for line in lines if line.type == "inline"
    }
    assert text in said | shown


def test_a_title_and_a_name_cannot_be_told_apart_from_sections() -> None:
    plain = to_markdown(filled("words"))
    assert headings(plain) == [
        "sentiment, version 2",
        "How to ask it",
        "Before you use it",
        "Data",
        "Training",
        "Evaluation",
        "History",
        "Versions",
    ]
