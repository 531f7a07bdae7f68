"""What holds of ``fix`` whatever it is given: no row is lost, nothing but the logged changes is changed."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.settings import Settings
from ftkit.validation import ValidateOptions, validate
from ftkit.validation.fixing import MENDS, FixOptions, FixReport, fix
from ftkit.validation.fixing.opening import open_source
from ftkit.validation.fixing.rows import decode
from ftkit.validation.fixing.source import SourceText

SETTINGS = Settings(platform="own", providers={"own": {"limits": {"min_examples": None}}})
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # thousands of files need no disk
OPTIONS = ValidateOptions(max_line_bytes=2000)
ALWAYS_MENDED = {code for mend in MENDS if mend.wanted is None for code in mend.codes}

texts = st.text(min_size=1, max_size=12).filter(lambda text: bool(text.strip()))
values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
contents = st.fixed_dictionaries({"content": texts})
chats = st.builds(
    lambda user, reply, extra: {
        "messages": [{"role": "user", **user}, {"role": "assistant", **reply}],
        "metadata": extra,
    },
    contents,
    contents,
    st.dictionaries(texts, values, max_size=2),
)


def compact(row: Any) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def raw_controls(row: Any) -> str:
    return json.dumps(row).replace("\\\\", "\\u005c").replace("\\t", "\t").replace("\\n", "\n")


HARMLESS = (
    json.dumps,
    compact,
    repr,
    raw_controls,
    lambda row: json.dumps(row, indent=2),
    lambda row: f"{compact(row)[:-1]} , }} // a comment",
    lambda row: f"{json.dumps(row)},",
    lambda row: f"\ufeff{json.dumps(row)}",
    lambda row: f"{compact(row)} {compact(row)}",
    lambda row: f"[{compact(row)}, {row!r},]",
    lambda row: json.dumps(row).replace('"user"', '" User"', 1),
    lambda row: json.dumps(row).replace('"role": "assistant"', '"role": "assistant", "role" :"assistant"'),
)
TWICE = (8, 9)  # the forms that say the row two times
harmless = st.tuples(chats, st.integers(0, len(HARMLESS) - 1))
ends = st.sampled_from(["\n", "\r\n", "\r", "\n\n", " \n"])


def fixed(data: bytes, **mends: bool) -> tuple[FixReport, bytes, list[dict[str, Any]], list[dict[str, Any]]]:
    """The report, the corrected copy, the rejected rows and the log of a file with this content."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        path = Path(folder) / "data.jsonl"
        path.write_bytes(data)
        report = fix(path, settings=SETTINGS, options=OPTIONS, mends=FixOptions(**mends))
        rejected, log = (
            [json.loads(line) for line in file.path.read_text("utf-8").split("\n")[:-1]]
            for file in (report.rejected_rows, report.log)
        )
        assert path.read_bytes() == data
        return report, report.fixed.path.read_bytes(), rejected, log


