"""Content in parts: which part is whose, and pictures that a platform takes."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from ftkit_validators.chat.pixels import read_picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ftkit.settings import Settings
from ftkit.validation import ValidateOptions, ValidationReport, validate

A = {"role": "assistant", "content": "4"}
TEXT = {"type": "text", "text": "a"}
LIMITS = {"images_per_example": 2, "image_bytes": 2000, "examples_with_images": 2}
NARROW = Settings.model_validate({"providers": {"narrow": {"key_env": "K", "limits": LIMITS}}})


def picture(form: str = "PNG", mode: str = "RGB", side: int = 4) -> bytes:
    """A picture as a real encoder writes it."""
    file = io.BytesIO()
    Image.new(mode, (side, side)).save(file, form)
    return file.getvalue()


def data(content: bytes, said: str = "png") -> str:
    return f"data:image/{said};base64,{base64.b64encode(content).decode()}"


def image(url: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **fields}}


def message(*parts: Any, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": list(parts)}


def check(
    rows: list[list[Any]], tmp_path: Path, settings: Settings | None = None, platform: str = "local"
) -> ValidationReport:
    lines = (json.dumps({"messages": messages}) + "\n" for messages in rows)
    (tmp_path / "data.jsonl").write_text("".join(lines), "utf-8")
    options = ValidateOptions(ignore=("FT112", "FT5"))
    return validate(
        tmp_path / "data.jsonl", platform=platform, settings=settings or Settings(), options=options
    )


def found(messages: list[Any], tmp_path: Path, *args: Any) -> list[str]:
    return [f"{f.code} {f.pointer}" for f in check([messages], tmp_path, *args).findings]


SOUND = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "mp3"}}
FILE = {"type": "file", "file": {"file_id": "file-1"}}
PICTURE = image("https://example.com/a.png")
NO = {"type": "refusal", "refusal": "I cannot."}


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("user", [TEXT, PICTURE, SOUND, FILE]),
        ("assistant", [TEXT, NO]),
        ("system", [TEXT]),
        ("developer", [TEXT]),
    ],
)
def test_each_role_has_its_own_parts(role: str, allowed: list[Any], tmp_path: Path) -> None:
    for part in (TEXT, PICTURE, SOUND, FILE, NO):
        spoken = message(TEXT, part, role=role)
        rest = [{"role": "user", "content": "2+2?"}, A] if role in ("system", "developer") else [A]
        codes = [] if part in allowed else ["FT230 /messages/0/content/1"]
        assert found([spoken, *rest], tmp_path) == codes, part


@pytest.mark.parametrize(
    ("part", "codes", "hint"),
    [
        ("What is it?", ["FT223 /messages/0/content/0"], 'Write {"type": "text"'),
        ({"text": "a"}, ["FT223 /messages/0/content/0"], "Types are: text, image_url"),
        ({"type": "image", "image": "x"}, ["FT223 /messages/0/content/0/type"], '"type": "image_url"'),
        ({"type": "input_text", "text": "a"}, ["FT223 /messages/0/content/0/type"], '"type": "text"'),
        ({"type": "texts", "text": "a"}, ["FT223 /messages/0/content/0/type"], '"type": "text"'),
        (
            {"type": "image_url", "image_url": "https://a.b/c.png"},
            ["FT223 /messages/0/content/0"],
            '{"url": ...}',
        ),
        (
            {"type": "input_audio", "input_audio": {"format": "wav"}},
            ["FT231 /messages/0/content/0/input_audio"],
            "base 64",
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "UklG", "format": "ogg"}},
            ["FT231 /messages/0/content/0/input_audio/format"],
            "wav or mp3",
        ),
        ({"type": "file", "file": {"filename": "a.pdf"}}, ["FT232 /messages/0/content/0"], "Upload the file"),
        ({"type": "text", "text": " \n"}, ["FT212 /messages/0/content"], "Write the text"),
        (image(None), ["FT233 /messages/0/content/0/image_url"], "https://"),
        (image("a.png"), ["FT233 /messages/0/content/0/image_url/url"], "https://"),
        (image("file:///a.png"), ["FT233 /messages/0/content/0/image_url/url"], "https://"),
        (image("data:image/png;base64,???"), ["FT233 /messages/0/content/0/image_url/url"], "https://"),
        (image("data:text/plain;base64,YQ=="), ["FT233 /messages/0/content/0/image_url/url"], "https://"),
        (
            image("https://a.b/c", detail="best"),
            ["FT233 /messages/0/content/0/image_url/detail"],
            "auto, low, high",
        ),
        (image("https://a.b/c.gif?x=1"), ["FT234 /messages/0/content/0/image_url/url"], "Convert it to PNG"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_said_of_a_part(part: Any, codes: list[str], hint: str, tmp_path: Path) -> None:
    report = check([[message(part), A]], tmp_path)
    assert [f"{f.code} {f.pointer}" for f in report.findings] == codes
    assert hint in (report.findings[0].hint or "")


@pytest.mark.parametrize(
    "url", ["https://a.b/gif", "https://a.gif", "https://a.b/c.PNG", "HTTP://a.b/c.jpg?f=x.gif"]
)
def test_addresses_that_may_be_pictures_are_left_alone(url: str, tmp_path: Path) -> None:
    assert found([message(image(url)), A], tmp_path) == []


@pytest.mark.parametrize(
    ("form", "mode", "said", "codes"),
    [
        ("PNG", "RGB", "png", []),
        ("PNG", "RGBA", "png", []),
        ("JPEG", "RGB", "jpeg", []),
        ("JPEG", "RGB", "jpg", []),
        ("WEBP", "RGB", "webp", []),
        ("PNG", "L", "png", ["FT235"]),
        ("PNG", "LA", "png", ["FT235"]),
        ("PNG", "P", "png", ["FT235"]),
        ("JPEG", "L", "jpeg", ["FT235"]),
        ("JPEG", "CMYK", "jpeg", ["FT235"]),
        ("GIF", "RGB", "gif", ["FT234"]),
        ("BMP", "RGB", "png", ["FT234"]),
        ("TIFF", "RGB", "tiff", ["FT234"]),
        ("JPEG", "RGB", "png", ["FT234"]),
    ],
)
def test_pictures_as_encoders_write_them(
    form: str, mode: str, said: str, codes: list[str], tmp_path: Path
) -> None:
    report = check([[message(image(data(picture(form, mode), said))), A]], tmp_path)
    assert [f.code for f in report.findings] == codes
    assert report.ok, "warnings, where the platform is not known to refuse them"
    openai = check([[message(image(data(picture(form, mode), said))), A]], tmp_path, None, "openai")
    assert openai.ok == (not codes)


def test_the_size_of_a_picture_is_that_of_its_bytes() -> None:
    for size in range(60, 70):
        content = picture() + bytes(size)
        read = read_picture(data(content))
        assert read is not None and read.bytes == len(content)


def test_too_large_too_many_and_in_too_many_examples(tmp_path: Path) -> None:
    large, small = image(data(picture() + bytes(2000))), image(data(picture()))
    rows = [[message(small, large), A], [message(small), message(small, PICTURE), A], [message(TEXT), A]]
    report = check(rows, tmp_path, NARROW, "narrow")
    assert [f"{f.code} {f.line} {f.pointer}" for f in report.findings] == [
        "FT236 1 /messages/0/content/1/image_url/url",
        "FT237 2 /messages/1/content/1",
    ]
    few = check([[message(PICTURE, TEXT), A]] * 2 + [[message(TEXT), A]] * 5, tmp_path, NARROW, "narrow")
    assert few.ok
    many = check([[message(PICTURE, TEXT), A]] * 3, tmp_path, NARROW, "narrow")
    assert [(f.code, f.line) for f in many.findings] == [("FT238", None)]
    assert "3 examples with pictures; narrow takes 2" in many.findings[0].message


def test_where_the_platform_has_no_limit_none_is_set(tmp_path: Path) -> None:
    assert found([message(*[PICTURE] * 200), A], tmp_path) == []
    assert found([message(*[PICTURE] * 11), A], tmp_path, None, "openai") == ["FT237 /messages/0/content/10"]
    for pictures, codes in ((64, []), (65, ["FT237 /messages/0/content/64"])):
        said = found([message(*[PICTURE] * pictures), A], tmp_path, None, "azure-openai")
        assert [code for code in said if code.startswith("FT2")] == codes


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: b"\xff\xd8\xff" + tail))
def test_no_bytes_make_reading_fail(content: bytes) -> None:
    read = read_picture(data(content, "jpeg"))
    assert read is None if not content else read is not None and read.bytes == len(content)


@given(st.text())
def test_no_address_makes_reading_fail(url: str) -> None:
    assert read_picture(url) is None
    read_picture("data:image/" + url)
    read_picture("data:image/png;base64," + url)
