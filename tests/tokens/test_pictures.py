"""Pictures cost what is published where that can be told, and are never counted as nothing."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ftkit.catalog import builtin_catalog
from ftkit.catalog.schema import PictureTokens
from ftkit.tokens import ExampleCounter, NotCountable, RowTokens, Uncountable, get_tokenizer
from ftkit.tokens.pictures import picture_size, tiles

RULE = PictureTokens(base=85, tile=170)
LINK = "https://example.org/cat.png"


def data_url(width: int, height: int, kind: str = "PNG", **options: Any) -> str:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def asks(*pictures: Any) -> dict[str, Any]:
    parts = [{"type": "image_url", "image_url": picture} for picture in pictures]
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "two words"}, *parts]}]}


def found(example: dict[str, Any], rule: PictureTokens | None = RULE, template: str = "openai") -> Any:
    return ExampleCounter(get_tokenizer("words"), template, rule).count_many([example])[0]


def cost(*pictures: Any) -> int:
    counted = found(asks(*pictures))
    assert isinstance(counted, RowTokens)
    return counted.total - found(asks()).total


@pytest.mark.parametrize(
    ("size", "published"),
    [((1024, 1024), 765), ((2048, 4096), 1105), ((2049, 513), 1445), ((2050, 513), 765), ((512, 512), 255)],
)
def test_published_and_billed_figures(size: tuple[int, int], published: int) -> None:
    """OpenAI's two examples (765 and 1105), and three sizes as they were billed less the 8 of the text."""
    assert 85 + 170 * tiles(*size) == published


@settings(max_examples=200, deadline=None)
@given(width=st.integers(1, 30_000), height=st.integers(1, 30_000))
def test_squares_are_few_and_do_not_depend_on_the_side(width: int, height: int) -> None:
    assert 1 <= tiles(width, height) == tiles(height, width) <= 8


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("GIF", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True, "comment": b"c" * 60_000, "exif": b"Exif\0\0" + b"e" * 60_000}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}),
    ],
    ids=["png", "gif", "jpeg", "jpeg-long-head", "webp", "webp-lossless", "webp-extended"],
)
def test_the_size_stands_in_the_head(kind: str, options: dict[str, Any]) -> None:
    for width, height in ((1, 1), (300, 701), (1025, 64)):
        assert picture_size(data_url(width, height, kind, **options)) == (width, height)


def test_details() -> None:
    picture = data_url(1024, 1024)
    assert cost({"url": LINK, "detail": "low"}) == 85
    assert cost({"url": picture, "detail": "low"}) == 85
    assert cost({"url": picture, "detail": "high"}) == 765
    assert cost({"url": picture, "detail": "high"}, {"url": LINK, "detail": "low"}) == 765 + 85


@pytest.mark.parametrize(
    ("picture", "why"),
    [
        ({"url": LINK, "detail": "high"}, "size"),
        ({"url": LINK}, "chooses"),
        ({"url": data_url(8, 8)}, "chooses"),
        ({"url": data_url(8, 8), "detail": "auto"}, "chooses"),
        (LINK, "chooses"),
        ({"detail": "high"}, "size"),
        ({"url": "data:image/png;base64,AAAA", "detail": "high"}, "size"),
        ({"url": "data:image/svg+xml,<svg/>", "detail": "high"}, "size"),
        (None, "chooses"),
    ],
)
def test_what_cannot_be_told_is_not_counted_as_nothing(picture: Any, why: str) -> None:
    unknown = found(asks({"url": LINK, "detail": "low"}, picture))
    assert isinstance(unknown, Uncountable)
    assert why in unknown.reason
    counter = ExampleCounter(get_tokenizer("words"), "openai", RULE)
    with pytest.raises(NotCountable, match=why):
        counter.count(asks(picture)["messages"])


def test_a_model_without_a_rule_and_an_engine_without_eyes() -> None:
    example = asks({"url": LINK, "detail": "low"})
    for template in ("openai", "llama3", "generic"):
        unknown = found(example, None, template)
        assert isinstance(unknown, Uncountable)
        assert "not known" in unknown.reason
    assert found(example, None, "words").total == 2


@pytest.mark.parametrize("kind", ["input_audio", "file"])
def test_sounds_and_files_have_no_published_cost(kind: str) -> None:
    unknown = found({"messages": [{"role": "user", "content": [{"type": kind, kind: {"data": ""}}]}]})
    assert isinstance(unknown, Uncountable)
    assert kind in unknown.reason


def test_a_picture_is_part_of_its_message() -> None:
    counter = ExampleCounter(get_tokenizer("words"), "openai", RULE)
    row = asks({"url": LINK, "detail": "low"})
    assert counter.message_counts(row) == [3 + 1 + 85 + 2]
    cut = counter.cut_at(row, 50)
    assert cut is not None
    assert (cut.message, cut.offset, cut.part) == (0, 0, "picture")


@settings(max_examples=300, deadline=None)
@given(
    head=st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"GIF89a", b"\xff\xd8", b"RIFF\0\0\0\0WEBPVP8 "]
    ),
    rest=st.binary(max_size=40),
    tail=st.sampled_from(["", "=", "*", "é"]),
)
def test_damaged_pictures_have_a_size_or_none(head: bytes, rest: bytes, tail: str) -> None:
    size = picture_size(f"data:image/png;base64,{base64.b64encode(head + rest).decode()}{tail}")
    assert size is None or min(size) > 0


def test_the_catalog_has_the_rule_of_the_models_that_learn_from_pictures() -> None:
    catalog = builtin_catalog()
    for name in ("gpt-4o", "gpt-4.1"):
        pictures = catalog.require_model(name).pictures
        assert pictures is not None
        assert (pictures.base, pictures.tile) == (85, 170)
        assert pictures.source
        assert pictures.as_of
    assert catalog.require_model("linear").pictures is None