def lines_of(data: bytes) -> list[Any]:
    return [json.loads(line) for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:-1]]


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Anything from a good file to noise: rows in all forms, pieces of them, and bytes."""
    parts: list[bytes] = []
    for _ in range(draw(st.integers(0, 6))):
        row, form = draw(harmless)
        text = HARMLESS[form](row).encode()
        kind = draw(st.integers(0, 5))
        if kind == 0:
            text = text[: draw(st.integers(0, len(text)))]
        elif kind == 1:
            at = draw(st.integers(0, len(text)))
            text = (
                text[:at]
                + draw(
                    st.sampled_from([b"{", b"}", b"[", b"]", b'"', b"'", b",", b"\\", b"\0", b"\xff", b"//"])
                )
                + text[at:]
            )
        elif kind == 2:
            text = draw(st.binary(max_size=20) | st.text("{}[]\",:'/*#\\n 1tN", max_size=20).map(str.encode))
        parts.append(text + draw(ends).encode())
    data = b"".join(parts)
    frame = draw(st.integers(0, 7))
    if frame == 0:
        data = b"[" + data.replace(b"\n", b",\n") + b"]"
    elif frame == 1:
        data = b"\xff\xfe" + data.decode("utf-8", "replace").encode("utf-16-le")
    return data[: draw(st.integers(0, len(data)))] if frame == 2 else data


@settings(max_examples=80)
@given(files() | st.binary(max_size=200), st.booleans())
def test_no_row_is_lost_and_what_is_written_is_right(data: bytes, drop: bool) -> None:
    report, text, rejected, log = fixed(data, drop_duplicates=drop, aliases=drop)
    assert report.accepted + report.rejected == report.read == report.validation.rows
    assert (report.fixed.rows, len(rejected)) == (report.accepted, report.rejected)
    assert text.count(b"\n") == report.accepted and text.endswith(b"\n") == bool(text)
    assert all(told["reasons"] and ("raw" in told or "raw_base64" in told) for told in rejected)
    counted: dict[str, int] = {}
    for entry in log[:-1]:
        counted[entry["change"]] = counted.get(entry["change"], 0) + 1
    assert counted == report.changes
    again, same, none, silent = fixed(text, drop_duplicates=drop, aliases=drop)
    assert same == text and none == [] and len(silent) == 1 and again.changed == 0
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        (Path(folder) / "out.jsonl").write_bytes(text)
        checked = validate(Path(folder) / "out.jsonl", settings=SETTINGS, options=OPTIONS)
    assert checked.accepted == checked.rows == report.accepted and checked.errors == (not report.accepted)
    assert not ALWAYS_MENDED & checked.counts.keys()


@settings(max_examples=50)
@given(st.lists(st.tuples(harmless, ends), min_size=1, max_size=4), st.booleans())
def test_rows_in_harmless_forms_come_back_as_they_were_meant(rows: list[Any], as_utf16: bool) -> None:
    text = "".join(HARMLESS[form](row) + end for (row, form), end in rows)
    report, out, rejected, _ = fixed(text.encode("utf-16") if as_utf16 else text.encode())
    assert rejected == [] and report.ok
    wanted = [row for (row, form), _ in rows for _ in range(2 if form in TWICE else 1)]
    assert lines_of(out) == wanted


@settings(max_examples=50)
@given(
    st.lists(harmless, min_size=1, max_size=4),
    st.sampled_from([",", " ,\n", ",\r\n  ", "\n,"]),
    st.sampled_from(["", "\n]", "]\n", ",]"]),
)
def test_an_array_of_rows_comes_back_as_lines(rows: list[Any], between: str, end: str) -> None:
    forms = [(row, form if form not in (5, 6, 7, *TWICE) else 0) for row, form in rows]
    text = f"[{between.join(HARMLESS[form](row) for row, form in forms)}{end}"
    report, out, rejected, _ = fixed(text.encode())
    assert rejected == [] and lines_of(out) == [row for row, _ in forms] and report.read == len(rows)


@settings(max_examples=40)
@given(st.lists(st.tuples(chats, st.integers(0, 200), st.booleans()), min_size=1, max_size=6))
def test_good_rows_between_broken_ones_are_kept(parts: list[Any]) -> None:
    lines, good = [], []
    for row, cut, whole in parts:
        text = compact(row)
        if whole:
            good.append(row)
        lines.append(text if whole else "{" + text[1 : 1 + cut][: len(text) - 2])
    report, out, rejected, _ = fixed("".join(f"{line}\n" for line in lines).encode())
    assert lines_of(out) == good and len(rejected) == len(lines) - len(good) == report.rejected


@settings(max_examples=60)
@given(files())
def test_what_differs_from_the_source_is_told(data: bytes) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        path = Path(folder) / "data.jsonl"
        path.write_bytes(data)
        opened = open_source(path, (), None, SETTINGS, OPTIONS)
        text = SourceText(path, OPTIONS.max_line_bytes, lambda done: None)
        for candidate in opened.mended_text(text, lambda change: None, aliases=True):
            is_row = isinstance(candidate.text, bytes) and type(decode(candidate.text)) is dict
            assert candidate.changes or candidate.text == candidate.given or not is_row
